"""A process that becomes another program, again and again: the same pid, other code at the same addresses."""
import os, sys, time

ROUND_S = 0.4


def x(n):
    return n + 1


def y(n):
    n += 1
    return n


def even_round(end):
    while time.monotonic() < end:
        for n in range(200):
            x(n)  #> x


def odd_round(end):
    total = 0
    while time.monotonic() < end:
        for n in range(200):
            total = y(n)  #> y
    return total


def main(end, number):
    if number == 0:
        print("READY", flush=True)
    stop = min(end, time.monotonic() + ROUND_S)
    if number & 1:
        odd_round(stop)  #> odd_round
    else:
        even_round(stop)  #> even_round
    if time.monotonic() < end:
        os.execv(sys.executable, [sys.executable, "-u", __file__, str(end), str(number + 1)])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        main(time.monotonic() + float(sys.argv[1]), 0)  #> main
    else:
        main(float(sys.argv[1]), int(sys.argv[2]))  #> main
