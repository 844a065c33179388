"""Where the recording cannot go, or cannot stay: told in one line, and the program is not hurt."""
import contextlib
import os
import socket
import stat
import subprocess
import time

import pytest

from .support import assert_free, end, is_over, newest, one_line, samples_of, wait_for

SLEEPER = "import time\nprint('READY', flush=True)\nwhile True: time.sleep(0.001)"
# A new function each time: the recording grows.
GROWING = """
import itertools, time
print("READY", flush=True)
for number in itertools.count():
    space = {}
    exec(f"def f{number}_{'x' * 200}(n):\\n    end = time.monotonic() + 0.002\\n    while time.monotonic() < end: n += 1", space)
    space["time"] = time
    for value in list(space.values()):
        if callable(value): value(0)
"""
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 KiB, as root in a mount of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "pyr-small", folder], capture_output=True)
    if done.returncode:
        pytest.skip("may not mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@root
def test_disk_full_while_attached(tool, small_disk):
    program = tool.python(GROWING)
    done = tool("attach", "-r", "max", "--duration", "20s", "-o", small_disk / "r.pyro", str(program.pid), status=1)
    line = one_line(done.stderr)
    assert "No space left" in line and "r.pyro" in line
    assert_free(program.pid)
    assert program.poll() is None
    assert samples_of(tool.report(small_disk / "r.pyro"))[program.pid] > 0


@root
def test_disk_full_while_run(tool, small_disk):
    """The program runs on to its own end and status."""
    code = GROWING.replace("itertools.count()", "range(2500)") + "\nraise SystemExit(7)"
    done = tool("run", "-q", "-r", "max", "-o", small_disk / "r.pyro", "--python", newest(), "-c", code, status=7)
    assert done.stdout == b"READY\n"
    assert "No space left" in one_line(done.stderr)
    assert sum(samples_of(tool.report(small_disk / "r.pyro")).values()) > 0


@root
def test_disk_full_from_the_start(tool, small_disk):
    with contextlib.suppress(OSError), open(small_disk / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)
    done = tool("run", "-q", "-o", small_disk / "r.pyro", "--python", newest(), "-c", "print('ran')", status=None)
    assert "No space left" in one_line(done.stderr)
    assert (done.returncode, done.stdout) in [(1, b""), (0, b"ran\n")]


@root
def test_disk_full_for_a_report(tool, small_disk):
    tool("run", "-q", "-o", "r.pyro", "--python", newest(), "-c", GROWING.replace("itertools.count()", "range(300)"))
    done = tool("report", "r.pyro", "-f", "json", "-o", small_disk / "r.json", status=1)
    assert "No space left" in one_line(done.stderr)


def test_full_device(tool):
    done = tool("run", "-q", "--force", "-o", "/dev/full", "--python", newest(), "-c", "print('ran')", status=None)
    assert "No space left" in one_line(done.stderr)
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_report_to_a_full_stdout(tool):
    tool("run", "-q", "-o", "r.pyro", "--python", newest(), "-c", "pass")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([tool.binary, "report", "r.pyro"], cwd=tool.directory, stdout=full,
                              stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert "No space left" in one_line(done.stderr)


@root
def test_read_only_file_system(tool, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = tool("run", "-o", small_disk / "r.pyro", "--python", newest(), "-c", "print('ran')", status=1)
    assert "Read-only file system" in one_line(done.stderr) and done.stdout == b""


@pytest.mark.parametrize("path, why", [("missing/r.pyro", "No such file or directory"), ("file/r.pyro", "Not a directory"),
                                       (".", "is a directory"), ("x" * 300, "File name too long")])
def test_path_that_cannot_be(tool, path, why):
    """Then the program is not begun."""
    (tool.directory / "file").touch()
    done = tool("run", "--force", "-o", path, "--python", newest(), "-c", "print('ran')", status=None)
    assert done.returncode in (1, 2) and done.stdout == b""
    assert why in done.stderr.decode()
    sleeper = tool.python(SLEEPER)
    done = tool("attach", "--force", "-o", path, "--duration", "1s", str(sleeper.pid), status=None)
    assert done.returncode in (1, 2) and why in done.stderr.decode()
    assert_free(sleeper.pid)


@pytest.mark.parametrize("what", ["file", "link to nowhere", "directory"])
def test_what_exists_stays(tool, what):
    path = tool.directory / "r.pyro"
    if what == "file":
        path.write_bytes(b"precious")
    elif what == "directory":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    done = tool("run", "-o", "r.pyro", "--python", newest(), "-c", "print('ran')", status=1)
    one_line(done.stderr)
    assert done.stdout == b""
    sleeper = tool.python(SLEEPER)
    one_line(tool("attach", "-o", "r.pyro", "--duration", "1s", str(sleeper.pid), status=1).stderr)
    assert what != "file" or path.read_bytes() == b"precious"
    assert not (tool.directory / "nowhere").exists()


def test_forced_onto_what_cannot_be_profiled_keeps_it(tool):
    """A failed attempt must not cost the earlier recording."""
    path = tool.directory / "r.pyro"
    path.write_bytes(b"precious")
    cat = tool.start("attach", "1073741823")
    end(cat)
    one_line(tool("attach", "--force", "-o", "r.pyro", "1073741823", status=1).stderr)
    assert path.read_bytes() == b"precious"
    done = tool("run", "--force", "-o", "r.pyro", "./no-such-command", status=127)
    one_line(done.stderr)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("what", ["pipe", "pipe with a reader", "socket", "terminal", "stdout that is a pipe",
                                  "stdout that is a file", "stderr that is a file"])
def test_what_is_no_file_is_refused(tool, what):
    """Its reader could have us wait for ever. The program is not begun."""
    path, keeper, options = tool.directory / "out", None, {}
    if "stdout" in what or "stderr" in what:
        path = f"/dev/{what.split()[0]}"
    elif "pipe" in what:
        os.mkfifo(path)
        keeper = os.open(path, os.O_RDWR) if "reader" in what else None
    elif what == "socket":
        folder = os.open(tool.directory, os.O_PATH)  # a socket's path has to be short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{folder}/out")
        os.close(folder)
    else:
        keeper, other = os.openpty()
        path = os.ttyname(other)
    for force in (["--force"], []):
        running = [tool.binary, "run", *force, "-o", path, "--python", newest(), "-c", "open('ran', 'w')"]
        with open(tool.directory / "stream", "w") as stream:
            if what.endswith("a file"):
                options = {what.split()[0]: stream}
            done = subprocess.run(running, cwd=tool.directory, timeout=20,
                                  **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})
        line = done.stderr if done.stderr is not None else (tool.directory / "stream").read_bytes()
        assert done.returncode == 1 and str(path) in one_line(line)
        assert not (tool.directory / "ran").exists()
    if keeper is not None:
        os.close(keeper)


def test_null_device(tool):
    """It takes anything, needs no --force, and stays."""
    done = tool("run", "-q", "-o", "/dev/null", "--python", newest(), "-c", "print('ran')")
    assert done.stdout == b"ran\n" and done.stderr == b""
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_devices_are_never_removed(tool):
    """Not even when nothing comes of the recording."""
    script = tool.directory / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    device = tool.directory / "null"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("may not make a device")
    one_line(tool("run", "--force", "-o", device, "./script", status=127).stderr)
    assert stat.S_ISCHR(device.lstat().st_mode)


def test_file_size_limit(tool):
    """RLIMIT_FSIZE sends SIGXFSZ; that would kill us in mid-recording."""
    program = tool.python(GROWING)
    done = tool("attach", "-r", "max", "--duration", "20s", "-o", "r.pyro", str(program.pid), status=1,
                prefix=["prlimit", "--fsize=16000"])
    assert "too large" in one_line(done.stderr)
    assert samples_of(tool.report())[program.pid] > 0
    assert_free(program.pid)


def test_directory_removed_meanwhile(tool):
    """The file has no name any more; nothing fails, nothing else is written."""
    folder = tool.directory / "gone"
    folder.mkdir()
    program = tool.python(SLEEPER)
    attached = tool.start("attach", "-q", "--duration", "1s", "-o", "gone/r.pyro", str(program.pid))
    wait_for((folder / "r.pyro").exists, "the recording is begun")
    (folder / "r.pyro").unlink()
    folder.rmdir()
    assert attached.wait(20) == 0
    assert not is_over(program.pid)


def test_two_recordings_into_one_file(tool):
    first, second = tool.python(SLEEPER), tool.python(SLEEPER)
    attached = tool.start("attach", "-q", "--force", "-o", "r.pyro", str(first.pid))
    wait_for((tool.directory / "r.pyro").exists, "the recording is begun")
    done = tool("attach", "--force", "--duration", "1s", "-o", "r.pyro", str(second.pid), status=1)
    assert "r.pyro" in one_line(done.stderr)
    assert attached.poll() is None
    attached.terminate()
    assert attached.wait(20) == 0
    assert list(samples_of(tool.report())) == [first.pid]
