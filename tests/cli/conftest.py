import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("PYROMETER", str(ROOT / "build" / "pyrometer"))


class Pyrometer:
    """The program, in a directory of its own; `run` measures a program quietly unless told otherwise."""

    binary = BINARY
    root = ROOT

    def __init__(self, directory):
        self.directory = directory

    def __call__(self, *args, **kwargs):
        kwargs.setdefault("cwd", self.directory)
        kwargs.setdefault("timeout", 30)
        if not {"stdout", "stderr", "capture_output"} & kwargs.keys():
            kwargs["capture_output"] = True
        return subprocess.run([self.binary, *args], **kwargs)

    def code(self, code, *args, options=(), **kwargs):
        command = ["run", "-q", "--force", "-o", "r.pyro", "--python", sys.executable, *options, "-c", code, *args]
        return self(*command, **kwargs)

    def start(self, *args, **kwargs):
        kwargs.setdefault("cwd", self.directory)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([self.binary, *args], **kwargs)

    def start_code(self, code, *args, **kwargs):
        return self.start("run", "-q", "--force", "-o", "r.pyro", "--python", sys.executable, "-c", code, *args, **kwargs)


@pytest.fixture
def pyrometer(tmp_path):
    return Pyrometer(tmp_path)


@pytest.fixture
def sleeper():
    """A Python that waits; ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time\nprint('up', flush=True)\nwhile True: time.sleep(0.01)"],
        stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
