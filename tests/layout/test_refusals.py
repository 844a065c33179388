"""What is said to programs that pretend to be a Python, or are one that is not known."""
import json
import random
import shutil
import struct
import subprocess

import pytest

from .test_live import TOOL

UNSUPPORTED, AGAIN = -12, -4
SIZE = 4096
SOURCE = """
#include <unistd.h>
unsigned char _PyRuntime[%d] = {%s};
%s
int main(void)
{
    write(1, "READY", 5);
    pause();
}
"""


@pytest.fixture
def pretend(tmp_path):
    """pretend(bytes of _PyRuntime, more C) -> what is said about such a process."""
    if not shutil.which("gcc"):
        pytest.skip("no C compiler")

    def run(runtime, more=""):
        program = tmp_path / "program"
        text = ",".join(map(str, runtime))
        subprocess.run(["gcc", "-w", "-rdynamic", "-x", "c", "-", "-o", program], input=SOURCE % (SIZE, text, more),
                       text=True, check=True)
        process = subprocess.Popen([program], stdout=subprocess.PIPE)
        try:
            assert process.stdout.read(5) == b"READY"
            done = subprocess.run([TOOL, str(process.pid)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    return run


def debug_offsets(version, free_threaded=0, rest=b""):
    return b"xdebugpy" + struct.pack("<QQ", version, free_threaded) + rest


def test_newer_version(pretend):
    said = pretend(debug_offsets(0x031000F0))
    assert said == {"error": UNSUPPORTED, "text": "Python 3.16.0 is not known to this pyrometer (it knows 3.8 to 3.15): "
                                                  "upgrade pyrometer, or run the program under one of these"}


def test_free_threaded(pretend):
    said = pretend(debug_offsets(0x030E0AF0, 1))
    assert said["error"] == UNSUPPORTED
    assert "3.14.10 is a free-threaded build" in said["text"] and "default build" in said["text"]


def test_prerelease(pretend):
    said = pretend(debug_offsets(0x030F00A2))
    assert said["error"] == UNSUPPORTED
    assert "3.15.0a2 is a pre-release" in said["text"]


def test_holes_in_debug_offsets(pretend):
    said = pretend(debug_offsets(0x030D00F0, 0, struct.pack("<Q", SIZE)))
    assert said["error"] == UNSUPPORTED
    assert "debug offsets are wrong about" in said["text"]


def test_version_without_debug_offsets(pretend):
    said = pretend(b"", "const unsigned long Py_Version = 0x030D00F0;")
    assert said["error"] == UNSUPPORTED
    assert "lacks the debug offsets" in said["text"]


def test_not_started_yet(pretend):
    assert pretend(b"", "const unsigned long Py_Version = 0x030C01F0;")["error"] == AGAIN
    assert pretend(b"")["error"] == AGAIN


def test_older_version_by_its_text(pretend):
    said = pretend(b"", 'char version[64] = "3.7.16 (default, Nov 21 2026, 07:00:00) \\n[GCC 12.2.0]";')
    assert said["error"] == UNSUPPORTED
    assert "Python 3.7.16 is not known" in said["text"]


def test_no_version_at_all(pretend):
    said = pretend(b"\1" * 64)
    assert said["error"] == UNSUPPORTED
    assert "cannot be told" in said["text"]


@pytest.mark.parametrize("seed", range(6))
def test_garbage(pretend, seed):
    """Refused or told to wait, in bounded time, whatever is there."""
    random.seed(seed)
    version = [0x030E0AF0, 0x030F02F0, 0x030D00F0][seed % 3]
    rest = random.randbytes(SIZE - 24) if seed < 3 else struct.pack(
        "<509Q", SIZE, *(random.randrange(0, 64) * 8 for _ in range(508)))
    assert pretend(debug_offsets(version, 0, rest))["error"] in (UNSUPPORTED, AGAIN)


EMULATOR = """
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int count, char **words)
{
    int file = open(words[1], O_RDONLY);
    if (mmap(0, 65536, PROT_READ, MAP_PRIVATE, file, 0) != MAP_FAILED)
        write(1, "READY", 5);
    pause();
}
"""


def test_emulated_processor(tmp_path):
    """As emulators of whole programs do: they map the other machine's Python like any file."""
    if not shutil.which("gcc"):
        pytest.skip("no C compiler")
    library, program = tmp_path / "libpython3.14.so", tmp_path / "emulator"
    subprocess.run(["gcc", "-shared", "-x", "c", "-", "-o", library], input="char _PyRuntime[4096] = {1};", text=True, check=True)
    subprocess.run(["gcc", "-w", "-x", "c", "-", "-o", program], input=EMULATOR, text=True, check=True)
    image = bytearray(library.read_bytes())
    image[18:20] = struct.pack("<H", 243)
    library.write_bytes(image)
    process = subprocess.Popen([program, library], stdout=subprocess.PIPE)
    try:
        assert process.stdout.read(5) == b"READY"
        done = subprocess.run([TOOL, str(process.pid)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        said = json.loads(done.stdout)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert said["error"] == UNSUPPORTED
    assert f"emulates another kind of processor: {library} is for RISC-V (ELF machine 243)" in said["text"]
