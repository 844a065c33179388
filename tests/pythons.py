"""Every CPython from 3.8 on that this machine has, and how to start a script under each.

As a script it lists them: `python3 tests/pythons.py`.
"""
import bisect
import ctypes
import dataclasses
import functools
import glob
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
OLDEST = (3, 8)
READY_S = 30
PROBE = """
import json, platform, sys, sysconfig
print(json.dumps({"implementation": sys.implementation.name, "version": platform.python_version(),
    "info": sys.version_info[:3], "prefix": sys.base_prefix, "venv": sys.prefix != sys.base_prefix,
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")), "debug": hasattr(sys, "gettotalrefcount")}))
"""


def clean_environment(extra=None):
    """Ours without what changes how a Python starts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") and name != "VIRTUAL_ENV"}
    return {**kept, **(extra or {})}


@dataclasses.dataclass(frozen=True)
class Python:
    """One interpreter. `executable` is its path as seen inside `root`; a `root` other than / is started by chroot."""
    executable: str
    root: str
    version: str
    info: tuple
    origin: str
    free_threaded: bool = False
    debug: bool = False

    @property
    def id(self):
        kind = ("t" if self.free_threaded else "") + ("d" if self.debug else "")
        return f"{self.version}{kind}-{self.origin}"

    @property
    def host_executable(self):
        return self.executable if self.root == "/" else self.root + self.executable

    def command(self, *words):
        prefix = [] if self.root == "/" else [shutil.which("chroot") or "/usr/sbin/chroot", self.root]
        return [*prefix, self.executable, *map(str, words)]

    def has(self, module):
        return subprocess.run(self.command("-c", f"import {module}"), env=clean_environment(), capture_output=True,
                              timeout=READY_S).returncode == 0


def origin_of(executable, root):
    if root != "/":
        return "debian-chroot"
    path = pathlib.Path(executable)
    if ".pyenv" in path.parts:
        return "pyenv"
    return {"/usr/bin": "system", "/usr/local/bin": "local"}.get(str(path.parent), "path")


def probe(executable, root="/"):
    """The interpreter at this path, or None if it is not a CPython that we support."""
    command = Python(executable, root, "", (), "").command("-c", PROBE)
    try:
        answer = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=READY_S)
        facts = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if facts["implementation"] != "cpython" or tuple(facts["info"]) < OLDEST or facts["venv"]:
        return None
    return Python(executable, root, facts["version"], tuple(facts["info"]), origin_of(executable, root),
                  facts["free_threaded"], facts["debug"])


def is_binary(path):
    try:
        with open(path, "rb") as file:
            return os.access(path, os.X_OK) and file.read(4) == b"\x7fELF"
    except OSError:
        return False


def candidates():
    """(real path inside the root, root), most specific places first."""
    folders = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin")))
    folders += ["/usr/bin", "/usr/local/bin", *filter(None, os.environ.get("PATH", "").split(os.pathsep))]
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), "python3*"))):
            yield os.path.realpath(path), "/"
    if os.geteuid() == 0:
        base = os.environ.get("PYROMETER_PYTHONS") or str(ROOT / "build" / "pythons")
        for path in sorted(glob.glob(os.path.join(glob.escape(base), "*", "usr", "bin", "python3.*"))):
            root = path[: -len("/usr/bin/") - len(os.path.basename(path))]
            if not os.path.islink(path) and not root.endswith(".partial"):
                yield path[len(root):], os.path.realpath(root)


@functools.lru_cache(maxsize=None)
def discover():
    """All of them, oldest first, each binary once."""
    found = {}
    for executable, root in candidates():
        if (executable, root) not in found and is_binary(os.path.join(root, executable.lstrip("/"))):
            found[executable, root] = probe(executable, root)
    return sorted(filter(None, found.values()), key=lambda python: (python.info, python.origin, python.executable))


# From each of these on, frames are kept in another way: as objects; in chunks, with the interpreter's own entry; with the
# current one in the thread; as tagged references.
FRAME_KINDS = [(3, 8), (3, 11), (3, 12), (3, 14)]


def one_of_each_kind(found, count=len(FRAME_KINDS)):
    """The first of each kind of frames; of those, `count`, the oldest and the newest first of all."""
    kinds = {}
    for python in found:
        kinds.setdefault(bisect.bisect(FRAME_KINDS, python.info[:2]), python)
    chosen = list(kinds.values())
    return chosen if len(chosen) <= count else chosen[:count - 1] + chosen[-1:]


def ids(pythons):
    """Distinct test ids."""
    names = [python.id for python in pythons]
    return [name if names.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(names)]


PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)
LIBC = ctypes.CDLL(None)


def allow_tracing():
    """Between fork and exec: lets any process of ours attach where Yama allows only ancestors. Lasts across exec."""
    LIBC.prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)


class Target:
    """A script that runs under an interpreter; `pid` is its process as this system numbers it."""

    def __init__(self, python, script, arguments=(), env=None, stdin=subprocess.DEVNULL):
        temporary = os.path.join(python.root, "tmp")
        self.folder = tempfile.mkdtemp(prefix="pyr-", dir=temporary)
        os.chmod(self.folder, 0o755)
        self.python = python
        self.script = os.path.join(self.folder, os.path.basename(str(script)))
        shutil.copy(script, self.script)
        inside = "/" + os.path.relpath(self.script, python.root)
        self.script_inside = inside
        self.errors = tempfile.TemporaryFile()
        self.pending = b""
        self.process = subprocess.Popen(python.command("-u", inside, *arguments), stdin=stdin,
                                        stdout=subprocess.PIPE, stderr=self.errors, env=clean_environment(env),
                                        cwd="/", start_new_session=True, preexec_fn=allow_tracing)
        self.pid = self.process.pid

    def line(self, timeout_s=READY_S):
        """The next line of its standard output, without the newline; fails with its stderr if none comes."""
        due = time.monotonic() + timeout_s
        while b"\n" not in self.pending:
            left = due - time.monotonic()
            chunk = b""
            if left > 0 and select.select([self.process.stdout], [], [], left)[0]:
                chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise AssertionError(f"{self.python.id} {self.script_inside}: no line came: {self.said()}")
            self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode()

    def wait_ready(self, timeout_s=READY_S):
        """Skips to the line that begins with READY and returns the rest of it."""
        while True:
            line = self.line(timeout_s)
            if line.startswith("READY"):
                return line[len("READY"):].strip()

    def said(self):
        """What it wrote to stderr so far. Without a seek: that would move where it writes next."""
        size = os.fstat(self.errors.fileno()).st_size
        return os.pread(self.errors.fileno(), size, 0).decode(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Kills it and removes what was copied."""
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if self.process.stdin:
            self.process.stdin.close()
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    for each in discover():
        print(f"{each.id:28} {' '.join(each.command())}")
