"""The standard module tracemalloc, on pyrometer's agent: the same functions, classes and figures, in less time.

    from pyrometer import tracemalloc

    tracemalloc.start(25)
    work()
    for statistic in tracemalloc.take_snapshot().statistics("lineno")[:10]:
        print(statistic)

Every block that Python's allocators hand out after `start()` is known with the innermost frames of its stack; blocks that
were there before are not traced. The classes are the standard module's own, so snapshots of both can be compared, and
read by either. To put it in the standard module's place: `sys.modules["tracemalloc"] = pyrometer.tracemalloc`.

CPython 3.8 to 3.15 on Linux, no free-threaded builds. Importing it loads the agent (libpyrometer-agent.so) into the process;
PyrometerError says why if that fails. Sizes are in bytes.
"""
import ctypes
import sys
import tracemalloc as _standard
from tracemalloc import (BaseFilter, DomainFilter, Filter, Frame, Snapshot, Statistic, StatisticDiff, Trace, Traceback)
from typing import Any, Callable, List, Optional, Tuple

from . import _agent

__all__ = ["BaseFilter", "DomainFilter", "Filter", "Frame", "Snapshot", "Statistic", "StatisticDiff", "Trace", "Traceback",
           "clear_traces", "get_object_traceback", "get_traceback_limit", "get_traced_memory", "get_tracemalloc_memory",
           "is_tracing", "reset_peak", "start", "stop", "take_snapshot"]

start: Callable[..., None]
stop: Callable[[], None]
is_tracing: Callable[[], bool]
clear_traces: Callable[[], None]
reset_peak: Callable[[], None]
get_traced_memory: Callable[[], Tuple[int, int]]
get_tracemalloc_memory: Callable[[], int]
get_traceback_limit: Callable[[], int]
_get_traces: Callable[[], List[Tuple[Any, ...]]]
_get_object_traceback: Callable[[object], Optional[Tuple[Tuple[str, int], ...]]]

# They are builtins: a call of one allocates no more than a call of the original.
_install = _agent.load().pyrometer_tracemalloc
_install.argtypes = [ctypes.py_object, ctypes.c_int]
_install(sys.modules[__name__], hasattr(Traceback, "total_nframe"))


def __getattr__(name: str) -> Any:
    """What else the standard module has: pickled snapshots name such classes, if this one is in its place."""
    return getattr(_standard, name)


def get_object_traceback(obj: object) -> Optional[Traceback]:
    """Where the block of an object was allocated; None if it is not traced. Blocks that it refers to have their own."""
    frames = _get_object_traceback(obj)
    return None if frames is None else Traceback(frames)


def take_snapshot() -> Snapshot:
    """The traces of all blocks that are traced now. RuntimeError if tracing is off."""
    if not is_tracing():
        raise RuntimeError("the tracemalloc module must be tracing memory allocations to take a snapshot")
    traces = _get_traces()
    limit = get_traceback_limit()
    return Snapshot(traces, limit)
