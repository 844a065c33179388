"""Core files of processes that stand still: written here as the kernel does, by gdb, or by the kernel itself."""
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time

PAGE = 4096
HEADER, PROGRAM_HEADER = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
MACHINES = {"x86_64": 62, "aarch64": 183}
LOAD, NOTE, CORE = 1, 4, 4
PRSTATUS, PRPSINFO, AUXV, FILES = 1, 3, 6, 0x46494C45


def note(kind, contents):
    return struct.pack("<III", 5, len(contents), kind) + b"CORE\0\0\0\0" + contents + b"\0" * (-len(contents) % 4)


def mappings(pid):
    """(start, end, permissions, offset, path) of each that can be read."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
        words = line.split(maxsplit=5)
        start, end = (int(word, 16) for word in words[0].split("-"))
        path = words[5] if len(words) > 5 else ""
        if words[1][0] == "r" and not path.startswith("[v"):
            yield start, end, words[1], int(words[2], 16), path


def notes_of(pid, maps, root):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")[:79]
    info = struct.pack("<4b4xQIIiiii16s80s", 0, 0, 0, 0, 0, 0, 0, pid, int(stat.rpartition(")")[2].split()[1]), pid, pid,
                       b"python", command)
    threads = b""
    for tid in sorted((int(name) for name in os.listdir(f"/proc/{pid}/task")), key=lambda tid: (tid != pid, tid)):
        status = bytearray(336)
        struct.pack_into("<i", status, 32, tid)
        threads += note(PRSTATUS, bytes(status))
    files = [(start, end, offset, path) for start, end, _, offset, path in maps if path.startswith("/")]
    paths = b"".join((path[len(root):] if root != "/" else path).encode() + b"\0" for *_, path in files)
    rows = b"".join(struct.pack("<QQQ", start, end, offset // PAGE) for start, end, offset, _ in files)
    return threads + note(PRPSINFO, info) + \
        note(AUXV, pathlib.Path(f"/proc/{pid}/auxv").read_bytes()) + \
        note(FILES, struct.pack("<QQ", len(files), PAGE) + rows + paths)


def read(memory, start, size):
    """As the kernel does: what cannot be read, such as guard pages of a stack, is zero."""
    try:
        memory.seek(start)
        return memory.read(size)
    except OSError:
        if size <= PAGE:
            return b"\0" * size
        half = size // PAGE // 2 * PAGE
        return read(memory, start, half) + read(memory, start + half, size - half)


def write(pid, path, root="/"):
    """Of a process that stands still: what can be written to, and the first pages of files, as by the kernel."""
    maps = list(mappings(pid))
    notes = notes_of(pid, maps, root)
    at = HEADER.size + PROGRAM_HEADER.size * (len(maps) + 1)
    headers, parts = [PROGRAM_HEADER.pack(NOTE, 0, at, 0, 0, len(notes), 0, 4)], [notes]
    at += len(notes)
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, permissions, offset, name in maps:
            size = end - start if "w" in permissions or not name else PAGE if offset == 0 else 0
            parts.append(read(memory, start, size))
            flags = sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in permissions)
            headers.append(PROGRAM_HEADER.pack(LOAD, flags, at, start, 0, len(parts[-1]), end - start, PAGE))
            at += len(parts[-1])
    with open(path, "wb") as core:
        core.write(HEADER.pack(b"\x7fELF\2\1\1", CORE, MACHINES[os.uname().machine], 1, 0, HEADER.size, 0, 0, HEADER.size,
                               PROGRAM_HEADER.size, len(headers), 0, 0, 0))
        for part in headers + parts:
            core.write(part)
    return path


def by_gdb(pid, folder):
    """None where there is no gcore."""
    if not shutil.which("gcore"):
        return None
    subprocess.run(["gcore", "-o", folder / "gcore", str(pid)], capture_output=True, timeout=60, check=True)
    return folder / f"gcore.{pid}"


def by_kernel(process, folder):
    """Ends the process, which was started in the folder without a limit for cores. None where cores do not go to files there."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8")
    if "/" in pattern or pattern[0] in "|\n":
        return None
    os.kill(process.pid, signal.SIGABRT)
    process.wait(60)
    for _ in range(100):
        found = [path for path in folder.iterdir() if "core" in path.name and "gcore" not in path.name]
        if found:
            return found[0]
        time.sleep(0.02)
    return None
