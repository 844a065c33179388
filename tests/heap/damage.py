"""Some objects of every kind that the walk has a reader for, then READY; its image is damaged by the test."""
import collections
import itertools
import sys
import time


class Plain:
    def __init__(self, n):
        self.n, self.items = n, [n]


class Slots:
    __slots__ = ("a", "b")


def generate(n):
    local = [n]
    yield local


keep = [[Plain(i), Slots(), {i: str(i)}, {str(i): i}, {i, "x"}, (i, []), collections.deque([i]), collections.OrderedDict(a=i),
         collections.defaultdict(list), generate(i), b"%d" % i, 10 ** i, float(i), lambda: i] for i in range(300)]
for row in keep:
    next(row[9])
    keep[0][0].__dict__
ring = itertools.cycle(keep)
keep.append(ring)
keep.append(sys._getframe())
print("READY", flush=True)
time.sleep(1000)
