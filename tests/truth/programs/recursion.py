"""Two families of mutual recursion, one after the other, so that the same stack memory holds both in turn.

usage: recursion.py SECONDS DEPTH; deeper than 1,000 it runs in a thread with a large stack.
"""
import sys, threading, time


def bottom_a():
    return 1


def bottom_b():
    total = 0
    return total


def even(n):
    if n == 0:
        return bottom_a()  #> bottom_a
    return odd(n - 1) + 1  #> odd


def odd(n):
    return even(n - 1) + 1  #> even


def left(n):
    if n == 0:
        return bottom_b()  #> bottom_b
    total = n
    total += right(n - 1)  #> right
    return total


def right(n):
    total = left(n - 1)  #> left
    return total


def work(seconds, depth):  #: root
    even(depth)  #> even
    left(depth)  #> left
    print("READY", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        even(depth)  #> even
        left(depth)  #> left


def in_thread(*arguments):  #: free
    threading.stack_size(64 << 20)
    worker = threading.Thread(target=work, args=arguments)
    worker.start()
    worker.join()


def main(seconds, depth):
    sys.setrecursionlimit(depth + 200)
    if depth > 1000:
        in_thread(seconds, depth)  #> in_thread
    else:
        work(seconds, depth)  #> work


def check(frames, truncated, arguments):
    """What is wrong with the depth of this stack, or None: a bottom is reached at exactly depth + 1 frames."""
    depth = int(arguments[0])
    names = [frame.function for frame in frames]
    deep = sum(name in ("even", "odd", "left", "right") for name in names)
    if deep > depth + 1:
        return "more frames than there are"
    if names[-1].startswith("bottom") and deep != depth + 1 and not truncated:
        return "the bottom too early"
    return None


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))  #> main
