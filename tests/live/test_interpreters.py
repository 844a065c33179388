"""Code in sub-interpreters: a kernel thread is one thread, and its stack is one, from the outermost code to the code that
runs now, whichever interpreters it is of."""
import collections
import json

import pytest

from . import programs

pytestmark = [pytest.mark.needs("run", "report", "dump", "attach"), pytest.mark.long(2)]

# `run(interpreter, text)` and `create(own)`, own: with a GIL of its own, where the version can.
INTERPRETERS = '''
try:
    import _interpreters
    run = _interpreters.exec
    def create(own):
        return _interpreters.create("isolated" if own else "legacy")
except ImportError:
    import _xxsubinterpreters
    run = _xxsubinterpreters.run_string
    def create(own):
        return _xxsubinterpreters.create(isolated=own) if sys.version_info >= (3, 9) else _xxsubinterpreters.create()

SPIN = """
import time
def inner_spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
def inner_sleep(seconds):
    time.sleep(seconds)
"""
own = sys.argv[1] == "own"

def outer_spin(seconds, clock=time.thread_time):
    end = clock() + seconds
    while clock() < end:
        pass
'''

WORK = '''
def work(interpreter):
    for _ in range(3):
        run(interpreter, SPIN + "inner_spin(.2); inner_sleep(.2)")
        outer_spin(.1)
def made():
    work(create(own))
began = time.monotonic()
if sys.argv[2] == "main":
    work(create(own))
else:
    target, arguments = (made, ()) if sys.argv[2] == "made" else (work, (create(own),))
    thread = threading.Thread(target=target, args=arguments, name="other")
    thread.start()
    thread.join()
tell(time.monotonic() - began)
'''

NESTED = '''
RUN = """
try:
    from _interpreters import exec as run
except ImportError:
    from _xxsubinterpreters import run_string as run
def between(seconds):
    run(%d, "inner_spin(%%r)" %% seconds)
"""
older, newer = create(own), create(own)
run(older, SPIN)
run(newer, SPIN + RUN % int(older))
for _ in range(4):
    run(newer, "between(.15); inner_spin(.15)")
    outer_spin(.15)
'''

SHORT = '''
interpreter = create(own)
run(interpreter, SPIN)
end = time.monotonic() + 3
while time.monotonic() < end:
    run(interpreter, "inner_spin(0.0004)")
    outer_spin(0.0004)
'''

STAYS = '''
interpreter = create(own)
run(interpreter, SPIN)
def stay():
    run(interpreter, "inner_%s(600)" % sys.argv[3])
if sys.argv[2] == "main":
    print("READY", flush=True)
    stay()
thread = threading.Thread(target=stay, name="other", daemon=True)
print("READY", flush=True)
thread.start()
thread.join()
'''


@pytest.fixture(params=["shared", "own"])
def gil(request, python):
    if request.param == "own" and python.info < (3, 12):
        pytest.skip("one GIL for all interpreters")
    return request.param


def shares(recorded, *wanted):
    """{(names of these functions in the stack, outermost first): share of the CPU time of stacks that have any}."""
    sums = collections.Counter()
    for stack in recorded.stacks("--mode", "cpu"):
        names = tuple(frame.function for frame in stack.frames if frame and frame.function in wanted)
        if names:
            sums[names] += stack.weight
    total = sum(sums.values())
    return {names: count / total for names, count in sums.items()}


def seconds_of(recorded):
    process, = recorded.json()["processes"]
    return {thread["name"]: thread for thread in process["threads"]}


@pytest.mark.parametrize("where", ["main", "thread", "made"])
def test_one_thread_one_stack(record, python, gil, where):
    if where == "thread" and python.info < (3, 10):
        pytest.skip("nothing tells that another thread runs it than made it: docs/truth.md")
    recorded = record(INTERPRETERS + WORK, gil, where)
    threads = seconds_of(recorded)
    assert set(threads) == ({"MainThread"} if where == "main" else {"MainThread", "other"})
    found = shares(recorded, "work", "inner_spin", "inner_sleep", "outer_spin")
    assert found.pop(("work", "inner_spin")) == pytest.approx(2 / 3, abs=.1)
    assert found.pop(("work", "outer_spin")) == pytest.approx(1 / 3, abs=.1)
    assert sum(found.values()) < .1
    assert recorded.function_seconds()["inner_sleep"] > .5 - recorded.json()["quality"]["unobserved_s"]
    worker = sum(row["self_s"] for row in recorded.json("--thread", "MainThread" if where == "main" else "other")
                 ["functions"])
    assert worker == pytest.approx(recorded.said, rel=.15, abs=.1)


def test_an_older_interpreter_inside_a_newer_one(record, gil):
    found = shares(record(INTERPRETERS + NESTED, gil), "between", "inner_spin", "outer_spin")
    for names in (("between", "inner_spin"), ("inner_spin",), ("outer_spin",)):
        assert found.pop(names) == pytest.approx(1 / 3, abs=.08)
    assert sum(found.values()) < .1


def test_code_that_runs_for_less_than_a_tick(record, gil):
    """Each time with a new thread state, where the version makes one."""
    recorded = record(INTERPRETERS + SHORT, gil, rate=1000)
    rows = {row["name"]: row for row in recorded.json("--mode", "cpu")["functions"]}
    inner, outer = rows["inner_spin"], rows["outer_spin"]
    # No glance proves what lives so shortly: what is known of it are some dozen exact ticks.
    assert abs(inner["self_s"] - outer["self_s"]) / 2 < 3 * inner["self_error_s"] + .03
    assert min(inner["self_s"], outer["self_s"]) > .6


@pytest.mark.parametrize("what", ["spin", "sleep"])
@pytest.mark.parametrize("where", ["main", "thread"])
def test_dump(start, tmp_path, pyrometer, python, gil, where, what):
    if where == "thread" and python.info < (3, 10):
        pytest.skip("nothing tells that another thread runs it than made it: docs/truth.md")
    target = start(programs.write(tmp_path / "stays.py", programs.PRELUDE + INTERPRETERS + STAYS),
                   gil, where, what)
    threads = []
    for _ in range(50):
        threads = json.loads(pyrometer("dump", target.pid, "--json").stdout)["threads"]
        if any(frame["function"] == f"inner_{what}" for thread in threads for frame in thread["frames"]):
            break
    assert len({thread["native_id"] for thread in threads}) == len(threads) == (1 if where == "main" else 2)
    runs, = [thread for thread in threads if thread["name"] == ("MainThread" if where == "main" else "other")]
    names = [frame["function"] for frame in runs["frames"]]
    assert names[0] == f"inner_{what}" and names[1] == "<module>" and names[2] == "stay"
    assert runs["interpreter"] > 0
