"""Limits, permissions, namespaces, odd names, damaged executables."""
import os
import pathlib
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

import pytest

from .support import (BINARY, ENVIRONMENT, SOAK, assert_free, functions_of, local_pythons, newest, one_line,
                      samples_of, stat_of, threads, wait_for)

BUSY = """
import time
def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
"""
GO_ON = BUSY + "print('READY', flush=True)\nwhile True: busy(0.01)"
THREADS = """
import sys, threading, time
threading.stack_size(65536)
event = threading.Event()
def rest(): event.wait()
for number in range(int(sys.argv[1])): threading.Thread(target=rest, daemon=True).start()
print("READY", flush=True)
def busy():
    end = time.monotonic() + 0.01
    while time.monotonic() < end: pass
while True: busy()
"""
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
MOST_FILES = min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
SYSTEM = shutil.which("python3", path="/usr/bin")


def attach(tool, pid, *options, duration="600ms", **more):
    return tool("attach", "-q", "--force", "--duration", duration, "-o", "r.pyro", *options, str(pid), **more)


# ---- limits ----

@pytest.mark.parametrize("count", [1000, 10000 if SOAK else 3000])
def test_threads_that_rest(tool, count):
    """All of them are known, and the one that works is seen working."""
    try:
        program = tool.python(THREADS, str(count))
    except AssertionError:
        pytest.skip(f"{count} threads cannot be started here")
    attach(tool, program.pid, duration="1s" if count < 2000 else "3s")
    report = tool.report()
    (process,) = report["processes"]
    assert len(process["threads"]) == count + 1
    assert "busy" in functions_of(report) and "rest" in functions_of(report)
    assert_free(program.pid)


@root
@pytest.mark.skipif(MOST_FILES < 1200, reason="too few descriptors")
def test_threads_that_rest_cost_little(tool):
    """Of a thousand threads none is looked at while the kernel's figures of the process prove that none of them ran."""
    program = tool.python(THREADS, "1000")
    used = {}
    for seconds in (2, 8):
        attach(tool, program.pid, "-r", "100", "--truth", "exact", duration=f"{seconds}s")
        quality = tool.report()["quality"]
        used[seconds] = quality["own_cpu_s"], quality["ticks_exact"]
    cpu, ticks = (after - before for before, after in zip(used[2], used[8]))
    assert ticks > 100
    assert cpu / ticks < 0.5 * look_at_each(program.pid)  # it was 0.2 of that; and 1.4 when it looked at each


def look_at_each(pid):
    """Seconds of CPU that reading what the kernel counts of each thread takes here."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, before[1]))
    files = [os.open(f"/proc/{pid}/task/{tid}/schedstat", os.O_RDONLY) for tid in threads(pid)]
    used = []
    for _ in range(20):
        begun = time.thread_time()
        for file in files:
            os.pread(file, 100, 0)
        used.append(time.thread_time() - begun)
    for file in files:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    return statistics.median(used)


def test_dump_of_thousand_threads(tool):
    program = tool.python(THREADS, "1000")
    assert tool("dump", "--json", str(program.pid)).stdout.count(b'"native_id"') == 1001


def test_few_descriptors(tool):
    """pyrometer's own limit: it asks for what it may have."""
    program = tool.python(THREADS, "200")
    attach(tool, program.pid, prefix=["prlimit", f"--nofile=64:{MOST_FILES}"])
    assert len(tool.report()["processes"][0]["threads"]) == 201


@pytest.mark.parametrize("limit, count", [(64, 200), (256, 600)])
def test_too_few_descriptors(tool, limit, count):
    """Fewer than threads: what has no descriptor of its own is read all the same."""
    program = tool.python(THREADS, str(count))
    done = attach(tool, program.pid, "-r", "100", prefix=["prlimit", f"--nofile={limit}:{limit}"], duration="3s")
    assert done.stderr == b""
    report = tool.report()
    known = report["processes"][0]["threads"]
    assert len(known) == count + 1
    able = sum(thread["on_cpu"] + thread["waiting_for_cpu"] for thread in known)
    assert able > 0.7 * max(thread["samples"] for thread in known)
    assert "busy" in functions_of(report)
    assert_free(program.pid)


