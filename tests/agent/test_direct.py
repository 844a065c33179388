"""Memory that C code takes by itself: malloc and its family, mappings, the raw domain."""
import pathlib
import shutil
import subprocess

import pytest

from . import memory, memory_file

pytestmark = pytest.mark.long

HEAD = """import ctypes, os, sys, threading, time
size_t, address = ctypes.c_size_t, ctypes.c_void_p
def functions(library):
    for name, result, *arguments in (("malloc", address, size_t), ("calloc", address, size_t, size_t), ("free", None, address),
                                     ("realloc", address, address, size_t), ("reallocarray", address, address, size_t, size_t),
                                     ("memalign", address, size_t, size_t), ("aligned_alloc", address, size_t, size_t),
                                     ("valloc", address, size_t), ("malloc_usable_size", size_t, address),
                                     ("mmap", address, address, size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long),
                                     ("munmap", ctypes.c_int, address, size_t),
                                     ("mremap", address, address, size_t, size_t, ctypes.c_int)):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
held, free_of_gil = functions(ctypes.PyDLL(None, use_errno=True)), functions(ctypes.CDLL(None, use_errno=True))
raw = ctypes.pythonapi.PyMem_RawMalloc, ctypes.pythonapi.PyMem_RawFree
raw[0].restype, raw[0].argtypes, raw[1].argtypes = address, [size_t], [address]
"""


def ready(source):
    """It has been at its heap's peak before its file is read: waiting allocates a little."""
    return HEAD + source + "\nbytes(1 << 20)\nprint('READY', flush=True)\nsys.stdin.read()\n"


def compiled(ground, name):
    """A library of a C file beside this one, as the interpreter sees it."""
    if not shutil.which("cc"):
        pytest.skip("cc is not installed")
    path = pathlib.Path(ground.folder, name + ".so")
    subprocess.run(["cc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-pthread", "-o", path, memory.PROGRAMS / (name + ".c")],
                   check=True)
    return ground.inside(path)


def marked(source):
    """{mark: line} of "#: mark" in a program."""
    return {text.split("#: ")[1]: number for number, text in enumerate(source.split("\n"), 1) if "#: " in text}


def figures(ground, source, domain=memory_file.C, **options):
    """{mark: (blocks, bytes, live blocks, live bytes)}, and the file; of a program that has said READY."""
    path = ground.put(source)
    with ground.held(path, **options):
        (file,) = [file for file in ground.read() if not file.text_base]
    lines = file.c_lines(domain)
    rows = {mark: lines.get((path, line), memory_file.Figures()) for mark, line in marked(source).items()}
    return {mark: (row.allocated_blocks, row.allocated_bytes, row.live_blocks, row.live_bytes)
            for mark, row in rows.items()}, file


FAMILY = """
for c in (held, free_of_gil):
    for size in (0, 1, 24, 25, 1016, 1024, 1025, 5000, 300000):
        blocks = [c.malloc(size) for _ in range(10)] #: malloc
        for block in blocks[3:]:
            assert c.malloc_usable_size(block) >= size
            ctypes.memset(block, 65, c.malloc_usable_size(block))
            c.free(block)
        zeroed = [c.calloc(3, size) for _ in range(4)] #: calloc
        assert all(ctypes.string_at(block, 3 * size) == bytes(3 * size) for block in zeroed)
        for old in (0, 10, 700, 6000):
            block = c.malloc(old)
            ctypes.memset(block, 66, old)
            block = c.realloc(block, size + 1) #: realloc
            assert ctypes.string_at(block, min(old, size)) == b"B" * min(old, size)
        block = c.reallocarray(None, 7, size + 1) #: reallocarray
        for function in (c.memalign, c.aligned_alloc):
            block = function(64, size) #: aligned
            assert block % 64 == 0
        block = c.valloc(size) #: valloc
        assert block % 4096 == 0
    assert c.malloc(1 << 62) is None and ctypes.get_errno() in (0, 12)
    assert c.reallocarray(None, 1 << 40, 1 << 40) is None
    assert c.realloc(block, 1 << 62) is None
    c.free(block)
    c.free(None)
"""


