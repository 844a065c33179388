"""`pyrometer run` counts allocations: programs whose allocations are known, however they end."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

import pythons
from tests.hard.support import is_over, wait_for

from . import programs

pytestmark = [pytest.mark.long, pytest.mark.beside]

AGENT = "libpyrometer-agent.so"
BLOCKS = 2000
# What one bytes object of that size asks for.
SIZE = {size: sys.getsizeof(bytes(size)) for size in (500, 1000, 3000)}

# Marked lines allocate what their comment says, and nothing else. `end` is how it ends.
KNOWN = '''
import json, os, signal, sys
N = 2000
def fill(where, size):
    for i in range(N):
        where[i] = bytes(size)  # FILL
def churn():
    for i in range(10 * N):
        bytes(3000)  # CHURN
def text():
    return [str(i) * 20 for i in range(N)]  # TEXT
keep, gone = [None] * N, [None] * N
bytes(len('x'))  # so that what calls need once is there
fill(keep, 1000)
fill(gone, 500)
churn()
words = text()
gone = None
'''
END = {
    "killed": "os.kill(os.getpid(), signal.SIGKILL)", "os._exit": "os._exit(0)", "abort": "os.abort()",
    "exec": "os.execv('/bin/true', ['true'])",
}
ORACLE = """
import tracemalloc
snapshot = tracemalloc.take_snapshot()
rows = {}
for statistic in snapshot.statistics("lineno"):
    frame = statistic.traceback[0]
    if frame.filename == __file__:
        rows[frame.lineno] = [statistic.count, statistic.size]
