"""Programs that run with the agent."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pythons
from . import memory_file

AGENT = pathlib.Path(os.environ.get("PYROMETER_AGENT", pythons.ROOT / "build" / "meson" / "agent" /
                                    "libpyrometer-agent.so"))
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
TIMEOUT_S = 120


def traced_lines(answer):
    """{(file, line): (bytes, blocks)} of what driver.py prints."""
    split = ((key.rpartition(":"), row) for key, row in answer["lines"].items())
    return {(file, int(line)): tuple(row) for (file, _, line), row in split}


def settled(pid):
    """Waits until it sleeps: what reading its stdin allocates is done then."""
    for _ in range(1000):
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "S":
                return
        time.sleep(0.002)


class Ground:
    """A folder that an interpreter sees, with the agent and room for its files."""

    def __init__(self, python):
        self.python = python
        self.folder = tempfile.mkdtemp(prefix="pyr-", dir=os.path.join(python.root, "tmp"))
        self.files = os.path.join(self.folder, "files")
        os.chmod(self.folder, 0o755)
        os.mkdir(self.files)
        shutil.copy(AGENT, self.folder)

    def inside(self, path):
        return "/" + os.path.relpath(path, self.python.root)

    def put(self, source, name="program.py"):
        """A program, as text or a path, in the folder: its path as the interpreter sees it."""
        path = os.path.join(self.folder, source.name if isinstance(source, pathlib.Path) else name)
        text = source.read_text() if isinstance(source, pathlib.Path) else source
        pathlib.Path(path).write_text(text)
        return self.inside(path)

    def preload(self):
        return {"LD_PRELOAD": self.inside(os.path.join(self.folder, AGENT.name)),
                "PYROMETER_MEMORY_DIR": self.inside(self.files)}

    def command(self, words, agent=True, env=()):
        """The words after the interpreter; env goes to it alone, not to what starts it."""
        settings = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **(self.preload() if agent else {}), **dict(env)}
        command = self.python.command(*words)
        split = 0 if self.python.root == "/" else 2
        return [*command[:split], "/usr/bin/env", *(f"{name}={value}" for name, value in settings.items()), *command[split:]]

    def start(self, *words, agent=True, env=(), **options):
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": "/", **options}
        return subprocess.Popen(self.command(words, agent, env), env=pythons.clean_environment(), **options)

    def run(self, *words, agent=True, env=(), **options):
        return subprocess.run(self.command(words, agent, env), env=pythons.clean_environment(), capture_output=True,
                              cwd="/", timeout=TIMEOUT_S, **options)

    @contextlib.contextmanager
    def held(self, *words, **options):
        """A process that has said READY and waits."""
        process = self.start(*words, **options)
        try:
            line = process.stdout.readline()
            assert line.strip() == b"READY", (line, process.stderr.read())
            settled(process.pid)
            yield process
        finally:
            process.stdin.close()
            process.wait(TIMEOUT_S)
            process.stdout.close()
            process.stderr.close()

    def read(self):
        """Its files, in the order in which they were begun."""
        return memory_file.files_in(self.files)

    def traced(self, *words):
        """What tracemalloc says of the same program, run without us: ({(file, line): (bytes, blocks)}, live, peak)."""
        done = self.run("-X", "tracemalloc=1", *words, agent=False)
        assert done.returncode == 0, done.stderr.decode()
        answer = json.loads(done.stdout)
        return traced_lines(answer), answer["live"], answer["peak"]

    def traced_stacks(self, *words):
        """The same by stack: {((file, line), …), innermost first: (bytes, blocks)}."""
        done = self.run("-X", "tracemalloc=1000", *words, agent=False)
        assert done.returncode == 0, done.stderr.decode()
        return {tuple(zip(stack[::2], stack[1::2])): (size, blocks)
                for stack, size, blocks in json.loads(done.stdout)["stacks"]}

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
