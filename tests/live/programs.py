"""What the live tests share: writing a small program, recording it from start to end, and reading what was recorded."""
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import textwrap

import pythons
from tests.truth import oracle

# A program's own account: `spin(s)` uses CPU for s seconds, `tell(…)` prints JSON that Recorded.said holds.
PRELUDE = '''
import json, sys, threading, time

def spin(seconds, clock=time.thread_time):
    end = clock() + seconds
    while clock() < end:
        pass

def tell(value):
    print(json.dumps(value), flush=True)
'''


def write(path, text):
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


@dataclasses.dataclass
class Recorded:
    binary: str
    file: pathlib.Path
    stdout: str
    stderr: str
    script: str

    @property
    def said(self):
        """What the program told last."""
        return json.loads(self.stdout.splitlines()[-1])

    def report(self, *options):
        done = subprocess.run([self.binary, "report", self.file, *map(str, options)], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *options):
        return json.loads(self.report("--json", *options))

    def stacks(self, *options):
        return oracle.parse(self.report("-f", "collapsed", "--no-threads", *options))

    def function_seconds(self, *options):
        """Seconds of self time by the last part of a function's name."""
        sums = {}
        for row in self.json(*options)["functions"]:
            name = row["name"].rpartition(".")[2]
            sums[name] = sums.get(name, 0) + row["self_s"]
        return sums


@dataclasses.dataclass
class Recorder:
    """record(text) runs the program below `pyrometer run` under one Python."""
    binary: str
    python: object
    directory: pathlib.Path
    folder: str
    count: int = 0

    def __call__(self, text, *arguments, rate=2000, options=(), status=0, timeout=60, env=None, prelude=True):
        self.count += 1
        script = os.path.join(self.folder, f"program{self.count}.py")
        write(pathlib.Path(script), (PRELUDE if prelude else "") + textwrap.dedent(text))
        inside = "/" + os.path.relpath(script, self.python.root)
        file = self.directory / f"{self.count}.pyro"
        command = [self.binary, "run", "-q", "-o", file, "-r", str(rate), *options, "--", *self.python.command(inside)]
        done = subprocess.run([*command, *map(str, arguments)], cwd=self.directory, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, env=pythons.clean_environment(env))
        assert done.returncode == status, done.stderr
        return Recorded(self.binary, file, done.stdout, done.stderr, inside)


def make_recorder(binary, python, tmp_path):
    folder = tempfile.mkdtemp(prefix="pyr-", dir=os.path.join(python.root, "tmp"))
    os.chmod(folder, 0o755)
    return Recorder(binary, python, tmp_path, folder)


def drop(recorder):
    shutil.rmtree(recorder.folder, ignore_errors=True)