@pytest.mark.parametrize("count", [4, 8, 12])
def test_hardly_any_descriptors(tool, count):
    program = tool.python(GO_ON)
    done = attach(tool, program.pid, prefix=["prlimit", f"--nofile={count}:{count}"], status=None)
    assert done.returncode in (0, 1)
    if done.returncode:
        one_line(done.stderr)
    assert_free(program.pid)


def test_program_keeps_its_own_limits(tool):
    """What pyrometer raises for itself is not handed on."""
    code = "import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    done = tool("run", "-q", "-o", "r.pyro", "--python", newest(), "-c", code, prefix=["prlimit", f"--nofile=64:{MOST_FILES}"])
    assert done.stdout == b"64 %d\n" % MOST_FILES


@pytest.mark.parametrize("megabytes", [4, 8, 16, 24, 32, 64, 128])
def test_little_memory(tool, megabytes):
    """An allocation that fails is told, and hurts nobody."""
    program = tool.python(GO_ON)
    done = attach(tool, program.pid, prefix=["prlimit", f"--as={megabytes << 20}"], status=None)
    if done.returncode:
        # Below some size the loader of shared libraries itself gives up, with 127.
        assert done.returncode in (1, 127), done.stderr
        assert done.returncode == 127 or one_line(done.stderr)
    else:
        assert samples_of(tool.report())[program.pid] > 0
    assert_free(program.pid)


def test_no_more_processes(tool):
    if os.geteuid() != 0:
        pytest.skip("needs another user")
    done = tool("run", "-o", "/dev/null", "--force", "--python", SYSTEM, "-c", "print('ran')", status=None,
                prefix=[*NOBODY, "prlimit", "--nproc=1"])
    assert done.returncode == 1 and done.stdout == b""
    one_line(done.stderr)


# ---- names ----

def test_long_command_line(tool):
    program = tool.python(GO_ON, "x" * 8192, "y" * 8192)
    attach(tool, program.pid)
    assert samples_of(tool.report())[program.pid] > 0
    done = tool("run", "-q", "--force", "-o", "r.pyro", "--python", newest(), "-c",
                "import sys; print(len(sys.argv[1]))", "z" * 8192)
    assert done.stdout == b"8192\n"


@pytest.mark.parametrize("name", [b"\xff\xfe\x80.py", b"new\nline.py", b"\x1b[31mred.py", "日本語.py".encode(),
                                  b"quote\"'$(x).py", b"\xed\xa0\x80.py", b" .py"])
def test_names_of_any_bytes(tool, name):
    """In reports of every format, which stay well-formed; and in the default name of the recording."""
    script = os.path.join(os.fsencode(tool.directory), name)
    with open(script, "w") as file:
        file.write(BUSY + "busy(0.3)")
    tool("run", "-q", "-o", "r.pyro", "--python", newest(), script)
    assert "busy" in functions_of(tool.report())
    for kind in ("text", "lines", "tree", "collapsed", "speedscope", "chrome"):
        shown = tool("report", "r.pyro", "-f", kind).stdout
        assert b"\x1b" not in shown
        if kind in ("speedscope", "chrome"):
            shown.decode()
        if kind == "lines" and b"\n" not in name:
            assert b"def busy" in shown
    tool("run", "-q", "--python", newest(), script)
    (made,) = set(os.listdir(os.fsencode(tool.directory))) - {b"r.pyro", name, b"__pycache__"}
    assert made.startswith(b"pyrometer-") and made.endswith(b".pyro")
    assert not any(byte < 0x20 for byte in made)


def test_strange_process_and_thread_names(tool):
    program = tool.python(BUSY + """
import ctypes, threading
ctypes.CDLL(None).prctl(15, b"a) R 1 (\\n\\xff")
thread = threading.Thread(target=busy, args=(30,), name="\\ud800\\x1b[31m\\n;" * 50)
thread.start()
print("READY", flush=True)
""")
    attach(tool, program.pid)
    assert "busy" in functions_of(tool.report())
    for words in (("dump", str(program.pid)), ("report", "r.pyro")):
        assert b"\x1b" not in tool(*words).stdout


