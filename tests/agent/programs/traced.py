"""What pyrometer.tracemalloc says where the numbers are known. Prints "ok" in the end."""
import atexit
import ctypes
import os
import sys
import threading

from pyrometer import tracemalloc

HEAD = sys.getsizeof(b"")
DOMAIN = 5


def here():
    return sys._getframe(1).f_lineno


def held(function):
    """Bytes that what it returns holds."""
    before = tracemalloc.get_traced_memory()[0]
    result = function()
    after = tracemalloc.get_traced_memory()[0]
    return result, after - before


def place(obj):
    return [(frame.filename, frame.lineno) for frame in tracemalloc.get_object_traceback(obj)]


def test_off():
    assert not tracemalloc.is_tracing()
    assert tracemalloc.get_traced_memory() == (0, 0) and tracemalloc.get_tracemalloc_memory() == 0
    assert tracemalloc.get_object_traceback([]) is None
    for wrong in (0, -1, 65536, 2**30):
        try:
            tracemalloc.start(wrong)
        except ValueError as error:
            assert str(error) == "the number of frames must be in range [1; 65535]"
        else:
            raise AssertionError(wrong)
    try:
        tracemalloc.take_snapshot()
    except RuntimeError:
        pass
    else:
        raise AssertionError("a snapshot without tracing")


def test_sizes():
    before = bytes(5000)
    tracemalloc.start(3)
    tracemalloc.start(9)  # nothing: it is on
    assert tracemalloc.get_traceback_limit() == 3
    block, size = held(lambda: bytes(100000))
    assert size == HEAD + 100000, size
    line = here() - 2
    assert place(block)[-1] == (__file__, line) and len(place(block)) == 3, place(block)
    assert tracemalloc.get_object_traceback(before) is None
    live, peak = tracemalloc.get_traced_memory()
    del block
    now, most = tracemalloc.get_traced_memory()
    assert 0 <= now - (live - HEAD - 100000) < 300 and most >= live, (live, now, most)  # 300: the answer before it
    tracemalloc.reset_peak()
    live, peak = tracemalloc.get_traced_memory()
    assert peak - live < 1000
    more = bytes(300000)
    tracemalloc.clear_traces()
    assert tracemalloc.get_object_traceback(more) is None
    grown = bytearray(1000)
    grown.extend(bytes(99000))
    line = here() - 1
    snapshot = tracemalloc.take_snapshot()
    rows = [row for row in snapshot.statistics("lineno") if row.traceback[0] == tracemalloc.Frame((__file__, line))]
    assert len(rows) == 1 and rows[0].count == 1 and 100000 < rows[0].size < 130000, rows
    tracemalloc.stop()
    assert tracemalloc.get_traced_memory() == (0, 0) and not tracemalloc.is_tracing()


def test_domains():
    api = ctypes.pythonapi
    api.PyTraceMalloc_Track.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
    api.PyTraceMalloc_Untrack.argtypes = [ctypes.c_uint, ctypes.c_size_t]
    assert api.PyTraceMalloc_Track(DOMAIN, 4096, 1000) == -2
    tracemalloc.start()
    for size in (70, 1234):  # the second one takes the first one's place
        assert api.PyTraceMalloc_Track(DOMAIN, 4096, size) == 0
    assert api.PyTraceMalloc_Track(DOMAIN + 1, 4096, 10) == 0
    snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, DOMAIN)])
    assert [(trace.domain, trace.size) for trace in snapshot.traces] == [(DOMAIN, 1234)]
    assert snapshot.traces[0].traceback[0].lineno == here() - 4
    assert api.PyTraceMalloc_Untrack(DOMAIN, 4096) == 0 and api.PyTraceMalloc_Untrack(DOMAIN, 4096) == 0
    domains = {trace.domain for trace in tracemalloc.take_snapshot().traces}
    assert domains == {0, DOMAIN + 1}, domains
    tracemalloc.stop()
    assert api.PyTraceMalloc_Track(DOMAIN, 4096, 1000) == -2


