"""A program run by pyrometer behaves as it would without."""
import json
import os
import signal
import subprocess
import sys

import pytest


def test_every_exit_status(pyrometer):
    for status in [*range(0, 256, 17), 1, 2, 126, 127, 128, 254]:
        assert pyrometer.code(f"import os; os._exit({status})").returncode == status


@pytest.mark.parametrize("number", sorted(
    {int(s) for s in signal.Signals} - {signal.SIGCHLD, signal.SIGCONT, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN,
                                        signal.SIGTTOU, signal.SIGURG, signal.SIGWINCH}))
def test_death_by_signal(pyrometer, number):
    code = ("import os, signal, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
            f"if {number} not in (9, 19): signal.signal({number}, signal.SIG_DFL)\nos.kill(os.getpid(), {number})")
    assert pyrometer.code(code).returncode == 128 + number


def test_streams_pass_through(pyrometer):
    data = bytes(range(256)) * 1000
    done = pyrometer.code("import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d); sys.stderr.buffer.write(d[:256])",
                          input=data)
    assert done.stdout == data
    assert done.stderr == data[:256]


def test_arguments_byte_for_byte(pyrometer):
    args = [b"", b"-o", b"--", b"--help", b"a b", b"\xff\xfe", b"*", b"-c", b"\n", "é".encode(), b"--quiet"]
    done = pyrometer.code("import os, sys; print([os.fsencode(a) for a in sys.argv[1:]])", *args)
    assert done.stdout.decode().strip() == repr(args)


def test_arguments_of_script_command_and_module(pyrometer):
    (pyrometer.directory / "s.py").write_text("import sys; print(sys.argv)")
    assert pyrometer("run", "-q", "s.py", "-r", "--help").stdout == b"['s.py', '-r', '--help']\n"
    assert pyrometer("run", "-q", "--", "s.py", "--").stdout == b"['s.py', '--']\n"
    assert pyrometer("run", "-q", "echo", "-o", "x").stdout == b"-o x\n"
    assert b"s.py', '-x', '--help']" in pyrometer("run", "-q", "-m", "s", "-x", "--help").stdout
    assert pyrometer("run", "-qcprint(5)").stdout == b"5\n"


PROBE = """
import json, os, resource, signal, sys
def flags(fd):
    try:
        os.fstat(fd)
        return True
    except OSError:
        return False
print(json.dumps({
    "environ": {k: v for k, v in os.environ.items() if k != "_"}, "cwd": os.getcwd(), "umask": os.umask(0),
    "pgid": os.getpgid(0), "sid": os.getsid(0), "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "ignored": [s for s in range(1, 65) if s not in (32, 33) and signal.getsignal(s) == signal.SIG_IGN],
    "fds": [fd for fd in range(100) if flags(fd)], "nice": os.nice(0), "argv": sys.orig_argv[1:2],
    "limits": [resource.getrlimit(r) for r in range(10)]}))
"""


def odd_caller():
    os.umask(0o137)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGALRM])
    for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


@pytest.mark.parametrize("prepare", [None, odd_caller])
@pytest.mark.parametrize("environment", [None, {}, {"A": "1", "PYTHONHASHSEED": "5"}])
def test_program_sees_what_it_would_see_without_us(pyrometer, prepare, environment):
    kwargs = {"preexec_fn": prepare, "env": environment, "process_group": None}
    kwargs.pop("process_group")
    plain = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, cwd=pyrometer.directory, **kwargs)
    ours = pyrometer.code(PROBE, options=["--memory", "off"], **kwargs)
    assert json.loads(ours.stdout) == json.loads(plain.stdout)
    assert ours.stderr == plain.stderr
    counted = pyrometer.code(PROBE, **kwargs)
    seen = json.loads(counted.stdout)
    assert os.path.basename(seen["environ"].pop("LD_PRELOAD")) == "libpyrometer-agent.so"
    assert seen["environ"].pop("PYROMETER_MEMORY_DIR")
    assert seen == json.loads(plain.stdout)
    assert counted.stderr == plain.stderr


def test_environment_without_path_finds_commands(pyrometer):
    assert pyrometer("run", "-q", "echo", "x", env={}).stdout == b"x\n"


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams_stay_closed(pyrometer, closed):
    code = ("import os\nr = []\nfor fd in (0, 1, 2):\n try: os.fstat(fd)\n except OSError: r.append(fd)\n"
            "open('closed', 'w').write(str(tuple(r)))\nos._exit(3)")
    argv = [pyrometer.binary, "run", "-o", "r.pyro", sys.executable, "-c", code]

    def close():
        for fd in closed:
            os.close(fd)
    done = subprocess.run(argv, preexec_fn=close, cwd=pyrometer.directory, timeout=30)
    assert done.returncode == 3
    assert (pyrometer.directory / "closed").read_text() == str(tuple(closed))
    assert b"pyrometer:" not in (pyrometer.directory / "r.pyro").read_bytes()


