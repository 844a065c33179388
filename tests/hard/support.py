"""Starting programs in hostile circumstances, and asking the kernel how they fare."""
import contextlib
import functools
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import pythons  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("PYROMETER", str(ROOT / "build" / "pyrometer"))
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
SOAK = bool(os.environ.get("PYR_SOAK"))
PATIENCE_S = 30
ENVIRONMENT = pythons.clean_environment()


@functools.lru_cache(maxsize=None)
def local_pythons():
    """Those that start without chroot, oldest first."""
    return [each for each in pythons.discover() if each.root == "/" and not each.free_threaded]


def newest():
    return local_pythons()[-1].executable


def other():
    """A Python of another version than the newest; None if there is but one."""
    return next((each.executable for each in local_pythons() if each.info[:2] != local_pythons()[-1].info[:2]), None)


def wait_for(condition, what, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: did not happen in {seconds} s"
        time.sleep(0.005)


def stat_of(pid, tid=None):
    """(state, parent) of a process or a thread; ("X", 0) if it is gone."""
    path = f"/proc/{pid}/task/{tid}/stat" if tid else f"/proc/{pid}/stat"
    try:
        with open(path, errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    return words[0], int(words[1])


def is_over(pid):
    return stat_of(pid)[0] in "XZ"


def threads(pid):
    try:
        return [int(tid) for tid in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []


def held(pid):
    """The threads of a process that are stopped or traced, as text; empty if it is free."""
    found = []
    for tid in threads(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/task/{tid}/status", errors="replace") as file:
                fields = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
            if fields["TracerPid"] != "0" or fields["State"][0] in "tT":
                found.append(f"{tid}: {fields['State']}, tracer {fields['TracerPid']}")
    return found


def assert_free(pid):
    """Nobody traces it and it is not stopped. The kernel needs a moment to undo what a killed tracer did."""
    deadline = time.monotonic() + 2
    while held(pid) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not held(pid)


def spawn(command, **options):
    """A process of its own session, with pipes."""
    for stream in ("stdin", "stdout", "stderr"):
        options.setdefault(stream, subprocess.PIPE)
    options.setdefault("env", ENVIRONMENT)
    return subprocess.Popen([os.fsencode(word) if isinstance(word, pathlib.Path) else word for word in command],
                            start_new_session=True, **options)


def read_line(process, seconds=PATIENCE_S):
    """The next line of its standard output, read byte by byte so that nothing is taken in advance."""
    line, due = b"", time.monotonic() + seconds
    while not line.endswith(b"\n"):
        ready = select.select([process.stdout], [], [], max(0, due - time.monotonic()))[0]
        byte = os.read(process.stdout.fileno(), 1) if ready else b""
        assert byte, f"no line came, but {line!r}; it said {end(process)}"
        line += byte
    return line.decode(errors="replace").strip()


def end(process):
    """Kills the session that `spawn` made; what it said on stderr."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    try:
        return process.communicate(timeout=PATIENCE_S)[1]
    except ValueError:
        return b""


def one_line(text):
    """The error message, which has to be one sentence in one line."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    lines = text.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("pyrometer: ") and len(lines[0]) < 600, text
    return lines[0]


class Tool:
    """The program in a directory of its own."""

    binary = BINARY

    def __init__(self, directory):
        self.directory = directory
        self.started = []

    def __call__(self, *words, status=0, timeout=60, prefix=(), **options):
        options.setdefault("env", ENVIRONMENT)
        done = subprocess.run([*prefix, BINARY, *words], cwd=self.directory, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=timeout, **options)
        assert status is None or done.returncode == status, f"{words}: {done.returncode}: {done.stderr.decode()}"
        return done

    def start(self, *words, **options):
        self.started.append(spawn([BINARY, *words], cwd=self.directory, **options))
        return self.started[-1]

    def begin(self, command, **options):
        """A program that is not ours, up to its first line."""
        self.started.append(spawn(command, cwd=self.directory, **options))
        self.started[-1].first = read_line(self.started[-1])
        return self.started[-1]

    def python(self, code, *words, executable=None, prefix=(), **options):
        """`code` under a Python, up to the first line that it prints."""
        return self.begin([*prefix, executable or newest(), "-u", "-c", code, *words], **options)

    def report(self, file="r.pyro"):
        return json.loads(self("report", file, "--json").stdout)

    def end_all(self):
        for process in self.started:
            end(process)


def samples_of(report):
    """{pid: samples of all its threads}"""
    return {process["pid"]: sum(thread["samples"] for thread in process["threads"]) for process in report["processes"]}


def functions_of(report):
    return {function["name"] for function in report["functions"]}