def test_raw_without_the_gil():
    """Threads that have left the GIL, and one that never had it."""
    released = ctypes.CDLL(None)
    for name in ("PyMem_RawMalloc", "PyMem_RawFree", "PyMem_RawRealloc"):
        function = getattr(released, name, None) or getattr(ctypes.CDLL(library_of_python()), name)
        setattr(test_raw_without_the_gil, name, function)
    allocate, free = test_raw_without_the_gil.PyMem_RawMalloc, test_raw_without_the_gil.PyMem_RawFree
    allocate.argtypes, allocate.restype = [ctypes.c_size_t], ctypes.c_void_p
    free.argtypes, free.restype = [ctypes.c_void_p], None
    tracemalloc.start(2)
    blocks = []
    threads = [threading.Thread(target=lambda: blocks.extend(allocate(7777) for _ in range(50))) for _ in range(4)]
    line = here() - 1
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own = [trace for trace in tracemalloc.take_snapshot().traces if trace.size == 7777]
    assert len(own) == 200 and {trace.traceback[-1].lineno for trace in own} == {line}, len(own)
    for block in blocks:
        free(block)
    assert not [trace for trace in tracemalloc.take_snapshot().traces if trace.size == 7777]
    tracemalloc.stop()


def library_of_python():
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "libpython3." in line}
    return next(iter(paths))


def test_code_that_dies():
    """Its address is used again, by code of another file."""
    tracemalloc.start()
    for number in range(200):
        space = {}
        exec(compile("\n" * (number % 7) + "kept = bytes(999)", "<number %d>" % (number % 11), "exec"), space)
        assert place(space["kept"]) == [("<number %d>" % (number % 11), number % 7 + 1)], (number, place(space["kept"]))
    tracemalloc.stop()


def test_fork():
    tracemalloc.start()
    kept = bytes(12345)
    child = os.fork()
    if child == 0:
        more = bytes(54321)
        good = place(kept)[0][1] == here() - 4 and place(more)[0][1] == here() - 1
        tracemalloc.stop()
        os._exit(0 if good and tracemalloc.get_traced_memory() == (0, 0) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert tracemalloc.get_object_traceback(kept) is not None
    tracemalloc.stop()


def test_threads_stop_and_start():
    """Blocks that were traced, and are not any more, and the other way round."""
    end = []

    def work():
        kept = []
        while not end:
            kept.append({"some": [bytes(600), 1.5]})
            if len(kept) > 50:
                del kept[:40]
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(60):
        tracemalloc.start(1 + number % 5)
        tracemalloc.take_snapshot() if number % 3 else tracemalloc.clear_traces()
        tracemalloc.stop()
    end.append(True)
    for thread in threads:
        thread.join()


def test_dump():
    import pickle
    tracemalloc.start()
    kept = [bytes(1000) for _ in range(10)]
    snapshot = tracemalloc.take_snapshot()
    again = pickle.loads(pickle.dumps(snapshot))
    assert again.traces == snapshot.traces and len(kept) == 10
    more = [bytes(1000) for _ in range(5)]
    line = here() - 1
    rows = [row for row in tracemalloc.take_snapshot().compare_to(snapshot, "lineno") if row.traceback[0].lineno == line]
    assert len(rows) == 1 and rows[0].count_diff in (6, 7), rows  # the list's own head may have been kept from before
    head = sys.getsizeof([]) if rows[0].count_diff == 7 else 0
    assert rows[0].size_diff == 5 * (1000 + HEAD) + sys.getsizeof(more) - sys.getsizeof([]) + head, rows
    tracemalloc.stop()


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
print("ok")
if "end" in sys.argv:  # tracing, and objects at work until the last moment
    tracemalloc.start(5)
    atexit.register(lambda: print("ended", tracemalloc.is_tracing()))
    kept = [threading.Lock, [bytes(100) for _ in range(100)]]
