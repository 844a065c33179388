"""Programs that stop, die, become others, or turn into daemons."""
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from .support import (assert_free, functions_of, is_over, newest, one_line, other, read_line, samples_of, stat_of,
                      threads, wait_for)

SLEEPER = "import time\nprint('READY', flush=True)\nwhile True: time.sleep(0.001)"
BUSY = """
import time
def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
"""
COMMANDS = [("attach", "-q", "--duration", "500ms", "-o", "r.pyro"), ("dump", "--json")]


def busy_under(executable, seconds=0.6):
    return [executable, "-c", BUSY + f"busy({seconds})"]


# ---- stopped ----

@pytest.mark.parametrize("command", COMMANDS, ids=["attach", "dump"])
@pytest.mark.parametrize("truth", ["auto", "stop"])
def test_stopped_process_stays_stopped(tool, command, truth):
    """It is read as it stands, and it is not we who continue it."""
    program = tool.python(SLEEPER)
    os.kill(program.pid, signal.SIGSTOP)
    wait_for(lambda: stat_of(program.pid)[0] == "T", "it stops")
    extra = ["--truth", truth, "-r", "max"] if command[0] == "attach" else []
    done = tool(*command, *extra, str(program.pid))
    assert stat_of(program.pid)[0] == "T"
    if command[0] == "attach":
        assert samples_of(tool.report())[program.pid] > 0
    else:
        assert b"<module>" in done.stdout
    os.kill(program.pid, signal.SIGCONT)
    wait_for(lambda: stat_of(program.pid)[0] in "SR", "it goes on")


def test_stopping_and_continuing_while_attached(tool):
    """Job control works as without us, under stops at the highest rate."""
    program = tool.python(BUSY + "print('READY', flush=True)\nwhile True: busy(0.01)")
    attached = tool.start("attach", "-q", "--duration", "2s", "--truth", "stop", "-r", "max", "-o", "r.pyro",
                          str(program.pid))
    wait_for((tool.directory / "r.pyro").exists, "the recording is begun")
    for _ in range(20):
        os.kill(program.pid, signal.SIGSTOP)
        wait_for(lambda: stat_of(program.pid)[0] == "T", "it stops")
        time.sleep(0.01)
        assert stat_of(program.pid)[0] in "Tt"
        os.kill(program.pid, signal.SIGCONT)
        wait_for(lambda: stat_of(program.pid)[0] in "SR", "it goes on")
    assert attached.wait(20) == 0
    assert_free(program.pid)


# ---- short lives ----

def test_program_that_dies_at_once(tool):
    for code, status in [("pass", 0), ("import os; os._exit(3)", 3), ("import os; os.abort()", 128 + signal.SIGABRT),
                         ("import ctypes; ctypes.string_at(0)", 128 + signal.SIGSEGV)]:
        tool("run", "-q", "--force", "-o", "r.pyro", "--python", newest(), "-c", code, status=status)
        tool.report()


def test_many_short_programs(tool):
    """Their end never meets ours badly: each is reported with its own status, in time."""
    for number in range(20):
        truth = ("auto", "exact", "stop", "no-stop")[number % 4]
        tool("run", "-q", "--force", "-o", "r.pyro", "--truth", truth, "-r", "max", "--python", newest(), "-c",
             f"import os; os._exit({number})", status=number, timeout=20)


def test_attach_while_it_dies(tool):
    """Every outcome but a clean one is one line."""
    for number in range(12):
        program = subprocess.Popen(busy_under(newest(), 0.02 * number))
        time.sleep(0.05)
        done = tool("attach", "-q", "--force", "-o", "r.pyro", "-r", "max", "--duration", "10s", str(program.pid),
                    status=None, timeout=20)
        assert done.returncode in (0, 1)
        if done.returncode:
            one_line(done.stderr)
        else:
            tool.report()
        assert program.wait(20) == 0


