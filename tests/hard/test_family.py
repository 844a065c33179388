"""Programs that start others: pools, servers, storms of short-lived children."""
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from .support import SOAK, ENVIRONMENT, assert_free, functions_of, is_over, newest, one_line, other, read_line, samples_of, wait_for

BUSY = """
import time
def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
"""


def run(tool, code, *words, status=0, options=(), timeout=60, **more):
    script = tool.directory / "program.py"
    script.write_text(code)
    return tool("run", "-q", "--force", "-o", "r.pyro", "--python", newest(), *options, script, *words, status=status,
                timeout=timeout, **more)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pool(tool, method):
    """The answer is right, and the work is seen in the workers."""
    code = BUSY + f"""
import multiprocessing, os
def work(number):
    busy(0.1)
    return number * number
if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(3) as pool:
        assert pool.map(work, range(12), 1) == [n * n for n in range(12)]
    print("right")
"""
    env = {**ENVIRONMENT, "TMPDIR": "/tmp"}  # forkserver's socket is there: its path has to be short
    assert run(tool, code, env=env).stdout == b"right\n"
    report = tool.report()
    assert "busy" in functions_of(report)
    assert len([pid for pid, samples in samples_of(report).items() if samples]) >= 4
    total = sum(function["total_s"] for function in report["functions"] if function["name"] == "work")
    assert 0.6 < total < 2.4


@pytest.mark.parametrize("truth", ["auto", "stop", "no-stop"])
def test_storm_of_children(tool, truth):
    """Hundreds of children that live for milliseconds; each one's status comes to its parent, exactly once."""
    code = """
import os, sys
count = int(sys.argv[1])
for number in range(count):
    pids = [os.fork() for _ in range(1)]
    if pids[-1] == 0:
        sum(range(2000))
        os._exit(number % 200)
    assert os.waitpid(pids[-1], 0) == (pids[-1], (number % 200) << 8)
children = []
for number in range(count):
    pid = os.fork()
    if pid == 0: os._exit(7)
    children.append(pid)
got = sorted(os.wait() for _ in children)
assert got == sorted((pid, 7 << 8) for pid in children)
try: os.wait(); raise SystemExit(1)
except ChildProcessError: print("right")
"""
    done = run(tool, code, "2000" if SOAK else "150", options=("--truth", truth, "-r", "max"))
    assert done.stdout == b"right\n"
    tool.report()


def test_storm_of_programs(tool):
    """subprocess, vfork and exec of other programs."""
    code = """
import subprocess, sys
for number in range(40):
    assert subprocess.run(["sh", "-c", f"exit {number}"]).returncode == number
for number in range(5):
    assert subprocess.run([sys.executable, "-c", f"raise SystemExit({number})"]).returncode == number
print("right")
"""
    assert run(tool, code, options=("-r", "max", "--truth", "stop")).stdout == b"right\n"


def test_children_that_are_never_waited_for(tool):
    code = BUSY + """
import os
for _ in range(50):
    if os.fork() == 0: os._exit(0)
busy(0.5)
raise SystemExit(6)
"""
    run(tool, code, status=6)
    assert "busy" in functions_of(tool.report())


def test_chain_of_forks(tool):
    """A process whose parent is gone is followed on, if it was seen beside its parent once."""
    code = BUSY + """
import os
read, write = os.pipe()
def leave(depth):
    time.sleep(0.4)
    if depth == 0:
        os.close(write)
        os.read(read, 1)
    os._exit(5)
for depth in range(6):
    if os.fork(): leave(depth)
busy(0.4)
"""
    run(tool, code, status=5, timeout=30)
    assert len(samples_of(tool.report())) == 7


def test_child_before_its_exec(tool):
    """Between fork and exec a child is still its parent's program: that makes no entry of its own in the recording."""
    code = """
import os, subprocess, sys
work = [sys.executable, "-c", "x = 0\\nfor i in range(2000000): x += i  # in the child"]
for number in range(12):
    if number % 3 == 0:
        pid = os.fork()
        if pid == 0: os.execv(sys.executable, work)
        os.waitpid(pid, 0)
    else:
        subprocess.run(work, preexec_fn=(lambda: None) if number % 3 == 1 else None)
for _ in range(20): subprocess.run(["sh", "-c", "exit 0"])
"""
    run(tool, code)
    processes = tool.report()["processes"]
    pids = [process["pid"] for process in processes]
    assert len(pids) == len(set(pids)) >= 12
    assert all("in the child" in process["command"] for process in processes[1:])


