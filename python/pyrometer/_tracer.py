"""Children of ours that may look into this process, where the kernel (Yama) allows that to ancestors only."""
import contextlib
import ctypes
import subprocess
import threading
from typing import Any, Iterator, List

_PR_SET_PTRACER = 0x59616D61
_ANY = ctypes.c_ulong(-1).value

_allowed: List[int] = []
_lock = threading.Lock()


def _tell() -> None:
    # The kernel has room for one process, or for all: while several are allowed, all are.
    pid = 0 if not _allowed else _allowed[0] if len(_allowed) == 1 else _ANY
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(pid), 0, 0, 0)


def allow(pid: int) -> None:
    """Lets this process look into ours, until `disallow`."""
    with _lock:
        _allowed.append(pid)
        _tell()


def disallow(pid: int) -> None:
    """Takes one `allow` back."""
    with _lock:
        _allowed.remove(pid)
        _tell()


def start(command: List[str], **options: Any) -> "subprocess.Popen[bytes]":
    """A child that may look into this process from its first moment on. `disallow` its pid when it has ended."""
    allow(_ANY)  # until its pid is known
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        allow(child.pid)
        return child
    finally:
        disallow(_ANY)


@contextlib.contextmanager
def started(command: List[str], **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """The same; it has ended and is disallowed when the block ends."""
    child = start(command, **options)
    try:
        with child:
            yield child
    finally:
        disallow(child.pid)
