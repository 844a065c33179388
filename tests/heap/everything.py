"""Makes objects of many kinds, writes what the interpreter itself says of them into the file `census` beside it, and
stops.

A line for each object that the collector knows, and for each that one of those refers to:
    ADDRESS TYPE_ADDRESS GENERATION SIZE TYPE [REFERENT...]
with generation 255 for what it does not track, size 0 where __sizeof__ is written in Python. Lines that begin with "-"
name what the census itself keeps alive meanwhile.
"""
import array
import ast
import asyncio
import codecs
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
import hashlib
import hmac
import io
import itertools
import json
import logging
import lzma
import bz2
import mmap
import multiprocessing.synchronize
import operator
import os
import pickle
import queue
import random
import re
import select
import selectors
import signal
import socket
import sqlite3
import ssl
import struct
import sys
import threading
import traceback
import tracemalloc
import types
import typing
import unicodedata
import uuid
import weakref
import xml.etree.ElementTree
import xml.parsers.expat
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
    make_library()
    make_sizes()
    make_at_the_end()
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    keep.append(thread)


class Structure(ctypes.Structure):
    _fields_ = [("first", ctypes.c_int), ("next", ctypes.POINTER(ctypes.c_int)), ("items", ctypes.c_double * 3)]


class Overlaid(ctypes.Union):
    _fields_ = [("number", ctypes.c_long), ("text", ctypes.c_char_p)]


def library_io():
    raw = open("/dev/zero", "r+b", buffering=0)
    buffers = [io.BufferedReader(raw, 1000), io.BufferedWriter(io.BytesIO(), 333), io.BufferedRandom(io.BytesIO(b"x" * 9)),
               io.BufferedRWPair(io.BytesIO(), io.BytesIO()), io.TextIOWrapper(io.BytesIO("a\nb".encode("utf-16")), "utf-16", "replace")]
    buffers[4].readline()
    filled = io.BytesIO()
    filled.write(b"x" * 5000)
    text = io.StringIO()
    text.write("y" * 5000)
    shared = io.BytesIO(b"shared" * 100)
    return [raw, buffers, filled, text, shared, shared.getbuffer(), io.StringIO("text"), io.IncrementalNewlineDecoder(None, True)]


def library_database():
    base = sqlite3.connect(":memory:", check_same_thread=False)
    base.row_factory = sqlite3.Row
    base.create_function("twice", 1, lambda x: 2 * x)
    base.create_collation("other", lambda a, b: 0)
    base.set_trace_callback(lambda statement: None)
    cursor = base.execute("select 1 as one, 'two' as two union select 3, 'four'")
    return [base, cursor, cursor.fetchone(), base.cursor()]


async def library_tasks():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.add_done_callback(lambda done: None)
    task = loop.create_task(waits(Waiting(future)), name="waiting")
    await asyncio.sleep(0)
    return [future, task, asyncio.gather(future, loop.create_future()), asyncio.Queue(), asyncio.Lock(), loop]


class Waiting:
    def __init__(self, future):
        self.future = future

    async def wait(self):
        return await self.future


