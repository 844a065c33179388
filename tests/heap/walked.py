"""What heap_tool prints of a process, and what tests/heap/everything.py wrote of itself."""
import collections
import dataclasses
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("PYROMETER_HEAP_TOOL", ROOT / "build/meson/tests/heap/heap_tool"))
IMMORTAL, STATIC, CONSERVATIVE, SIZE_BASIC, TORN, TYPE = 1, 2, 8, 16, 32, 64
HIDDEN = 16
PERMANENT, UNTRACKED = 3, 255


@dataclasses.dataclass
class Object:
    type: int
    size: int
    length: int
    capacity: int
    content: int
    references: int
    generation: int
    flags: int
    text: str
    edges: list  # (address, kind, label)

    def shown(self):
        """What the collector sees."""
        return collections.Counter(to for to, kind, _ in self.edges if not kind & HIDDEN)


class Walk:
    def __init__(self, output):
        texts, self.objects, self.types, self.roots = {0: ""}, {}, {}, []
        for line in output.rstrip("\n").split("\n"):
            kind, _, rest = line.partition(" ")
            if kind == "S":
                number, _, text = rest.partition(" ")
                texts[int(number)] = text
                continue
            words = rest.split()
            if kind == "O":
                address = int(words[0], 16)
                assert address not in self.objects, f"{address:#x} was given twice"
                edges = [(int(words[i], 16), int(words[i + 1]), texts[int(words[i + 2])])
                         for i in range(10, len(words), 3)]
                self.objects[address] = Object(int(words[1], 16), *map(int, words[2:5]), int(words[5], 16),
                                               *map(int, words[6:9]), texts[int(words[9])], edges)
            elif kind == "T":
                self.types[int(words[0], 16)] = (texts[int(words[1])], texts[int(words[2])])
            elif kind == "R":
                self.roots.append((int(words[0]), int(words[1], 16), texts[int(words[2])], texts[int(words[3])]))
            elif kind == "F":
                self.facts = dict(zip(("objects", "edges", "torn", "dangling", "conservative", "size_basic", "enabled",
                                   "collecting"),
                                      map(int, words)))

    def named(self, kind, text):
        """The objects of a type with a text."""
        return [address for address, item in self.objects.items()
                if item.text == text and self.types.get(item.type, ("", ""))[1] == kind]


def wait_stopped(pid):
    for _ in range(1000):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            if file.read().rpartition(")")[2].split()[0] == "T":
                return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} does not stop")


def walk(target, *mode):
    """Of a process or an image; with "copy", of a copy of that process, in which types' traversals are run."""
    result = subprocess.run([TOOL, str(target), *mode], capture_output=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return Walk(result.stdout.decode(errors="replace"))


@dataclasses.dataclass
class Said:
    type: int
    generation: int
    size: int
    kind: str
    referents: list


def census(path):
    """{address: Said}, without what the census itself kept alive."""
    said, own = {}, set()
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words[0] == "-":
                own.add(int(words[1], 16))
            else:
                said[int(words[0], 16)] = Said(int(words[1], 16), int(words[2]), int(words[3]), words[4],
                                               [int(word, 16) for word in words[5:]])
    return {address: item for address, item in said.items() if address not in own}