@pytest.mark.parametrize("command", COMMANDS, ids=["attach", "dump"])
def test_zombie(tool, command):
    """What has ended but was not waited for."""
    program = subprocess.Popen([sys.executable, "-c", ""])
    wait_for(lambda: stat_of(program.pid)[0] == "Z", "its end")
    assert "has ended" in one_line(tool(*command, str(program.pid), status=1, timeout=10).stderr)
    assert program.wait() == 0


@pytest.mark.parametrize("command", COMMANDS, ids=["attach", "dump"])
@pytest.mark.parametrize("pid, word", [("1073741823", "no process"), ("2", "kernel")])
def test_no_program(tool, command, pid, word):
    if pid == "2" and pathlib.Path("/proc/2/comm").exists() is False:
        pytest.skip("no threads of the kernel in here")
    assert word in one_line(tool(*command, pid, status=1).stderr)


@pytest.mark.parametrize("command", COMMANDS, ids=["attach", "dump"])
def test_thread_of_a_process(tool, command):
    """A thread's number is no process's, though /proc has it."""
    program = tool.python("import threading, time\nt = threading.Thread(target=time.sleep, args=(60,))\nt.start()\n"
                          "print('READY', t.native_id, flush=True)\ntime.sleep(60)")
    tid = program.first.split()[1]
    done = tool(*command, tid, status=None, timeout=20)
    assert done.returncode in (0, 1)
    assert done.returncode == 0 or tid in one_line(done.stderr)
    assert_free(program.pid)


def test_first_thread_ends_and_others_go_on(tool):
    code = BUSY + ("import ctypes, threading\nthreading.Thread(target=busy, args=(6,)).start()\n"
                   "print('READY', flush=True)\nctypes.CDLL(None).pthread_exit(None)")
    program = tool.python(code)
    wait_for(lambda: stat_of(program.pid)[0] == "Z", "the first thread's end")
    tool("attach", "-q", "--duration", "1s", "-o", "r.pyro", str(program.pid), timeout=20)
    assert "busy" in functions_of(tool.report())
    assert program.poll() is None


# ---- becoming another program ----

def test_python_becomes_another_python(tool):
    if not other():
        pytest.skip("there is one Python only")
    code = BUSY + f"import os\nbusy(0.5)\nos.execv({other()!r}, {busy_under(other())!r})"
    tool("run", "-q", "-o", "r.pyro", "--python", newest(), "-c", code)
    processes = tool.report()["processes"]
    assert len({process["command"] for process in processes}) == 2
    assert all(sum(thread["samples"] for thread in process["threads"]) > 20 for process in processes)


@pytest.mark.parametrize("truth", ["auto", "stop"])
def test_python_becomes_another_again_and_again(tool, truth):
    code = """
import os, sys
n = int(sys.argv[1])
def work():
    for i in range(200000): pass
work()
if n: os.execv(sys.executable, [sys.executable, sys.argv[2], str(n - 1), sys.argv[2]])
raise SystemExit(9)
"""
    script = tool.directory / "again.py"
    script.write_text(code)
    tool("run", "-q", "-o", "r.pyro", "-r", "max", "--truth", truth, "--python", newest(), script, "15", script, status=9)
    assert "work" in functions_of(tool.report())


def test_python_becomes_something_else(tool):
    code = BUSY + "import os\nbusy(0.4)\nos.execv('/bin/sh', ['sh', '-c', 'sleep 0.3; exit 5'])"
    tool("run", "-q", "-o", "r.pyro", "--python", newest(), "-c", code, status=5)
    assert "busy" in functions_of(tool.report())
    program = tool.python(BUSY + "import os\nprint('READY', flush=True)\nbusy(1)\nos.execv('/bin/sleep', ['sleep', '30'])")
    attached = tool.start("attach", "-q", "--duration", "3s", "-o", "a.pyro", str(program.pid))
    assert attached.wait(20) == 0
    report = tool.report("a.pyro")
    assert "busy" in functions_of(report) and "execv" in report["run"]["command"][0]
    assert_free(program.pid)


def test_what_was_attached_to_is_told_when_it_has_ended(tool):
    program = tool.python(BUSY + "print('READY', flush=True)\nbusy(1.2)")
    tool("attach", "-q", "-o", "a.pyro", str(program.pid), timeout=20)
    assert "busy(1.2)" in tool.report("a.pyro")["run"]["command"][0]


