"""The samplers that are compared: how each is started on a process, and what it says of itself afterwards."""
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
GRACE_S = 3
BINARY = pathlib.Path(os.environ.get("PYROMETER", ROOT / "build" / "pyrometer"))


@dataclasses.dataclass
class Run:
    """One sampler's run: what the operating system and the sampler say of it. samples: None if it does not say."""
    cpu_s: float
    wall_s: float
    output: pathlib.Path
    said: str
    samples: float = None
    dropped: float = None  # share of the samples that failed, or whose stack was not proved and is not shown


class Sampler:
    """Subclasses say how to start one. `oldest` and `newest`: the CPython versions that it can read, inclusive."""
    name = ""
    good_ends = (0,)  # exit statuses
    oldest, newest = (3, 8), (3, 99)

    def version(self):
        """A line for the table's head, or None if it does not run here."""
        raise NotImplementedError

    def command(self, pid, rate, seconds, output):
        raise NotImplementedError

    def collapsed(self, run):
        """The collapsed stacks of a run, without process and thread frames."""
        return run.output.read_text(errors="replace")

    def figures(self, run):
        """Fills in run.samples and run.dropped."""

    def reads(self, python):
        return self.oldest <= python.info[:2] <= self.newest

    def start(self, pid, rate, seconds, output):
        """rate: samples per second, or "max"."""
        if output.exists():
            output.unlink()
        return Started(self, self.command(pid, rate, seconds, output), output, seconds)


def let_interrupt():
    """What a shell starts in the background ignores SIGINT, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Started:
    """seconds: how long it is to run; one that goes on (py-spy counts samples instead, and may fall behind) is
    interrupted."""

    def __init__(self, sampler, command, output, seconds):
        self.sampler, self.output, self.seconds = sampler, output, seconds
        self.began = time.monotonic()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, preexec_fn=let_interrupt)

    def finish(self):
        late = threading.Timer(self.seconds + GRACE_S, self.process.send_signal, (signal.SIGINT,))
        late.start()
        said = self.process.stdout.read()
        _, status, usage = os.wait4(self.process.pid, 0)
        late.cancel()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        run = Run(usage.ru_utime + usage.ru_stime, time.monotonic() - self.began, self.output, said)
        if self.process.returncode not in self.sampler.good_ends:
            raise RuntimeError(f"{self.sampler.name} ended with {self.process.returncode}: {said.strip()[-300:]}")
        self.sampler.figures(run)
        return run


def first_line(command):
    """The first line that a command prints, or None if it does not run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip().splitlines()[0] if done.returncode == 0 else None


def find(program):
    """The path of a program beside this Python, or in PATH."""
    beside = pathlib.Path(sys.executable).parent / program
    return str(beside) if beside.exists() else shutil.which(program)


class Pyrometer(Sampler):
    def __init__(self, *options):
        self.options = options
        self.name = " ".join(["pyrometer", *options])

    def version(self):
        return first_line([BINARY, "--version"])

    def command(self, pid, rate, seconds, output):
        return [BINARY, "attach", pid, "-o", output, "-r", rate, "--duration", seconds, *self.options]

    def report(self, run, *options):
        return subprocess.run([BINARY, "report", run.output, *options], capture_output=True, text=True, check=True).stdout

    def collapsed(self, run):
        return self.report(run, "-f", "collapsed", "--no-threads")

    def figures(self, run):
        quality = json.loads(self.report(run, "-f", "json"))["quality"]
        unresolved = quality.get("unresolved", 0)
        run.samples = quality["samples_taken"] + unresolved
        run.dropped = (quality["samples_failed"] + unresolved) / max(1, run.samples)


class SleepLoop(Sampler):
    """No sampler, but what wakes up as often as one: what is not its doing in what samplers cost."""
    name = "sleep loop"

    def __init__(self, path):
        self.path = path

    def command(self, pid, rate, seconds, output):
        return [self.path, rate, seconds]


