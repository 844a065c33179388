"""Signals reach the program as often as they would without pyrometer, and never cost the recording."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pytest
from processes import children, state, wait_for

COUNTER = """
import os, signal, sys, time
counts = {}
def count(number, frame):
    counts[number] = counts.get(number, 0) + 1
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT,
               signal.SIGWINCH, signal.SIGALRM, signal.SIGRTMIN + 3):
    signal.signal(number, count)
print("up", os.getpid(), flush=True)
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and not (len(sys.argv) > 2 and counts):
    time.sleep(0.01)
time.sleep(0.1)
print(sorted((int(n), c) for n, c in counts.items()), flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
                                    signal.SIGQUIT, signal.SIGWINCH, signal.SIGALRM, signal.SIGRTMIN + 3])
def test_signal_to_us_is_passed_on_once(pyrometer, number):
    process = pyrometer.start_code(COUNTER, "5", "first")
    process.stdout.readline()
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert out.decode().strip() == f"[({int(number)}, 1)]"
    assert process.returncode == 0
    assert (pyrometer.directory / "r.pyro").stat().st_size > 0


def test_signal_from_the_program_to_its_parent_does_not_come_back(pyrometer):
    code = ("import os, signal, time\nsignal.signal(signal.SIGUSR1, lambda *_: os._exit(9))\n"
            "os.kill(os.getppid(), signal.SIGUSR1)\ntime.sleep(0.3)")
    assert pyrometer.code(code).returncode == 0


def test_death_by_a_signal_that_was_passed_on(pyrometer):
    process = pyrometer.start_code("import time; print('up', flush=True); time.sleep(30)")
    process.stdout.readline()
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM


def test_recording_survives_sigkill_of_the_program(pyrometer):
    process = pyrometer.start_code("import os, time; print(os.getpid(), flush=True); time.sleep(30)")
    os.kill(int(process.stdout.readline()), signal.SIGKILL)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGKILL
    assert (pyrometer.directory / "r.pyro").stat().st_size > 0


class Terminal:
    """pyrometer as the foreground job of a terminal, below a little shell that notes how its job fares. One that stops goes
    on at once, or when `resume` says so."""

    SHELL = """
import os, signal, sys
resume = int(sys.argv[1])
pid = os.fork()
if pid == 0:
    os.close(resume)
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        print("ended", os.waitstatus_to_exitcode(status), flush=True)
        break
    print("stopped", flush=True)
    os.read(resume, 1)
    os.killpg(pid, signal.SIGCONT)
"""

    def __init__(self, pyrometer, *args, at_once=True):
        self.master, slave = pty.openpty()
        resume, self.resuming = os.pipe()

        def control():
            os.setsid()
            os.close(os.open(os.ttyname(0), os.O_RDWR))
        self.process = subprocess.Popen([sys.executable, "-c", self.SHELL, str(resume), pyrometer.binary, *args], stdin=slave,
                                        stdout=slave, stderr=slave, cwd=pyrometer.directory, preexec_fn=control,
                                        pass_fds=[resume])
        os.close(slave)
        os.close(resume)
        if at_once:  # the end of the pipe can be read at any time
            os.close(self.resuming)
        self.text = b""
        self.columns = 200

    def type(self, keys):
        os.write(self.master, keys)

    def resume(self):
        os.write(self.resuming, b"!")

    def read(self, until=None):
        while until is None or until not in self.text:
            try:
                self.text += os.read(self.master, 4096)
            except OSError:
                assert until is None, self.text
                break
        return self.text.decode()

    def repaint(self):
        """What is shown, drawn anew because the size has changed."""
        self.drain()
        self.text = b""
        self.columns += 1
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 60, self.columns, 0, 0))
        self.read(b"Hottest lines")
        self.drain()
        return self.text.decode()

    def shown(self, wanted, seconds=20):
        """What is shown as soon as it is as wanted: a key is obeyed at the next drawing, and the machine may be busy."""
        due = time.monotonic() + seconds
        while not wanted(text := self.repaint()):
            assert time.monotonic() < due, text
        return text

    def drain(self):
        while select.select([self.master], [], [], 0.05)[0]:
            self.text += os.read(self.master, 4096)


def run_in_terminal(pyrometer, code, *args):
    return Terminal(pyrometer, "run", "-q", "-o", "r.pyro", "--python", sys.executable, "-c", code, *args)