print(json.dumps(rows))
"""


def line_of(mark, text=KNOWN):
    (number,) = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# " + mark)]
    return number


class Place:
    """A folder below /tmp that programs under `python` see by the same path, with a pyrometer that finds its agent there
    too: a Python in another root gets our /tmp mounted there, in a mount namespace of its own."""

    def __init__(self, binary, python):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pyr-memory-", dir="/tmp"))
        self.files = self.folder / "files"
        self.files.mkdir()
        self.binary, self.python, self.count = binary, python, 0
        if python.root != "/":
            self.binary = self.folder / "pyrometer"
            shutil.copy(binary, self.binary)
            shutil.copy(pathlib.Path(os.path.realpath(binary)).parents[2] / "agent" / AGENT, self.folder)

    def write(self, text, name="program.py"):
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder / name

    def command(self, *words):
        if self.python.root == "/":
            return self.python.command(*words)
        inside = 'mount --bind /tmp "$0/tmp" && exec chroot "$0" "$@"'
        return ["unshare", "-m", "sh", "-c", inside, self.python.root, self.python.executable, *map(str, words)]

    def environment(self, extra=None):
        return pythons.clean_environment({"TMPDIR": str(self.files), **(extra or {})})

    def start(self, *words, options=(), env=None, prefix=()):
        self.count += 1
        self.file = self.folder / f"{self.count}.pyro"
        command = [*prefix, self.binary, "run", "-q", "-o", self.file, *options, "--", *self.command(*words)]
        return subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                cwd=self.folder, env=self.environment(env), start_new_session=True)

    def run(self, *words, status=0, **options):
        process = self.start(*words, **options)
        self.out, self.err = (data.decode() for data in process.communicate(timeout=120))
        assert process.returncode == status, self.err
        assert not self.left(), "temporary files are left"
        return self.report()

    def report(self, *words, file=None):
        done = subprocess.run([self.binary, "report", file or self.file, *(words or ["--json"])], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout if words else json.loads(done.stdout)

    def left(self):
        return list(self.files.iterdir())


@pytest.fixture
def place(binary, python):
    if python.root != "/" and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace can be made here")
    place = Place(binary, python)
    yield place
    shutil.rmtree(place.folder, ignore_errors=True)


@pytest.fixture
def local(binary):
    """The same under one Python of this root."""
    found = [each for each in pythons.discover() if each.root == "/" and not each.free_threaded]
    place = Place(binary, found[-1])
    yield place
    shutil.rmtree(place.folder, ignore_errors=True)


def rows_of(report, script):
    """{line: figures of it, functions added}"""
    rows = {}
    for row in report["lines"]:
        if row["file"] == str(script):
            sums = rows.setdefault(row["line"], {})
            for key in ("allocations", "allocated_bytes", "live_bytes", "live_blocks", "peak_bytes", "temporary_bytes",
                        "temporary_blocks"):
                sums[key] = sums.get(key, 0) + row[key]
    return rows


def assert_known(report, script):
    """The figures that KNOWN has by construction, up to the moment before it ends."""
    rows = rows_of(report, script)
    fill, churn = rows[line_of("FILL")], rows[line_of("CHURN")]
    assert fill["allocations"] == 2 * BLOCKS and fill["allocated_bytes"] == BLOCKS * (SIZE[1000] + SIZE[500])
    assert (fill["live_blocks"], fill["live_bytes"]) == (BLOCKS, BLOCKS * SIZE[1000])
    assert fill["peak_bytes"] == BLOCKS * (SIZE[1000] + SIZE[500])
    assert churn["allocations"] == 10 * BLOCKS and churn["allocated_bytes"] == 10 * BLOCKS * SIZE[3000]
    assert churn["live_blocks"] == 0 and churn["peak_bytes"] in (0, SIZE[3000])
    assert (churn["temporary_blocks"], churn["temporary_bytes"]) == (10 * BLOCKS, 10 * BLOCKS * SIZE[3000])
    assert fill["temporary_blocks"] == 0
    memory = report["memory"]
    assert memory["peak_bytes"] >= fill["peak_bytes"] and memory["live_bytes"] >= fill["live_bytes"]


@pytest.mark.parametrize("end", END)
def test_lines_are_exact_however_it_ends(place, end):
    script = place.write(KNOWN + END[end])
    status = {"killed": 128 + signal.SIGKILL, "abort": 128 + signal.SIGABRT}.get(end, 0)
    report = place.run(script, status=status)
    assert_known(report, script)
    memory = report["memory"]
    process = [row for row in memory["processes"] if "peak_bytes" in row][0]
    assert 0 < memory["peak_at_s"] <= report["run"]["wall_s"]
    assert process["peak_bytes"] == max(point[1] for point in memory["timeline"])


def test_live_is_what_tracemalloc_says(place):
    """Line by line, but for what passed from line to line by free lists: a few blocks."""
    script = place.write(KNOWN + END["killed"])
    rows = rows_of(place.run(script, status=137), script)
    oracle = place.write("import tracemalloc; tracemalloc.start()\n" + KNOWN.lstrip("\n") + ORACLE, "oracle.py")
    told = subprocess.run(place.command(oracle), capture_output=True, text=True, timeout=60, env=place.environment())
    compared = 0
    for line, (count, size) in json.loads(told.stdout).items():
        if size < 10000:
            continue
        row = rows[int(line)]
        assert row["live_blocks"] == pytest.approx(count, abs=10), line
        assert row["live_bytes"] == pytest.approx(size, abs=2000), line
        compared += 1
    assert compared >= 3


def test_program_that_ends_by_itself(place):
    script = place.write(KNOWN)
    report = place.run(script)
    fill = rows_of(report, script)[line_of("FILL")]
    assert fill["allocations"] == 2 * BLOCKS and fill["peak_bytes"] == BLOCKS * (SIZE[1000] + SIZE[500])
    text = place.report("-f", "memory")
    assert "FILL" in text and "Heap over time" in text and "Lines that hold most at the peak" in text
    assert "Memory\n  peak" in place.report("-f", "text")
    weights = {}
    for weight in ("allocated", "peak", "temporary"):
        stacks = place.report("-f", "collapsed", "--no-threads", "--weight", weight).splitlines()
        weights[weight] = sum(int(stack.rpartition(" ")[2]) for stack in stacks)
    assert weights["allocated"] == report["memory"]["allocated_bytes"]
    assert weights["peak"] == pytest.approx(report["memory"]["peak_bytes"], rel=1e-3)
    assert weights["temporary"] == report["memory"]["temporary_bytes"] >= 10 * BLOCKS * SIZE[3000]


FORKS = """
import os, sys, time
shared = [bytes(1000) for i in range(2000)]
for worker in range(3):
    if os.fork() == 0:
        own = [bytes(500) for i in range(1000 * (worker + 1))]  # OWN
        time.sleep(0.3)
        os._exit(worker)
