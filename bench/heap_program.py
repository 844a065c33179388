"""A live program that keeps a heap, and the snapshot that pyrometer takes of it."""
import os
import pathlib
import re
import resource
import select
import shutil
import subprocess
import tempfile
import threading
import time

import pythons

PYROMETER = pathlib.Path(__file__).resolve().parents[1] / "build" / "pyrometer"
PROGRAM = pathlib.Path(__file__).resolve().parent / "workloads" / "kept_heap.py"
JOBS = PROGRAM.with_name("heap_jobs.py")


class Program:
    """A live one that keeps a heap. packages: a folder of modules that it can import."""

    def __init__(self, python, records, megabytes, packages=None):
        self.folder = tempfile.mkdtemp(prefix="pyr-", dir=os.path.join(python.root, "tmp"))
        if packages:
            shutil.copytree(packages, self.folder, dirs_exist_ok=True)
        shutil.copy(PROGRAM, self.folder)
        shutil.copy(JOBS, self.folder)
        inside = "/" + os.path.relpath(os.path.join(self.folder, PROGRAM.name), python.root)
        self.process = subprocess.Popen(python.command(inside, records, megabytes), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=pythons.clean_environment())
        self.last_record = int(self.process.stdout.readline())  # its address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder)

    def start(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def answer(self, timeout_s=None):
        """The numbers of its next line; none if that does not come in time, or if it has ended."""
        if not select.select([self.process.stdout], [], [], timeout_s)[0]:
            return ()
        return tuple(map(int, self.process.stdout.readline().split()))

    def ask(self, word):
        self.start(word)
        return self.answer()

    def memory(self, field):
        """Bytes; a field of /proc/PID/status: VmRSS, VmHWM."""
        return int(re.search(field + r":\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1]) * 1024

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def faults(self):
        """Pages that it had to be given, or a copy of, so far."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[7])


def watch_anonymous(pid, ended, peak):
    """The most anonymous memory of a process, looked at every 5 ms."""
    while not ended.wait(0.005):
        try:
            found = re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
        except OSError:
            return
        peak[0] = max(peak[0], int(found[1]) * 1024 if found else 0)


def take(program, *view):
    """pyrometer heap PID, --suspects if no other view is asked for: seconds, seconds of CPU, objects, anonymous bytes at
    most, and its pause in ns."""
    with tempfile.TemporaryDirectory() as folder:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        tool = subprocess.Popen([PYROMETER, "heap", str(program.process.pid), "-o", f"{folder}/a.pyroheap",
                                 *(view or ("--suspects",))],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        ended, peak = threading.Event(), [0]
        watcher = threading.Thread(target=watch_anonymous, args=(tool.pid, ended, peak))
        watcher.start()
        said = tool.communicate()[0]
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        ended.set()
        watcher.join()
    objects = int(re.search(r"(\d+) objects in", said)[1])
    pause_ns = float(re.search(r"stood still for ([0-9.]+) ms", said)[1]) * 1e6
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, objects, peak[0], pause_ns