def test_exec_after_work(tool):
    """One that worked before its exec has two entries, told apart by when."""
    code = BUSY + """
import os, sys
pid = os.fork()
if pid == 0:
    busy(0.8)
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
os.waitpid(pid, 0)
"""
    run(tool, code, BUSY + "busy(0.8)")
    _, before, after = tool.report()["processes"]
    assert before["pid"] == after["pid"] and before["command"] != after["command"]
    assert before["start_s"] + 0.3 < before["end_s"] <= after["start_s"] < after["end_s"] - 0.3
    assert "(from " in tool("report", "r.pyro").stdout.decode()


DAEMON = BUSY + """
import os
def in_daemon(seconds): busy(seconds)
def daemonise():
    if os.fork(): return True
    os.setsid()
    if os.fork(): os._exit(0)
    for fd in range(3): os.close(fd)
    return False
"""


def test_daemon(tool):
    """Its parent lives for a millisecond only, and its new parent is init, as without us."""
    code = DAEMON + """
if daemonise():
    os.wait()
    busy(1.2)
else:
    time.sleep(0.1)
    open("parent", "w").write(str(os.getppid()))
    in_daemon(0.8)
"""
    for _ in range(3):
        run(tool, code)
        report = tool.report()
        daemon, = [process for process in report["processes"] if process["parent"] not in (report["processes"][0]["parent"],
                                                                                           report["processes"][0]["pid"])]
        assert (tool.directory / "parent").read_text() == str(daemon["parent"])
        assert {f["name"]: f["total_s"] for f in report["functions"]}["in_daemon"] > 0.5


def test_daemon_outlives_the_program(tool):
    """The recording ends with the program; what lives on is named, and not hurt."""
    script = tool.directory / "program.py"
    script.write_text(DAEMON + """
busy(0.2)
if daemonise(): raise SystemExit(4)
open("daemon", "w").write(str(os.getpid()))
end = time.monotonic() + 60
while time.monotonic() < end and not os.path.exists("over"): time.sleep(0.01)
in_daemon(0.5)
open("done", "w").close()
""")
    done = tool("run", "-o", "r.pyro", "--python", newest(), script, status=4)
    pid = int((tool.directory / "daemon").read_text())
    last = done.stderr.decode().splitlines()[-1]
    assert "1 other process runs on" in last and f"such as {pid})" in last
    assert "in_daemon" not in functions_of(tool.report())
    assert_free(pid)
    (tool.directory / "over").touch()
    wait_for((tool.directory / "done").exists, "the daemon's end")
    assert "runs on" not in tool("run", "-o", "s.pyro", "--python", newest(), "-c", "pass").stderr.decode()


def test_no_children(tool):
    code = BUSY + "import os\npid = os.fork()\nbusy(0.4)\nif pid: os.waitpid(pid, 0)"
    run(tool, code, options=("--no-children",))
    assert len(samples_of(tool.report())) == 1


def test_child_of_another_version(tool):
    if not other():
        pytest.skip("there is one Python only")
    code = BUSY + f"import subprocess\nbusy(0.5)\nsubprocess.run([{other()!r}, '-c', {BUSY + 'busy(1)'!r}], check=True)"
    run(tool, code)
    assert len([samples for samples in samples_of(tool.report()).values() if samples > 10]) == 2


def test_env_i(tool):
    """A child without any of our environment."""
    code = BUSY + f"import subprocess\nsubprocess.run(['env', '-i', {newest()!r}, '-c', {BUSY + 'busy(0.5)'!r}], check=True)"
    run(tool, code)
    assert "busy" in functions_of(tool.report())
    tool("run", "-q", "--force", "-o", "r.pyro", "--", "env", "-i", newest(), "-c", BUSY + "busy(0.5)")
    assert "busy" in functions_of(tool.report())


# ---- servers ----