def test_ctrl_c_reaches_the_program_once(pyrometer):
    terminal = run_in_terminal(pyrometer, COUNTER, "1")
    terminal.read(b"up")
    terminal.type(b"\x03")
    text = terminal.read()
    assert f"[({int(signal.SIGINT)}, 1)]" in text
    assert "ended 0" in text


def test_second_ctrl_c_keeps_the_recording(pyrometer):
    terminal = run_in_terminal(pyrometer, "import time; print('up', flush=True)\nwhile True: time.sleep(1)")
    terminal.read(b"up")
    for _ in range(3):
        terminal.type(b"\x03")
        time.sleep(0.02)
    assert f"ended {128 + signal.SIGINT}" in terminal.read()
    assert (pyrometer.directory / "r.pyro").stat().st_size > 0


def test_ctrl_z_stops_the_job_and_it_goes_on(pyrometer):
    terminal = run_in_terminal(
        pyrometer, "import time; print('up', flush=True); time.sleep(1); print('over'); raise SystemExit(4)")
    terminal.read(b"up")
    terminal.type(b"\x1a")
    terminal.read(b"stopped")
    text = terminal.read()
    assert "over" in text and "ended 4" in text and text.count("stopped") == 1


def states(pid):
    found = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat") as file:
            found.add(file.read().rpartition(")")[2].split()[0])
    return found


BUSY_THREADS = """
import os, threading, time
def busy():
    while not enough: sum(range(100))
enough = False
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads: thread.start()
print("up", os.getpid(), os.getppid(), "!", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end and not os.path.exists("enough"): time.sleep(0.01)
enough = True
for thread in threads: thread.join()
print("over", flush=True)
raise SystemExit(4)
"""


@pytest.mark.parametrize("truth", ["stop", "auto"])
def test_ctrl_z_while_threads_are_held(pyrometer, truth):
    """All of both stop, none of them in the hand of a tracer; and all go on."""
    terminal = Terminal(pyrometer, "run", "-q", "-r", "max", "--truth", truth, "-o", "r.pyro", "--python", sys.executable,
                        "-c", BUSY_THREADS, at_once=False)
    program, tool = map(int, terminal.read(b"!").split()[1:3])
    for count in range(1, 5):
        terminal.type(b"\x1a")
        while terminal.text.count(b"stopped") < count:
            terminal.text += os.read(terminal.master, 4096)
        wait_for(lambda: states(program) == states(tool) == {"T"})
        time.sleep(0.1)
        assert states(program) == states(tool) == {"T"}  # until the shell continues them
        terminal.resume()
        wait_for(lambda: "T" not in states(program) | states(tool))
        time.sleep(0.05)
    (pyrometer.directory / "enough").touch()
    text = terminal.read()
    assert "over" in text and "ended 4" in text and text.count("stopped") == 4


def test_program_that_stops_itself_stops_the_job(pyrometer):
    terminal = run_in_terminal(pyrometer, "import os; os.kill(os.getpid(), 19); print('over')")
    text = terminal.read()
    assert text.count("stopped") == 1 and "over" in text and "ended 0" in text


def test_program_that_ignores_ctrl_z_goes_on(pyrometer):
    terminal = run_in_terminal(
        pyrometer, "import signal, time; signal.signal(20, signal.SIG_IGN); print('up', flush=True); time.sleep(0.5)")
    terminal.read(b"up")
    terminal.type(b"\x1a")
    text = terminal.read()
    assert "stopped" not in text and "ended 0" in text


def test_without_a_terminal_a_stopped_program_is_waited_for(pyrometer):
    process = pyrometer.start_code("import os; print(os.getpid(), flush=True); os.kill(os.getpid(), 19); raise SystemExit(5)",
                                   start_new_session=True)
    pid = int(process.stdout.readline())
    wait_for(lambda: state(pid) in "Tt")
    time.sleep(0.3)
    assert state(process.pid) in "SRD"  # it has not stopped, and it samples
    os.kill(pid, signal.SIGCONT)
    process.communicate(timeout=20)
    assert process.returncode == 5


def test_background_group(pyrometer):
    """As a shell's background job: a group of its own, SIGINT ignored."""
    def background():
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = pyrometer.start_code("import os, signal; print(os.getpgid(0), signal.getsignal(2) == signal.SIG_IGN)",
                                   preexec_fn=background)
    out, _ = process.communicate(timeout=20)
    assert out.decode().split() == [str(process.pid), "True"]