def test_family(ground):
    seen, file = figures(ground, ready(FAMILY))
    sizes = (0, 1, 24, 25, 1016, 1024, 1025, 5000, 300000)
    total = 2 * sum(sizes)
    assert seen["malloc"] == (180, 10 * total, 54, 3 * total)
    assert seen["calloc"] == (72, 12 * total, 72, 12 * total)
    assert seen["realloc"] == (72, 4 * (total + 18), 72, 4 * (total + 18))
    assert seen["reallocarray"] == (18, 7 * (total + 18), 18, 7 * (total + 18))
    assert seen["aligned"] == (36, 2 * total, 36, 2 * total)
    assert seen["valloc"] == (18, total, 16, total - 2 * sizes[-1])
    lines = file.c_lines()
    assert sum(line.peak_bytes for line in lines.values()) <= max(file.c_peak, file.c_loose_peak) + (64 << 10)


MAPS = """
import mmap
page = 4096
for c in (held, free_of_gil):
    at = c.mmap(None, 100 * page, 3, 0x22, -1, 0) #: mapped
    assert c.munmap(at + 10 * page, 20 * page) == 0 and c.munmap(at + 1, page) == -1
    assert c.munmap(at, 5 * page) == 0
    nothing = c.mmap(None, 1 << 30, 0, 0x22, -1, 0) #: reserved
    small = c.mmap(None, 10 * page, 3, 0x22, -1, 0) #: moved
    large = c.mremap(small, 10 * page, 5000 * page, 1) #: grown
    over = c.mmap(large, 100 * page, 3, 0x32, -1, 0) #: over
    assert over == large
kept = mmap.mmap(-1, 50 * page) #: python
file = mmap.mmap(os.open(__file__, os.O_RDONLY), 0, prot=mmap.PROT_READ) #: file
"""


def test_maps(ground):
    seen, file = figures(ground, ready(MAPS))
    page = 4096
    assert seen["mapped"] == (2, 200 * page, 2, 150 * page)
    assert seen["reserved"] == (0, 0, 0, 0)
    assert seen["moved"] == (2, 20 * page, 0, 0)
    assert seen["grown"] == (2, 10000 * page, 2, 9800 * page)
    assert seen["over"] == (2, 200 * page, 2, 200 * page)
    assert seen["python"] == (1, 50 * page, 1, 50 * page)
    assert seen["file"] == (0, 0, 0, 0)
    files = file.c_lines(memory_file.FILES)
    assert sum(line.live_bytes for (path, _), line in files.items() if path) >= page


RAW = """
blocks = [raw[0](100) for _ in range(50)] #: raw
for block in blocks[:20]:
    raw[1](block)
mixed = [held.malloc(100) for _ in range(50)] #: mixed
for block in mixed:
    raw[1](block)
for block in blocks[20:30]:
    held.free(block)
"""


def test_raw_is_pythons(ground):
    """As tracemalloc counts it; and a block freed by another function than that of its kind is freed."""
    source = ready(RAW)
    seen, file = figures(ground, source, memory_file.RAW)
    assert seen["raw"] == (50, 5000, 20, 2000)
    assert figures_of_c(file, source)["mixed"] == (50, 5000, 0, 0)
    total = file.total()
    assert total.peak_bytes == file.peak_bytes


def figures_of_c(file, source):
    rows = {line: row for (path, line), row in file.c_lines().items() if path and path.endswith("program.py")}
    return {mark: (rows[line].allocated_blocks, rows[line].allocated_bytes, rows[line].live_blocks, rows[line].live_bytes)
            for mark, line in marked(source).items() if line in rows}


THREADS = """
library = ctypes.CDLL(sys.argv[1])
def work():
    for _ in range(5):
        assert library.threads(4, 300) == 1 #: foreign
workers = [threading.Thread(target=work) for _ in range(2)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
def native(number):
    for _ in range(300):
        block = free_of_gil.malloc(2000) #: crossed
        given.append(block)
given = []
workers = [threading.Thread(target=native, args=(n,)) for n in range(8)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
for block in given[::2]:
    held.free(block)
assert library.interrupted(2000) >= 50
if os.fork() == 0:
    assert library.take(100, 700) == 1
    library.give(50)
    print("READY", flush=True) if sys.argv[2:] else os._exit(7)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7 if hasattr(os, "waitstatus_to_exitcode") else os.wait()
"""