def library_streams():
    memo = pickle.Pickler(io.BytesIO(), 4)
    memo.dump([[i] for i in range(100)])
    undone = pickle.Unpickler(io.BytesIO(pickle.dumps([1, [2]])))
    undone.load()
    named = pickle.Unpickler(io.BytesIO(pickle.dumps([2.5, [1]], 0)), encoding="latin-1", errors="replace")
    named.load()
    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: None
    tree = xml.etree.ElementTree.XMLParser()
    tree.feed("<a><b c='d'>text</b>")
    element = xml.etree.ElementTree.Element("many", {"a": "1"})
    for _ in range(20):
        xml.etree.ElementTree.SubElement(element, "child").text = "text"
    unzip = zlib.decompressobj()
    unzip.decompress(zlib.compress(b"text" * 100)[:20])
    return [memo, undone, named, parser, tree, element, element.iter(), unzip, zlib.compressobj(), bz2.BZ2Compressor(), bz2.BZ2Decompressor(),
            lzma.LZMACompressor(), lzma.LZMADecompressor(), hashlib.sha256(b"x"), hashlib.md5(), hashlib.blake2b(), hashlib.sha3_256(),
            hmac.new(b"k", b"m", "sha256"), codecs.getincrementalencoder("utf-8")(), codecs.getincrementaldecoder("shift_jis")(),
            csv.writer(io.StringIO()), csv.reader(["a,b"], "excel"), json.scanner.make_scanner(json.JSONDecoder()), json.JSONDecoder(),
            struct.iter_unpack("<ii", b"x" * 16), struct.Struct("2s3i"), ssl.create_default_context(),
            ssl.MemoryBIO(), ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="x")]


def library_system():
    ends = socket.socketpair()
    poll = select.poll()
    poll.register(0)
    selector = selectors.DefaultSelector()
    selector.register(ends[0], selectors.EVENT_READ, ["data"])
    local = threading.local()
    local.value = [1]
    simple = queue.SimpleQueue()
    simple.put([1])
    return [ends, poll, select.epoll(), selector, local, simple, mmap.mmap(-1, 4096), os.scandir("/"), next(os.scandir("/")), os.times(),
            time_values(), threading.Semaphore(), threading.Condition(), threading.Barrier(2), threading.Timer(1, print),
            multiprocessing.synchronize.Lock(ctx=multiprocessing.get_context("fork")), uuid.uuid4(), unicodedata.ucd_3_2_0, random.SystemRandom()]


def time_values():
    import time
    zone = datetime.timezone(datetime.timedelta(hours=1), "zone")
    values = [time.localtime(), datetime.datetime.now(zone), datetime.time(1, 2, tzinfo=zone), datetime.date.today(), zone]
    if sys.version_info >= (3, 9):
        import zoneinfo
        try:
            values.append(zoneinfo.ZoneInfo("UTC"))
        except zoneinfo.ZoneInfoNotFoundError:
            pass
    return values


def library_functions():
    names = contextvars.ContextVar("names", default=[])
    names.set([1])
    others = [contextvars.ContextVar("other %d" % number) for number in range(60)]
    for each in others:
        each.set([each])
    context = contextvars.copy_context()
    token = context.run(names.set, [2])
    proxied = Plain(1)
    pool = weakref.WeakValueDictionary({1: proxied})
    tee = itertools.tee(iter(range(300)), 3)
    list(itertools.islice(tee[0], 200))
    groups = itertools.groupby([1, 1, 2])
    chosen = [itertools.combinations(range(9), 3), itertools.permutations(range(5), 2), itertools.product([1], [2, 3], repeat=4),
              itertools.combinations_with_replacement("abc", 2)]
    for each in chosen:
        next(each)
    more = [itertools.pairwise([1, 2])] if hasattr(itertools, "pairwise") else []
    more += [itertools.batched([1, 2], 2)] if hasattr(itertools, "batched") else []
    ordered = collections.OrderedDict(a=1)
    return [names, context, token, proxied, pool, tee, groups, next(groups), chosen, more, functools.partial(functools.partial(print, 1), k=[]),
            functools.cached_property(closure), functools.partialmethod(closure, []), functools.cmp_to_key(closure)([1]), functools.total_ordering,
            operator.methodcaller("a"), ordered.keys(), iter(ordered.items()), iter(ordered.values()), reversed(ordered), collections.UserDict(a=1),
            iter(collections.deque([1])), reversed(collections.deque([1])), decimal.Context(), decimal.getcontext(), decimal.Decimal("1" * 500),
            ast.parse("x = [1, f(2)]"), ctypes.pointer(Structure(1)), Structure(2), Overlaid(3), (Structure * 3)(), ctypes.c_char_p(b"text"), ctypes.create_string_buffer(10),
            ctypes.cast(ctypes.create_string_buffer(10), ctypes.c_void_p), Structure.first, ctypes.byref(ctypes.c_int(1)), ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(abs),
            re.compile(r"(?P<a>x)(y)").match("xy"), re.compile("a").finditer("aaa"), re.compile("a").scanner("aa"), re.compile(b"x"), array.array("i", range(100)), iter(array.array("b", b"ab")),
            traceback.TracebackException(ValueError, ValueError(1), None), tracemalloc.Snapshot((), 1)]