def test_program_outlives_pyrometer(pyrometer):
    process = pyrometer.start_code("import time; print('up', flush=True); time.sleep(30)")
    process.stdout.readline()
    (child,) = children(process.pid)
    process.kill()
    process.wait()
    time.sleep(0.1)
    assert state(child) in "SR"
    os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_attach_ends_by_signal_and_leaves_the_process(pyrometer, sleeper, number):
    _, _, process = attach_ready(pyrometer, sleeper.pid, quiet=False)
    time.sleep(0.3)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert b"pyrometer report a.pyro" in err and err.count(b"\n") == 1
    assert sleeper.poll() is None and state(sleeper.pid) in "SR"


def test_attach_for_a_duration(pyrometer, sleeper):
    done = pyrometer("attach", "--duration", "300ms", str(sleeper.pid))
    assert done.returncode == 0, done.stderr
    assert [p.name for p in pyrometer.directory.glob("*.pyro")] == [f"pyrometer-code-{sleeper.pid}.pyro"]


def attach_ready(pyrometer, pid, *options, quiet=True):
    """What attach writes to its --ready-fd until that is closed, how long that took, and the process."""
    ready, tell = os.pipe()
    begun = time.monotonic()
    process = pyrometer.start("attach", *["-q"][:quiet], "-o", "a.pyro", "--force", "--ready-fd", str(tell), *options, str(pid),
                              pass_fds=[tell])
    os.close(tell)
    with os.fdopen(ready) as lines:
        said = lines.read()
    return said, time.monotonic() - begun, process


@pytest.mark.parametrize("options", [[], ["-r", "0"], ["-r", "0.1"], ["--no-stop"], ["--no-stop", "-r", "max"]])
def test_attach_says_when_it_is_ready(pyrometer, sleeper, options):
    said, took_s, process = attach_ready(pyrometer, sleeper.pid, *options)
    assert process.poll() is None and took_s < 5
    assert said == f"ready {sleeper.pid}\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_attach_that_fails_is_never_ready(pyrometer):
    said, _, process = attach_ready(pyrometer, os.getpid(), "-o", "no-such/a.pyro")
    assert said == "" and process.wait(20) == 1
    done = pyrometer("attach", "--ready-fd", "77", "1")
    assert done.returncode == 2 and b"--ready-fd" in done.stderr


def test_samples_begin_when_it_is_ready(pyrometer):
    code = ("import sys, time\nprint('up', flush=True)\nsys.stdin.readline()\n"
            "def wanted():\n    end = time.monotonic() + 0.3\n    while time.monotonic() < end: pass\n"
            "begun = time.monotonic()\nwanted()\nprint(time.monotonic() - begun)")
    target = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    target.stdout.readline()
    said, _, process = attach_ready(pyrometer, target.pid)
    took_s = float(target.communicate(b"go\n", timeout=20)[0])
    assert said and process.wait(20) == 0
    report = json.loads(pyrometer("report", "--json", "a.pyro").stdout)
    (row,) = [row for row in report["functions"] if row["name"] == "wanted"]
    unknown_s = 3 * row["total_error_s"] + report["quality"]["unobserved_s"]  # 0 if there was a CPU for every sample
    assert row["total_s"] == pytest.approx(took_s, abs=0.02 + unknown_s)


def test_attach_again_does_not_overwrite(pyrometer, sleeper):
    assert pyrometer("attach", "-q", "--duration", "100ms", "-o", "a.pyro", str(sleeper.pid)).returncode == 0
    done = pyrometer("attach", "-q", "--duration", "100ms", "-o", "a.pyro", str(sleeper.pid))
    assert done.returncode == 1 and b"--force" in done.stderr


def test_progress_only_on_a_terminal(pyrometer, sleeper):
    terminal = Terminal(pyrometer, "attach", "--duration", "1.5s", "-o", "a.pyro", str(sleeper.pid))
    assert "unresolved" in terminal.read()
    done = pyrometer("attach", "--duration", "1.5s", "-o", "b.pyro", str(sleeper.pid))
    assert b"\r" not in done.stderr and b"Ctrl-C" not in done.stderr


