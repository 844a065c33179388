"""Reads objects of another process by a layout, independently of the C readers."""
import json
import pathlib
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Reader:
    def __init__(self, tool, pid):
        self.process = subprocess.Popen([tool, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.layout = json.loads(self.process.stdout.readline())
        self.fields = self.layout.get("fields", {})

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def has(self, name):
        return name in self.fields

    def read(self, address, size):
        if not size:
            return b""
        self.process.stdin.write(f"{address} {size}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer != "-", f"{size} bytes at {address:#x} cannot be read"
        return bytes.fromhex(answer)

    def number(self, address, size=8, signed=False):
        return int.from_bytes(self.read(address, size), "little", signed=signed)

    def field(self, base, name, size=8, signed=False):
        return self.number(base + self.fields[name], size, signed)

    def text_at(self, address):
        return self.read(address, 64).split(b"\0")[0].decode()

    def reference(self, base, name):
        """A reference in a frame."""
        return self.field(base, name) & ~self.layout["frame_ref_mask"]

    def type_name(self, address):
        return self.text_at(self.field(self.field(address, "object.type"), "type.name"))

    def string(self, address):
        state = self.field(address, "unicode.state", 4)
        kind = state >> self.layout["kind_shift"] & 7
        length = self.field(address, "unicode.length")
        if not state >> self.layout["compact_shift"] & 1:
            data = self.field(address, "unicode.legacy_data")
        elif state >> self.layout["ascii_shift"] & 1:
            data = address + self.fields["unicode.ascii_data"]
        else:
            data = address + self.fields["unicode.compact_data"]
        codec = {1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}[kind]
        return self.read(data, length * kind).decode(codec)

    def integer(self, address):
        if self.layout["long_kind"] == 0:
            size = self.field(address, "long.tag", signed=True)
            count, sign = abs(size), (size > 0) - (size < 0)
        else:
            tag = self.field(address, "long.tag")
            count, sign = tag >> 3, 1 - (tag & 3)
        digits = struct.unpack(f"<{count}I", self.read(address + self.fields["long.digits"], 4 * count))
        return sign * sum(digit << 30 * place for place, digit in enumerate(digits))

    def items(self, address, field):
        size = self.field(address, "varobject.size")
        start = self.field(address, "list.items") if field == "list.items" else address + self.fields[field]
        return list(struct.unpack(f"<{size}Q", self.read(start, 8 * size)))

    def bytes_value(self, address):
        return self.read(address + self.fields["bytes.data"], self.field(address, "varobject.size"))

    def dict_items(self, address):
        keys, values = self.field(address, "dict.keys"), self.field(address, "dict.values")
        kind = 0
        if self.layout["dictkeys_form"] == 0:
            slots = self.field(keys, "dictkeys.log2_size")
            index_bytes = slots * (1 if slots <= 0xFF else 2 if slots <= 0xFFFF else 4)
        else:
            index_bytes = 1 << self.field(keys, "dictkeys.log2_index_bytes", 1)
            kind = self.field(keys, "dictkeys.kind", 1)
        size = self.layout["dictunicodeentry_size"] if kind else self.layout["dictentry_size"]
        count = self.field(keys, "dictkeys.nentries")
        # Up to 3.10 an empty dict has the empty values that split tables share.
        assert not values or not count, "a combined table was expected"
        entries = self.read(keys + self.fields["dictkeys.indices"] + index_bytes, count * size)
        pairs = (struct.unpack("<QQ", entries[at + size - 16:at + size]) for at in range(0, len(entries), size))
        return [[key, value] for key, value in pairs if value]

    def threads(self):
        """Addresses of the main interpreter's thread states."""
        interp = self.main_interpreter()
        thread, found = self.field(interp, "interp.threads_head"), []
        while thread:
            found.append(thread)
            thread = self.field(thread, "tstate.next")
        return found

    def main_interpreter(self):
        interp = self.field(self.layout["runtime"], "runtime.interpreters_head")
        while self.field(interp, "interp.id"):
            interp = self.field(interp, "interp.next")
        return interp

    def thread(self, ident):
        return next(each for each in self.threads() if self.field(each, "tstate.thread_id") == ident)

    def frames(self, thread):
        """Addresses of the frames that run Python code, innermost first."""
        frame = (self.field(self.field(thread, "tstate.cframe"), "cframe.current_frame") if self.has("tstate.cframe")
                 else self.field(thread, "tstate.frame"))
        found = []
        while frame:
            if not self.has("frame.owner") or self.field(frame, "frame.owner", 1) < self.layout["owner_cstack"]:
                found.append(frame)
            frame = self.field(frame, "frame.previous")
        return found

    def lasti(self, frame):
        """As f_lasti of this version says it, in bytes."""
        kind = self.layout["instr_kind"]
        if kind <= 1:
            return self.field(frame, "frame.instr", 4, True) * (2 if kind else 1)
        return self.field(frame, "frame.instr") - self.reference(frame, "frame.code") - self.fields["code.adaptive"]
