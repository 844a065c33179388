"""Makes objects of many kinds, writes what the interpreter itself says of them into the file `census` beside it, and
stops.

A line for each object that the collector knows, and for each that one of those refers to:
    ADDRESS TYPE_ADDRESS GENERATION SIZE TYPE [REFERENT...]
with generation 255 for what it does not track, size 0 where __sizeof__ is written in Python. Lines that begin with "-"
name what the census itself keeps alive meanwhile.
"""
import array
import asyncio
import collections
import contextvars
import csv
import ctypes
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import gc
import io
import itertools
import json
import logging
import operator
import os
import random
import re
import signal
import sqlite3
import ssl
import struct
import sys
import threading
import types
import typing
import weakref
import xml.etree.ElementTree
import zlib

keep = []


class Plain:
    shared = "class attribute"

    def __init__(self, n):
        self.first = n
        self.second = [n]

    def method(self):
        return self.first


class Slots:
    __slots__ = ("a", "b", "__weakref__")

    def __init__(self):
        self.a = [1]


class MoreSlots(Slots):
    __slots__ = ("c",)


class SlotsAndDict(Slots):
    pass


class Text(str):
    pass


class Items(list):
    pass


class Pairs(tuple):
    __slots__ = ()


class Table(dict):
    def __init__(self):
        super().__init__(a=1)
        self.extra = {}


class Number(int):
    pass


class Failure(Exception):
    def __init__(self, *args):
        super().__init__(*args)
        self.detail = {"why": self}


class Meta(type):
    pass


class Made(metaclass=Meta):
    pass


class Finalised:
    def __del__(self):
        pass


class Sized:
    def __sizeof__(self):
        return 12345


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


class Flags(enum.IntFlag):
    A = 1
    B = 2


@dataclasses.dataclass
class Record:
    name: str
    values: list = dataclasses.field(default_factory=list)


Point = collections.namedtuple("Point", "x y")


class Typed(typing.NamedTuple):
    x: int
    y: str


def counter(limit, start=[0]):
    held = {"limit": limit}
    for i in range(limit):
        yield [i, held]


async def waits(event):
    local = [event]
    await event.wait()
    return local


async def pieces():
    yield 1
    yield [2]


def closure(a):
    b = [a]

    def inner():
        nonlocal b
        return a, b

    def unset():
        return later
    if a == "never":
        later = 1
    return inner, unset


def frame_of(n):
    local = {"n": n}
    return sys._getframe()


@functools.lru_cache(maxsize=4)
def cached(n):
    return [n]


@functools.singledispatch
def single(x):
    return x


