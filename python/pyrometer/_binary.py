"""The program `pyrometer`: where it is, and running it."""
import os
import pathlib
import shutil
import subprocess
import sysconfig
from typing import Optional, Union

from ._tracer import started

Path = Union[str, "os.PathLike[str]"]


class PyrometerError(RuntimeError):
    """pyrometer could not do what was asked; the message is its own: what failed, why, and what to do."""


def find_binary() -> str:
    """The path of the pyrometer program: $PYROMETER, this Python's own scripts, then PATH.

    Raises PyrometerError if it is in none of these.
    """
    chosen = os.environ.get("PYROMETER")
    if chosen:
        return chosen
    installed = pathlib.Path(sysconfig.get_path("scripts")) / "pyrometer"
    found: Optional[str] = str(installed) if os.access(installed, os.X_OK) else shutil.which("pyrometer")
    if not found:
        raise PyrometerError("the program pyrometer is not installed; run: pip install pyrometer, or set PYROMETER to its path")
    return found


def complaint(stderr: bytes, status: int) -> PyrometerError:
    """The error that a run of the program ended with."""
    said = stderr.decode(errors="replace").strip()
    return PyrometerError(said or "pyrometer ended with exit status %d and said nothing" % status)


def run(*arguments: str) -> bytes:
    """Standard output of `pyrometer arguments…`. Raises PyrometerError if it fails."""
    try:
        done = subprocess.run([find_binary(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
    except OSError as error:
        raise PyrometerError("pyrometer could not be started: %s" % error) from error
    if done.returncode != 0:
        raise complaint(done.stderr, done.returncode)
    return done.stdout


def run_on_self(*arguments: str) -> bytes:
    """The same for a run that looks into this process."""
    try:
        with started([find_binary(), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            stdout, stderr = child.communicate()
    except OSError as error:
        raise PyrometerError("pyrometer could not be started: %s" % error) from error
    if child.returncode != 0:
        raise complaint(stderr, child.returncode)
    return stdout