status = sorted(os.waitstatus_to_exitcode(os.wait()[1]) if sys.version_info > (3, 9) else os.wait()[1] >> 8 for i in range(3))
assert status == [0, 1, 2], status
os._exit(0)
"""


def test_workers_are_apart_and_merged(place):
    script = place.write(FORKS)
    report = place.run(script)
    rows = [row for row in report["memory"]["processes"] if "peak_bytes" in row]
    assert len(rows) == 4, report["memory"]["processes"]
    own = sorted(rows_of(json.loads(place.report("--json", "--pid", str(row["pid"]))), script).get(line_of("OWN", FORKS), {}).get(
        "live_blocks", 0) for row in rows)
    assert [round(blocks, -2) for blocks in own] == [0, 1000, 2000, 3000]
    merged = rows_of(report, script)[line_of("OWN", FORKS)]["live_blocks"]
    assert merged == sum(own)
    by_pid = {row["pid"]: row for row in rows}
    assert report["memory"]["peak_bytes"] == sum(row["peak_bytes"] for row in by_pid.values())


DAEMON = """
import os, sys, time
def daemonise():
    if os.fork():
        return True
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.closerange(0, 4096)
    return False
if daemonise():
    while not os.path.exists(sys.argv[2] + (".done" if sys.argv[1] == "wait" else "")):
        time.sleep(0.01)
    time.sleep(0.3)
    raise SystemExit(5)
own = [bytes(1000) for n in range(2000)]  # OWN
open(sys.argv[2], "w").close()
end = time.monotonic() + (60 if sys.argv[1] == "leave" else 0)
while time.monotonic() < end and not os.path.exists(sys.argv[2] + ".over"):
    time.sleep(0.01)
time.sleep(0.3)
if os.fork() == 0:  # its directory may be gone
    more = [bytes(1000) for n in range(2000)]
    os._exit(0)
assert os.wait()[1] == 0 and all(block == bytes(1000) for block in own)
open(sys.argv[2] + ".done", "w").close()
"""


@pytest.mark.parametrize("how", ["wait", "leave"])
def test_daemon(local, how):
    """A daemon has figures of its own, to its end or to that of the program; it goes on unharmed where that was first."""
    script = local.write(DAEMON)
    told = local.folder / how
    report = local.run(script, how, told, status=5)
    assert told.with_suffix(".done").exists() == (how == "wait")
    line = line_of("OWN", DAEMON)
    held = {}
    for row in report["memory"]["processes"]:
        rows = json.loads(local.report("-f", "json", "--pid", str(row["pid"])))["lines"]
        held[row["pid"]] = sum(each.get("live_blocks") or 0 for each in rows if each["file"] == str(script) and each["line"] == line)
    root = report["processes"][0]["pid"]
    (daemon,) = [pid for pid, blocks in held.items() if blocks]
    assert daemon != root and 2000 <= held[daemon] <= 2003
    told.with_suffix(".over").touch()
    wait_for(told.with_suffix(".done").exists, "the daemon's end")


def test_started_processes_are_counted_and_told_apart(local):
    child = local.write("x = [None] * 3000\nfor i in range(3000):\n    x[i] = bytes(1000)\nimport os; os._exit(0)\n", "child.py")
    script = local.write(f"""
import subprocess, sys
for env in (None, {{}}):
    subprocess.run([sys.executable, {str(child)!r}], env=env, check=True)
