"""Recording this process's memory from a moment on: the agent counts inside, a pyrometer that is attached writes it down."""
import atexit
import contextlib
import ctypes
import os
import sys
import threading
from types import TracebackType
from typing import Any, Optional, Type

from . import _agent
from ._binary import Path, PyrometerError
from ._profile import Profile

_lock = threading.RLock()
_current: Optional["Tracker"] = None


def _forked() -> None:
    """In the child nobody holds the lock."""
    global _lock  # pylint: disable=global-statement
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_forked)


class _Recorder(Profile):
    """Attached to this process, it takes no samples; it has made a directory for the agent."""

    def __init__(self, path: Optional[Path], children: bool) -> None:
        super().__init__(path, rate=0, children=children)
        self._options.append("--memory-from-within")

    @property
    def directory(self) -> bytes:
        return self._ready.rstrip(b"\n").split(b" ", 2)[2]

    def give_up(self) -> None:
        """Ends it, as if it had not begun."""
        self._abandon()
        with contextlib.suppress(OSError):
            os.unlink(self.path)


def _ask(function: Any, *arguments: Any) -> None:
    """Raises PyrometerError with the agent's own words where it refuses."""
    why = ctypes.create_string_buffer(512)
    if function(*arguments, why, ctypes.c_size_t(len(why))) != 0:
        raise PyrometerError("memory cannot be recorded: " + why.value.decode(errors="replace"))


class Tracker:
    """A recording of all that this process allocates from `start` to `stop`; also a context manager.

    path: the recording to write; default pyrometer-python-PID.pyro in the current directory. It is overwritten.
    mode: "lines": each allocation belongs to its line; "stacks": to its whole stack.
    children: whether processes that are forked meanwhile are recorded too.

    There is one at a time. What was allocated before is not known, and C memory and Python's raw domain are not counted:
    `pyrometer run` and PYROMETER_MEMORY_DIR, which come before Python, count those, too. A process that is forked meanwhile
    counts in the same recording until its parent stops; its own `stop` does nothing. The recording is complete when `stop`
    returns, when the program ends, or when it is killed.
    """

    def __init__(self, path: Optional[Path] = None, *, mode: str = "lines", children: bool = True) -> None:
        if mode not in ("lines", "stacks"):
            raise ValueError("mode is 'lines' or 'stacks', not %r" % (mode, ))
        self._recorder = _Recorder(path, children)
        self._stacks = mode == "stacks"
        self._pid: Optional[int] = None  # of the process that began it

    @property
    def path(self) -> str:
        """The recording."""
        return self._recorder.path

    def start(self) -> "Tracker":
        """Begins, and returns when allocations are counted. Raises PyrometerError, and changes nothing, where that cannot be:
        one has begun already, `pyrometer run` counts this process anyway, its allocators are not CPython's own, it is a
        sub-interpreter or a free-threaded build, or the command `pyrometer` cannot attach to it."""
        global _current  # pylint: disable=global-statement
        with _lock:
            library = _agent.load()
            _ask(library.pyrometer_memory_may_start)
            self._recorder.start()
            try:
                _ask(library.pyrometer_memory_start, self._recorder.directory, int(self._stacks))
            except BaseException:
                self._recorder.give_up()
                raise
            self._pid, _current = os.getpid(), self
            atexit.register(self._stop_at_exit)
        return self

    def stop(self) -> None:
        """Ends, and returns when the recording is complete. Does nothing if it does not run, or runs for a process that this
        one was forked from.

        Raises PyrometerError if the recording could not be completed.
        """
        global _current  # pylint: disable=global-statement
        if self._pid != os.getpid():
            return
        with _lock:
            if self._pid is None:
                return
            library = _agent.load()
            library.pyrometer_memory_stop()
            self._pid = _current = None
            atexit.unregister(self._stop_at_exit)
            try:
                self._recorder.stop()
            finally:
                library.pyrometer_memory_leave()

    def _stop_at_exit(self) -> None:
        try:
            self.stop()
        except PyrometerError as error:
            if sys.stderr is not None:
                print("pyrometer.memory: %s" % error, file=sys.stderr)

    def __enter__(self) -> "Tracker":
        return self.start()

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.stop()


def start(path: Optional[Path] = None, *, mode: str = "lines", children: bool = True) -> Tracker:
    """Begins to record this process's memory; the arguments are those of Tracker, which is returned. PyrometerError: see
    Tracker.start."""
    return Tracker(path, mode=mode, children=children).start()


def stop() -> None:
    """Ends what `start` or a Tracker began, and returns when the recording is complete. Does nothing if there is none.
    PyrometerError: it could not be completed."""
    if _current is not None:
        _current.stop()