PREFORK = BUSY + """
import os, signal, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
stopping = False
def stop(*_):
    global stopping
    stopping = True
def serve():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for _ in range(5):
        peer, _ = listener.accept()
        peer.recv(4096)
        busy(0.02)
        peer.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + str(os.getpid()).encode())
        peer.close()
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
print("READY", listener.getsockname()[1], os.getpid(), flush=True)
workers = set()
while not stopping:
    while len(workers) < 3:
        pid = os.fork()
        if pid == 0: serve()
        workers.add(pid)
    pid, status = os.waitpid(-1, os.WNOHANG)
    if pid:
        assert status == 0, status
        workers.discard(pid)
    else:
        time.sleep(0.005)
for pid in workers: os.kill(pid, signal.SIGTERM)
for pid in workers: os.waitpid(pid, 0)
print("right", flush=True)
raise SystemExit(3)
"""


def request(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
        return answer.read()


@pytest.mark.parametrize("how", ["run", "attach"])
def test_prefork_server(tool, how):
    """Workers come and go; every request is answered, and the recording knows the workers."""
    script = tool.directory / "server.py"
    script.write_text(PREFORK)
    if how == "run":
        server = recorder = tool.start("run", "-q", "-o", "r.pyro", "--python", newest(), script)
        _, port, pid = read_line(server).split()
    else:
        server = tool.begin([newest(), script])
        _, port, pid = server.first.split()
        recorder = tool.start("attach", "-q", "-o", "r.pyro", pid)
        wait_for((tool.directory / "r.pyro").exists, "the recording is begun")
        time.sleep(0.3)
    workers = {request(port) for _ in range(30)}
    time.sleep(0.2)
    os.kill(int(pid), signal.SIGTERM)
    assert read_line(server) == "right"
    assert server.wait(20) == 3
    assert recorder.wait(20) == (3 if how == "run" else 0)
    report = tool.report()
    assert "busy" in functions_of(report)
    known = {str(process["pid"]).encode() for process in report["processes"]}
    assert len(workers) >= 6 and len(workers & known) >= len(workers) - 1


@pytest.fixture(scope="session")
def gunicorn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gunicorn")
    made = subprocess.run([newest(), "-m", "venv", folder], capture_output=True, env=ENVIRONMENT)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "gunicorn"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        if made.returncode == 0 and subprocess.run(pip, capture_output=True, timeout=120, env=ENVIRONMENT).returncode == 0:
            return folder / "bin" / "gunicorn"
    pytest.skip("gunicorn cannot be installed")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_gunicorn(tool, gunicorn):
    (tool.directory / "app.py").write_text(BUSY + """
import os
def app(environ, start_response):
    busy(0.01)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
""")
    port = free_port()
    running = tool.start("run", "-q", "-o", "r.pyro", "--", str(gunicorn), "-w", "3", "-b", f"127.0.0.1:{port}",
                         "--max-requests", "20", "app:app", stderr=subprocess.DEVNULL)

    def answers():
        try:
            return request(port)
        except OSError:
            return None
    wait_for(answers, "gunicorn answers")
    workers = {request(port) for _ in range(90)}
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0
    report = tool.report()
    assert "busy" in functions_of(report)
    assert len(workers & {str(process["pid"]).encode() for process in report["processes"]}) >= len(workers) - 1


def test_root_dies_and_children_live(tool):
    """Attached to a parent that ends: the recording ends too, the children are not hurt."""
    code = BUSY + """
import os, sys
pid = os.fork()
if pid == 0:
    busy(60)
    os._exit(0)
print("READY", pid, flush=True)
busy(1)
"""
    parent = tool.python(code)
    child = int(parent.first.split()[1])
    attached = tool.start("attach", "-q", "-o", "r.pyro", str(parent.pid))
    assert attached.wait(20) == 0
    assert not is_over(child)
    assert_free(child)


def test_more_children_than_descriptors(tool):
    """More processes than descriptors: what cannot be watched is left out, nothing breaks."""
    code = BUSY + """
import os, signal
children = []
for _ in range(400):
    pid = os.fork()
    if pid == 0:
        signal.pause()
    children.append(pid)
busy(1)
for pid in children: os.kill(pid, signal.SIGKILL)
for pid in children: assert os.waitpid(pid, 0)[1] == signal.SIGKILL
print("right")
"""
    assert run(tool, code).stdout == b"right\n"
    assert "busy" in functions_of(tool.report())


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
