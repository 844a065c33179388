"""driver.py MODE PROGRAM ARGUMENT [CALL]: runs main(float(ARGUMENT)) of a program and keeps what it returns. Then, or at
the CALL-th call of moment(), which the program finds among its globals, it tells:

trace   what tracemalloc knows per line (per stack, where it keeps them), as JSON;
hold    READY, and waits for its stdin;
both    one after the other, in a process that has the agent as well: see Beside.

All go the same way to that point, so that they allocate the same."""
import gc
import json
import os
import sys
import tracemalloc


class Beside:
    """tracemalloc in a process that has the agent: without the raw domain, where its own tables are; and it is not told
    of objects that begin in a block from a free list."""

    def __init__(self):
        import ctypes
        self.api = ctypes.pythonapi
        raw = (ctypes.c_void_p * 5)()
        self.api.PyMem_GetAllocator(0, raw)
        tracemalloc.start()
        self.api.PyMem_SetAllocator(0, raw)
        if hasattr(self.api, "PyRefTracer_SetTracer"):
            self.api.PyRefTracer_SetTracer(None, None)
            self.config = [0, 1]
        else:
            self.config = (ctypes.c_int * 2).in_dll(self.api, "_Py_tracemalloc_config")
        self.config[1] = 0  # `tracing`, which its functions for the allocators do not look at

    def end(self):
        self.config[1] = 1


def run(path, argument, moment):
    with open(path) as file:
        code = compile(file.read(), path, "exec")
    space = {"__name__": "program", "__file__": path, "moment": moment}
    exec(code, space)
    kept = space["main"](float(argument))
    gc.collect()
    return space, kept


def lines(traces):
    found = {}
    for _, size, frames, *_ in traces:
        row = found.setdefault("%s:%d" % frames[0][:2], [0, 0])
        row[0] += size
        row[1] += 1
    return found


def stacks(traces):
    """[[[file, line, …], bytes, blocks], …], innermost first."""
    found = {}
    for _, size, frames, *_ in traces:
        row = found.setdefault(tuple(part for frame in frames for part in frame[:2]), [0, 0])
        row[0] += size
        row[1] += 1
    return [[stack, *row] for stack, row in found.items()]


def known():
    live, peak = tracemalloc.get_traced_memory()
    traces = tracemalloc._get_traces()
    whole = tracemalloc.get_traceback_limit() > 1
    tracemalloc.stop()
    return {"stacks": stacks(traces)} if whole else {"lines": lines(traces), "live": live, "peak": peak}


def main(mode, path, argument, call="0"):
    calls = 0

    def tell():
        if mode != "trace":
            os.write(1, b"READY\n")
            os.read(0, 1)
        if beside:
            beside.end()
        if mode != "hold":
            print(json.dumps({**known(), "before": sorted(before)}), flush=True)

    def moment():
        nonlocal calls
        calls += 1
        if calls == int(call):
            tell()
            os._exit(0)
        return 0

    beside = Beside() if mode == "both" else None
    before = {getattr(module, "__file__", None) for module in list(sys.modules.values())} - {None}
    kept = run(path, argument, moment)
    tell()
    return kept


if __name__ == "__main__":
    held = main(*sys.argv[1:])