class Tachyon(Sampler):
    """profiling.sampling of CPython 3.15, which reads its own minor version only."""
    name = "profiling.sampling"
    oldest = newest = (3, 15)

    def __init__(self, pythons, *options):
        self.python = next((python for python in pythons if python.info[:2] == (3, 15)), None)
        self.options = options
        self.name = " ".join([self.name, *options])

    def version(self):
        return self.python and first_line([*self.interpreter(), "-c", "import profiling.sampling, sys; print(sys.version)"])

    def command(self, pid, rate, seconds, output):
        return [*self.interpreter(), "-m", "profiling.sampling", "attach", "-a", "-r", 1000000 if rate == "max" else rate,
                "-d", max(1, round(seconds)), "--collapsed", "-o", output, *self.options, pid]

    def interpreter(self):
        """Not through chroot: there it would need a /proc, and could not find the target's files by their paths."""
        root = self.python.root
        if root == "/":
            return [self.python.executable]
        loader = next(pathlib.Path(root).glob("lib64/ld-linux-*.so.*"), None) or next(pathlib.Path(root).glob("lib/ld-linux-*.so.*"))
        libraries = ":".join(map(str, pathlib.Path(root).glob("usr/lib/*-linux-gnu")))
        return ["env", f"PYTHONHOME={root}/usr", str(loader), "--library-path", libraries, self.python.host_executable]

    def figures(self, run):
        taken = re.search(r"([\d,]+) samples", run.said.replace("Captured ", ""))
        errors = re.search(r"Error rate:\s*([\d.]+)", run.said)
        run.samples = float(taken.group(1).replace(",", "")) if taken else None
        run.dropped = float(errors.group(1)) / 100 if errors else None

    def collapsed(self, run):
        """Its frames are file:function:line, under one for the thread."""
        return "\n".join(map(self.line, run.output.read_text().splitlines()))

    @staticmethod
    def line(line):
        stack, _, weight = line.rpartition(" ")
        frames = [frame.rsplit(":", 2) for frame in stack.split(";") if not frame.startswith("tid:")]
        return ";".join(f"{f[1]} ({f[0]}:{f[2]})" if len(f) == 3 else f[0] for f in frames) + " " + weight


class PySpy(Sampler):
    name = "py-spy"
    newest = (3, 13)

    def __init__(self, *options):
        self.options = options
        self.name = " ".join([self.name, *options])
        self.path = find("py-spy")

    def version(self):
        return self.path and first_line([self.path, "--version"])

    def command(self, pid, rate, seconds, output):
        return [self.path, "record", "-p", pid, "-r", 1000000 if rate == "max" else rate, "-d", max(1, round(seconds)),
                "-f", "raw", "--full-filenames", "-o", output, *self.options]

    def figures(self, run):
        counted = re.search(r"Samples:\s*(\d+)\s+Errors:\s*(\d+)", run.said)
        if counted:
            run.samples = float(counted.group(1)) + float(counted.group(2))
            run.dropped = float(counted.group(2)) / max(1.0, run.samples)


class Austin(Sampler):
    """Austin 4 writes a binary format: mojo2austin (of austin-python) must be there too."""
    name = "austin"
    good_ends = (0, 254)  # 254: it was ended by --exposure, with the target alive
    newest = (3, 14)

    def __init__(self):
        self.path, self.converter = find("austin"), find("mojo2austin")

    def version(self):
        return self.path and self.converter and first_line([self.path, "--version"])

    def command(self, pid, rate, seconds, output):
        interval_us = 1 if rate == "max" else max(1, round(1e6 / rate))
        return [self.path, "-i", f"{interval_us}us", "-x", max(1, round(seconds)), "-o", output, "-p", pid]

    def text(self, run):
        converted = run.output.with_suffix(".austin")
        subprocess.run([self.converter, run.output, converted], check=True, capture_output=True)
        return converted.read_text(errors="replace")

    def figures(self, run):
        """From the last lines of its statistics: "Error rate . . . 12/3456 (0.35%)"."""
        counted = re.search(r"Error rate\D*?(\d+)/(\d+)", re.sub(r"\x1b\[[\d;]*m", "", run.said))
        if counted:
            run.samples = float(counted.group(2))
            run.dropped = float(counted.group(1)) / max(1.0, run.samples)

    def collapsed(self, run):
        """Its frames are file:function:line, under one each for the process and the thread; weights are microseconds."""
        kept = (line for line in self.text(run).splitlines() if line and not line.startswith("#"))
        return "\n".join(map(self.line, kept))

    @staticmethod
    def line(line):
        stack, _, weight = line.rpartition(" ")
        frames = [frame.rsplit(":", 2) for frame in stack.split(";") if not re.match(r"[PT]\d", frame)]
        return ";".join(f"{f[1]} ({f[0]}:{f[2]})" for f in frames if len(f) == 3) + " " + weight


def installed(pythons):
    """[(sampler, version line)] of all that run here, pyrometer first."""
    every = [Pyrometer(), Pyrometer("--no-stop"), Tachyon(pythons), Tachyon(pythons, "--blocking"), PySpy(),
             PySpy("--nonblocking"), Austin()]
    return [(sampler, version) for sampler in every for version in [sampler.version()] if version]
