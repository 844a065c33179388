"""A recording as plain dataclasses. Times are in seconds, sizes in bytes; what was not recorded is None or empty."""
import dataclasses
import json
import os
from typing import Any, Dict, List, Optional, Tuple, Type, TypeVar

from ._binary import Path, PyrometerError, run

FORMAT = 1

_Record = TypeVar("_Record")


@dataclasses.dataclass(frozen=True)
class Run:
    """The run that was recorded. started: ISO 8601; exit_status: None if it went on or is not known."""
    command: List[str] = dataclasses.field(default_factory=list)
    python: str = ""
    started: str = ""
    wall_s: float = 0.0
    cpu_s: Optional[float] = None
    peak_rss_bytes: Optional[int] = None
    exit_status: Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Quality:
    """How good the measurement is: counts of samples and of deadlines, and what pyrometer itself used."""
    samples_taken: int = 0
    samples_failed: int = 0
    samples_stopped: int = 0
    samples_truncated: int = 0
    samples_compiled: int = 0
    deadlines_missed: int = 0
    own_cpu_s: float = 0.0
    rate_hz: Optional[float] = None


@dataclasses.dataclass(frozen=True)
class Thread:
    """A thread; samples, on_cpu and holding_gil are counts of samples."""
    id: int = 0
    native_id: int = 0
    name: str = ""
    samples: float = 0
    on_cpu: float = 0
    holding_gil: float = 0


@dataclasses.dataclass(frozen=True)
class Process:
    """A process; parent is a pid, 0 if not known."""
    pid: int = 0
    parent: int = 0
    command: str = ""
    threads: List[Thread] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Function:
    """A function; line is that of its definition. calls is known only where calls were counted."""
    name: str = ""
    file: str = ""
    line: int = 0
    self_s: float = 0.0
    total_s: float = 0.0
    calls: Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Column:
    """An expression on a line: from column (the first is 1) to before end_column of end_line, in characters, or in bytes
    of UTF-8 where the source could not be read."""
    column: int = 0
    end_column: int = 0
    end_line: int = 0
    in_bytes: bool = False
    self_s: float = 0.0
    total_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Opcode:
    """A bytecode instruction: its offset in bytes and its name as specialised, None if not known; its columns as those of an
    expression (from Python 3.11)."""
    offset: int = 0
    opcode: Optional[str] = None
    column: Optional[int] = None
    end_column: Optional[int] = None
    end_line: Optional[int] = None
    in_bytes: bool = False
    self_s: float = 0.0
    total_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of code: its time, and its allocations where memory was recorded. columns: its expressions, the greatest
    total time first (from Python 3.11). opcodes: its instructions by offset, where they were asked for."""
    file: str = ""
    line: int = 0
    function: str = ""
    self_s: float = 0.0
    total_s: float = 0.0
    allocations: Optional[int] = None
    allocated_bytes: Optional[int] = None
    live_bytes: Optional[int] = None
    live_blocks: Optional[int] = None
    peak_bytes: Optional[int] = None
    temporary_bytes: Optional[int] = None
    temporary_blocks: Optional[int] = None
    columns: List[Column] = dataclasses.field(default_factory=list)
    opcodes: List[Opcode] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Memory:
    """Memory of the whole run. Temporary is what was freed while it was among the last temporary_within allocations.
    begun_late: the running program began to count, by pyrometer.memory.start; what was there before is not in it.
    timeline: (seconds, heap bytes, resident bytes)."""
    peak_bytes: Optional[int] = None
    peak_at_s: Optional[float] = None
    allocations: Optional[int] = None
    allocated_bytes: Optional[int] = None
    live_bytes: Optional[int] = None
    temporary_bytes: Optional[int] = None
    temporary_blocks: Optional[int] = None
    temporary_within: Optional[int] = None
    begun_late: bool = False
    timeline: List[Tuple[float, int, int]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Collector:
    """The garbage collector. collections: per generation; pauses: (seconds, generation, duration in seconds, collected)."""
    collections: List[int] = dataclasses.field(default_factory=list)
    pause_total_s: Optional[float] = None
    pause_max_s: Optional[float] = None
    pauses: List[Tuple[float, int, float, int]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Recording:
    """All of a recording's figures. functions and lines come as reported, the greatest self time first."""
    pyrometer: str
    run: Run
    quality: Quality
    processes: List[Process]
    functions: List[Function]
    lines: List[Line]
    memory: Optional[Memory] = None
    gc: Optional[Collector] = None


def _record(kind: Type[_Record], facts: Dict[str, Any], **replaced: Any) -> _Record:
    """The dataclass from those facts that it has fields for: a newer pyrometer may report more."""
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    known = {name: value for name, value in facts.items() if name in names}
    return kind(**{**known, **replaced})


def _process(facts: Dict[str, Any]) -> Process:
    return _record(Process, facts, threads=[_record(Thread, thread) for thread in facts.get("threads", [])])


def _line(facts: Dict[str, Any]) -> Line:
    return _record(Line, facts, columns=[_record(Column, column) for column in facts.get("columns") or []],
                   opcodes=[_record(Opcode, opcode) for opcode in facts.get("opcodes") or []])


def _memory(facts: Optional[Dict[str, Any]]) -> Optional[Memory]:
    if not facts:
        return None
    return _record(Memory, facts, timeline=[tuple(row) for row in facts.get("timeline") or []])


def _collector(facts: Optional[Dict[str, Any]]) -> Optional[Collector]:
    if not facts:
        return None
    return _record(Collector, facts, pauses=[tuple(row) for row in facts.get("pauses") or []])


def from_json(text: str) -> Recording:
    """The recording that `pyrometer report -f json` printed. Raises PyrometerError if it is of an unknown format."""
    facts = json.loads(text)
    if facts.get("format") != FORMAT:
        raise PyrometerError("format %s of the report is not known here (%d is); update the package pyrometer"
                             % (facts.get("format"), FORMAT))
    return Recording(pyrometer=facts["pyrometer"], run=_record(Run, facts["run"]), quality=_record(Quality, facts["quality"]),
                     processes=[_process(process) for process in facts["processes"]],
                     functions=[_record(Function, function) for function in facts["functions"]],
                     lines=[_line(line) for line in facts["lines"]],
                     memory=_memory(facts.get("memory")), gc=_collector(facts.get("gc")))


def read(path: Path, *, opcodes: bool = False) -> Recording:
    """The recording in this file. opcodes: with the instructions of its lines. Raises PyrometerError if it cannot be read, or
    if they were not recorded."""
    options = ["--opcodes"] if opcodes else []
    return from_json(run("report", os.fspath(path), "-f", "json", *options).decode("utf-8", "surrogateescape"))
