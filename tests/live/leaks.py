"""leaks.py KIND [N]: lets N records leak in one way, says READY and what the first suspect is to name, then sums the
records up again for each line that it reads: the answer is to be the same whatever is done to the process meanwhile."""
import atexit
import contextvars
import ctypes
import functools
import gc
import sys
import threading


class Record:
    def __init__(self, number):
        self.number = number
        self.body = "record %d of those that leak" % number


class Node:
    def __init__(self, number):
        self.record = Record(number)
        self.me = self


COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
CACHE = {}


def module_global():
    for number in range(COUNT):
        CACHE["/page/%d" % number] = Record(number)
    return CACHE.values


class Parser:
    @functools.lru_cache(maxsize=None)
    def parse(self, number):
        return Record(number)


def lru_cache_on_method():
    parser = Parser()
    for number in range(COUNT):
        parser.parse(number)
    return lambda: [Parser().parse.__wrapped__(parser, number) for number in range(COUNT)]


class Bus:
    def __init__(self):
        self.listeners = []


class Widget:
    def __init__(self, number):
        self.record = Record(number)

    def on_change(self):
        return self.record


BUS = Bus()


def listener():
    for number in range(COUNT):
        BUS.listeners.append(Widget(number).on_change)
    return lambda: [each() for each in BUS.listeners]


def cycle():
    gc.disable()
    for number in range(COUNT):
        Node(number)
    return lambda: [each.record for each in gc.get_objects() if type(each) is Node]


def failing():
    batch = [Record(number) for number in range(COUNT)]
    raise ValueError(len(batch))


LAST_ERROR = None


def traceback_kept():
    global LAST_ERROR
    try:
        failing()
    except ValueError as error:
        LAST_ERROR = error
    return lambda: LAST_ERROR.__traceback__.tb_next.tb_frame.f_locals["batch"]


LOCAL = threading.local()


def thread_local():
    ready, answers, asked = threading.Event(), [], threading.Event()

    def work():
        LOCAL.connections = [Record(number) for number in range(COUNT)]
        ready.set()
        while True:
            asked.wait()
            asked.clear()
            answers[:] = [sum(record.number for record in LOCAL.connections)]
            ready.set()

    threading.Thread(target=work, name="pool-7", daemon=True).start()
    ready.wait()

    def ask():
        ready.clear()
        asked.set()
        ready.wait()
        return [Record(answers[0])]
    return ask


def make_handler():
    pending = {number: Record(number) for number in range(COUNT)}

    def handle():
        return pending.values()
    return handle


HANDLER = None


def closure():
    global HANDLER
    HANDLER = make_handler()
    return HANDLER


class Registry:
    entries = []


def class_attribute():
    Registry.entries.extend(Record(number) for number in range(COUNT))
    return lambda: Registry.entries


def c_callback():
    """Only the C structure of the thunk refers to the function; only the loop's C code would know the thunk."""
    bag = [Record(number) for number in range(COUNT)]
    kind = ctypes.CFUNCTYPE(ctypes.c_long)
    thunk = kind(lambda: sum(record.number for record in bag))
    address = ctypes.cast(thunk, ctypes.c_void_p).value
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thunk))
    del thunk
    return lambda: [Record(kind(address)())]


def exit_function():
    atexit.register(len, [Record(number) for number in range(COUNT)])
    return None


class Profiler:
    def __init__(self):
        self.seen = [Record(number) for number in range(COUNT)]

    def __call__(self, frame, event, argument):
        pass


def profile_slot():
    sys.setprofile(Profiler())
    return lambda: sys.getprofile().seen


REQUEST = contextvars.ContextVar("request")


def context_variable():
    for number in range(40):  # more than one node of the trie
        contextvars.ContextVar("other %d" % number).set(number)
    REQUEST.set([Record(number) for number in range(COUNT)])
    return REQUEST.get


records = globals()[sys.argv[1]]() if __name__ == "__main__" else None
print("READY", flush=True)
for line in sys.stdin:
    print(sum(record.number for record in records()) if records else COUNT * (COUNT - 1) // 2, flush=True)
