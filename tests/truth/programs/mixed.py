"""Blocks of very short calls (under 1 us), of short chains, of generator steps and of one long loop, a few hundred
microseconds each, alternating. Prints its own clock's shares at SIGTERM or the end;
SIGUSR1 begins them anew.

The clock is read at block boundaries only, so that its cost and its error are below 0.1 %.
"""
import _signal, json, sys, time

BLOCK_NS = {"calls": 150_000, "chains": 200_000, "steps": 150_000, "loop": 500_000}


def nothing():
    pass


def calls(count):
    for _ in range(count):
        nothing()  #> nothing
        nothing()  #> nothing


def inner(n):
    return n + 1


def middle(n):
    return inner(n) + 1  #> inner


def outer(n):
    return middle(n) + 1  #> middle


def chains(count):
    for n in range(count):
        outer(n)  #> outer


def numbers(count):
    for n in range(count):
        yield n


def doubled(source):
    for value in source:  #> numbers
        yield value * 2


def steps(count):
    total = 0
    for value in doubled(numbers(count)):  #> doubled, numbers
        total += value
    return total


def loop(count):
    total = 0
    for n in range(count):
        total += n * n % 7
    return total


BLOCKS = {"calls": calls, "chains": chains, "steps": steps, "loop": loop}


def sizes(now=time.perf_counter_ns):
    """How many rounds make each block as long as it should be."""
    counts = {}
    for name, block in BLOCKS.items():
        block(20_000)  #> calls, chains, steps, loop
        start = now()
        block(20_000)  #> calls, chains, steps, loop
        counts[name] = max(1, int(20_000 * BLOCK_NS[name] / (now() - start)))
    return counts


def cycle(counts, sums, now=time.perf_counter_ns):
    t0 = now()
    calls(counts["calls"])  #> calls
    t1 = now()
    chains(counts["chains"])  #> chains
    t2 = now()
    steps(counts["steps"])  #> steps
    t3 = now()
    loop(counts["loop"])  #> loop
    t4 = now()
    sums[0] += t1 - t0
    sums[1] += t2 - t1
    sums[2] += t3 - t2
    sums[3] += t4 - t3


def part_of(frames):
    """The part that a sample of this stack belongs to; None outside of the measured time."""
    names = [frame.function for frame in frames]
    if "cycle" not in names:
        return "rest" if names == ["<module>", "main"] else None
    parts = [name for name in names if name in BLOCKS]
    return parts[0] if parts else "rest"


def main(seconds):
    counts = sizes()  #> sizes
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {_signal.SIGTERM, _signal.SIGUSR1})
    print("READY", flush=True)
    sums = [0, 0, 0, 0]
    start = time.perf_counter_ns()
    while time.perf_counter_ns() - start < seconds * 1e9:
        pending = _signal.sigpending()
        if _signal.SIGTERM in pending:
            break
        if _signal.SIGUSR1 in pending:
            _signal.sigtimedwait([_signal.SIGUSR1], 0)
            sums = [0, 0, 0, 0]
            start = time.perf_counter_ns()
        cycle(counts, sums)  #> cycle
    return sums, time.perf_counter_ns() - start


def report(sums, elapsed_ns):  #: free
    shares = {name: part / elapsed_ns for name, part in zip(BLOCKS, sums)}
    shares["rest"] = 1 - sum(shares.values())
    print(json.dumps({"seconds": elapsed_ns / 1e9, "shares": shares}), flush=True)


if __name__ == "__main__":
    report(*main(float(sys.argv[1])))  #> main, report
