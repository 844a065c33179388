"""Alternating generators and coroutines: suspended frames that leave and rejoin the chain at every step."""
import sys, time, types

# The marks at `yield value` and at the last line are for the end, when the generators are closed.


def leaf_a(n):
    return n + 1


def leaf_b(n):
    n += 1
    return n + 1


def source_a():
    n = 0
    while True:
        n = leaf_a(n) & 1023  #> leaf_a
        yield n


def source_b():
    n = 0
    while True:
        yield n
        n = leaf_b(n) & 1023  #> leaf_b


def relay_a():
    yield from source_a()  #> source_a


def relay_b():
    for value in source_b():  #> source_b
        yield value  #> source_b


@types.coroutine  #> *
def pause_a():
    yield leaf_a(1)  #> leaf_a


@types.coroutine  #> *
def pause_b():
    yield leaf_b(2)  #> leaf_b


async def await_a():
    while True:
        await pause_a()  #> pause_a


async def await_b():
    while True:
        await pause_b()  #> pause_b


def step_a(flow):
    return next(flow)  #> relay_a


def step_b(flow):
    total = 1
    return total + next(flow)  #> relay_b


def batch(flows, count):
    flow_a, flow_b, task_a, task_b = flows
    for _ in range(count):
        step_a(flow_a)  #> step_a
        step_b(flow_b)  #> step_b
        task_a.send(None)  #> await_a
        task_b.send(None)  #> await_b


def main(seconds):
    flows = relay_a(), relay_b(), await_a(), await_b()  #> relay_a, relay_b, await_a, await_b
    batch(flows, 2000)  #> batch
    print("READY", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        batch(flows, 300)  #> batch


if __name__ == "__main__":
    main(float(sys.argv[1]))  #> main, relay_a, relay_b, source_a, source_b, await_a, await_b, pause_a, pause_b
