"""Work under tracemalloc, the standard one or ours: what it says of it, as JSON.

usage: tracing.py standard|ours FRAMES
"""
import gc
import json
import sys
import threading

import tracemalloc as standard
from pyrometer import tracemalloc as ours

# Both are there in either case: free lists begin alike.
tracemalloc = {"standard": standard, "ours": ours}[sys.argv[1]]

FRAMES = int(sys.argv[2])
SOURCE = "def made(n):\n    return [str(n + 1000 + i) for i in range(20)]\n"


class Node:
    def __init__(self, value, after=None):
        self.value = value
        self.after = after


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a, self.b = a, float(a)


def grown(count):
    kept = []
    for i in range(count):
        kept.append("text %d" % i)
    return kept


def dictionaries(count):
    return [{"key": i, "other %d" % i: [i]} for i in range(count)]


def recursive(depth):
    if depth == 0:
        return [bytearray(777) for _ in range(10)]
    return [recursive(depth - 1), depth * 1.5]


def handed_on():
    """Free lists: what one line gave back another one takes."""
    gone = [(i, i + 1) for i in range(1000, 1050)]
    del gone
    pairs = [(i, float(i)) for i in range(30)]
    lists = [[i] for i in range(60)]
    del lists
    again = [[pair] for pair in pairs]
    return pairs, again


def closures(count):
    def make(n):
        def inner():
            return n
        return inner
    return [make(i) for i in range(count)]


def generators():
    running = [(value * 1.5 for value in range(10)) for _ in range(20)]
    return running, [next(each) for each in running]


def failures(count):
    kept = []
    for i in range(count):
        try:
            raise ValueError("number %d" % i)
        except ValueError as error:
            kept.append(error)
    return kept


def compiled(count):
    """Code objects that come and go, at the same addresses."""
    kept = []
    for i in range(count):
        space = {}
        exec(compile("\n" * (i % 3) + SOURCE, "<made %d>" % (i % 2), "exec"), space)
        kept.append(space["made"](i))
        del space
    return kept


def shrunk():
    texts = bytearray(300000)
    del texts[1000:]
    return texts, b"".join(bytes([i]) * 3000 for i in range(50)), list(range(100000))[:10]


def work():
    kept = [grown(2000), dictionaries(500), recursive(12), closures(50), generators(), failures(20), compiled(12), shrunk(),
            [Node(i, Node(-i)) for i in range(300)], [Slotted(i) for i in range(300)]]
    kept.append(handed_on())
    return kept


def threads():
    kept = []
    done = [threading.Thread(target=lambda: kept.extend(grown(100))) for _ in range(3)]
    for thread in done:
        thread.start()
        thread.join()
    return kept


def figures():
    traces = {}
    lists = [[] for _ in range(200)]  # none is kept for reuse: the next one is this line's, and left out
    all_traces = tracemalloc._get_traces()
    del lists
    for trace in all_traces:
        if trace[2][0][1] in (figures.__code__.co_firstlineno + 2, figures.__code__.co_firstlineno + 3):
            continue
        place = json.dumps([trace[0], trace[2], trace[3:]])
        blocks, size = traces.get(place, (0, 0))
        traces[place] = (blocks + 1, size + trace[1])
    return traces


def main():
    gc.disable()
    work()  # what is cached is there
    before = [Node(1)]
    tracemalloc.start(FRAMES)
    kept = work()
    live, peak = tracemalloc.get_traced_memory()
    traces = figures()
    tracemalloc.clear_traces()
    more = threads()
    snapshot = tracemalloc.take_snapshot()
    lines = [str(row) for row in snapshot.statistics("lineno") if row.traceback[0].filename == __file__]
    at = tracemalloc.get_object_traceback(more[5])
    json.dump({"live": live, "peak": peak, "traces": traces, "lines": sorted(lines), "at": at.format(),
               "before": tracemalloc.get_object_traceback(before[0]) is None, "kept": len(kept)}, sys.stdout)


main()
