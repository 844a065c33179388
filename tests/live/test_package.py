"""The Python package against the built binary, under every interpreter that can see this file system."""
import json
import subprocess
import sys
import textwrap

import pytest

import pythons
from conftest import ROOT

pytestmark = pytest.mark.beside

PACKAGE = ROOT / "python"
SAMPLE = {
    "pyrometer": "0.1.0", "format": 1, "later": 3,
    "run": {"command": ["app.py"], "python": "3.14.10", "started": "2026-11-20T12:00:00Z", "wall_s": 2.5, "exit_status": 0},
    "quality": {"samples_taken": 10, "rate_hz": 1000},
    "processes": [{"pid": 7, "parent": 1, "command": "app.py", "threads": [{"id": 1, "native_id": 7, "name": "MainThread",
                                                                            "samples": 10, "later": 1}]}],
    "functions": [{"name": "f", "file": "app.py", "line": 3, "self_s": 0.5, "total_s": 1.5}],
    "lines": [{"file": "app.py", "line": 4, "function": "f", "self_s": 0.5, "total_s": 1.5,
               "opcodes": [{"offset": 2, "opcode": "NOP", "self_s": 0.5, "total_s": 1.5}, {"offset": 4, "opcode": None}]}],
    "memory": {"peak_bytes": 9, "timeline": [[0.5, 1, 2]]},
    "gc": {"collections": [3, 2, 1], "pauses": [[0.1, 0, 0.001, 5]]},
}
WORK = """
    import sys, time
    import pyrometer

    def spin(seconds):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass
"""


@pytest.fixture
def package(monkeypatch):
    monkeypatch.syspath_prepend(str(PACKAGE))
    import pyrometer
    return pyrometer


def run_python(python, binary, tmp_path, code):
    """Runs WORK and this code under the interpreter; its standard output."""
    if python.root != "/":
        pytest.skip("this interpreter sees another file system")
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(WORK) + textwrap.dedent(code))
    environment = pythons.clean_environment({"PYTHONPATH": str(PACKAGE), "PYROMETER": str(binary)})
    done = subprocess.run(python.command(script), env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_report_becomes_dataclasses(package):
    from pyrometer import _recording
    recording = _recording.from_json(json.dumps(SAMPLE))
    assert recording.run.wall_s == 2.5 and recording.run.peak_rss_bytes is None
    assert recording.processes[0].threads[0].name == "MainThread"
    assert recording.functions[0].total_s == 1.5 and recording.functions[0].calls is None
    assert [opcode.opcode for opcode in recording.lines[0].opcodes] == ["NOP", None]
    assert recording.memory.timeline == [(0.5, 1, 2)]
    assert recording.gc.pauses == [(0.1, 0, 0.001, 5)]


def test_unknown_format_is_refused(package):
    from pyrometer import _recording
    with pytest.raises(package.PyrometerError, match="update"):
        _recording.from_json(json.dumps({**SAMPLE, "format": 2}))


def test_absent_binary_says_what_to_do(package, monkeypatch, tmp_path):
    monkeypatch.delenv("PYROMETER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(package.PyrometerError, match="pip install"):
        package.find_binary()


def test_complaint_of_the_program_is_the_error(package, binary, monkeypatch, tmp_path):
    monkeypatch.setenv("PYROMETER", str(binary))
    with pytest.raises(package.PyrometerError, match="no-such"):
        package.profile(tmp_path / "no-such" / "a.pyro").start()


def test_generators_are_refused(package):
    with pytest.raises(TypeError):
        @package.profile
        def numbers():
            yield 1


@pytest.mark.needs("attach", "report")
def test_with_block(python, binary, tmp_path):
    out = run_python(python, binary, tmp_path, """
        with pyrometer.profile("a.pyro", rate=2000):
            begun = time.perf_counter()
            spin(0.5)
            took = time.perf_counter() - begun
        recording = pyrometer.read("a.pyro")
        found = [f for f in recording.functions if f.name == "spin"]
        print(found[0].self_s, took, recording.run.python)
    """)
    seconds, took, version = out.split()
    assert 0.35 < float(seconds) < float(took) + 0.3
    assert version == python.version


@pytest.mark.needs("attach", "report")
@pytest.mark.needs("attach", "report")
@pytest.mark.long(2)
def test_opcodes(python, binary, tmp_path):
    names = json.loads(run_python(python, binary, tmp_path, """
        import json
        with pyrometer.profile("out.pyro", opcodes=True):
            spin(0.3)
        lines = pyrometer.read("out.pyro", opcodes=True).lines
        assert not any(line.opcodes for line in pyrometer.read("out.pyro").lines)
        print(json.dumps([opcode.opcode for line in lines if line.function == "spin" for opcode in line.opcodes]))
    """))
    assert any("CALL" in name for name in names)


def test_decorator_and_nested_calls(python, binary, tmp_path):
    run_python(python, binary, tmp_path, """
        import asyncio, os

        @pyrometer.profile
        def outer(depth):
            return outer(depth - 1) if depth else spin(0.2)

        outer(2)
        file = "pyrometer-outer-%d.pyro" % os.getpid()
        assert any(f.name == "outer" and f.total_s > 0.1 for f in pyrometer.read(file).functions)

        @pyrometer.profile("b.pyro")
        async def main():
            await asyncio.sleep(0)
            spin(0.2)

        asyncio.run(main())
        assert any(f.name == "main" and f.total_s > 0.1 for f in pyrometer.read("b.pyro").functions)
    """)


@pytest.mark.needs("attach", "report")
def test_an_exception_ends_the_profile(python, binary, tmp_path):
    run_python(python, binary, tmp_path, """
        profile = pyrometer.profile("a.pyro")
        for _ in range(2):
            try:
                with profile:
                    spin(0.3)
                    raise KeyError
            except KeyError:
                pass
            assert pyrometer.read("a.pyro").quality.samples_taken > 20
        profile.start()
        try:
            profile.start()
        except pyrometer.PyrometerError:
            profile.stop()
            profile.stop()
        else:
            sys.exit("a second start was not refused")
    """)
