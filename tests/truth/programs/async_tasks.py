"""Tasks, coroutines and asynchronous generators on asyncio's loop: every step builds a chain anew and takes it down."""
import asyncio
import sys
import time

# What a stack may hold between the program's frames: the loop, which steps tasks, and, with eager tasks, their start.
LOOP = ["run_until_complete", "run_forever", "_run_once", "_run"]
START = {"gather", "ensure_future", "_ensure_future", "create_task", "factory", "__init__"}
STEPPED, STARTED = {"rounds", "call_a", "call_b", "flow_b", "late"}, {"call_a", "call_b", "flow_b"}
STEPS = 20


def leaf_a(n):
    return n + 1


def leaf_b(n):
    n += 1
    return n + 1


def values_a(n):
    for i in range(3):
        yield leaf_a(n + i)  #> leaf_a


async def inner_a(n):
    n = leaf_a(n)  #> leaf_a
    await asyncio.sleep(0)  #> generated
    for value in values_a(n):  #> values_a
        n += value
    return leaf_a(n)  #> leaf_a


async def middle_a(n):
    return await inner_a(n)  #> inner_a


async def call_a():
    for n in range(STEPS):
        await middle_a(n)  #> middle_a


async def inner_b(n):
    n = leaf_b(n)  #> leaf_b
    await asyncio.sleep(0)  #> generated
    return leaf_b(n)  #> leaf_b


async def call_b():
    for n in range(STEPS):
        await inner_b(n)  #> inner_b


async def source_b():
    for n in range(STEPS):
        n = await inner_b(n)  #> inner_b
        yield leaf_b(n)  #> leaf_b


async def flow_b():
    async for n in source_b():  #> source_b, generated
        leaf_b(n)  #> leaf_b, generated


def late(n):
    leaf_a(leaf_a(n))  #> leaf_a


async def together():
    asyncio.get_running_loop().call_soon(late, 1)  #> generated
    await asyncio.gather(call_a(), call_b(), flow_b())  #> generated, call_a, call_b, flow_b


async def grouped():
    async with asyncio.TaskGroup() as group:  #> generated
        group.create_task(call_a())  #> generated, call_a
        group.create_task(flow_b())  #> generated, flow_b


async def rounds(seconds):
    groups = hasattr(asyncio, "TaskGroup")
    eager = getattr(asyncio, "eager_task_factory", None)
    end = time.monotonic() + seconds
    for turn in range(1 << 62):
        asyncio.get_running_loop().set_task_factory(eager if turn & 1 else None)  #> generated
        await together()  #> together, generated
        if groups:
            await grouped()  #> grouped, generated
        if turn == 20:
            print("READY", flush=True)
        if time.monotonic() > end:
            return


def main(seconds):
    asyncio.run(rounds(seconds))  #> generated, rounds


def check_generated(frames):
    """asyncio's frames, and what is called by them. Its hooks and weak sets run where a generator or task begins or ends."""
    own = next((i for i, frame in enumerate(frames) if frame.file == "async_tasks.py"), None)
    names = [frame.function for frame in frames[:own]]
    if "_run" in names and names[:names.index("_run") + 1][-len(LOOP):] != LOOP:
        return f"a loop of {names}"
    if own is None:
        return None
    first = frames[own].function
    if names[-len(LOOP):] == LOOP:
        return None if first in STEPPED else f"the loop does not step {first}"
    return None if set(names) <= START and first in STARTED else f"{names[-1]} does not start {first}"


if __name__ == "__main__":
    main(float(sys.argv[1]))  #> main
