"""driver.py MODE PROGRAM ARGUMENT: runs main(float(ARGUMENT)) of a program and keeps what it returns; then, with
MODE trace, prints what tracemalloc knows per line (per stack, where it keeps them) as JSON; with MODE hold, READY, and waits for the end of its stdin.
Both go the same way to that point, so that they allocate the same."""
import gc
import json
import sys
import tracemalloc


def run(path, argument):
    with open(path) as file:
        code = compile(file.read(), path, "exec")
    space = {"__name__": "program", "__file__": path}
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


def main(mode, path, argument):
    kept = run(path, argument)
    if mode == "trace":
        traces = tracemalloc._get_traces()
        live, peak = tracemalloc.get_traced_memory()
        whole = tracemalloc.get_traceback_limit() > 1
        tracemalloc.stop()
        print(json.dumps({"stacks": stacks(traces)} if whole else {"lines": lines(traces), "live": live, "peak": peak}),
              flush=True)
    else:
        print("READY", flush=True)
        sys.stdin.read()
    return kept


if __name__ == "__main__":
    held = main(*sys.argv[1:])