def test_not_found_and_not_executable(pyrometer):
    (pyrometer.directory / "bad").write_text("#!/nonexistent/interpreter\n")
    (pyrometer.directory / "bad").chmod(0o755)
    (pyrometer.directory / "broken").write_bytes(b"\x7fELF not really")
    (pyrometer.directory / "broken").chmod(0o755)
    cases = [("nosuchcommand", 127), ("./nosuch", 127), ("nosuch.py", 127), ("", 127), ("./", 126), ("./bad", 127)]
    for word, status in cases:
        done = pyrometer("run", word)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (status, b"", 1), done.stderr
        assert done.stderr.startswith(b"pyrometer: run: ")
    assert pyrometer("run", "--python", "nosuchpython", "-c", "1").returncode == 127
    assert pyrometer("run", "-q", "./broken").returncode in (126, 127, 2)
    assert not [p for p in pyrometer.directory.glob("*.pyro") if "broken" not in p.name]


def test_file_without_a_first_line_is_a_shell_script(pyrometer):
    (pyrometer.directory / "plain").write_text("echo $1; exit 9\n")
    (pyrometer.directory / "plain").chmod(0o755)
    done = pyrometer("run", "-q", "./plain", "word")
    assert (done.returncode, done.stdout) == (9, b"word\n")


def test_what_is_a_script(pyrometer):
    show = "import sys; print('python', sys.executable)"
    (pyrometer.directory / "plain").write_text(show)
    (pyrometer.directory / "tool.py").write_text("#!/bin/false\n" + show)
    (pyrometer.directory / "tool.py").chmod(0o755)
    for word in ("plain", "./plain", "tool.py"):
        done = pyrometer("run", "-q", "--python", sys.executable, word)
        assert done.returncode == 0 and done.stdout.startswith(b"python "), done.stderr


def test_virtual_environment_is_used(pyrometer):
    binaries = pyrometer.directory / "venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").write_text("#!/bin/sh\necho venv $*\n")
    (binaries / "python").chmod(0o755)
    env = {**os.environ, "VIRTUAL_ENV": str(binaries.parent)}
    assert pyrometer("run", "-q", "-m", "mod", "x", env=env).stdout == b"venv -m mod x\n"
    assert pyrometer("run", "-q", "--python", sys.executable, "-c", "print(1)", env=env).stdout == b"1\n"


def test_recording_is_never_overwritten(pyrometer):
    there = pyrometer.directory / "r.pyro"
    there.write_text("precious")
    done = pyrometer("run", "-o", "r.pyro", "touch", "ran")
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1 and b"--force" in done.stderr
    assert there.read_text() == "precious"
    assert not (pyrometer.directory / "ran").exists()
    assert pyrometer("run", "--force", "-o", "r.pyro", sys.executable, "-c", "1").returncode == 0
    assert there.read_bytes() != b"precious"


def test_program_is_not_run_if_profiling_cannot_begin(pyrometer):
    done = pyrometer("run", "-o", "no/such/directory/r.pyro", "touch", "ran")
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
    assert not (pyrometer.directory / "ran").exists()


def test_default_name_and_summary(pyrometer):
    (pyrometer.directory / "my script.py").write_text("import time; time.sleep(0.3)")
    done = pyrometer("run", "--python", sys.executable, "my script.py")
    (made,) = pyrometer.directory.glob("*.pyro")
    assert made.name.startswith("pyrometer-my_script-")
    assert done.stdout == b"" and done.stderr.count(b"\n") == 1
    assert f"pyrometer report {made.name}".encode() in done.stderr


def test_quiet_is_silent(pyrometer):
    done = pyrometer.code("")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_duration_ends_the_profiling_only(pyrometer):
    process = pyrometer.start("run", "-o", "r.pyro", "--duration", "200ms", "--python", sys.executable, "-c",
                              "import sys; sys.stdin.read(); raise SystemExit(6)", stdin=subprocess.PIPE)
    assert b"r.pyro" in process.stderr.readline()
    assert process.poll() is None
    process.communicate(timeout=20)
    assert process.returncode == 6
