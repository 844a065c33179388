"""Reads the agent's file as src/record/heap_file.h describes it, independently of the C code.

As a script: memory_file.py FILE [COUNT] prints the lines that hold most.
"""
import collections
import dataclasses
import glob
import os
import struct
import sys

HEADER = struct.Struct("<8sIIIIQQIIIIQQQQQQ64s64sQQQQQQQIIIIQQ9Q")
PEAKS_AT, LARGE_AT = 616, 632  # where the header says it
PEAK = struct.Struct("<QQ")
NAMES = ("magic version site_size pid parent_pid started_ns ended_ns state interpreter linetable_kind site_count sites_at "
         "sites_limit texts_at texts_limit text_bytes text_base text_base_name python arena_bytes peak_arena_bytes "
         "lost_sites replaced children_inside peak_bytes main_ended_ns live_record direct_live_record direct_count "
         "direct_size direct_at direct_limit raw_peak raw_loose_peak raw_epoch c_peak c_loose_peak c_epoch "
         "files_peak files_loose_peak files_epoch").split()
DIRECT = struct.Struct("<QQQQQQQIIQQQQI28x")
RAW, C, FILES = range(3)
SITE = struct.Struct("<QQQQQQIIII")
TEXT, CODE = struct.Struct("<II"), struct.Struct("<IIiI")
STRING_KIND, CODE_KIND = 1, 2
NO_FRAME, OTHER, RESERVED = 0, 1, 2
NOT_STARTED = 0xFFFFFFFF
STARTING, RUNNING, ENDED = range(3)
LNOTAB, PAIRS, LOCATIONS = 1, 2, 3


@dataclasses.dataclass
class Figures:
    allocated_blocks: int = 0
    allocated_bytes: int = 0
    live_blocks: int = 0
    live_bytes: int = 0
    peak_blocks: int = 0
    peak_bytes: int = 0

    def add(self, other):
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def signed_byte(value):
    return value - 256 if value > 127 else value


def varint(table, at):
    value = shift = 0
    while True:
        value |= (table[at] & 63) << shift
        shift += 6
        at += 1
        if not table[at - 1] & 64:
            return value, at


def location_lines(table, line):
    """(end of the entry in bytes, line or 0), in order; 3.11+."""
    at = end = 0
    while at < len(table):
        kind, end, at = table[at] >> 3 & 15, end + 2 * ((table[at] & 7) + 1), at + 1
        if kind in (13, 14):
            value, at = varint(table, at)
            line += -(value >> 1) if value & 1 else value >> 1
            for _ in range(3 if kind == 14 else 0):
                _, at = varint(table, at)
        elif 10 <= kind <= 12:
            line, at = line + kind - 10, at + 2
        elif kind < 10:
            at += 1
        yield end, 0 if kind == 15 else line


def pair_lines(table, line):
    """3.10."""
    end = 0
    for at in range(0, len(table), 2):
        delta, end = signed_byte(table[at + 1]), end + table[at]
        if delta != -128:
            line += delta
        yield end, 0 if delta == -128 else line


def lnotab_lines(table, line):
    """Up to 3.9."""
    start = 0
    for at in range(0, len(table), 2):
        start += table[at]
        yield start, line
        line += signed_byte(table[at + 1])
    yield NOT_STARTED, line


def line_of(kind, table, first_line, instruction):
    """As PyCode_Addr2Line says; 0: none."""
    if instruction == NOT_STARTED:
        return first_line
    decode = {LNOTAB: lnotab_lines, PAIRS: pair_lines, LOCATIONS: location_lines}[kind]
    return next((line for end, line in decode(table, first_line) if instruction < end), 0)


