"""Stacks that are alike where they are looked at: the same helper in the same frames, called from elsewhere. What stays is
of kinds that no free list keeps."""
import asyncio
import contextlib
import threading

DEPTH = 150


def keep(kept, number):
    kept.append("kept by %d with some text" % number)


def helper(kept, number, depth):
    if depth:
        helper(kept, number, depth - 1)
    else:
        keep(kept, number)


def silent(depth):
    return depth and silent(depth - 1)


def left(kept, number, depth):
    helper(kept, number, depth)


def right(kept, number, depth):
    helper(kept, number, depth)


def alternating(kept, count):
    """The stacks differ far up only, and nothing is allocated where they part."""
    for number in range(count):
        for depth in (0, 3, 9, 40, DEPTH):
            left(kept, number, depth)
            right(kept, number, depth)
            silent(depth)
            left(kept, number, depth)


def lines_of_caller(kept, count):
    for number in range(count):
        helper(kept, number, 30)
        helper(kept, number, 30)
        helper(kept, number, 30), helper(kept, number, 30)


def tree(kept, depth):
    keep(kept, depth)
    if depth:
        tree(kept, depth - 1)
        keep(kept, depth)
        tree(kept, depth - 1)
    keep(kept, depth)


def descend_and_keep(kept, depth):
    """At every depth on the way down and on the way up."""
    keep(kept, depth)
    if depth:
        descend_and_keep(kept, depth - 1)
    keep(kept, depth)


def numbers(kept, count):
    for number in range(count):
        keep(kept, number)
        yield number
        helper(kept, number, 20)


def take(source):
    return next(source)


def take_deep(source, depth):
    return take_deep(source, depth - 1) if depth else next(source)


def generators(kept, count):
    """One generator, resumed from elsewhere each time, from shallow and deep."""
    source = numbers(kept, count)
    with contextlib.suppress(StopIteration):
        while True:
            next(source)
            take(source)
            take_deep(source, 3)
            take_deep(source, 60)


def chained(kept, depth):
    if depth:
        yield from chained(kept, depth - 1)
    else:
        for number in range(20):
            keep(kept, number)
            yield number


def delegating(kept):
    for number in chained(kept, 40):
        helper(kept, number, 5)


def unwound(kept, depth, stop):
    if depth == stop:
        keep(kept, depth)
        raise ValueError
    try:
        unwound(kept, depth + 1, stop)
    except ValueError:
        keep(kept, depth)
        if depth % 7:
            raise


def exceptions(kept, count):
    for number in range(count):
        with contextlib.suppress(ValueError):
            unwound(kept, 1, 20 + 40 * (number % 3))
            helper(kept, number, 12)


def framed(kept, count):
    """Frame objects that the program asks for itself, at any depth."""
    import sys

    def ask(depth, up):
        if depth:
            return ask(depth - 1, up)
        keep(kept, up)
        frame = sys._getframe(up)
        keep(kept, up)
        return frame.f_lineno
    for number in range(count):
        for up in (1, 2, 3, 4, 8, 30):
            ask(40, up)
            helper(kept, number, 40)


def in_threads(kept, count):
    turns = [threading.Event() for _ in range(3)]

    def work(own, after, lists):
        for number in range(count):
            own.wait()
            own.clear()
            helper(lists, number, 60)
            after.set()
            helper(lists, number, 8)
    lists = [[None] * 0 for _ in turns]
    workers = [threading.Thread(target=work, args=(turns[i], turns[(i + 1) % 3], lists[i])) for i in range(3)]
    for worker in workers:
        worker.start()
    turns[0].set()
    for worker in workers:
        worker.join()
    kept.extend(lists)


async def inner(kept, number, depth):
    if depth:
        return await inner(kept, number, depth - 1)
    keep(kept, number)
    await asyncio.sleep(0)
    helper(kept, number, 10)


async def outer(kept, count):
    await asyncio.gather(*(inner(kept, number, number % 30) for number in range(count)))


def coroutines(kept, count):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(outer(kept, count))
    loop.close()


def made_again(kept, count):
    """Code that dies, and its addresses with it."""
    for number in range(count):
        space = {"keep": keep, "helper": helper}
        exec("def made_%d(kept):\n    keep(kept, 1)\n    helper(kept, 2, 12)\n" % (number % 5), space)
        space["made_%d" % (number % 5)](kept)


def main(scale):
    kept = []
    for part in (alternating, lines_of_caller, generators, exceptions, framed, in_threads, coroutines, made_again):
        part(kept, int(30 * scale))
    tree(kept, 7)
    for _ in range(3):
        descend_and_keep(kept, DEPTH)
    delegating(kept)
    return kept