def at_the_end_of_memory(text):
    """A copy of a str of ASCII that is the last there is before a page that cannot be read."""
    page, size = mmap.PAGESIZE, sys.getsizeof(text)
    area = mmap.mmap(-1, 2 * page)
    keep.append(area)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    assert size % 8 == 0 and ctypes.CDLL(None).mprotect(ctypes.c_void_p(start + page), page, 0) == 0
    ctypes.memmove(start + page - size, id(text), size)
    return ctypes.cast(start + page - size, ctypes.py_object).value


def make_at_the_end():
    text = "x" * 100
    while sys.getsizeof(text) % 8:
        text += "x"
    def documented():
        pass
    documented.__doc__ = at_the_end_of_memory(text)
    keep.append(documented)


def make_library():
    loop = asyncio.new_event_loop()
    keep.append([library_io(), library_database(), loop.run_until_complete(library_tasks()), library_streams(), library_system(), library_functions()])


def never_called():
    pass


def make_sizes():
    """What CPython's own test_sys sizes, beside what is above."""
    def inner():
        pass
    view = memoryview(bytearray(b"xy" * 50))
    text = "text"
    frame = sys._getframe()
    weak = weakref.ref(int)
    errors = [BaseException(), UnicodeEncodeError("", "", 0, 0, ""), UnicodeDecodeError("", b"", 0, 0, ""), UnicodeTranslateError("", 0, 1, ""), OSError(1, "x", "file"),
              SyntaxError("x", ("f", 1, 2, "text")), StopIteration([1]), SystemExit([1]), ImportError("x", name="n", path="p"), AttributeError("x"), NameError("x")]
    values = [True, 1.1, 10 ** 0, 2 ** 30, 2 ** 60, -1, 2 ** 1000, 1j, (), (1, 2, 3), [], [1, 2, 3], {}, {"a": 1}, set(), frozenset({1}), {i for i in range(9)}, b"", b"x" * 9,
              "", "a" * 50, "\x80", "\u0100" * 9, "\U00010000", text, inner, inner.__code__, inner.__get__([]), frame, weak, view, view[::2], view.cast("B"), slice(0),
              int.__add__, {}.__iter__, iter({}), iter({}.keys()), iter({}.values()), iter(set()), iter(""), iter("\u20ac"), iter(b""), iter(bytearray()), iter(()), iter([]), reversed([]), reversed(()),
              reversed({}), dict.__dict__["fromkeys"], staticmethod(inner), classmethod(inner), property(inner), super(Plain), super(Plain, keep[0][0][0]), type, object, Plain, Made, Meta, None, NotImplemented, ..., enumerate([]),
              range(1), range(66000), zip(), map(len, []), filter(None, []), iter(lambda: 1, 2), sys.flags, sys.version_info, sys.hash_info, sys.thread_info, sys.implementation, sys.int_info,
              types.SimpleNamespace(), types.MappingProxyType({1: []}), types.CellType([]), types.MethodType(inner, 1), types.ModuleType("m"), int.from_bytes, "".join, object().__init__, object.__init__, str.maketrans,
              int.real, types.FunctionType.__code__, dict.get, list.__len__, codecs.charmap_build("abcdefghij" * 20), hash, print, int("9" * 40), complex("inf"), float("nan"), memoryview(b"").obj]
    if sys.version_info >= (3, 9):
        values += [list[int], dict[str, list[int]]]
    if sys.version_info >= (3, 10):
        values += [int | str]
    if sys.version_info >= (3, 11):
        values += [BaseExceptionGroup("x", [ValueError(1)]), ExceptionGroup("x", [ValueError([])]), inner.__code__.co_positions(), inner.__code__.co_lines()]
    if sys.version_info >= (3, 15):  # slots behind the items
        slotted = type("Slotted", (tuple,), {"__slots__": ("first", "second")})
        slotted = type("MoreSlotted", (slotted,), {"__slots__": ("third",)})([1, 2, []])
        slotted.first, slotted.third = [1], [3]
        values.append(slotted)
    if sys.version_info >= (3, 14):  # a word that is never set: it may hold anything, such as the address of this
        no_object = array.array("Q", [1, id(bytes), 77_777] + [0] * 10_000)
        keep.append((no_object, never_called.__code__))
        ctypes.c_uint64.from_address(id(never_called.__code__) + 184).value = no_object.buffer_info()[0]
    waiting = queue.SimpleQueue()
    for number in range(30):
        waiting.put(number)
    keep.append([errors, values, ctypes.c_int.from_param(1), waiting, ((Structure * 3) * 5)()])


