"""A second reader, made from FORMAT.md alone, must say the same as the first one."""

import ctypes
import ctypes.util
import os
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = os.environ.get("PYR_RECORD_TOOL", str(ROOT / "build" / "meson" / "tests" / "record" / "record_tool"))


def library(name):
    lib = ctypes.CDLL(ctypes.util.find_library(name))
    return lib


def xxh3(data):
    function = library("xxhash").XXH3_64bits
    function.restype, function.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    return function(bytes(data), len(data))


def unzstd(data, size):
    function = library("zstd").ZSTD_decompress
    function.restype = ctypes.c_size_t
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    out = ctypes.create_string_buffer(size + 1)
    assert function(out, size, bytes(data), len(data)) == size
    return out.raw[:size]


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, size):
        assert size <= self.left()
        self.at += size
        return self.data[self.at - size : self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def text(self):
        return self.take(self.varint()).decode()

    def columns(self, known):
        sizes = [self.varint() for _ in range(self.varint())]
        columns = [Cursor(self.take(size)) for size in sizes]
        assert self.left() == 0
        return columns[:known]


class Table:
    def __init__(self):
        self.nodes, self.counts = [0] * 252, [0] * 252

    def use(self, slot):
        self.counts[slot] = min(63, self.counts[slot] + 1)
        return self.nodes[slot]

    def insert(self, node):
        first = 4 * (((node * 0x9E3779B1 % 2**32) * 63) >> 32)
        slots = range(first, first + 4)
        assert node not in self.nodes[first : first + 4]
        chosen = min(slots, key=lambda slot: self.counts[slot])
        for slot in slots:
            self.counts[slot] = max(0, self.counts[slot] - 1)
        self.nodes[chosen], self.counts[chosen] = node, 1


class Thread:
    def __init__(self, fields):
        self.fields, self.node, self.flags, self.table = fields, 0, 0, None


class Reader:
    def __init__(self, data):
        self.data, self.lines = data, []
        self.strings, self.codes, self.processes, self.threads, self.nodes = [], [], [], [], [None]
        self.instruction_sets, self.set_of_code = [{}], []
        self.facts = self.quality = None
        self.times, self.last_thread = {}, {}
        self.process = self.far = self.appeared_processes = self.appeared_threads = 0
        self.tables, self.next_table = [None] * 4096, 0
        self.complete = False

    def read(self):
        magic, version, least, required, optional, zero, made_by, checksum = struct.unpack_from(
            "<8sHHIII16sQ", self.data
        )
        assert (magic, version, least, required, optional, zero) == (b"\x89PYRO\r\n\x1a", 1, 1, 0, 2, 0)
        assert checksum == xxh3(self.data[:40]) and made_by.rstrip(b"\0")
        at, kinds = 48, {1: self.take_facts, 2: self.define, 3: self.take_nodes, 4: self.events, 5: self.take_quality}
        while at < len(self.data):
            checksum, kind, flags, stored, raw = struct.unpack_from("<QHHII", self.data, at)
            assert checksum == xxh3(self.data[at + 8 : at + 20 + stored])
            payload = self.data[at + 20 : at + 20 + stored]
            payload = unzstd(payload, raw) if flags & 1 else payload
            assert len(payload) == raw
            at += 20 + stored
            if kind == 6:
                self.complete = True
                break
            kinds[kind](Cursor(payload))

    def take_facts(self, c):
        texts = [c.text() for _ in range(4)]
        start, rate, flags = c.varint(), c.varint(), c.varint()
        self.facts = [*texts, start, rate, flags & 1, flags >> 1 & 1, flags >> 3 & 1, *(c.text() for _ in range(c.varint()))]

    def take_quality(self, c):
        self.quality = [c.varint() for _ in range(c.varint())]

    def define(self, c):
        while c.left():
            tag, body = c.varint(), Cursor(c.take(c.varint()))
            if tag == 1:
                self.strings.append(body.data.decode())
            elif tag == 2:
                name, file, line = self.strings[body.varint()], self.strings[body.varint()], body.varint()
                self.codes.append([name, file, line, body.byte(), body.take(body.varint()).hex()])
                self.set_of_code.append(self.instruction_sets[body.varint() if body.left() else 0])
            elif tag == 3:
                pids = [body.varint(), body.varint()]
                texts = [self.strings[body.varint()] for _ in range(3)]
                self.processes.append([*pids, *texts, body.varint()])
            elif tag == 4:
                numbers = [body.varint() for _ in range(3)]
                self.threads.append(Thread([*numbers, self.strings[body.varint()], body.varint()]))
            elif tag == 6:
                self.instruction_sets.append({})
                while body.left():
                    opcode = body.byte()
                    self.instruction_sets[-1][opcode] = self.strings[body.varint()]

    def take_nodes(self, c):
        parents, codes, instructions, opcodes = c.columns(4)
        while parents.left():
            parent, code = len(self.nodes) - parents.varint(), codes.varint()
            opcode = self.set_of_code[code].get(opcodes.byte(), "-")
            self.nodes.append([parent, code, instructions.varint() - 1, opcode])
        assert not opcodes.left()

    def thread_number(self, threads):
        number = self.last_thread.get(self.process, 0) + threads.zigzag()
        self.last_thread[self.process] = number
        return number

    def table_of(self, number):
        thread = self.threads[number]
        if thread.table is None or self.tables[thread.table][0] != number:
            thread.table = self.next_table
            self.tables[thread.table] = (number, Table())
            self.next_table = (self.next_table + 1) % 4096
        return self.tables[thread.table][1]

    def node(self, number, symbols, far):
        symbol = symbols.byte()
        if symbol == 0:
            return self.threads[number].node
        if symbol == 2:
            return 0
        table = self.table_of(number)
        if symbol >= 4:
            return table.use(symbol - 4)
        node = self.far + far.zigzag()
        self.far = max(self.far, node)
        table.insert(node)
        return node

    def sample(self, columns):
        number = self.thread_number(columns[3])
        thread = self.threads[number]
        thread.node = self.node(number, columns[4], columns[5])
        thread.flags ^= columns[6].byte()
        return f"{number}:{thread.node}:{thread.flags}"

    def event(self, op, columns):
        what, rest = op & 7, columns[7]
        if what in (0, 4, 5):
            if op & 8:
                self.process = rest.varint()
            time = self.times[self.process] = self.times.get(self.process, 0) + columns[1].varint()
            time *= 1000
        if what == 0:
            samples = [self.sample(columns) for _ in range(columns[2].varint())]
            return " ".join(["tick", str(self.process), str(time), str(op >> 4), *samples])
        if what == 1:
            return f"thread_end {self.thread_number(columns[3])}"
        if what == 2:
            self.appeared_processes += 1
            return f"process {self.appeared_processes - 1}"
        if what == 3:
            self.appeared_threads += 1
            return f"thread {self.appeared_threads - 1}"
        if what == 4:
            return f"process_end {self.process} {time} {rest.zigzag()} {rest.varint()} {rest.varint()}"
        assert what == 5
        return f"usage {self.process} {time} {rest.varint()} {rest.varint()}"

    def cpu_times(self, column):
        line, thread = f"cpu_times {self.process} {self.times[self.process] * 1000}", 0
        for _ in range(column.varint()):
            thread += column.zigzag()
            line += f" {thread}:{column.varint() * 1000}:{column.varint() * 1000}"
        return line

    def events(self, c):
        columns = c.columns(9)
        columns += [Cursor(b"")] * (9 - len(columns))
        ops = columns[8].varint() if columns[8].left() else None
        while columns[0].left() or ops == 0:
            if ops == 0:
                self.lines.append(self.cpu_times(columns[8]))
                ops = columns[8].varint() if columns[8].left() else None
                continue
            self.lines.append(self.event(columns[0].byte(), columns))
            ops = None if ops is None else ops - 1
        assert not any(column.left() for column in columns)

    def all_lines(self):
        def line(name, fields):
            return " ".join([name, *map(str, fields)])

        yield from self.lines
        yield line("facts", self.facts)
        yield from (line("code", code) for code in self.codes)
        yield from (line("process", process) for process in self.processes)
        yield from (line("thread", thread.fields) for thread in self.threads)
        yield from (line("node", node) for node in self.nodes[1:])
        yield line("quality", [self.quality[0], self.quality[9]])
        yield "complete" if self.complete else "incomplete"


@pytest.mark.parametrize("arguments", [["1", "40"], ["2", "3000"], ["3", "3000"], ["4", "3000"], []])
def test_second_reader_agrees(arguments, tmp_path):
    path = tmp_path / "recording.pyro"
    subprocess.run([TOOL, "make" if arguments else "many", path, *arguments], check=True)
    printed = subprocess.run([TOOL, "print", path], check=True, capture_output=True, text=True).stdout
    reader = Reader(Path(path).read_bytes())
    reader.read()
    assert list(reader.all_lines()) == printed.splitlines()
    assert len(reader.lines) > 10
