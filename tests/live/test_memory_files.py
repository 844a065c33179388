"""A service started with the agent alone: its files are read by `pyrometer report`, while it runs and after it was killed."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

import pythons

pytestmark = pytest.mark.beside

AGENT = pathlib.Path(os.environ.get("PYROMETER_AGENT", pythons.ROOT / "build" / "meson" / "agent" / "libpyrometer-agent.so"))
SERVICE = """
import gc, os, subprocess, sys
keep = [bytes(1000) for n in range(2000)]  # BOTH
subprocess.check_call(["/bin/true"])
told, tell = os.pipe()
if os.fork() == 0:
    more = [bytes(500) for n in range(1000)]  # CHILD
    os.write(tell, b"x")
    sys.stdin.read()
    os._exit(0)
gc.collect()
os.read(told, 1)
print("READY", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def report(binary):
    def run(path, *options, status=0):
        done = subprocess.run([binary, "report", path, *options], capture_output=True, text=True, timeout=60)
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr
    return run


def blocks(report, pid, mark):
    line = next(number for number, text in enumerate(SERVICE.splitlines(), 1) if text.endswith("# " + mark))
    return sum(row.get("live_blocks", 0) for row in report["lines"] if row["file"].endswith("service.py") and row["line"] == line)


def check(report, files, pid, child):
    whole = json.loads(report(files, "-f", "json"))
    rows = {row["pid"]: row for row in whole["memory"]["processes"]}
    assert set(rows) == {pid, child}  # what only became another program is left out
    assert whole["run"]["command"] == [str(files)] and whole["memory"]["live_at_main_end"] is False
    assert whole["memory"]["peak_at_s"] is None and whole["memory"]["timeline"] == []
    assert sum(whole["gc"]["collections"]) >= 1
    for each, both, own in ((pid, 2000, 0), (child, 2000, 1000)):
        one = json.loads(report(files, "-f", "json", "--pid", str(each)))
        assert blocks(one, each, "BOTH") in range(both, both + 4) and blocks(one, each, "CHILD") in range(own, own + 4)
        assert one["memory"]["c"]["allocations"] > 0
    assert "service.py" in report(files, "-f", "collapsed", "--weight", "live")


@pytest.mark.long
def test_service(python, report, tmp_path):
    if python.root != "/" or python.free_threaded:
        pytest.skip("the agent is not in its file system, or it is free-threaded")
    files = tmp_path / "files"
    files.mkdir()
    (tmp_path / "service.py").write_text(SERVICE)
    environment = pythons.clean_environment({"LD_PRELOAD": str(AGENT), "PYROMETER_MEMORY_DIR": str(files)})
    process = subprocess.Popen(python.command(tmp_path / "service.py"), env=environment, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"READY\n"
        pid = process.pid
        child = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        check(report, files, pid, child)
        assert "service.py" in json.loads(report(files, "-f", "json", "--pid", str(pid)))["processes"][0]["command"]
    finally:
        process.kill()
        process.wait()
        process.stdin.close()  # the child ends
        process.stdout.close()
    check(report, files, pid, child)
    alone, = (name for name in os.listdir(files) if name == f"{pid}.0.memory")
    assert [row["pid"] for row in json.loads(report(files / alone, "-f", "json"))["memory"]["processes"]] == [pid]


def test_no_files(report, tmp_path):
    assert "PYROMETER_MEMORY_DIR" in report(tmp_path, status=1)
    (tmp_path / "1.0.memory").write_bytes(b"\x89PYRMEM\n" + bytes(5000))
    (tmp_path / "2.0.memory").write_bytes(b"")
    assert "no file of this version's agent" in report(tmp_path, status=1)
    assert "not one of this version's agent" in report(tmp_path / "1.0.memory", status=1)


def test_from_python(binary, report, tmp_path, monkeypatch):
    """`pyrometer.read` takes the same."""
    environment = pythons.clean_environment({"LD_PRELOAD": str(AGENT), "PYROMETER_MEMORY_DIR": str(tmp_path)})
    subprocess.run([sys.executable, "-c", "kept = bytes(3000000)"], env=environment, check=True, timeout=60)
    monkeypatch.syspath_prepend(str(pythons.ROOT / "python"))
    monkeypatch.setenv("PYROMETER", str(binary))
    import pyrometer
    assert pyrometer.read(tmp_path).memory.peak_bytes > 3000000