def test_something_else_becomes_python(tool):
    command = ["sh", "-c", 'sleep 0.3; exec "$0" -c "$1"', newest(), BUSY + "busy(0.5)"]
    tool("run", "-q", "-o", "r.pyro", "--", *command)
    assert "busy" in functions_of(tool.report())


def test_exec_by_another_thread(tool):
    """The thread that executes takes the process's number, and any hold on it along."""
    code = BUSY + (f"import os, threading\nthreading.Thread(target=busy, args=(9,), daemon=True).start()\n"
                   f"threading.Timer(0.2, os.execv, ({newest()!r}, {[newest(), '-c', 'raise SystemExit(4)']!r})).start()\n"
                   f"busy(9)")
    for _ in range(4):
        tool("run", "-q", "--force", "-o", "r.pyro", "--truth", "stop", "-r", "max", "--python", newest(), "-c", code,
             status=4, timeout=20)


# ---- daemons ----

DAEMON = BUSY + """
import os, sys
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.chdir("/")
null = os.open("/dev/null", os.O_RDWR)
for fd in range(3): os.dup2(null, fd)
open(sys.argv[1], "w").write(str(os.getpid()))
busy(1)
os.rename(sys.argv[1], sys.argv[1] + ".over")
"""


def test_daemon(tool):
    """`run` ends with the program that it began, whose status it has; the daemon lives on unharmed."""
    file = tool.directory / "daemon"
    tool("run", "-q", "-o", "r.pyro", "--python", newest(), "-c", DAEMON, file, timeout=20)
    wait_for((tool.directory / "daemon.over").exists, "the daemon ends by itself")
    tool.report()


def test_attach_to_a_daemon(tool):
    file = tool.directory / "daemon"
    subprocess.run([newest(), "-c", DAEMON.replace("busy(1)", "busy(30)"), file], check=True)
    pid = int(wait_for(lambda: file.exists() and file.read_text(), "the daemon"))
    tool("attach", "-q", "--duration", "1s", "-o", "r.pyro", str(pid))
    assert "busy" in functions_of(tool.report())
    assert_free(pid)
    os.kill(pid, signal.SIGKILL)


def test_program_that_closes_all_descriptors(tool):
    code = BUSY + "import os\nos.closerange(0, 4096)\nbusy(0.5)\nos._exit(8)"
    tool("run", "-q", "-o", "r.pyro", "--python", newest(), "-c", code, status=8, timeout=20)
    assert "busy" in functions_of(tool.report())


def test_program_that_kills_its_parent_group(tool):
    """Signals to its own group reach us as well: the recording is finished all the same."""
    code = BUSY + "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nbusy(0.3)\nos.killpg(0, signal.SIGTERM)\nbusy(0.1)"
    running = tool.start("run", "-q", "-o", "r.pyro", "--python", newest(), "-c", code)
    assert running.wait(20) == 0
    assert "busy" in functions_of(tool.report())


def test_shell_that_leaves_python_in_the_background(tool):
    """The shell ends first: `run` has its status, and what still runs is neither waited for nor harmed."""
    over = tool.directory / "over"
    begun, enough = tool.directory / "begun", tool.directory / "enough"
    script = f'"$0" -c "$1" & echo $!; while [ ! -e {begun} ]; do sleep 0.02; done; sleep 0.3; exit 3'
    code = BUSY + (f"import os\nopen({str(begun)!r}, 'w').close()\nwhile not os.path.exists({str(enough)!r}): busy(0.01)\n"
                   f"open({str(over)!r}, 'w').close()")
    running = tool.start("run", "-q", "-o", "r.pyro", "--", "sh", "-c", script, newest(), code)
    pid = int(read_line(running))
    assert running.wait(20) == 3
    assert samples_of(tool.report())[pid] > 0
    assert_free(pid)
    enough.touch()
    wait_for(over.exists, "the background program's end")
    wait_for(lambda: is_over(pid) or not threads(pid), "its process is gone")
