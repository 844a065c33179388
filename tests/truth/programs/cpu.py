"""Phases that need a CPU all the time, in bursts between sleeps, hardly ever, and without the GIL beside another thread.
Prints, for each, the CPU time of its thread and the time that passed, by the program's own clocks:
{"phase": {"cpu_s", "wall_s"}}. Arguments: seconds; which of the phases (default all)."""
import json, sys, threading, time, zlib

SLICE_S = 0.12
BLOCK = bytes(range(256)) * 4096
phases = {}


def spin():
    end = time.thread_time() + SLICE_S
    n = 0
    while time.thread_time() < end:
        for _ in range(500):
            n += 1
    return n


def crunch():
    end = time.thread_time() + SLICE_S / 2
    while time.thread_time() < end:
        zlib.crc32(BLOCK)


def bursts():
    for _ in range(30):
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            pass
        time.sleep(0.002)


def nap():
    for _ in range(4):
        time.sleep(SLICE_S / 8)


def timed(phase):
    cpu, wall = time.thread_time(), time.perf_counter()
    phase()
    sums = phases.setdefault(phase.__name__, {"cpu_s": 0.0, "wall_s": 0.0})
    sums["cpu_s"] += time.thread_time() - cpu
    sums["wall_s"] += time.perf_counter() - wall


def worker(end):
    while time.perf_counter() < end:
        timed(crunch)


def main():
    end = time.perf_counter() + float(sys.argv[1])
    wanted = [globals()[name] for name in sys.argv[2:]] or [spin, bursts, nap]
    beside = threading.Thread(target=worker, args=(end,), name="worker") if not sys.argv[2:] else None
    if beside:
        beside.start()
    while time.perf_counter() < end:
        for phase in wanted:
            timed(phase)
    if beside:
        beside.join()
    print(json.dumps(phases), flush=True)


if __name__ == "__main__":
    main()
