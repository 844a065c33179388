import time


def parse(rows):
    for row in rows:
        row.split(";")


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


parse(["a;b"] * 1000); fib(20); time.sleep(0.05)