subprocess.run("exec {sys.executable} {child}", shell=True, check=True)
""")
    report = local.run(script)
    assert rows_of(report, child)[3]["allocations"] == 2 * 3000
    assert len([row for row in report["memory"]["processes"] if "peak_bytes" in row]) == 3


@pytest.mark.parametrize("env, said", [({"PYTHONMALLOC": "malloc"}, "PYTHONMALLOC"), ({"PYTHONDEVMODE": "1"}, "PYTHONDEVMODE")])
def test_chosen_allocators_are_left_alone(local, env, said):
    script = local.write("import time; time.sleep(0.3); print(6 * 7)")
    report = local.run(script, env=env)
    assert local.out == "42\n"
    assert said in report["memory"]["processes"][0]["none_because"]
    done = subprocess.run([local.binary, "run", "--force", "-o", local.file, *local.command(script)], capture_output=True,
                          text=True, env=local.environment(env), cwd=local.folder, timeout=60)
    assert said in done.stderr and done.stderr.count("\n") == 2


def test_without_the_variables_it_says_why(local):
    script = local.write("import time; time.sleep(0.3)")
    local.python = pythons.Python("/usr/bin/env", "/", "", (), "")
    report = local.run("-i", pythons.discover()[0].executable if pythons.discover()[0].root == "/" else sys.executable, script)
    assert "LD_PRELOAD" in report["memory"]["processes"][0]["none_because"]


def test_off(local):
    script = local.write("import os, sys; sys.exit('LD_PRELOAD' in os.environ or 'PYROMETER_MEMORY_DIR' in os.environ)")
    assert local.run(script, options=["--memory", "off"]).get("memory") is None
    done = subprocess.run([local.binary, "report", local.file, "-f", "memory"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "--memory off" in done.stderr and done.stderr.count("\n") == 1


def test_what_was_preloaded_before_stays(local):
    other = local.folder / "libother.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", other], input=b"int other_is_here = 1;", check=True)
    script = local.write("import ctypes, os; print(os.environ['LD_PRELOAD']); ctypes.CDLL(None).other_is_here")
    report = local.run(script, env={"LD_PRELOAD": str(other)})
    assert local.out.startswith(f"{other}:") and local.out.strip().endswith(AGENT)
    assert report["memory"]["peak_bytes"] > 0


def test_programs_that_cannot_load_the_agent_run_unharmed(local):
    """Statically linked; with the file mode that changes privileges; and nothing of Python at all."""
    static = local.folder / "static"
    subprocess.run(["gcc", "-static", "-x", "c", "-", "-o", static], check=True,
                   input=b'#include <stdio.h>\nint main(void) { puts("here"); return 7; }')
    privileged = local.folder / "privileged"
    shutil.copy("/bin/echo", privileged)
    privileged.chmod(0o4755)
    for command, status, said in (([static], 7, b"here\n"), ([privileged, "here"], 0, b"here\n"), (["echo", "here"], 0, b"here\n")):
        done = subprocess.run([local.binary, "run", "-q", "--force", "-o", local.folder / "x.pyro", "--", *command],
                              capture_output=True, env=local.environment(), timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (status, said, b"")
    assert not local.left()


def test_two_at_once(local):
    script = local.write(KNOWN + END["killed"])
    both = []
    for _ in range(2):
        both.append((local.start(script), local.file))
    for process, file in both:
        process.communicate(timeout=60)
        assert process.returncode == 137
        assert_known(local.report("--json", file=file) and json.loads(local.report("--json", file=file)), script)
    assert not local.left()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("size", ["4k", "64k", "300k", "2m"])
def test_full_disk(local, size):
    """The program runs to its right end; what could be counted is there, or the reason why not."""
    text = KNOWN + "assert sum(map(len, words)) == sum(len(str(i)) * 20 for i in range(N)); print('right')"
    script = local.write(text)
    mount = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    report = local.run(script, prefix=["unshare", "-m", "sh", "-c", mount, local.files])
    assert local.out == "right\n" and local.err == ""
    assert "memory" not in report or report["memory"]["processes"]


def test_a_failure_to_prepare_is_told_and_the_time_is_measured(local):
    script = local.write("print('right')")
    command = ["run", "-o", "x.pyro", *local.command(script)]
    env = {**local.environment(), "TMPDIR": "/proc/nowhere"}
    done = subprocess.run([local.binary, *command], capture_output=True, text=True, cwd=local.folder, env=env, timeout=60)
    assert done.returncode == 0 and done.stdout == "right\n"
    assert "no memory figures" in done.stderr and "/proc/nowhere" in done.stderr
    done = subprocess.run([local.binary, "run", "--force", "--memory", "lines", *command[1:]], capture_output=True, text=True,
                          cwd=local.folder, env=env, timeout=60)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1


SLOW = """
import os, sys, time
open(sys.argv[1] + '.begun', 'w').write(str(os.getpid()))
x = []
end = time.monotonic() + 60
while not x or time.monotonic() < end and not os.path.exists(sys.argv[1] + '.enough'):
    x = [str(i) for i in range(2000)]