def make():
    one = [Plain(i) for i in range(20)]
    one[0].third = 3
    del one[1].first
    one[2].__dict__
    one[3].__dict__["x y"] = 1
    vars(one[4])[5] = "other key"
    for i in range(40):
        setattr(one[5], "attribute%d" % i, i)
    slots = [Slots(), MoreSlots(), SlotsAndDict()]
    slots[2].also = slots
    keep.append([one, slots, Text("text"), Text("\u20ac"), Items([1, 2]), Pairs((1, [])), Table(), Number(10 ** 30)])
    failures = []
    for n in range(3):
        try:
            try:
                raise Failure(n, [n])
            except Failure as error:
                raise KeyError("context") from error
        except KeyError as error:
            failures.append(error)
    keep.append(failures)
    keep.append([Made(), Meta, Finalised(), Sized(), Colour.RED, Flags.A | Flags.B, Record("r"), Point(1, []), Typed(1, "")])
    dicts = [{}, {"a": 1}, {1: 2}, {(1, 2): []}, {"a": {}, 2: 3}, dict.fromkeys(range(1000)), {"k%d" % i: i for i in range(300)},
             {str(i): [] for i in range(6000)}]
    for i in range(900):
        del dicts[5][i]
    mixed = {"a": 1, "b": []}
    mixed.get(7)
    sets = [set(), {1, 2}, {(1, 2), "s"}, frozenset("abc"), frozenset(), set(range(1000))]
    for i in range(900):
        sets[5].discard(i)
    lists = [[], [1], list(range(1000)), [[]] * 10, [None] * 7]
    lists[1].extend(range(20))
    del lists[2][500:]
    keep.append([dicts, mixed, sets, lists])
    odict = collections.OrderedDict((i, [i]) for i in range(20))
    odict.move_to_end(3)
    del odict[5]
    named = collections.OrderedDict(a=1, b=[])
    default = collections.defaultdict(list)
    default["x"].append(1)
    queue = collections.deque(range(200), maxlen=150)
    queue.appendleft([1])
    keep.append([odict, named, collections.OrderedDict(), default, queue, collections.deque(), collections.Counter("abc"),
                 collections.ChainMap({}, {1: 2}), iter(odict), iter(queue), collections.deque([[1]] * 64)])
    generators = [counter(3), counter(4), counter(1)]
    next(generators[1])
    list(generators[2])
    in_expression = (x for x in [[1]])
    next(in_expression)
    event = asyncio.Event() if sys.version_info >= (3, 10) else Plain(0)
    coroutines = [waits(event), pieces()]
    delegating = (lambda: (yield from counter(5)))()
    next(delegating)
    keep.append([generators, in_expression, coroutines, coroutines[1].__anext__(), delegating])
    keep.append([closure(1), closure([2]), frame_of(1), frame_of([]), cached, [cached(i) for i in range(6)], single])
    one[6].weak = weakref.ref(one[6])
    one[7].weak = weakref.ref(one[7], lambda ref: None)
    keep.append([weakref.proxy(one[7]), weakref.WeakKeyDictionary({one[8]: 1}), weakref.WeakSet([one[9]]),
                 weakref.WeakMethod(one[8].method), weakref.finalize(one[9], print)])
    keep.append([functools.partial(print, [], end=""), functools.partial(int), operator.itemgetter(1, "a"), operator.attrgetter("a.b", "c"),
                 operator.methodcaller("x", [], k=1), functools.cmp_to_key(closure), functools.reduce,
                 property(closure), staticmethod(closure), classmethod(closure), one[0].method, [].append, "".join, len])
    keep.append([iter([1]), iter((1,)), iter({1: []}), iter({1: []}.items()), iter({1, 2}), iter("abc"), iter(b"x"), reversed([1]), enumerate([1]),
                 zip([1], [2]), map(len, []), filter(None, []), range(3), range(10 ** 20), iter(range(10 ** 20)), slice(1, [], None), itertools.chain([1], [2]),
                 itertools.count(10 ** 20), itertools.cycle([1]), itertools.repeat([], 3), itertools.accumulate([1]), itertools.combinations([1, []], 1),
                 itertools.groupby([1]), itertools.islice([1], 1), itertools.product([1], [2]), itertools.permutations([1, 2]), itertools.starmap(len, []),
                 itertools.takewhile(len, []), itertools.tee([1]), itertools.zip_longest([1], [2], fillvalue=[]), itertools.compress([1], [1]),
                 itertools.dropwhile(len, []), itertools.filterfalse(len, []), {}.keys(), {1: []}.values(), {}.items(), iter(list, 1), types.MappingProxyType({})])
    keep.append([10 ** 50, -10 ** 50, 1.5, 2j, b"bytes" * 100, bytearray(b"abc"), bytearray(), memoryview(b"abc"), array.array("d", [1, 2]),
                 array.array("B"), "\xe9", "\u20ac" * 50, "\U0001f600", "plain" * 30, datetime.datetime.now(), datetime.timezone.utc,
                 datetime.timedelta(1), decimal.Decimal("1.5"), decimal.Decimal("1" * 100), fractions.Fraction(1, 3), struct.Struct("<iid"), re.compile("a(b|c)*"), re.compile("a").match("a"),
                 io.StringIO("text"), io.BytesIO(b"bytes"), random.Random(1), types.SimpleNamespace(a=[]), threading.Lock(), threading.RLock(),
                 threading.Event(), contextvars.ContextVar("v"), contextvars.copy_context(), csv.reader([]), json.JSONEncoder(), zlib.compressobj(),
                 ctypes.c_int(3), (ctypes.c_int * 4)(), ctypes.pointer(ctypes.c_int(1)), ctypes.py_object([]), ctypes.CFUNCTYPE(None)(lambda: None),
                 sqlite3.connect(":memory:"), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), xml.etree.ElementTree.fromstring("<a x='1'><b/>t</a>"),
                 typing.List[int], typing.Optional[str], os.stat("/"), sys.float_info, logging.getLogger("x"), open("/dev/null"), open("/dev/null", "rb"),
                 types.ModuleType("fresh"), types.CodeType, object(), NotImplemented, Ellipsis, super(Table, keep[0][6])])
    utf8 = "caf\xe9"
    ctypes.pythonapi.PyUnicode_AsUTF8.argtypes = [ctypes.py_object]
    ctypes.pythonapi.PyUnicode_AsUTF8(utf8)
    keep.append(utf8)
    try:
        import numpy
        keep.append([numpy.arange(10), numpy.zeros(3, dtype=object), numpy.dtype("i4"), numpy.float64(1), numpy.array([[], 1], dtype=object)])
    except ImportError:
        pass
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    keep.append(thread)


def describe(item, generation, write):
    size = 0 if isinstance(type(item).__sizeof__, types.FunctionType) else sys.getsizeof(item)
    write("%x %x %d %d %s %s\n" % (id(item), id(type(item)), generation, size, type(item).__name__.replace(" ", "_"),
                                   " ".join(["%x" % id(other) for other in gc.get_referents(item)])))


def census(write):
    seen = set()
    for generation in range(3):
        items = gc.get_objects(generation=generation)
        write("- %x\n" % id(items))
        write("- %x\n" % id(sys._getframe()))
        seen.update(map(id, items))
        for item in items:
            if item is not seen and item is not items:
                describe(item, generation, write)
        item = None
        del items
    others = []
    ids = set()
    for generation in range(3):
        items = gc.get_objects(generation=generation)
        for item in items:
            if item is items or item is others or item is seen:
                continue
            for other in gc.get_referents(item):
                if not gc.is_tracked(other) and id(other) not in ids and other is not ids and other is not others:
                    ids.add(id(other))
                    others.append(other)
        item = other = None
        del items
    for other in others:
        if id(other) not in seen:
            describe(other, 255, write)


def main():
    make()
    sys.stdout.flush()
    gc.collect()
    for _ in range(2):
        keep.append([Plain(0), {}, {"x": []}])
        gc.collect(0)
    keep.append([Plain(1), {"y": []}, (1, [])])
    gc.disable()
    target = os.open(os.devnull, os.O_WRONLY)

    def write(text):
        os.write(target, text.encode())
    census(write)
    os.close(target)
    target = os.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "census"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    census(write)
    print("READY", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)


main()
