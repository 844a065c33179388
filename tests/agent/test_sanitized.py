"""The whole agent, built with sanitizers, under Python: undefined behaviour, or an access beside what the agent has of
its own, ends the process. (`./dev soak` runs all tests of this folder with the first.)"""
import pathlib
import subprocess

import pytest

from . import memory

pytestmark = pytest.mark.long

BUILT = memory.pythons.ROOT / "build" / "meson" / "tests" / "agent"
PROGRAM = """
import ctypes, gc, json, mmap, os, sys, threading
libc, held = ctypes.CDLL(None), ctypes.PyDLL(None)
for library in libc, held:
    library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def blocks(number):
    for size in (1, 100, 1023, 1024, 5000, 200000):
        kept = [libc.malloc(size + number), held.malloc(size)]
        libc.free(kept.pop())
        held.free(kept.pop())

def build(count):
    return json.loads(json.dumps([{"n": n, "t": ["x" * (n % 600)] * 3, "f": n / 7} for n in range(count)]))

def deep(depth):
    return len([depth]) + (deep(depth - 1) if depth else 0)

def made(number):
    space = {}
    exec("def made():\\n  return [str(n) for n in range(%d)]" % number, space)
    return len(space["made"]())

def numbers(limit):
    for value in range(limit):
        yield value, bytearray(value)

def work(number):
    blocks(number)
    return sum(len(row["t"][0]) for row in build(300)) + sum(made(n) for n in range(40)) + deep(300)

class Ring:
    def __init__(self):
        self.me = self

total = []
threads = [threading.Thread(target=lambda n=n: total.append(work(n))) for n in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
rings = [Ring() for _ in range(3000)]
del rings
gc.collect()
pages = [mmap.mmap(-1, 1 << 20) for _ in range(3)]
if os.fork() == 0:
    os._exit(work(5) % 100)
child = os.wait()[1]
print(sum(total), child, sum(len(data) for _, data in numbers(2000)), len(pages))
"""


def runtime(agent):
    """The sanitizer's library, which has to be the first, or nothing."""
    needed = subprocess.run(["ldd", agent], capture_output=True, text=True, check=True).stdout
    return [line.split()[2] for line in needed.splitlines() if "libasan" in line]


@pytest.mark.parametrize("kind, mode", [("undefined", "lines"), ("undefined", "stacks"), ("address", "stacks")])
def test_under_python(ground, kind, mode):
    agent = BUILT / f"libpyrometer-agent-{kind}.so"
    if not agent.exists():
        pytest.skip(f"no {agent.name}: the compiler has no such sanitizer")
    first = runtime(agent)
    if first and ground.python.root != "/":
        pytest.skip("the sanitizer's library is not in this root")
    program, inside = ground.put(PROGRAM), pathlib.Path(ground.folder, agent.name)
    inside.write_bytes(agent.read_bytes())
    env = {"LD_PRELOAD": ":".join([*first, ground.inside(inside)]), "ASAN_OPTIONS": "detect_leaks=0",
           "PYROMETER_MEMORY_MODE": mode}
    plain, ours = ground.run("-Wi", program, agent=False), ground.run("-Wi", program, env=env)
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, plain.stdout, plain.stderr)
    parent, child = ground.read()
    assert parent.total().allocated_blocks > 30000 and parent.lost_sites == child.lost_sites == 0
    assert bool(parent.c_lines()) == (kind == "undefined")  # AddressSanitizer's own malloc stays
