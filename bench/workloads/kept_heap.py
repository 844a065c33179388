"""Keeps RECORDS records of about twelve objects each, and MB more of plain memory; then does what each line says:
watch: looks at the clock until the next line, and prints the longest time between two looks and its page faults, both
of the time between; fork: prints what an os.fork() takes it; touch: writes to each page, and prints what that took;
walk: goes over all its objects by gc.get_referents, and prints how many they are and what that took."""
import gc
import os
import resource
import select
import sys
import time


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
    seen, waiting = set(), gc.get_objects()
    seen.update(map(id, waiting))
    while waiting:
        below = []
        for found in gc.get_referents(*waiting):
            if id(found) not in seen:
                seen.add(id(found))
                below.append(found)
        waiting = below
    return len(seen), time.perf_counter_ns() - start


def main():
    records, megabytes = int(sys.argv[1]), int(sys.argv[2])
    gc.disable()
    kept = [Record(number) for number in range(records)]
    plain = bytearray(b"x") * (megabytes << 20)
    gc.enable()
    print(os.getpid(), len(kept), flush=True)
    for line in sys.stdin:
        done = {"watch": watch, "fork": fork, "walk": walk, "touch": lambda: touch(plain)}[line.strip()]()
        print(*done, flush=True)


main()
