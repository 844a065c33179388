"""Runs under the Python that is examined: makes objects, and says as JSON where they are and what is in them.

usage: facts.py [busy | collect]
"""
import gc
import json
import sys
import threading
import time
import types

MODE = sys.argv[1] if len(sys.argv) > 1 else "wait"
HOLD = threading.Event()


def known_function(first, second=2):
    third = first + second
    return third


class Known:
    def __init__(self):
        self.alpha = 1
        self.beta = "two"


class Text(str):
    pass


class Slotted:
    __slots__ = ("one",)


def make_cell():
    captured = ["in a cell"]

    def inside():
        return captured

    return inside.__closure__[0]


def innermost(argument):
    HOLD.wait()
    return argument


def generator(argument):
    yield innermost(argument)


def middle(argument):
    for value in generator(argument):
        return value


def outermost():
    return middle(ARGUMENT)


def idle_generator():
    yield 1


ARGUMENT = ["the argument"]
STRINGS = {"ascii": "plain text", "latin1": "caf\u00e9 cr\u00e8me", "ucs2": "\u4f60\u597d, w\u00f6rld", "ucs4": "a \U0001f40d b",
           "empty": "", "long": "x" * 1000, "subclass": Text("non-compact"), "subclass_ucs2": Text("\u4f60\u597d")}
INTS = {"zero": 0, "small": 5, "negative": -7, "million": 1234567, "digit": 2**30, "big": 2**100 + 12345, "big_negative": -2**70}
FLOATS = {"pi": 3.141592653589793, "negative": -1e300}
DICTS = {"text": {"a": 1, "b": 2, "c": 3}, "mixed": {1: "x", "y": 2, (1, 2): 3.5}, "empty": {},
         "large": {"key%d" % n: n for n in range(1000)}, "holes": {str(n): n for n in range(20)}}
for number in range(0, 20, 3):
    del DICTS["holes"][str(number)]
LIST = [1, "two", 3.0]
TUPLE = (4, "five", None)
SET = {"alpha", "beta", "gamma"}
BYTES = b"some \x00 bytes"
CELL = make_cell()
MODULE = types.ModuleType("made")
INSTANCE = Known()
FRESH = object()
COPIES = [FRESH] * 1000
GENERATOR = idle_generator()
next(GENERATOR)


def of_code(code):
    return {"id": id(code), "name": code.co_name, "qualname": getattr(code, "co_qualname", None),
            "filename": code.co_filename, "firstlineno": code.co_firstlineno, "flags": code.co_flags,
            "nlocals": code.co_nlocals, "varnames": list(code.co_varnames), "cellvars": list(code.co_cellvars),
            "freevars": list(code.co_freevars), "code": list(code.co_code),
            "linetable": list(code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab)}


def of_type(kind):
    return {"id": id(kind), "name": kind.__name__, "basicsize": kind.__basicsize__, "itemsize": kind.__itemsize__,
            "dictoffset": kind.__dictoffset__, "flags": kind.__flags__, "mro": id(kind.__mro__)}


def of_thread(ident):
    frame, frames = sys._current_frames()[ident], []
    while frame:
        frames.append({"name": frame.f_code.co_name, "code": id(frame.f_code), "lasti": frame.f_lasti,
                       "globals": id(frame.f_globals)})
        frame = frame.f_back
    return {"ident": ident, "frames": frames}


def facts(thread):
    return {
        "info": sys.version_info[:3],
        "functions": [{"id": id(f), "qualname": id(f.__qualname__), "code": of_code(f.__code__)}
                      for f in (known_function, make_cell, Known.__init__)],
        "types": [of_type(kind) for kind in (int, str, type, Known, Text, Slotted, tuple)],
        "heap_type": {"id": id(Known), "qualname": id(Known.__qualname__)},
        "instance": {"id": id(INSTANCE), "type": id(Known)},
        "strings": {name: {"id": id(text), "text": str(text)} for name, text in STRINGS.items()},
        "ints": {name: {"id": id(value), "text": str(value)} for name, value in INTS.items()},
        "floats": {name: {"id": id(value), "text": value.hex()} for name, value in FLOATS.items()},
        "dicts": {name: {"id": id(value), "items": [[id(k), id(v)] for k, v in value.items()]}
                  for name, value in DICTS.items()},
        "sequences": {"list": {"id": id(LIST), "items": [id(item) for item in LIST]},
                      "tuple": {"id": id(TUPLE), "items": [id(item) for item in TUPLE]}},
        "set": {"id": id(SET), "items": [id(item) for item in SET]},
        "bytes": {"id": id(BYTES), "value": list(BYTES)},
        "cell": {"id": id(CELL), "value": id(CELL.cell_contents)},
        "module": {"id": id(MODULE), "dict": id(MODULE.__dict__)},
        "copies": {"id": id(FRESH), "at_least": 1000},
        "generator": {"id": id(GENERATOR), "frame": id(GENERATOR.gi_frame), "code": id(GENERATOR.gi_code)},
        "modules": id(sys.modules), "sysdict": id(sys.__dict__),
        "threads": [{"ident": each.ident, "native": getattr(each, "native_id", None)} for each in threading.enumerate()],
        "main": threading.main_thread().ident,
        "waiting": of_thread(thread.ident), "argument": id(ARGUMENT), "outermost": id(outermost),
        "busy_code": id(busy.__code__),
    }


def busy():
    while True:
        pass


def in_collection(phase, info):
    if phase == "start":
        print("READY " + SAID, flush=True)
        time.sleep(600)


def rests(thread):
    """Whether it slept all the while, though it could have had the GIL. Where the kernel cannot be asked, for long."""
    task = "/proc/self/task/%d/" % thread.native_id
    try:
        before = open(task + "schedstat").read()
        time.sleep(0.1)
        return open(task + "stat").read().rpartition(")")[2].split()[0] == "S" and open(task + "schedstat").read() == before
    except OSError:
        time.sleep(0.5)
        return True


THREAD = threading.Thread(target=outermost, daemon=True)
THREAD.start()
while "innermost" not in [frame["name"] for frame in of_thread(THREAD.ident)["frames"]] or \
        of_thread(THREAD.ident)["frames"][0]["name"] != "acquire" and \
        of_thread(THREAD.ident)["frames"][0]["name"] != "wait":
    time.sleep(0.01)
while not rests(THREAD):
    pass
SAID = json.dumps(facts(THREAD))
if MODE == "collect":
    gc.callbacks.append(in_collection)
    gc.collect()
print("READY " + SAID, flush=True)
if MODE == "busy":
    busy()
time.sleep(600)