class MemoryFile:
    """One file, as it is now."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            header = HEADER.unpack(file.read(HEADER.size))
            for name, value in zip(NAMES, header):
                setattr(self, name, value)
            assert self.magic == b"\x89PYRMEM\n" and self.version == 6 and self.site_size == SITE.size, path
            self.python = self.python.rstrip(b"\0").decode()
            self.text_base_name = self.text_base_name.rstrip(b"\0").decode()
            file.seek(self.sites_at)
            sites = file.read(self.site_count * SITE.size)
            file.seek(self.direct_at)
            assert self.direct_size == DIRECT.size
            self.direct = list(DIRECT.iter_unpack(file.read(self.direct_count * DIRECT.size)))
            file.seek(PEAKS_AT)
            file.seek(*struct.unpack("<Q", file.read(8)))
            self.peaks = list(PEAK.iter_unpack(file.read(self.site_count * PEAK.size)))
            file.seek(self.texts_at)
            self.texts = file.read(self.text_bytes)
        self.sites = list(SITE.iter_unpack(sites))
        self.running = self.state == RUNNING
        self.places = {}
        self.base = MemoryFile(os.path.join(os.path.dirname(path), self.text_base_name)) if self.text_base else None

    def text(self, offset, kind):
        if offset < self.text_base:
            return self.base.text(offset, kind)
        found, size = TEXT.unpack_from(self.texts, offset)
        assert found == kind, (offset, found, kind)
        return self.texts[offset + TEXT.size:offset + TEXT.size + size]

    def place(self, code, instruction):
        """(file, line, function)"""
        if (code, instruction) not in self.places:
            self.places[code, instruction] = self.find_place(code, instruction)
        return self.places[code, instruction]

    def find_place(self, code, instruction):
        body = self.text(code, CODE_KIND)
        file, name, first_line, size = CODE.unpack_from(body)
        table = body[CODE.size:CODE.size + size]
        line = line_of(self.linetable_kind, table, first_line, instruction)
        return self.text(file, STRING_KIND).decode(), line, self.text(name, STRING_KIND).decode()

    def place_of(self, number):
        *_, code, instruction = self.sites[number]
        return number if number < RESERVED else self.place(code, instruction)

    def direct_by_number(self, wanted):
        """(site, Figures) of the raw domain, C memory or mapped files."""
        epoch = (self.raw_epoch, self.c_epoch, self.files_epoch)[wanted]
        for row in self.direct[1:]:
            blocks, size, freed_blocks, freed, peak_blocks, peak, saved, site, _, *loose, domain = row
            blocks, size, freed_blocks, freed = ((held + other) % (1 << 64) for held, other in
                                                 zip((blocks, size, freed_blocks, freed), loose))
            live = blocks - freed_blocks, size - freed
            if domain == wanted:
                yield site, Figures(blocks, size, *live, *((peak_blocks, peak) if saved == epoch else live))

    def direct_figures(self, wanted):
        """The same with the place, or the number of a reserved site."""
        return ((self.place_of(site), figures) for site, figures in self.direct_by_number(wanted))

    def c_lines(self, domain=C):
        """{(file, line): Figures} of C memory."""
        found = collections.defaultdict(Figures)
        for place, figures in self.direct_figures(domain):
            found[place[:2] if isinstance(place, tuple) else (None, place)].add(figures)
        return found

    def figures_by_number(self):
        """(site, Figures): the private heap, and the raw domain."""
        yield from self.direct_by_number(RAW)
        for number, site in enumerate(self.sites):
            blocks, size, freed_blocks, freed, temporary_blocks, temporary, saved, *_ = site
            live = blocks - freed_blocks - temporary_blocks, size - freed - temporary
            figures = Figures(blocks, size, *live, *(self.peaks[number] if saved else live))
            yield number, figures

    def figures(self):
        """The same with the place, or the number of a reserved site."""
        return ((self.place_of(number), figures) for number, figures in self.figures_by_number())

    def stack(self, number, known):
        """((file, line), …), innermost first; reserved sites as ((None, number),)."""
        if number < RESERVED:
            return () if number == NO_FRAME else ((None, number),)
        if number not in known:
            caller, code, instruction = self.sites[number][7:]
            assert caller < number
            known[number] = (self.place(code, instruction)[:2], *self.stack(caller, known))
        return known[number]

    def stacks(self):
        """{stack: (bytes, blocks) live}, of those that hold anything."""
        found, known = collections.defaultdict(lambda: (0, 0)), {}
        for number, figures in self.figures_by_number():
            if figures.live_blocks or figures.live_bytes:
                stack = self.stack(number, known)
                found[stack] = found[stack][0] + figures.live_bytes, found[stack][1] + figures.live_blocks
        return dict(found)

    def lines(self):
        """{(file, line): Figures}; reserved sites as (None, number)."""
        found = collections.defaultdict(Figures)
        for place, figures in self.figures():
            found[place[:2] if isinstance(place, tuple) else (None, place)].add(figures)
        return found

    def temporary(self):
        """{(file, line): (blocks, bytes)} of what was temporary of the private heap."""
        found = collections.defaultdict(lambda: (0, 0))
        for number, (*_, blocks, size, _, _, _, _) in enumerate(self.sites):
            place = self.place_of(number)
            key = place[:2] if isinstance(place, tuple) else (None, place)
            found[key] = found[key][0] + blocks, found[key][1] + size
        return found

    def total(self):
        total = Figures()
        for _, figures in self.figures():
            total.add(figures)
        return total


def files_in(folder):
    """All of a folder, by pid."""
    found = [MemoryFile(path) for path in glob.glob(os.path.join(glob.escape(str(folder)), "*.memory"))]
    return sorted(found, key=lambda file: (file.started_ns, file.pid))


def main(path, count="30"):
    file = MemoryFile(path)
    print(f"python {file.python} pid {file.pid} state {file.state} sites {file.site_count} texts {file.text_bytes} "
          f"arenas {file.arena_bytes} peak {file.peak_bytes} lost {file.lost_sites}")
    print("total", file.total())
    rows = sorted(file.lines().items(), key=lambda row: -row[1].live_bytes)
    for (name, line), figures in rows[:int(count)]:
        print(f"{figures.live_bytes:12} {figures.live_blocks:9} {figures.allocated_bytes:14} {figures.allocated_blocks:11} "
              f"{figures.peak_bytes:12} {name}:{line}")


if __name__ == "__main__":
    main(*sys.argv[1:])