def test_threads_signals_fork(ground):
    source = ready(THREADS)
    path, library = ground.put(source), compiled(ground, "direct")
    with ground.held(path, library):
        parent, child = ground.read()
    lines = parent.c_lines()
    crossed = lines[path, marked(source)["crossed"]]
    assert (crossed.allocated_blocks, crossed.live_blocks, crossed.live_bytes) == (2400, 1200, 2400000)
    # Threads that are not Python's have no line; the last block of each is kept.
    nobody = lines[None, memory_file.NO_FRAME]
    assert nobody.allocated_blocks >= 2 * 5 * 4 * 20000
    assert 40 <= nobody.live_blocks < 400
    forked = {line: row for (name, line), row in child.c_lines().items() if name == path}
    (row,) = [row for row in forked.values() if row.allocated_blocks == 200]
    assert (row.allocated_bytes, row.live_blocks, row.live_bytes) == (100 * 1401, 50, 35000)


DAEMONS = """
library = ctypes.CDLL(sys.argv[1])
def deep(n):
    return deep(n - 1) if n else library.forever()
for n in range(6):
    threading.Thread(target=deep, args=(n * 40,), daemon=True).start()
time.sleep(0.05)
print("answer")
"""


def test_end_with_threads_that_allocate(ground):
    """The interpreter deletes the states of daemon threads while these allocate without the GIL."""
    library = compiled(ground, "direct")
    path = ground.put(HEAD + DAEMONS)
    for _ in range(10):
        done = ground.run(path, library)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"answer\n", b"")


@pytest.mark.parametrize("order", ["{other} {ours}", "{ours} {other}"])
def test_another_malloc_stays(ground, order):
    """Preloaded before us, or behind, as one that is linked: only the heap is counted, and no block goes from one to the other."""
    path, other = ground.put(ready("kept = [held.malloc(100), raw[0](100), bytes(10000)] #: all")), compiled(ground, "other_malloc")
    preload = ground.preload()
    preload["LD_PRELOAD"] = order.format(other=other, ours=preload["LD_PRELOAD"])
    with ground.held(path, env=preload):
        (file,) = ground.read()
    assert file.direct_count == 0
    assert file.total().live_bytes > 100000


def test_limit(ground):
    """Out of memory is what it is without us."""
    source = HEAD + """import resource
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
blocks = []
while True:
    block = free_of_gil.malloc(1 << 20)
    if not block:
        break
    blocks.append(block)
assert ctypes.get_errno() in (0, 12)
for block in blocks:
    held.free(block)
try:
    bytearray(1 << 30)
except MemoryError:
    print(len(blocks) > 200)
"""
    path = ground.put(source)
    assert ground.run(path).stdout == ground.run(path, agent=False).stdout == b"True\n"


NUMPY = """
import numpy
zeros = numpy.zeros(1000000) #: zeros
ones = numpy.ones((300, 1000), dtype=numpy.int32) #: ones
gone = numpy.arange(500000) #: gone
del gone
small = [numpy.empty(200) for _ in range(100)] #: small
"""


def test_numpy(ground):
    if ground.run("-c", "import numpy", agent=False).returncode:
        pytest.skip("numpy is not installed for it")
    seen, _ = figures(ground, ready(NUMPY))
    for mark, size in (("zeros", 8000000), ("ones", 1200000), ("gone", 0), ("small", 160000)):
        assert size <= seen[mark][3] <= size + 20000, mark
    assert seen["gone"][1] >= 4000000


def test_other_programs(ground):
    """What is not Python is not counted, and answers as before."""
    if ground.python.root != "/":
        pytest.skip("in another root the agent has another path")
    settings = [f"{name}={value}" for name, value in ground.preload().items()]
    for words in (["/bin/sh", "-c", "ls / | sort | head -1"], ["/usr/bin/env", "-i", "/bin/echo", "x"]):
        ours = subprocess.run(["/usr/bin/env", *settings, *words], capture_output=True, timeout=memory.TIMEOUT_S)
        plain = subprocess.run(words, capture_output=True, timeout=memory.TIMEOUT_S)
        assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert ground.read() == []
