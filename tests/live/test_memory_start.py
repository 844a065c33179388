"""`pyrometer.memory.start`: a program begins a recording of its memory itself, and every report reads it."""
import collections
import json
import os
import signal
import subprocess
import textwrap

import pytest

import pythons
from conftest import ROOT
from tests.hard.support import wait_for

pytestmark = pytest.mark.beside

WORK = """
    import os, signal, sys, time
    from pyrometer import memory

    def churn():
        for n in range(3000):
            bytes(2000 + n)  # CHURN

    def load():
        churn()
        return [bytes(1000) for n in range(2000)]  # LOAD

    before = load()
"""
BYTES = 2000 * 1033


@pytest.fixture
def program(python, binary, tmp_path):
    """program(code, *words before it) -> (status, stdout, stderr) of WORK and the code."""
    if python.root != "/":
        pytest.skip("this interpreter sees another file system")

    def run(code, *words):
        script = tmp_path / "program.py"
        script.write_text(textwrap.dedent(WORK) + textwrap.dedent(code))
        environment = pythons.clean_environment({"PYTHONPATH": str(ROOT / "python"), "PYROMETER": str(binary),
                                                 "TMPDIR": str(tmp_path)})
        done = subprocess.run([*words, *python.command(script)], env=environment, cwd=tmp_path, capture_output=True, text=True,
                              timeout=60)
        return done.returncode, done.stdout, done.stderr
    return run