if os.fork() == 0:
    os._exit(sum(map(len, x)) != 6890)
status = os.wait()[1]
open(sys.argv[1], 'w').write(f"{sum(map(len, x))} {status}")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_files_go_when_pyrometer_is_killed(local, number):
    """The program goes on to its right end, and forks, without the directory of its file."""
    script, result = local.write(SLOW), local.folder / "result"
    begun = result.with_name("result.begun")
    process = local.start(script, result)
    wait_for(lambda: begun.exists() and begun.read_text(), "it begins")
    program = int(begun.read_text())
    wait_for(local.left, "there is a file")
    process.send_signal(number)
    process.wait(timeout=60)  # the program has its streams still
    wait_for(lambda: not local.left(), "the files go")
    if number == signal.SIGKILL:
        assert not is_over(program)
        result.with_name("result.enough").touch()
        wait_for(lambda: result.exists() and result.read_text(), "it ends")
        assert result.read_text() == "6890 0"
    wait_for(lambda: is_over(program), "its end")


def test_stale_files_of_a_pyrometer_that_was_killed_with_its_guardian_go_at_the_next_run(local):
    stale, young, foreign = (local.files / name for name in ("pyrometer-memory-stale1", "pyrometer-memory-young1", "other"))
    for folder in (stale, young, foreign):
        folder.mkdir()
        (folder / "1.0.memory").write_bytes(b"x")
    hour_ago = time.time() - 3600
    for folder in (stale, foreign):
        os.utime(folder, (hour_ago, hour_ago))
    process = local.start(local.write("print(1)"))
    process.communicate(timeout=60)
    assert not stale.exists() and young.exists() and foreign.exists()


def test_size_depends_on_lines_not_on_events(local):
    text = "for i in range({}):\n    str(i)\nimport os; os._exit(0)\n"
    sizes, counts = [], []
    for events in (1000, 1000000):
        report = local.run(local.write(text.format(events)), options=["-r", "0"])
        sizes.append(local.file.stat().st_size)
        counts.append(report["memory"]["allocations"])
    assert counts[1] - counts[0] >= 999000
    assert sizes[1] < sizes[0] + 20000


CALLED = """
N = 2000
def fill(where, first):
    for i in range(first, first + N):
        where[i] = bytes(1000)  # FILL
def deep(where, first, depth):
    return deep(where, first, depth - 1) if depth else fill(where, first)  # DEEP
keep = [None] * 3 * N
fill([None] * N, 0)  # what calls need once is there
fill(keep, 0)  # ONE
deep(keep, N, 300)  # TWO
for i in range(2):
    deep(keep, 2 * N, 300)  # THREE
"""


def test_stacks(place):
    script = place.write(CALLED)
    report = place.run(script, options=["--memory", "stacks", "-r", "0"])
    line = {mark: line_of(mark, CALLED) for mark in ("FILL", "DEEP", "ONE", "TWO", "THREE")}

    def lines(stack):
        return tuple(frame["line"] for frame in stack["frames"] if frame["file"] == str(script))
    size, way = SIZE[1000], (line["DEEP"],) * 301
    live = {lines(stack): (stack["allocations"], stack["live_blocks"], stack["live_bytes"])
            for stack in report["memory"]["stacks"]["live"]}
    assert live[line["FILL"], line["ONE"]] == (BLOCKS, BLOCKS, BLOCKS * size)
    assert live[line["FILL"], *way, line["TWO"]] == (BLOCKS, BLOCKS, BLOCKS * size)
    assert live[line["FILL"], *way, line["THREE"]] == (2 * BLOCKS, BLOCKS, BLOCKS * size)
    assert rows_of(report, script)[line["FILL"]]["live_bytes"] == 3 * BLOCKS * size
    collapsed = place.report("-f", "collapsed", "--weight", "live", "--no-threads")
    (deepest,) = [row for row in collapsed.splitlines() if f":{line['TWO']})" in row and f":{line['FILL']})" in row]
    frames, _, weight = deepest.rpartition(" ")
    assert int(weight) == BLOCKS * size and frames.count(";") == 302 and f";fill ({script}:{line['FILL']})" in frames
    tree = place.report("-f", "tree", "--weight", "peak").splitlines()
    assert any(f":{line['THREE']}" in row for row in tree)
    for form in ("memory", "leaks"):
        text = place.report("-f", form)
        assert "stack, innermost frame first" in text and f":{line['FILL']}" in text and "frames" in text


