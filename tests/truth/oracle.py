"""Which stacks a program of programs/ can have, read from marks in its own source.

    f(x)          #> f, g      while this line is a caller's current line, the callee is f or g
    f(x)          #> *         ... or anything
    f(x)          #> generated ... or a frame of a file that the program generates (then check_generated decides)
    def f():      #: root      a thread may begin here
    def f():      #: free      what f calls is not checked

The innermost frame may be at any line of its function. Imports may call anything. A program may also define
check(frames, truncated, arguments) and check_generated(frames), which return what is wrong, or None; and
part_of(frames), the part of its measured time that a stack belongs to.
"""
import ast
import importlib.util
import os
import pathlib
import re
import typing

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
THREAD_START = ["_bootstrap", "_bootstrap_inner", "run"]
LOCATED = re.compile(r"^(.*) \((.*):(-?\d+)\)$", re.S)
PSEUDO = re.compile(r"^<[^<>]*>$")


class Frame(typing.NamedTuple):
    function: str
    file: str
    line: int


class Stack(typing.NamedTuple):
    """Frames root first, without what stands at their end in angle brackets, such as <GC>, which is `tail`."""
    frames: tuple
    tail: str
    weight: float


def parse_frame(text):
    """The frame, or None for one without a place, such as <GC>."""
    match = LOCATED.match(text)
    if not match:
        return None
    function = match.group(1).rpartition(".")[2] if not match.group(1).endswith(">") else match.group(1)
    return Frame(function, os.path.basename(match.group(2)), int(match.group(3)))


def parse_line(line):
    """One line of the collapsed format."""
    text, _, weight = line.rpartition(" ")
    words = text.split(";") if text else []
    tail = words.pop() if words and PSEUDO.match(words[-1]) and not LOCATED.match(words[-1]) else ""
    return Stack(tuple(map(parse_frame, words)), tail, float(weight))


def parse(text):
    return [parse_line(line) for line in text.splitlines() if line.strip()]


def load_module(path):
    spec = importlib.util.spec_from_file_location("truth_" + path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Oracle:
    """The legal stacks of one program, run with these arguments (those after the seconds)."""

    def __init__(self, name, arguments=()):
        self.path = PROGRAMS / (name + ".py")
        self.file = self.path.name
        self.arguments = arguments
        self.module = load_module(self.path)
        lines = self.path.read_text(encoding="utf-8").splitlines()
        self.calls = {number: words(line, "#>") for number, line in enumerate(lines, 1) if "#>" in line}
        self.spans, self.roots, self.free, self.imports = {"<module>": (0, len(lines))}, set(), set(), set()
        for node in ast.walk(ast.parse("\n".join(lines))):
            self.learn(node, lines)
        unknown = set().union(*self.calls.values()) - set(self.spans) - {"generated", "*"}
        if unknown:
            raise ValueError(f"{self.file}: marks name no function: {sorted(unknown)}")

    def learn(self, node, lines):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imports.add(node.lineno)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        self.spans[node.name] = (first, node.end_lineno)
        marks = words(lines[node.lineno - 1], "#:")
        if "root" in marks:
            self.roots.add(node.name)
        if "free" in marks:
            self.free.add(node.name)

    def wrong(self, frames, truncated=False):
        """What makes this stack impossible, or None. None also for a stack without a frame of the program.

        truncated: outermost frames may be missing.
        """
        if None in frames:
            return "a frame without a place in the middle"
        first = next((i for i, frame in enumerate(frames) if frame.file == self.file), None)
        if first is None:
            return self.wrong_foreign(frames, truncated)
        own = frames[first:]
        if not truncated:
            reason = self.wrong_start(frames[:first], own[0])
            if reason:
                return reason
        return self.wrong_calls(own) or self.wrong_whole(frames, truncated)

    def wrong_foreign(self, frames, truncated):
        """Generated code has a caller; the interpreter's own start and end may be without the program."""
        generated = [frame for frame in frames if "_generated.py" in frame.file or frame.file.startswith("churn_")]
        return "generated code without its caller" if generated and not truncated else None

    def wrong_start(self, before, first):
        if first.function == "<module>":
            return f"<module> called by {before[-1].function}" if before else None
        if first.function not in self.roots:
            return f"{first.function} without its caller"
        if [frame.function for frame in before] in ([], THREAD_START):
            return None
        return f"{first.function} called by {before[-1].function}"

    def wrong_calls(self, own):
        """The edges, and that each frame's line is one of its function's."""
        for i, frame in enumerate(own):
            low, high = self.spans.get(frame.function, (1, 0))
            if not low <= frame.line <= high:
                return f"{frame.function} is not at line {frame.line}"
            if frame.function in self.free or frame.line in self.imports or i + 1 == len(own):
                return None
            callee = own[i + 1]
            if "*" in self.calls.get(frame.line, ()):
                return None
            if callee.file != self.file:
                return self.wrong_generated(frame, own[i + 1:])
            if callee.function not in self.calls.get(frame.line, ()):
                return f"{frame.function}:{frame.line} does not call {callee.function}"
        return None

    def wrong_generated(self, caller, frames):
        if "generated" not in self.calls.get(caller.line, ()):
            return f"{caller.function}:{caller.line} does not call {frames[0].function} of {frames[0].file}"
        own = next((i for i, frame in enumerate(frames) if frame.file == self.file), len(frames))
        try:
            return self.module.check_generated(list(frames)) or (self.wrong_calls(frames[own:]) if frames[own:] else None)
        except (AttributeError, ValueError, IndexError) as error:
            return f"not generated here: {frames[0]} ({error})"

    def wrong_whole(self, frames, truncated):
        check = getattr(self.module, "check", None)
        return check(list(frames), truncated, self.arguments) if check else None

    def part(self, frames):
        """The part of the program's measured time, or None outside of it."""
        return self.module.part_of([frame for frame in frames if frame and frame.file == self.file])


def words(line, mark):
    """The names after a mark."""
    _, found, rest = line.partition(mark)
    return {word.strip() for word in rest.split(",")} if found else set()
