"""Memory line by line in functions that you choose: memory_profiler's view, from the private heap's exact counters.

    from pyrometer.memory import profile

    @profile
    def load(): ...

`pyrometer run app.py` then prints a table when the program ends. Columns are memory_profiler's: Mem usage is what Python
objects and C memory held after the line, Increment what the line left behind or (negative) gave back, and Occurrences how
often it ran. Peak is what was held at most while the line ran, above what was held when its function began: what comes and
goes within a line is in it. All bytes are counted; nothing is rounded up to pages, as in the resident memory that
memory_profiler reads.

The agent has to be in the process: without `pyrometer run` the function runs as it would without the decorator, and a line
on standard error says so, once.

    pyrometer run -m pyrometer.memory app.py

runs a script that has `@profile` and imports it from nowhere, as `python -m memory_profiler` does.
"""
import atexit
import ctypes
import dataclasses
import functools
import inspect
import linecache
import sys
import types
from typing import IO, Any, Callable, Dict, List, Optional, Tuple, TypeVar, Union, overload

from . import _agent as _agent_file
from ._binary import PyrometerError
from ._tracker import Tracker, start, stop

__all__ = ["FunctionLines", "Held", "LineMemory", "Tracker", "current", "lines", "profile", "show_results", "start", "stop"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MIB = 1024 * 1024
_TRACED = not hasattr(sys, "monitoring")
_HOW = int(_TRACED) | (2 if sys.version_info >= (3, 14) else 0)  # as chosen.h of the agent says
_ADVICE = ("this process is not counted, so there is no memory to tell of; start it by `pyrometer run` (on a Python with a GIL, "
           "without --memory off, PYTHONMALLOC or -X dev), or call pyrometer.memory.start() before")


@dataclasses.dataclass(frozen=True)
class Held:
    """Bytes that are allocated now: by Python's allocators, and by C code (malloc and the like, anonymous mappings; None where
    that is not counted). After `start`, those that were allocated since."""
    python_bytes: int = 0
    c_bytes: Optional[int] = 0

    @property
    def bytes(self) -> int:
        return self.python_bytes + (self.c_bytes or 0)


@dataclasses.dataclass(frozen=True)
class LineMemory:
    """A line that ran: how often, what it left behind in all, what was held after it at most, and what was held at most while it
    ran, above what was held when its function began; in bytes of the whole process."""
    line: int
    occurrences: int
    increment_bytes: int
    held_bytes: int
    peak_bytes: int


@dataclasses.dataclass(frozen=True)
class FunctionLines:
    """A chosen function: how often it was called, what was held at most when it began, and those of its lines that ran."""
    name: str
    file: str
    first_line: int
    last_line: int
    calls: int
    entry_bytes: int
    lines: List[LineMemory]


class _Line(ctypes.Structure):
    """struct pyr_chosen_line of the agent."""
    _fields_ = [("occurrences", ctypes.c_uint64), ("increment_bytes", ctypes.c_int64), ("held_bytes", ctypes.c_uint64),
                ("peak_bytes", ctypes.c_int64)]


class _Agent:
    """The functions of the agent that is in this process."""

    def __init__(self) -> None:
        try:
            library = _agent_file.load() if _agent_file.load.cache_info().currsize else ctypes.PyDLL(None)
            self.now = library.pyrometer_memory_now
        except (AttributeError, OSError):
            raise PyrometerError(_ADVICE) from None
        self.held()
        self.choose = library.pyrometer_memory_choose
        self.choose.argtypes = [ctypes.py_object, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint]
        self.read = library.pyrometer_memory_lines
        library.pyrometer_memory_function.restype = ctypes.py_object
        self.begin, self.end, self.on_line, self.on_leave = map(library.pyrometer_memory_function, range(4))

    def held(self) -> Held:
        figures = (ctypes.c_uint64 * 2)()
        answer = self.now(figures)
        if answer < 0:
            raise PyrometerError(_ADVICE)
        return Held(figures[0], figures[1] if answer == 0 else None)


_agent = functools.lru_cache(maxsize=None)(_Agent)


def current() -> Held:
    """What this process holds now, exactly.

    Raises PyrometerError if nothing is counted in this process.
    """
    return _agent().held()


# ---- how lines are followed ----

@functools.lru_cache(maxsize=None)
def _monitoring() -> Tuple[Any, int]:
    """sys.monitoring and our number there."""
    monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    for tool in (4, 3, 5, 1, 2, 0):
        if monitoring.get_tool(tool) is None:
            monitoring.use_tool_id(tool, "pyrometer.memory")
            break
    else:
        raise PyrometerError("all six tools of sys.monitoring are taken, so that lines cannot be followed")
    agent = _agent()
    monitoring.register_callback(tool, monitoring.events.LINE, agent.on_line)
    monitoring.register_callback(tool, monitoring.events.PY_RETURN, agent.on_leave)
    monitoring.register_callback(tool, monitoring.events.PY_YIELD, agent.on_leave)
    return monitoring, tool


class _Chosen:
    """A function that is followed."""

    def __init__(self, function: Callable[..., Any], stream: Optional[IO[str]], precision: int) -> None:
        self.function, self.stream, self.precision = function, stream, precision
        self.code: types.CodeType = function.__code__
        found = [line for _, line in _starts(self.code)]
        self.first, self.last = self.code.co_firstlineno, max([self.code.co_firstlineno, *found])
        self.number: int = _agent().choose(self.code, self.first, self.last - self.first + 1, _HOW)
        if self.number < 0:
            raise PyrometerError("no more functions can be followed")
        if not _TRACED:
            monitoring, tool = _monitoring()
            events = monitoring.events
            monitoring.set_local_events(tool, self.code, events.LINE | events.PY_RETURN | events.PY_YIELD)

    def read(self) -> FunctionLines:
        rows, calls = (_Line * (self.last - self.first + 1))(), _Line()
        _agent().read(self.number, rows, ctypes.byref(calls))
        ran = [LineMemory(self.first + index, row.occurrences, row.increment_bytes, row.held_bytes, row.peak_bytes)
               for index, row in enumerate(rows) if row.occurrences]
        return FunctionLines(self.function.__qualname__, self.code.co_filename, self.first, self.last, calls.occurrences,
                             calls.held_bytes, ran)


def _starts(code: types.CodeType) -> List[Tuple[int, int]]:
    """(offset, line) of all code on a function's lines, with what is defined in it: its last line is among these."""
    import dis
    found = [(offset, line) for offset, line in dis.findlinestarts(code) if line]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found += _starts(constant)
    return found


_chosen: List[_Chosen] = []


def _may_follow(function: Callable[..., Any]) -> bool:
    if not _TRACED or sys.gettrace() is None:
        return True
    _say("a trace function is set, as debuggers and coverage do: %s is not followed" % function.__qualname__)
    return False


def _drive(inner: Any, number: int) -> Any:
    """A generator that runs another one, or a coroutine, and follows it while it runs; as `yield from`."""
    agent = _agent()
    step, arguments, resumed = inner.send, (None, ), 0
    try:
        while True:
            begun = agent.begin(number, resumed)
            try:
                value = step(*arguments)
            except StopIteration as stop:
                return stop.value
            finally:
                if begun:
                    agent.end()
            resumed = 1
            try:
                step, arguments = inner.send, ((yield value), )
            except GeneratorExit:
                raise
            except BaseException as error:  # pylint: disable=broad-except
                step, arguments = inner.throw, (error, )  # type: ignore[assignment]
    finally:
        inner.close()


def _wrapped(function: Callable[..., Any], chosen: _Chosen) -> Callable[..., Any]:
    agent, number = _agent(), chosen.number

    if inspect.iscoroutinefunction(function):
        drive = types.coroutine(_drive)

        @functools.wraps(function)
        async def wrapper(*args: Any, **keywords: Any) -> Any:
            if not _may_follow(function):
                return await function(*args, **keywords)
            return await drive(function(*args, **keywords), number)
    elif inspect.isgeneratorfunction(function):
        @functools.wraps(function)
        def wrapper(*args: Any, **keywords: Any) -> Any:
            if not _may_follow(function):
                return (yield from function(*args, **keywords))
            return (yield from _drive(function(*args, **keywords), number))
    else:
        @functools.wraps(function)
        def wrapper(*args: Any, **keywords: Any) -> Any:
            if not _may_follow(function):
                return function(*args, **keywords)
            if not agent.begin(number, 0):  # nothing is counted now
                return function(*args, **keywords)
            try:
                return function(*args, **keywords)
            finally:
                agent.end()
    return wrapper


# ---- what programs use ----

_said: Dict[str, bool] = {}


def _say(what: str) -> None:
    """Once, on standard error."""
    if what not in _said and sys.stderr is not None:
        print("pyrometer.memory: " + what, file=sys.stderr)
    _said[what] = True


@overload
def profile(function: _Function, *, stream: Optional[IO[str]] = None, precision: int = 1) -> _Function:
    ...


@overload
def profile(function: None = None, *, stream: Optional[IO[str]] = None,
            precision: int = 1) -> Callable[[_Function], _Function]:
    ...


def profile(function: Optional[_Function] = None, *, stream: Optional[IO[str]] = None,
            precision: int = 1) -> Union[_Function, Callable[[_Function], _Function]]:
    """A decorator: follows the function's lines whenever it is called, and prints the table when the program ends.

    stream: where to print; default standard output. precision: decimals of the MiB.
    Functions, methods, coroutines and generators; TypeError for anything else. Where this process is not counted the function
    is returned as it is, and a line on standard error says so.
    """
    if function is None:
        return functools.partial(profile, stream=stream, precision=precision)  # type: ignore[return-value]
    if not isinstance(function, types.FunctionType) or inspect.isasyncgenfunction(function):
        raise TypeError("profile follows functions, methods, coroutines and generators written in Python, not %r" % (function, ))
    try:
        chosen = _Chosen(function, stream, precision)
    except PyrometerError as error:
        _say(str(error))
        return function
    if not _chosen:
        atexit.register(_show_at_exit)
    _chosen.append(chosen)
    return _wrapped(function, chosen)  # type: ignore[return-value]


def lines() -> List[FunctionLines]:
    """The figures so far of all functions that were chosen, in order of their definition."""
    return [chosen.read() for chosen in _chosen]


def _text(figures: FunctionLines, precision: int) -> str:
    template = "{0:>6} {1:>12} {2:>12} {3:>12}  {4:>11}   {5:<}"
    header = template.format("Line #", "Mem usage", "Increment", "Peak", "Occurrences", "Line Contents")
    by_line = {row.line: row for row in figures.lines}
    rows = ["Filename: %s\n" % figures.file, header, "=" * len(header)]

    def size(count: int) -> str:
        return "%*.*f MiB" % (precision + 4, precision, count / _MIB)

    for number in range(figures.first_line, figures.last_line + 1):
        row = by_line.get(number)
        cells: Tuple[Any, ...] = ("", "", "", "")
        if row:
            cells = (size(row.held_bytes), size(row.increment_bytes), size(row.peak_bytes), row.occurrences)
        elif number == figures.first_line and figures.calls:
            cells = (size(figures.entry_bytes), "", "", figures.calls)
        rows.append(template.format(number, *cells, linecache.getline(figures.file, number).rstrip("\n")).rstrip())
    return "\n".join(rows) + "\n\n\n"


def show_results(stream: Optional[IO[str]] = None, precision: Optional[int] = None) -> None:
    """Prints the tables of all chosen functions that were called. stream, precision: instead of those given to `profile`."""
    for chosen in _chosen:
        figures, out = chosen.read(), stream or chosen.stream or sys.stdout
        if figures.calls and out is not None:
            out.write(_text(figures, chosen.precision if precision is None else precision))


def _show_at_exit() -> None:
    try:
        show_results()
    except (OSError, ValueError):  # what it would go to is closed
        pass


def _main(words: List[str]) -> None:
    """A script, with `profile` among the builtins."""
    import builtins
    import os
    import runpy
    if not words or words[0].startswith("-"):
        print("usage: pyrometer run -m pyrometer.memory SCRIPT [ARG…]", file=sys.stderr)
        raise SystemExit(2)
    sys.argv[:] = words
    sys.path[0] = os.path.dirname(os.path.abspath(words[0]))
    builtins.profile = profile  # type: ignore[attr-defined]
    runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    from pyrometer.memory import _main as _of_module  # the one that scripts import, too
    _of_module(sys.argv[1:])