def test_top_shows_and_ends(pyrometer, sleeper, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TMPDIR", str(pyrometer.directory))
    terminal = Terminal(pyrometer, "top", "--interval", "200ms", str(sleeper.pid))
    terminal.read(b"samples")
    terminal.type(b"q")
    assert "ended 0" in terminal.read()
    assert not list(pyrometer.directory.iterdir())
    assert sleeper.poll() is None


# Which of its functions runs is told it by lines of its input.
TURNS = """
import sys, threading
turns = 0
def listen():
    global turns
    for line in sys.stdin: turns += 1
def ABCDEFGH():
    while turns == 0: pass
def zyxwvuts():
    while turns == 1: pass
def MNOPQRST():
    while turns == 2: pass
def lkjihgfe():
    while turns == 3: pass
threading.Thread(target=listen, daemon=True).start()
print('up', flush=True)
for function in ABCDEFGH, zyxwvuts, MNOPQRST, lkjihgfe: function()
"""


def turn_to(program, terminal, name):
    """How long it takes until a function is shown that begins to run when something has just been drawn."""
    terminal.drain()
    os.read(terminal.master, 4096)
    program.stdin.write(b"\n")
    program.stdin.flush()
    turned = time.monotonic()
    terminal.read(name)
    return time.monotonic() - turned


def test_top_shows_what_is_new_within_a_second_and_forgets_what_is_old(pyrometer, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    folder = tempfile.mkdtemp(dir="/tmp")  # it has to be short
    monkeypatch.setenv("TMPDIR", folder)
    program = subprocess.Popen([sys.executable, "-c", TURNS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        program.stdout.readline()
        terminal = Terminal(pyrometer, "top", "--window", "2", str(program.pid))
        terminal.read(b"ABCDEFGH")
        # At the next drawing, a second later, and what drawing and reading take: on a busy machine not each time.
        took = [turn_to(program, terminal, name) for name in (b"zyxwvuts", b"MNOPQRST", b"lkjihgfe")]
        assert min(took) < 1.3, took
        terminal.shown(lambda text: not re.search("ABCDEFGH|zyxwvuts|MNOPQRST", functions_of(text)))
        (file,) = pathlib.Path(folder).glob("*/top.pyro")
        assert file.stat().st_blocks * 512 < 64 << 10
        terminal.type(b"a")
        terminal.shown(lambda text: "ABCDEFGH" in functions_of(text))  # gone from the window, but all of it is still known
        terminal.type(b"q")
        assert "ended 0" in terminal.read()
    finally:
        program.kill()
        program.wait()
    os.rmdir(folder)  # nothing is left in it


CALLS = """
import time
def innermost(end):
    while time.monotonic() < end: pass
def outermost():
    for _ in range(600): innermost(time.monotonic() + 0.1)
print('up', flush=True)
outermost()
"""


def functions_of(shown):
    return shown.partition("Hottest functions")[2].partition("Hottest lines")[0]


def test_top_sorts_filters_and_pauses(pyrometer, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TMPDIR", str(pyrometer.directory))
    program = subprocess.Popen([sys.executable, "-c", CALLS], stdout=subprocess.PIPE)
    try:
        program.stdout.readline()
        terminal = Terminal(pyrometer, "top", "--interval", "200ms", str(program.pid))
        terminal.read(b"innermost")
        shown = terminal.shown(lambda text: "by self" in text and re.search(r" [1-9][0-9]* MiB resident", text))
        assert "innermost" in functions_of(shown) and "<module>" not in functions_of(shown)  # it only waits for others
        terminal.type(b"s")
        terminal.shown(lambda text: "by total" in text and "<module>" in functions_of(text))
        terminal.type(b"/OUTERM\r")
        shown = terminal.shown(lambda text: "only OUTERM" in text and "outermost" in functions_of(text))
        assert "innermost" not in functions_of(shown)
        terminal.type(b"p")
        paused = terminal.shown(lambda text: "(paused)" in text)
        time.sleep(0.5)
        again = terminal.repaint()
        head = re.compile(r"Hottest functions: [0-9.]+ s")
        assert "(paused)" in again and head.search(paused).group() == head.search(again).group()
        terminal.type(b"p/\x1bq")
        assert "ended 0" in terminal.read()
    finally:
        program.kill()
        program.wait()


def test_top_of_a_command_ends_it_even_if_it_will_not(pyrometer, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TMPDIR", str(pyrometer.directory))
    code = ("import os, signal, time; signal.signal(15, signal.SIG_IGN); open('pid', 'w').write(str(os.getpid()))\n"
            "print('not on the screen', flush=True)\nwhile True: time.sleep(1)")
    terminal = Terminal(pyrometer, "top", "--interval", "200ms", "--", sys.executable, "-c", code)
    terminal.read(b"samples")
    wait_for(lambda: (pyrometer.directory / "pid").exists() and (pyrometer.directory / "pid").read_text())
    terminal.type(b"q")
    text = terminal.read()
    assert "ended 0" in text and "not on the screen" not in text
    with pytest.raises(ProcessLookupError):
        os.kill(int((pyrometer.directory / "pid").read_text()), 0)
