"""Crossed callees: a calls x, b calls y, at once after each other, three levels deep; and one leaf shared by two callers.

A sampler that joins a caller of one instant to a callee of another shows a -> y, or the shared leaf below the wrong line.
"""
import sys, time


def p(n):
    return n + 1


def q(n):
    return n + 2


def x(n):
    return p(n) + 1  #> p


def y(n):
    total = n
    return q(total) + 1  #> q


def a(n):
    return x(n)  #> x


def b(n):
    total = n
    return y(total)  #> y


def leaf(n):
    return n * 3


def first(n):
    return leaf(n)  #> leaf


def second(n):
    n += 1
    n += 1
    return leaf(n)  #> leaf


def batch(count):
    for n in range(count):
        a(n)  #> a
        b(n)  #> b
        first(n)  #> first
        second(n)  #> second


def main(seconds):
    batch(2000)  #> batch
    print("READY", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        batch(500)  #> batch


if __name__ == "__main__":
    main(float(sys.argv[1]))  #> main