# What is not imported: does something at once, asks for a screen, or is not part of what runs.
NOT_IMPORTED = re.compile(r"(antigravity|this|__phello__|idlelib|turtle.*|tkinter.*|lib2to3|test|_?ctypes\.test|distutils|ensurepip|venv|"
                          r"msilib|winreg|_test.*|_xx.*|xx.*|_interp.*|sre_.*|asyncore|asynchat|smtpd|imp|.*__main__|.*\.tests?)(\..*)?$")
# What is not made: starts processes or threads, reads what is typed, changes the process, or is one of its kind.
NOT_MADE = re.compile(r"(threading|_thread|_?multiprocessing.*|concurrent\..*|asyncio.*|socketserver|site|_sitebuiltins|faulthandler|tracemalloc|"
                      r"importlib.*|_frozen_importlib.*|readline|pty|code|pdb|bdb|cmd|subprocess|gc|_pyrepl.*|trace|.*profil.*|nntplib|"
                      r"webbrowser|unittest.mock|curses.*|.*curses|dbm.*|shelve|logging.*|_interp.*|interpreters|tempfile|pydoc.*|pyexpat|sqlite3|__main__)$")


def make_library_whole():
    """Every module of the standard library, and of each type in them that can be made of nothing or of one value, one."""
    import contextlib
    import importlib
    import pkgutil
    import sysconfig
    import warnings
    warnings.simplefilter("ignore")
    folder = sysconfig.get_path("stdlib")
    names = set(sys.builtin_module_names) | {each.name for each in pkgutil.walk_packages([folder, os.path.join(folder, "lib-dynload")],
                                                                                         onerror=lambda name: None)
                                             if "site-packages" not in each.name and "dist-packages" not in each.name}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for name in sorted(names):
            if not NOT_IMPORTED.match(name):
                with contextlib.suppress(Exception, SystemExit):
                    importlib.import_module(name)
        kinds = [item for item in gc.get_objects() if isinstance(item, type)]
        for kind in sorted(kinds, key=lambda kind: (str(kind.__module__), kind.__qualname__)):
            if NOT_MADE.match(str(kind.__module__)):
                continue
            for values in (), (12345,), ("",), (b"",), ([1],):
                with contextlib.suppress(Exception, SystemExit):
                    keep.append(kind(*values))
                    break


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


def stop(folder):
    """Three generations with something in each, then the census."""
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
    target = os.open(os.path.join(folder, "census"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    census(write)
    print("READY", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    make()
    if "library" in sys.argv:
        make_library_whole()
    stop(os.path.dirname(os.path.abspath(__file__)))