# ---- executables ----

def copy_of_python(folder):
    """A Python that can be damaged: a copy of the executable alone."""
    source = next((each for each in local_pythons() if each.origin == "system"), None)
    if not source:
        pytest.skip("needs a Python that stands alone")
    copy = pathlib.Path(folder) / "python-copy"
    shutil.copy(source.executable, copy)
    return copy


@pytest.mark.parametrize("damage", ["removed", "replaced", "emptied"])
def test_executable_is_gone(tool, damage):
    """An upgrade while it runs: what is in memory counts, not what lies on the disk now."""
    copy = copy_of_python(tool.directory)
    program = tool.python(GO_ON, executable=str(copy), env={**ENVIRONMENT, "PYTHONHOME": "/usr"})
    copy.unlink()
    if damage == "replaced":
        shutil.copy("/bin/true", copy)
    elif damage == "emptied":
        copy.touch()
    attach(tool, program.pid)
    assert "busy" in functions_of(tool.report())
    assert b"busy" in tool("dump", str(program.pid)).stdout


def test_library_is_gone(tool):
    source = next((each for each in local_pythons() if each.origin == "pyenv"), None)
    library = source and next(pathlib.Path(source.executable).parents[1].glob("lib/libpython3.*.so.1.0"), None)
    if not library:
        pytest.skip("needs a Python with a shared library")
    folder = tool.directory / "lib"
    folder.mkdir()
    shutil.copy(library, folder)
    env = {**ENVIRONMENT, "LD_LIBRARY_PATH": str(folder)}
    program = tool.python(GO_ON, executable=source.executable, env=env)
    assert str(folder) in pathlib.Path(f"/proc/{program.pid}/maps").read_text()
    shutil.rmtree(folder)
    attach(tool, program.pid)
    assert "busy" in functions_of(tool.report())


@pytest.mark.parametrize("command", ["attach", "dump"])
@pytest.mark.parametrize("program", [["sleep", "60"], ["sh", "-c", "sleep 60; true"], ["perl", "-e", "sleep 60"]],
                         ids=["sleep", "sh", "perl"])
def test_not_python(tool, command, program):
    if not shutil.which(program[0]):
        pytest.skip("not there")
    started = subprocess.Popen(program)
    try:
        done = tool(command, str(started.pid), status=1, timeout=20)
        assert "Python" in one_line(done.stderr)
        assert not list(tool.directory.glob("*.pyro"))
        assert_free(started.pid)
    finally:
        started.kill()
        started.wait()


def test_calls_itself_python_but_is_none(tool):
    fake = tool.directory / "python3.12"
    shutil.copy("/bin/sleep", fake)
    started = tool.begin(["sh", "-c", f"echo READY; exec {fake} 60"])
    assert "Python" in one_line(tool("dump", str(started.pid), status=1, timeout=20).stderr)


# ---- permissions ----

def as_nobody(tool, code):
    return tool.python(code, executable=SYSTEM, prefix=NOBODY)


@pytest.fixture
def others(tmp_path):
    """A directory for another user, and pyrometer where that user can execute it."""
    folder = pathlib.Path(subprocess.run(["mktemp", "-d", "/tmp/pyr-hard-XXXXXX"], capture_output=True, text=True,
                                         check=True).stdout.strip())
    binary = pathlib.Path(os.path.realpath(BINARY))
    shutil.copy(binary, folder / "pyrometer")
    shutil.copy(binary.parents[2] / "agent" / "libpyrometer-agent.so", folder)
    os.chown(folder, 65534, 65534)
    yield folder
    shutil.rmtree(folder)


