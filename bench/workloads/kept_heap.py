"""Keeps RECORDS records of about twelve objects each, and MB more of plain memory; then does what each line says:
watch: looks at the clock until the next line, and prints the longest time between two looks and its page faults, both
of the time between; fork: prints what an os.fork() takes it; touch: writes to each page, and prints what that took;
walk: goes over all its objects by gc.get_referents, and prints how many they are and what that took; wait: has a second
thread look at the clock until the next line, and prints the longest that it had to wait; job NAME: does one of
heap_jobs.py, and prints what it found, what it took, and the longest that the second thread had to wait meanwhile."""
import gc
import os
import resource
import select
import sys
import threading
import time

KEPT = []
LOOK_S = 0.0005


class Record:
    def __init__(self, number):
        self.number = number + 1000
        self.name = "record %d" % number
        self.score = number * 0.5
        self.tags = [number + 2**30, "shared", (number, number * 2.5)]
        self.extra = {"k%d" % (number % 100): number, "body": str(number).encode()}


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def watch():
    longest, before, last = 0, faults(), time.perf_counter_ns()
    looked = last
    while True:
        now = time.perf_counter_ns()
        longest = max(longest, now - last)
        if now - looked > 1_000_000:
            if select.select([sys.stdin], [], [], 0)[0]:
                return longest, faults() - before
            looked = now = time.perf_counter_ns()
        last = now


def fork():
    start = time.perf_counter_ns()
    child = os.fork()
    if not child:
        os._exit(0)
    took = time.perf_counter_ns() - start
    os.waitpid(child, 0)
    return (took,)


def touch(plain):
    start = time.perf_counter_ns()
    for at in range(0, len(plain), 4096):
        plain[at] ^= 1
    return (time.perf_counter_ns() - start,)


def walk():
    start = time.perf_counter_ns()
    waiting = gc.get_objects()
    seen = set(map(id, waiting))  # made after that, so as not to be among them
    while waiting:
        below = []
        for found in gc.get_referents(*waiting):
            if id(found) not in seen:
                seen.add(id(found))
                below.append(found)
        waiting = below
    return len(seen), time.perf_counter_ns() - start


class Looker(threading.Thread):
    """A thread that has next to nothing to do, as one of a server between two requests: how long does it wait for its turn?"""

    def __init__(self):
        super().__init__(daemon=True)
        self.ended, self.longest_ns = threading.Event(), 0

    def run(self):
        last = time.perf_counter_ns()
        while not self.ended.is_set():
            time.sleep(LOOK_S)
            now = time.perf_counter_ns()
            self.longest_ns = max(self.longest_ns, now - last)
            last = now

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def wait():
    with Looker() as looker:
        sys.stdin.readline()
    return (looker.longest_ns,)


def job(name):
    import heap_jobs
    work = heap_jobs.JOBS[name]()
    with Looker() as looker:
        start = time.perf_counter_ns()
        found = work(KEPT)
        took = time.perf_counter_ns() - start
    return found, took, looker.longest_ns


def main():
    records, megabytes = int(sys.argv[1]), int(sys.argv[2])
    gc.disable()
    KEPT.extend(Record(number) for number in range(records))
    plain = bytearray(b"x") * (megabytes << 20)
    gc.enable()
    print(id(KEPT[-1]), flush=True)
    for line in iter(sys.stdin.readline, ""):
        word, *names = line.split()
        done = {"watch": watch, "fork": fork, "walk": walk, "touch": lambda: touch(plain), "wait": wait, "job": job}[word](*names)
        print(*done, flush=True)


main()
