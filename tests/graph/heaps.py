"""Heaps described in Python, written by snapshot_tool: what a snapshot of a program would be."""
import os
import pathlib
import subprocess

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build/meson"
TOOL = os.environ.get("SNAPSHOT_TOOL", str(BUILD / "tests/graph/snapshot_tool"))
PYROMETER = os.environ.get("PYROMETER", str(BUILD / "src/cli/pyrometer"))

KINDS = {name: n for n, name in enumerate(
    ["other", "member", "attribute", "item", "key", "value", "element", "local", "stack", "cell", "class", "dict"])}
ROOTS = {name: n for n, name in enumerate(["module", "frame", "thread", "interpreter", "static", "held"])}
HIDDEN = 16
IMMORTAL, STATIC, FINALIZER, TYPE = 1, 2, 4, 64
UNTRACKED = 255


class Object:
    def __init__(self, heap, type_name, size, **facts):
        self.heap, self.type_name, self.size, self.facts, self.edges = heap, type_name, size, facts, []
        self.address = heap.take(size)
        self.referrers = 0  # known references
        self.extra = 0      # more that nothing explains
        heap.objects.append(self)

    def refer(self, kind, to, label="", hidden=False):
        self.edges.append((KINDS[kind] | (HIDDEN if hidden else 0), to, label))
        if isinstance(to, Object):
            to.referrers += 1
        return self


class Heap:
    """h = Heap(); cache = h.dict(); h.module("app.cache", RESPONSES=cache); h.write(path)"""

    def __init__(self, pid=123, base=0x7f00_0000_0000):
        self.pid, self.next, self.objects, self.types, self.roots, self.sites, self.lines = pid, base, [], {}, [], [], []
        self.taken_ns, self.pause_ns = 0, 5_100_000
        for name in ("type", "dict", "list", "str", "int", "float", "tuple", "module", "function", "cell", "generator"):
            self.type("builtins", name)

    def take(self, size):
        address = self.next
        self.next += (size + 15) // 16 * 16
        return address

    def type(self, module, name, instance_dict=0, item_size=0):
        full = name if module == "builtins" else f"{module}.{name}"
        self.types[full] = (self.take(400), module, name, instance_dict, item_size)
        return full

    def object(self, type_name, size, **facts):
        return Object(self, type_name, size, **facts)

    def str(self, text, size=None):
        content = int.from_bytes(text.encode()[:7].ljust(7, b"."), "little") ^ hash_of("str" + text)
        return self.object("str", size or 49 + len(text), length=len(text), text=text, content=content, generation=UNTRACKED)

    def int(self, value):
        return self.object("int", 28, content=hash_of(f"int{value}"), generation=UNTRACKED)

    def float(self, value):
        return self.object("float", 24, content=hash_of(f"float{value}"), generation=UNTRACKED)

    def dict(self, items=(), size=None, capacity=None):
        items = list(items.items() if isinstance(items, dict) else items)
        made = self.object("dict", size or 64 + 24 * len(items), length=len(items), capacity=capacity or len(items))
        for key, value in items:
            made.refer("key", key if isinstance(key, Object) else self.str(key), hidden=True).refer("value", value)
        return made

    def list(self, items=(), capacity=None):
        items = list(items)
        room = capacity or len(items)
        made = self.object("list", 56 + 8 * room, length=len(items), capacity=room)
        for item in items:
            made.refer("item", item)
        return made

    def tuple(self, *items):
        made = self.object("tuple", 40 + 8 * len(items), length=len(items))
        for item in items:
            made.refer("item", item)
        return made

    def module(self, name, **names):
        made = self.object("module", 72, text=name)
        made.refer("dict", self.dict(names.items()))
        self.root("module", made, name)
        return made

    def root(self, kind, made, holder="", name=""):
        self.roots.append((ROOTS[kind], holder, name, made))
        made.referrers += 1

    def site(self, file, function, line, caller=0):
        self.sites.append((file, function, line, caller))
        return len(self.sites)

    def describe(self):
        yield ("facts", self.pid, "3.14.0", "python app.py", self.pause_ns, self.taken_ns)
        for address, module, name, instance_dict, item_size in self.types.values():
            yield ("type", address, module, name, 16, item_size, 512 if instance_dict else 0, instance_dict)
            yield ("object", address, self.types["type"][0], 400, "-", "-", 0, 0, 0, 2, IMMORTAL | STATIC | TYPE, name)
            yield ("root", ROOTS["static"], "", "", address)
        for o in self.objects:
            get = o.facts.get
            yield ("object", o.address, self.types[o.type_name][0], o.size, get("length", "-"), get("capacity", "-"),
                   get("content", 0), o.referrers + o.extra, get("site", 0), get("generation", 2), get("flags", 0),
                   get("text", ""))
            for kind, to, label in o.edges:
                yield ("edge", kind, to.address if isinstance(to, Object) else to, label)
        for kind, holder, name, made in self.roots:
            yield ("root", kind, holder, name, made.address)
        yield from (("site", *site) for site in self.sites)
        yield from self.lines

    def write(self, path):
        text = "".join("\t".join(str(field) for field in line) + "\n" for line in self.describe())
        subprocess.run([TOOL, str(path)], input=text, text=True, check=True)
        return path


def hash_of(text):
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return value | 1


def run(*words, check=True):
    done = subprocess.run([PYROMETER, *map(str, words)], capture_output=True, text=True)
    if check:
        assert done.returncode == 0, done.stderr
    return done
