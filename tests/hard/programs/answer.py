"""Computes a checksum, and between the parts waits in every kind of system call that being stopped would break.

Each wait has one right answer: it runs into its timeout, no sooner, and never with EINTR. With a number it does so many
rounds and writes the verdict to the file named next; without, it goes on and tells the verdict for each line that it reads.
"""
import ctypes
import errno
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
WAIT_S = 0.002
MODULUS = 2 ** 61 - 1


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def advance(value, number):
    return (value * 31 + number) % MODULUS


def checksum(count):
    value = 7
    for number in range(count):
        value = advance(value, number)
    return value


class Waits:
    def __init__(self):
        self.epoll = LIBC.epoll_create1(0)
        self.near, self.far = socket.socketpair()
        self.near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(WAIT_S * 1e6)))
        self.buffer = ctypes.create_string_buffer(64)
        self.signals = ctypes.create_string_buffer(128)
        LIBC.sigemptyset(self.signals)
        LIBC.sigaddset(self.signals, int(signal.SIGUSR2))
        self.span = Timespec(0, int(WAIT_S * 1e9))

    def epoll_wait(self):
        return LIBC.epoll_wait(self.epoll, self.buffer, 1, int(WAIT_S * 1e3)), 0, 0

    def recv(self):
        return LIBC.recv(self.near.fileno(), self.buffer, 1, 0), -1, errno.EAGAIN

    def sigtimedwait(self):
        return LIBC.sigtimedwait(self.signals, None, ctypes.byref(self.span)), -1, errno.EAGAIN

    def nanosleep(self):
        left = Timespec()
        return LIBC.nanosleep(ctypes.byref(self.span), ctypes.byref(left)), 0, 0

    def poll(self):
        return LIBC.poll(self.buffer, 0, int(WAIT_S * 1e3)), 0, 0

    def one(self, name):
        """None, or what was wrong."""
        ctypes.set_errno(0)
        begin = time.monotonic()
        got, wanted, error = getattr(self, name)()
        took = time.monotonic() - begin
        found = ctypes.get_errno()
        # The kernel rounds some timeouts to its tick, but a wait that was cut short is far from that.
        if got == wanted and (not error or found == error) and WAIT_S * 0.9 <= took < 20:
            return None
        return f"{name}: {got} errno {found} after {took * 1e3:.3f} ms"


class Work:
    NAMES = ("epoll_wait", "recv", "sigtimedwait", "nanosleep", "poll")

    def __init__(self):
        self.waits, self.wrong, self.rounds, self.right = Waits(), [], 0, checksum(400)

    def round(self):
        for name in self.NAMES:
            fault = self.waits.one(name)
            if fault:
                self.wrong.append(fault)
            if checksum(400) != self.right:
                self.wrong.append("checksum")
        self.rounds += 1

    def go_on(self, stop):
        while not stop.is_set():
            self.round()

    def verdict(self):
        return f"{self.rounds} {'right' if not self.wrong else '; '.join(self.wrong[:5])}"


def endless():
    stop, works = threading.Event(), [Work(), Work()]
    crew = [threading.Thread(target=work.go_on, args=(stop,)) for work in works]
    for thread in crew:
        thread.start()
    print("READY", os.getpid(), flush=True)
    for _ in sys.stdin:
        print(" | ".join(work.verdict() for work in works), flush=True)
    stop.set()


def finite(rounds, file):
    with open(file + ".begun", "w") as begun:
        begun.write(str(os.getpid()))
    work = Work()
    for _ in range(rounds):
        work.round()
    with open(file + ".part", "w") as part:
        part.write(work.verdict())
    os.rename(file + ".part", file)


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
if len(sys.argv) > 1:
    finite(int(sys.argv[1]), sys.argv[2])
else:
    endless()
