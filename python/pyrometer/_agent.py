"""The agent, libpyrometer-agent.so: where it is, and loading it into this process."""
import ctypes
import functools
import os
import pathlib

from ._binary import PyrometerError, find_binary

NAME = "libpyrometer-agent.so"
# From the directory of the program `pyrometer`: beside it; as in a wheel; as installed; in the build tree.
PLACES = (".", "../share/pyrometer", "../lib/pyrometer", "../lib64/pyrometer", "../../agent")


def find_agent() -> str:
    """The path of the agent: the one that this process was started with, $PYROMETER_AGENT, then where pyrometer has it.

    Raises PyrometerError if it is in none of these.
    """
    preloaded = [path for path in os.environ.get("LD_PRELOAD", "").replace(":", " ").split() if os.path.basename(path) == NAME]
    chosen = os.environ.get("PYROMETER_AGENT")
    for path in preloaded + ([chosen] if chosen else []):
        if os.access(path, os.R_OK):
            return path
    folder = pathlib.Path(os.path.realpath(find_binary())).parent
    found = [folder / place / NAME for place in PLACES] + sorted(folder.parent.glob("lib/*/pyrometer/" + NAME))
    for candidate in found:
        if os.access(candidate, os.R_OK):
            return str(candidate.resolve())
    raise PyrometerError("%s was not found beside %s; install pyrometer whole, or set PYROMETER_AGENT to its path" % (NAME, folder))


@functools.lru_cache(maxsize=None)
def load() -> ctypes.PyDLL:
    """The agent in this process, for calls that hold the GIL. Loading it alone changes nothing.

    Raises PyrometerError if it cannot be found or loaded.
    """
    path = find_agent()
    try:
        return ctypes.PyDLL(path)
    except OSError as error:
        raise PyrometerError("%s could not be loaded: %s" % (path, error)) from error