def nobody_does(others, *words):
    return subprocess.run([*NOBODY, others / "pyrometer", *words], cwd=others, env={**ENVIRONMENT, "TMPDIR": str(others)},
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


@root
def test_root_attaches_to_another_user(tool):
    program = as_nobody(tool, GO_ON)
    attach(tool, program.pid)
    assert "busy" in functions_of(tool.report())
    assert_free(program.pid)


@root
@pytest.mark.parametrize("command", ["attach", "dump"])
def test_another_user_may_not(tool, others, command):
    program = tool.python(GO_ON)
    done = nobody_does(others, command, str(program.pid))
    assert done.returncode == 1
    assert "root" in one_line(done.stderr)
    assert not list(others.glob("*.pyro"))


@root
@pytest.mark.parametrize("truth", ["auto", "no-stop", "stop"])
def test_ordinary_user_runs(tool, others, truth):
    done = nobody_does(others, "run", "-q", "--truth", truth, "-o", "r.pyro", "--python", SYSTEM, "-c",
                       BUSY + "busy(0.4); raise SystemExit(3)")
    assert done.returncode == 3, done.stderr
    report = tool.report(others / "r.pyro")
    assert sum(samples_of(report).values()) > 0
    assert truth == "no-stop" or "busy" in functions_of(report)


@pytest.mark.parametrize("command", ["attach", "dump"])
def test_what_is_no_process_to_read(tool, command):
    """Each is refused with its own reason."""
    program = tool.python("import threading\nthreading.Thread(target=lambda: threading.Event().wait(), daemon=True).start()\n"
                          + GO_ON)
    thread, = [tid for tid in threads(program.pid) if tid != program.pid]
    zombie = subprocess.Popen(["true"])
    wait_for(lambda: stat_of(zombie.pid)[0] == "Z", "the zombie")
    for number, status, why in [(thread, 1, f"{thread} is a thread of process {program.pid}"),
                                (zombie.pid, 1, "has ended"), (4194305, 1, "there is no process 4194305"),
                                (0, 2, "is not the number of a process"), (-5, 2, "-5"), (2 ** 40, 2, "is not the number")]:
        assert why in one_line(tool(command, str(number), status=status).stderr)
    zombie.wait()
    if stat_of(2)[1] == 0:
        assert "thread of the kernel" in one_line(tool(command, "2", status=1).stderr)


@root
@pytest.mark.parametrize("prefix, why", [(["unshare", "-U", "-r"], "another user namespace"),
                                         (["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-all"],
                                          "CAP_SYS_PTRACE is missing")])
def test_root_without_the_right(tool, others, prefix, why):
    """The reason that is given is the one that holds."""
    program = tool.python(NOT_DUMPABLE + GO_ON)
    os.chmod(others, 0o755)
    done = subprocess.run([*prefix, others / "pyrometer", "attach", "-o", tool.directory / "r.pyro", str(program.pid)],
                          capture_output=True, timeout=60)
    if not done.stderr.startswith(b"pyrometer: "):
        pytest.skip(f"{prefix[0]} does not work here")
    assert done.returncode == 1 and why in one_line(done.stderr)
    assert not (tool.directory / "r.pyro").exists()


NOT_DUMPABLE = "import ctypes\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"


@root
def test_not_dumpable_seen_by_root(tool):
    program = tool.python(NOT_DUMPABLE + GO_ON)
    attach(tool, program.pid)
    assert "busy" in functions_of(tool.report())


@root
@pytest.mark.parametrize("command", ["attach", "dump"])
def test_not_dumpable_refused_to_others(tool, others, command):
    program = as_nobody(tool, NOT_DUMPABLE + GO_ON)
    done = nobody_does(others, command, str(program.pid))
    assert done.returncode == 1
    assert "root" in one_line(done.stderr)


@root
def test_becomes_not_dumpable_while_run(tool, others):
    """The program's own end and status come through; what was seen before is kept."""
    done = nobody_does(others, "run", "-o", "r.pyro", "--python", SYSTEM, "-c",
                       BUSY + "busy(0.5)\n" + NOT_DUMPABLE + "busy(0.4); print('ran'); raise SystemExit(4)")
    assert (done.returncode, done.stdout) == (4, b"ran\n")
    problem, summary = done.stderr.decode().splitlines()
    assert "does not let itself be read any more" in problem and "samples of Python" in summary
    assert "busy" in functions_of(tool.report(others / "r.pyro"))


@root
def test_child_becomes_not_dumpable(tool, others):
    """One process that hides itself does not end the profiling of the others."""
    code = BUSY + ("import os\npid = os.fork()\nif pid == 0:\n    busy(0.3)\n    import ctypes\n"
                   "    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n    busy(0.3)\n    os._exit(0)\n"
                   "def after():\n    busy(0.5)\nbusy(0.7)\nafter()\nos.waitpid(pid, 0)")
    done = nobody_does(others, "run", "-q", "-o", "r.pyro", "--python", SYSTEM, "-c", code)
    assert done.returncode == 0, done.stderr
    assert "does not let itself be read any more" in one_line(done.stderr)
    assert "after" in functions_of(tool.report(others / "r.pyro"))


# ---- namespaces ----

def unshared(tool, code, *words, options=("--pid", "--fork", "--mount-proc")):
    return tool.python(code, *words, executable=SYSTEM, prefix=["unshare", *options])


@root
def test_own_pid_namespace(tool):
    """Threads have other numbers there."""
    code = BUSY + ("import threading\nthreads = [threading.Thread(target=busy, args=(60,)) for _ in range(3)]\n"
                   "for thread in threads: thread.start()\nprint('READY', flush=True)\nthreads[0].join()")
    try:
        program = unshared(tool, code)
    except AssertionError:
        pytest.skip("may not unshare")
    with open(f"/proc/{program.pid}/task/{program.pid}/children") as file:
        (pid,) = map(int, file.read().split())
    attach(tool, pid, duration="1s")
    (process,) = tool.report()["processes"]
    assert process["pid"] == pid
    assert len([thread for thread in process["threads"] if thread["samples"] > 20]) == 4
    assert tool("dump", str(pid)).stdout.count(b"busy") >= 3
    assert_free(pid)


@root
@pytest.mark.parametrize("options", [("--mount",), ("--user", "--map-root-user"), ("--net", "--ipc", "--uts"),
                                     ("--pid", "--mount", "--fork")], ids=" ".join)
def test_run_in_namespaces(tool, options):
    done = tool("run", "-q", "-o", "r.pyro", "--", "unshare", *options, SYSTEM, "-c", BUSY + "busy(0.5); raise SystemExit(3)",
                status=None)
    if b"unshare" in done.stderr:
        pytest.skip("may not unshare")
    assert done.returncode == 3
    assert "busy" in functions_of(tool.report())


@root
def test_pyrometer_in_a_namespace_of_its_own(tool):
    """As in a container: it is process 1 of its namespace, or a child of it."""
    done = tool("run", "-q", "-o", "r.pyro", "--python", SYSTEM, "-c", BUSY + "busy(0.5); raise SystemExit(3)",
                prefix=["unshare", "--pid", "--fork", "--mount-proc"], status=None)
    if b"unshare" in done.stderr:
        pytest.skip("may not unshare")
    assert done.returncode == 3, done.stderr
    assert "busy" in functions_of(tool.report())


@root
def test_proc_of_another_namespace(tool):
    """/proc shows other numbers than the kernel uses for us: right or refused, never another process."""
    done = tool("run", "-q", "-o", "r.pyro", "--python", SYSTEM, "-c", BUSY + "busy(0.3); raise SystemExit(3)",
                prefix=["unshare", "--pid", "--fork"], status=None, timeout=20)
    if b"unshare" in done.stderr:
        pytest.skip("may not unshare")
    assert done.returncode in (1, 3)
    if done.stderr:
        one_line(done.stderr)


@root
def test_without_proc(tool):
    done = tool("run", "-q", "-o", "r.pyro", "--python", SYSTEM, "-c", "raise SystemExit(3)", status=None, timeout=20,
                prefix=["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" "$@"'])
    assert done.returncode in (1, 3)
    one_line(done.stderr)


# ---- interpreters within ----

@pytest.mark.parametrize("interpreter", [each for each in local_pythons() if each.info >= (3, 9)], ids=lambda each: each.id)
def test_subinterpreters(tool, interpreter):
    """Each interpreter's threads are seen."""
    code = BUSY + """
import threading
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
inner = "import time\\ndef inner():\\n    end = time.monotonic() + 60\\n    while time.monotonic() < end: pass\\ninner()"
def outer(): interpreters.run_string(interpreters.create(), inner)
threading.Thread(target=outer, daemon=True).start()
print("READY", flush=True)
# Up to 3.11 one GIL serves all interpreters, and a busy one may keep it for ever.
while True:
    busy(0.01)
    time.sleep(0.01)
"""
    program = tool.python(code, executable=interpreter.executable)
    attach(tool, program.pid, duration="1s")
    report = tool.report()
    wanted = {"inner", "busy"}
    if interpreter.info >= (3, 12):
        assert wanted <= functions_of(report)
    else:
        assert wanted & functions_of(report)
    assert len(report["processes"][0]["threads"]) == 2
    tool("dump", str(program.pid))
    assert_free(program.pid)
    assert program.poll() is None


def test_interpreters_that_come_and_go(tool):
    code = """
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
for number in range(30):
    made = interpreters.create()
    interpreters.run_string(made, "sum(range(20000))")
    interpreters.destroy(made)
raise SystemExit(5)
"""
    tool("run", "-q", "-o", "r.pyro", "-r", "max", "--python", newest(), "-c", code, status=5)
    tool.report()


# ---- surroundings ----

@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(tool, closed):
    """The recording does not end up in descriptor 0, 1 or 2, where the program would write into it."""
    code = BUSY + "import os\nbusy(0.3)\nfor fd in range(3):\n    try: os.write(fd, b'oops')\n    except OSError: pass\nos._exit(4)"
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", BINARY, "run", "-q", "-o", "r.pyro", "--python",
                           newest(), "-c", code], cwd=tool.directory, env=ENVIRONMENT, timeout=30, capture_output=True)
    assert done.returncode == 4
    assert "busy" in functions_of(tool.report())


def test_current_directory_is_gone(tool):
    code = f"cd {tool.directory}/gone && rmdir ../gone && exec \"$@\""
    (tool.directory / "gone").mkdir()
    done = subprocess.run(["sh", "-c", code, "sh", BINARY, "run", "--python", newest(), "-c", "print('ran')"],
                          env=ENVIRONMENT, capture_output=True, timeout=30)
    assert done.returncode == 1 and done.stdout == b""
    one_line(done.stderr)


def test_empty_environment(tool):
    done = tool("run", "-q", "-o", "r.pyro", "--memory", "off", "--python", newest(), "-c",
                BUSY + "busy(0.3); import os; print(dict(os.environ))", env={})
    assert b"PYR" not in done.stdout
    assert "busy" in functions_of(tool.report())


def test_ignored_sigchld(tool):
    """Inherited SIG_IGN: statuses would be lost."""
    done = subprocess.run([sys.executable, "-c",
                           "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])",
                           BINARY, "run", "-q", "-o", "r.pyro", "--python", newest(), "-c",
                           "import signal; raise SystemExit(signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN and 9)"],
                          cwd=tool.directory, env=ENVIRONMENT, timeout=30, capture_output=True)
    assert done.returncode == 9


def test_pyrometer_stopped_for_a_while(tool):
    """Nobody is held while it does nothing."""
    program = tool.python(GO_ON)
    attached = tool.start("attach", "-q", "--duration", "3s", "--truth", "stop", "-r", "max", "-o", "r.pyro",
                          str(program.pid))
    wait_for((tool.directory / "r.pyro").exists, "the recording is begun")
    for _ in range(10):
        attached.send_signal(signal.SIGTSTP)
        assert_free(program.pid) if stat_of(attached.pid)[0] == "T" else None
    assert attached.wait(20) == 0
    assert_free(program.pid)
