"""Objects of many kinds, each kept; then, as JSON, where tracemalloc saw each object allocated: {address: [file, line]}.
Of types whose blocks a free list hands from line to line nothing is said. Not every version's tracemalloc knows all
objects: those of the lists that marks (#= name) name were allocated at the marked line."""
import collections
import gc
import json
import sys
import tracemalloc
import weakref

HANDED_ON = (tuple, list, dict, float, int, type(sys._getframe()), type(gc.collect), type(lambda: 0), collections.deque,
             type((0).__add__), slice, range, type([].append), complex, memoryview, set, type(iter([])), type(iter(())))
tracemalloc.start(1)


class Plain:
    def __init__(self, number):
        self.number = "number %d" % number


class Slots:
    __slots__ = ("a", "__weakref__")


class Names(dict):
    pass


class Row(list):
    pass


class Text(str):
    pass


def maker(number):
    def inner():
        return number
    return inner


def generate(number):
    held = [number]
    yield held


def recursive(depth):
    return recursive(depth - 1) if depth else Plain(depth)  #= deep


plain = [Plain(number) for number in range(300)]  #= plain
slots = [Slots() for _ in range(200)]  #= slots
names = [
    Names(a=1)  #= names
    for _ in range(100)
]
rows = [Row((1, 2)) for _ in range(50)]  #= rows
texts = [Text("x%d" % number) for number in range(50)]  #= texts
raw = [b"b" * size for size in range(1, 1200, 7)]
words = ["w" * size for size in range(1, 1200, 7)]
arrays = [bytearray(size) for size in range(1, 700, 11)]
references = [weakref.ref(each, lambda _: None) for each in plain[:40]]  #= references
classes = [type("Made%d" % number, (Plain,), {"x": number}) for number in range(20)]
code = [compile("x = %d\ny = x" % number, "made-%d" % number, "exec") for number in range(30)]
deep = [recursive(20) for _ in range(10)]
later = []
for number in range(30):
    later.append(Plain(number))  #= later
generators = [generate(number) for number in range(40)]
large = "z" * 1000000
plain[0].__dict__
del plain[10:50]
for each in plain[:20]:
    each.late = "late %d" % id(each)


def known():
    """The objects, and those that they refer to."""
    seen = {id(each): each for each in gc.get_objects()}
    for each in list(seen.values()):
        for other in gc.get_referents(each):
            seen.setdefault(id(other), other)
    return seen


def answer():
    said = {}
    for address, each in known().items():
        if type(each) in HANDED_ON:
            continue
        traced = tracemalloc.get_object_traceback(each)
        if traced:
            said[address] = [traced[0].filename, traced[0].lineno, type(each).__name__]
    with open(__file__) as source:
        for number, line in enumerate(source, 1):
            _, mark, name = line.partition("  #" + "= ")
            for each in globals()[name.strip()] if mark else ():
                place = [__file__, number, type(each).__name__]
                assert said.setdefault(id(each), place) == place
    return said


gc.disable()
said = answer()
with open(sys.argv[1], "w") as file:
    json.dump(said, file)
print("READY", flush=True)
sys.stdin.readline()
