"""Dicts and sets of keys whose hashes collide, and some whose do not; says READY and waits."""
import collections
import random
import sys


class Seven:
    """Each has its own value and one hash for all, whose bits are used up by the second probe."""

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return 7


class Table(dict):
    pass


keys = [Seven(n) for n in range(101)]
COLLIDING = {"dict": dict.fromkeys(keys), "subclass": Table.fromkeys(keys), "ordered": collections.OrderedDict.fromkeys(keys),
             "default": collections.defaultdict(int, dict.fromkeys(keys)), "multiples": {n << 20: n for n in range(2000)},
             "set": set(keys), "frozenset": frozenset(keys), "thinned": set(keys)}
for key in keys[-20:]:
    COLLIDING["thinned"].remove(key)
APART = {"few": dict.fromkeys(keys[:60]), "numbers": {n: n for n in range(5000)}, "texts": {str(n): n for n in range(5000)},
         "mixed": {(str(n) if n % 2 else n + 0.5): n for n in range(5000)}, "set": {str(n) for n in range(20000)},
         "floats": {random.random() for n in range(40000)}}
print("READY", flush=True)
sys.stdin.read()
