"""Profiling this process for a while: a pyrometer that is attached to it."""
import functools
import inspect
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from types import TracebackType
from typing import IO, Any, Callable, List, Optional, Type, TypeVar, Union, overload

from . import _tracer
from ._binary import Path, PyrometerError, complaint, find_binary

_READY_S = 20.0
_LOOK_MS = 100

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _default_name(name: str) -> str:
    return "pyrometer-%s-%d.pyro" % (name, os.getpid())


class Profile:
    """A profile of this process from `start` to `stop`; also a context manager and a decorator, used again and again.

    path: the recording to write; default pyrometer-NAME-PID.pyro in the current directory. Each start overwrites it.
    rate: samples per second; 0 takes none, "max" as many as can be.
    mode: what reports show by default: "wall", "cpu" or "gil".
    children: whether processes started meanwhile are profiled too.
    stop_threads: False promises that no thread is ever stopped for a moment, at the price of some certainty.
    opcodes: whether to record which bytecode instructions are executed, for `read(path, opcodes=True)`.
    """

    def __init__(self, path: Optional[Path] = None, *, rate: Union[float, str] = 1000, mode: str = "wall",
                 children: bool = True, stop_threads: bool = True, opcodes: bool = False) -> None:
        self.path = os.fspath(path) if path is not None else _default_name("python")
        self._options = ["--force", "--quiet", "-r", str(rate), "--mode", mode]
        self._options += [] if children else ["--no-children"]
        self._options += [] if stop_threads else ["--no-stop"]
        self._options += ["--opcodes"] if opcodes else []
        self._running = threading.Lock()
        self._child: Optional["subprocess.Popen[bytes]"] = None
        self._errors: Optional[IO[bytes]] = None
        self._ready = b""  # what the command said then

    def start(self) -> "Profile":
        """Begins, and returns when the first sample has been taken. Raises PyrometerError if it cannot, or if it runs
        already."""
        if not self._running.acquire(blocking=False):
            raise PyrometerError("this profile runs already; stop it first, or use another one for the inner part")
        try:
            self._launch([find_binary(), "attach", str(os.getpid()), "-o", self.path, *self._options])
        except BaseException:
            self._abandon()
            raise
        return self

    def _launch(self, command: List[str]) -> None:
        self._errors = tempfile.TemporaryFile()
        ready, tell = os.pipe()
        try:
            self._child = _tracer.start([*command, "--ready-fd", str(tell)], stdout=subprocess.DEVNULL, stderr=self._errors,
                                        start_new_session=True, pass_fds=[tell])
            os.close(tell)
            tell = -1
            self._wait_ready(ready)
        except OSError as error:
            raise PyrometerError("pyrometer could not be started: %s" % error) from error
        finally:
            os.close(ready)
            if tell >= 0:
                os.close(tell)

    def _wait_ready(self, ready: int) -> None:
        """Until a line comes from it; its end without one is a failure."""
        assert self._child is not None
        poll = select.poll()
        poll.register(ready, select.POLLIN)
        due = time.monotonic() + _READY_S
        # A process forked meanwhile holds the pipe open: its end may not come.
        while not poll.poll(_LOOK_MS) and self._child.poll() is None and time.monotonic() < due:
            pass
        if self._child.poll() is None and not poll.poll(0):
            raise PyrometerError("pyrometer did not begin within %d s; what is wrong here says: pyrometer doctor" % _READY_S)
        self._ready = os.read(ready, 8192) if poll.poll(0) else b""
        if not self._ready:
            status = self._child.wait()
            raise complaint(self._said(), status)

    def _said(self) -> bytes:
        assert self._errors is not None
        self._errors.seek(0)
        return self._errors.read()

    def _abandon(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        self._forget()

    def _forget(self) -> None:
        if self._child is not None:
            _tracer.disallow(self._child.pid)
        self._child = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None
        self._running.release()

    def stop(self) -> None:
        """Ends, and returns when the recording is complete. Does nothing if it does not run.

        Raises PyrometerError if the recording could not be completed.
        """
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
        status = self._child.wait()
        error = complaint(self._said(), status) if status != 0 else None
        self._forget()
        if error:
            raise error

    def __enter__(self) -> "Profile":
        return self.start()

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.stop()

    def __call__(self, function: _Function) -> _Function:
        """As a decorator of a function or coroutine function: an outermost call is profiled, from all threads; a call
        during another belongs to that one. Raises TypeError for a generator function."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("profile a generator where it is consumed: with pyrometer.profile(…):")

        @functools.wraps(function)
        def profiled(*arguments: Any, **options: Any) -> Any:
            if self._running.locked():
                return function(*arguments, **options)
            with self:
                return function(*arguments, **options)

        @functools.wraps(function)
        async def profiled_coroutine(*arguments: Any, **options: Any) -> Any:
            if self._running.locked():
                return await function(*arguments, **options)
            with self:
                return await function(*arguments, **options)

        return profiled_coroutine if inspect.iscoroutinefunction(function) else profiled  # type: ignore[return-value]


@overload
def profile(path: _Function) -> _Function: ...
@overload
def profile(path: Optional[Path] = None, *, rate: Union[float, str] = 1000, mode: str = "wall", children: bool = True,
            stop_threads: bool = True, opcodes: bool = False) -> Profile: ...


def profile(path: Any = None, **options: Any) -> Any:
    """A Profile, for `with pyrometer.profile("out.pyro"):` and `@pyrometer.profile("out.pyro", rate=5000)`; or directly a
    decorator, `@pyrometer.profile`, which records to pyrometer-FUNCTION-PID.pyro.

    The arguments are those of Profile. Rates are in samples per second.
    """
    if callable(path):
        return Profile(_default_name(path.__name__), **options)(path)
    return Profile(path, **options)
