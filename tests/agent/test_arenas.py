"""What is read from outside of the private heap's arenas, against what the agent counts."""
import json
import struct
import subprocess

import pytest

from . import memory_file

pytestmark = pytest.mark.beside

SOURCE = '''
import sys
keep = [bytes(n % 600) for n in range(30_000)]
del keep[::3], keep[10_000:19_000]
print("READY", flush=True)
sys.stdin.read()
'''


def large_blocks(pid, file):
    """Blocks of the C heap, and their bytes: struct pyr_large_sum, in the process."""
    with open(file, "rb") as stream:
        stream.seek(memory_file.LARGE_AT)
        (large_at,) = struct.unpack("<Q", stream.read(8))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(large_at)
        return struct.unpack("<QQ", memory.read(16))


def test_pools_hold_what_is_counted(ground, binary, tmp_path):
    with ground.held(ground.put(SOURCE)) as process:
        done = subprocess.run([binary, "heap", str(process.pid), "-q", "-o", tmp_path / "x.pyroheap", "--json"],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        file, = ground.read()
        blocks, size = large_blocks(process.pid, file.path)
        found = json.loads(done.stdout)["arenas"]["pyrometer"]
        used = sum(row["blocks_used"] for row in found["classes"])
        assert blocks > 2000 and size > 512 * blocks
        assert used + blocks == sum(site[0] - site[2] - site[4] for site in file.sites)  # less freed, less temporary
        assert found["arena_bytes"] == file.arena_bytes == found["arenas"] << 20