def test_stacks_of_workers_and_threads(local):
    text = """
import os, threading, time
def keep(where):
    where.append([bytes(1000) for _ in range(500)])  # KEEP
def worker(where):
    keep(where)
def child(where):
    keep(where)
kept = []
threads = [threading.Thread(target=worker, args=(kept,)) for _ in range(4)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
pid = os.fork()
if not pid:
    child(kept)
    time.sleep(0.5)
    os._exit(0)
os.waitpid(pid, 0)
"""
    script = local.write(text)
    local.run(script, options=["--memory", "stacks", "-r", "0"])
    rows = [row.rpartition(" ") for row in local.report("-f", "collapsed", "--weight", "live").splitlines()]
    size = 500 * SIZE[1000]
    found = [(name, round(int(weight) / size, 1)) for row, _, weight in rows for name in ("worker", "child")
             if f";{name} ({script}" in row and int(weight) >= size]
    assert sorted(found) == [("child", 1), ("worker", 4), ("worker", 4)]  # the child has what its parent had


def test_duration_ends_the_counting_and_the_program_runs_on(local):
    script, result = local.write(SLOW), local.folder / "result"
    process = local.start(script, result, options=["--duration", "500ms"])
    wait_for(lambda: not local.left() and local.file.exists() and local.file.stat().st_size > 1000, "the recording is complete")
    assert process.poll() is None
    result.with_name("result.enough").touch()
    process.communicate(timeout=60)
    assert process.returncode == 0 and result.read_text() == "6890 0"
    assert local.report()["memory"]["peak_bytes"] > 0


def test_a_program_in_another_root_is_not_told_of_the_agent(local):
    """The dynamic linker would complain there that it cannot find it."""
    others = [each for each in pythons.discover() if each.root != "/"]
    if not others:
        pytest.skip("no Python in another root")
    process = local.start("-c", f"import os; os.execv({others[-1].command()[0]!r}, {others[-1].command('-c', 'print(42)')!r})")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, b"42\n", b"")


LIVE = """
import atexit, gc
N = 2000
def fill(where, size):
    for i in range(N):
        where[i] = bytes(size)
keep, later = [None] * N, [None] * N
bytes(len('x'))
def main():
    for i in range(N):
        keep[i] = bytes(1000)  # KEEP
gc.disable()
class Node: pass
def cycles():
    for i in range(N):
        node = Node(); node.own = node
        node.data = bytes(3000)  # CYCLE
def at_exit():
    for i in range(N):
        later[i] = bytes(500)  # ATEXIT
atexit.register(at_exit)
main()
cycles()
"""


def test_live_is_that_of_the_main_modules_end(place):
    """After threads and atexit functions, before the collector and the interpreter's end."""
    script = place.write(LIVE)
    report = place.run(script)
    assert report["memory"]["live_at_main_end"] is True
    rows = rows_of(report, script)
    for mark, size in (("KEEP", 1000), ("CYCLE", 3000), ("ATEXIT", 500)):
        assert rows[line_of(mark, LIVE)]["live_blocks"] == pytest.approx(N_LIVE, abs=2), mark
        assert rows[line_of(mark, LIVE)]["live_bytes"] == pytest.approx(N_LIVE * SIZE[size], abs=500), mark
    assert "when the main module had ended" in place.report("-f", "leaks")


N_LIVE = 2000
