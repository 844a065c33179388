"""Phases of 5, 20, 50, 200 and 1,000 us, each length in a function that loops by itself (`long`) and in one that makes
short calls (`short`), alternating; every length gets the same time. Prints its own clock's shares at SIGTERM or the end;
SIGUSR1 begins them anew.

A phase's time is taken outside the call and inside the function; the truth lies between, and the mean is used.
"""
import _signal, json, sys, time

LENGTHS_US = (5, 20, 50, 200, 1000)


def tiny(n):
    return n + 1


def short(length_ns, now=time.perf_counter_ns):
    start = now()
    end = start + length_ns
    n = 0
    while now() < end:
        n = tiny(n)  #> tiny
    return now() - start


def long(length_ns, now=time.perf_counter_ns):
    start = now()
    end = start + length_ns
    n = 0
    while now() < end:
        n += 1
        n ^= 1
    return now() - start


def turn(repeats, length_ns, now=time.perf_counter_ns):
    """Twice the nanoseconds spent in short and in long (the mean of two measures, not halved)."""
    in_short = in_long = 0
    for _ in range(repeats):
        t0 = now()
        inside = short(length_ns)  #> short
        t1 = now()
        in_short += inside + t1 - t0
        t0 = now()
        inside = long(length_ns)  #> long
        t1 = now()
        in_long += inside + t1 - t0
    return in_short, in_long


def phases_5(totals):
    totals.append(turn(200, 5_000))  #> turn


def phases_20(totals):
    totals.append(turn(50, 20_000))  #> turn


def phases_50(totals):
    totals.append(turn(20, 50_000))  #> turn


def phases_200(totals):
    totals.append(turn(5, 200_000))  #> turn


def phases_1000(totals):
    totals.append(turn(1, 1_000_000))  #> turn


def cycle(totals):
    phases_5(totals)  #> phases_5
    phases_20(totals)  #> phases_20
    phases_50(totals)  #> phases_50
    phases_200(totals)  #> phases_200
    phases_1000(totals)  #> phases_1000


def shares(totals, elapsed_ns):
    """{part: share}; "rest" is what lies between the phases."""
    sums = {}
    for i, pair in enumerate(totals):
        for kind, doubled in zip(("short", "long"), pair):
            part = "%s %d" % (kind, LENGTHS_US[i % len(LENGTHS_US)])
            sums[part] = sums.get(part, 0) + doubled / 2
    sums["rest"] = elapsed_ns - sum(sums.values())
    return {part: time_ns / elapsed_ns for part, time_ns in sums.items()}


def part_of(frames):
    """The part that a sample of this stack belongs to; None outside of the measured time."""
    names = [frame.function for frame in frames]
    if "cycle" not in names:
        return "rest" if names == ["<module>", "main"] else None
    length = [name[len("phases_"):] for name in names if name.startswith("phases_")]
    kind = [name for name in names if name in ("short", "long")]
    return "%s %s" % (kind[0], length[0]) if kind and length else "rest"


def main(seconds):
    for _ in range(10):
        cycle([])  #> cycle
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {_signal.SIGTERM, _signal.SIGUSR1})
    print("READY", flush=True)
    totals = []
    start = time.perf_counter_ns()
    while time.perf_counter_ns() - start < seconds * 1e9:
        pending = _signal.sigpending()
        if _signal.SIGTERM in pending:
            break
        if _signal.SIGUSR1 in pending:
            _signal.sigtimedwait([_signal.SIGUSR1], 0)
            totals = []
            start = time.perf_counter_ns()
        cycle(totals)  #> cycle
    return totals, time.perf_counter_ns() - start


def report(totals, elapsed_ns):  #: free
    print(json.dumps({"seconds": elapsed_ns / 1e9, "shares": shares(totals, elapsed_ns)}), flush=True)


if __name__ == "__main__":
    report(*main(float(sys.argv[1])))  #> main, report