@pytest.fixture
def report(binary, tmp_path):
    def run(name, *options):
        done = subprocess.run([binary, "report", tmp_path / name, *options], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run


def line_of(mark):
    return next(number for number, line in enumerate(textwrap.dedent(WORK).splitlines(), 1) if line.endswith("# " + mark))


def sum_of(memory, mark):
    """The figures of a line, all functions on it added: a comprehension is one up to 3.11."""
    sums = collections.Counter()
    for line in memory["lines"]:
        if line["file"].endswith("program.py") and line["line"] == line_of(mark):
            sums.update({name: value for name, value in line.items() if isinstance(value, int)})
    return sums


def check_load(report, name, live_blocks=2000):
    """What `load` did after the recording began, once."""
    memory = json.loads(report(name, "-f", "json"))
    assert memory["memory"]["begun_late"] is True and "c" not in memory["memory"]
    load, churn = sum_of(memory, "LOAD"), sum_of(memory, "CHURN")
    assert live_blocks <= load["live_blocks"] <= live_blocks + 3 and abs(load["peak_bytes"] - BYTES) < 30000
    assert churn["allocations"] in range(3000, 6010) and churn["live_blocks"] <= 2
    assert churn["temporary_blocks"] >= 3000
    return memory


def left_over(tmp_path):
    return [name for name in os.listdir(tmp_path) if name.startswith("pyrometer-memory-")]


def test_context_manager(program, report, tmp_path):
    status, _, said = program("""
        with memory.Tracker("a.pyro", mode="stacks") as tracker:
            kept = load()
            assert memory.current().python_bytes > 2000000 and memory.current().c_bytes is None
        assert tracker.path == "a.pyro" and os.path.getsize("a.pyro") > 0
        del kept, before
    """)
    assert (status, said) == (0, "")
    check_load(report, "a.pyro")
    assert "what was allocated before is not in it" in report("a.pyro", "-f", "memory")
    assert "C memory beside" not in report("a.pyro", "-f", "leaks")
    collapsed = report("a.pyro", "-f", "collapsed", "--weight", "live", "--no-threads")
    assert any(";load (" in row and int(row.rpartition(" ")[2]) > BYTES - 10000 for row in collapsed.splitlines())
    assert "churn (" in report("a.pyro", "-f", "collapsed", "--weight", "temporary", "--no-threads")
    assert left_over(tmp_path) == []


def test_start_and_stop(program, report, tmp_path):
    """Twice is an error, stop without start nothing; a second recording knows nothing of the first."""
    status, out, said = program("""
        memory.stop()
        memory.start("a.pyro")
        kept = load()
        try:
            memory.start("b.pyro")
        except memory.PyrometerError as error:
            print(error)
        assert not os.path.exists("b.pyro")
        memory.stop()
        memory.stop()
        try:
            memory.current()
        except memory.PyrometerError as error:
            print(error)
        memory.start("b.pyro")
        del kept
        kept = load()
        memory.stop()
    """)
    assert (status, said) == (0, "")
    first, second = out.splitlines()
    assert "begun already" in first and "not counted" in second
    check_load(report, "a.pyro")
    check_load(report, "b.pyro")
    assert left_over(tmp_path) == []


ENDS = {"end": "", "exit": "sys.exit(3)", "os._exit": "os._exit(4)", "killed": "os.kill(os.getpid(), signal.SIGKILL)"}


@pytest.mark.long
@pytest.mark.parametrize("how", ENDS)
def test_without_stop(program, report, tmp_path, how):
    """However the program ends, the recording is complete, and its status is its own."""
    status, _, said = program(f"""
        memory.start("a.pyro")
        kept = load()
        {ENDS[how]}
    """)
    assert (status, said) == ({"end": 0, "exit": 3, "os._exit": 4, "killed": -signal.SIGKILL}[how], "")
    wait_for(lambda: not left_over(tmp_path), "pyrometer's end")
    check_load(report, "a.pyro")


@pytest.mark.long
def test_fork(program, report, tmp_path):
    """A child is a process of the same recording; what it does with the tracker concerns nobody else."""
    status, out, said = program("""
        with memory.Tracker("a.pyro") as tracker:
            kept = load()
            pid = os.fork()
            if pid == 0:
                more = load()
                tracker.stop()
                memory.stop()
                try:
                    memory.start("child.pyro")
                except memory.PyrometerError as error:
                    print(error, flush=True)
                time.sleep(0.3)  # it is seen
                os._exit(5)
            assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 5
    """)
    assert (status, said) == (0, "") and "begun already" in out
    processes = json.loads(report("a.pyro", "-f", "json"))["memory"]["processes"]
    held = {}
    for row in processes:
        held[row["pid"]] = sum_of(json.loads(report("a.pyro", "-f", "json", "--pid", str(row["pid"]))), "LOAD")["live_blocks"]
    assert len(processes) == 2 and not (tmp_path / "child.pyro").exists()
    assert sorted(round(blocks, -2) for blocks in held.values()) == [2000, 4000]


def test_under_run(program, binary, report, tmp_path):
    """It is counted already: that is said, and the run's recording is as ever."""
    status, out, _ = program("""
        try:
            memory.start("a.pyro")
        except memory.PyrometerError as error:
            print(error)
        memory.stop()
        kept = load()
    """, str(binary), "run", "-q", "-o", "run.pyro", "--")
    assert status == 0 and "pyrometer run" in out
    assert not (tmp_path / "a.pyro").exists()
    assert "begun_late" not in json.loads(report("run.pyro", "-f", "json"))["memory"]


def test_where_it_cannot(program, tmp_path):
    """Nothing has changed then."""
    status, out, said = program("""
        import tracemalloc
        def refused(*arguments, **options):
            try:
                memory.start(*arguments, **options)
            except (memory.PyrometerError, ValueError) as error:
                print(type(error).__name__, error)
        tracemalloc.start()
        refused("a.pyro")
        tracemalloc.stop()
        refused("none/a.pyro")
        refused("a.pyro", mode="columns")
        os.environ["PYROMETER"] = "/none/pyrometer"
        refused("a.pyro")
    """)
    assert (status, said) == (0, "")
    rows = out.splitlines()
    assert "tracemalloc" in rows[0] and "none/a.pyro" in rows[1] and "mode" in rows[2] and rows[2].startswith("ValueError")
    assert "/none/pyrometer" in rows[3]
    assert os.listdir(tmp_path) == ["program.py"]


@pytest.mark.long(2)
def test_chosen_functions(program):
    """Lines are followed while it counts, and only then."""
    status, out, said = program("""
        def plain(): pass
        assert memory.profile(plain) is plain
        memory.start("a.pyro")
        @memory.profile(stream=open(os.devnull, "w"))
        def hold():
            kept = [bytes(1000) for n in range(1000)]
            return kept
        first = hold()
        memory.stop()
        second = hold()
        with memory.Tracker("a.pyro", mode="stacks"):
            third = hold()
        figures, = memory.lines()
        print(figures.calls, [line.occurrences for line in figures.lines], figures.lines[0].increment_bytes)
    """)
    assert status == 0 and said.count("\n") == 1 and "pyrometer.memory.start()" in said
    calls, first, second, increment = out.replace("[", "").replace("]", "").replace(",", "").split()
    assert (calls, first, second) == ("2", "2", "2") and abs(int(increment) - 2 * 1000 * 1033) < 40000
