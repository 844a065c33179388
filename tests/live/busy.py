"""Computes a checksum beside everything that being stopped, traced or copied could disturb: signals with handlers,
timers, children and the count of their ends, waits in every kind of call, a pipe, locks. Tells its verdict for each line
that it reads.
"""
import errno
import os
import signal
import sys
import threading
import time

try:
    import ctypes
    LIBC = ctypes.CDLL(None, use_errno=True)
except ImportError:
    LIBC = None

WAIT_S = 0.002
MODULUS = 2 ** 61 - 1
counts = {"checksum": 0, "alarms": 0, "ended": 0, "children": 0, "waits": 0, "pipe": 0, "turns": 0}
wrong = []


def checksum(count=400):
    value = 7
    for number in range(count):
        value = (value * 31 + number) % MODULUS
    return value


def fault(text):
    wrong.append(text)


def on_alarm(number, frame):
    counts["alarms"] += 1


def on_child(number, frame):
    counts["ended"] += 1


def have_child():
    """One child at a time, so that each end is one SIGCHLD; and there is never another child to wait for."""
    code = counts["children"] % 100
    before = counts["ended"]
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    got, status = os.waitpid(-1, 0)
    if (got, status) != (pid, code << 8):
        fault("waitpid gave %r for %d" % ((got, status), pid))
    due = time.monotonic() + 20
    while counts["ended"] == before and time.monotonic() < due:
        time.sleep(0.0002)
    counts["children"] += 1
    if counts["ended"] != counts["children"]:
        fault("%d ends of %d children" % (counts["ended"], counts["children"]))
    try:
        fault("a child that is none: %r" % (os.waitpid(-1, os.WNOHANG),))
    except ChildProcessError:
        pass


def wait_calls():
    if LIBC is None:
        return
    import select
    import struct
    epoll = select.epoll()
    buffer = ctypes.create_string_buffer(64)
    signals = ctypes.create_string_buffer(128)
    LIBC.sigemptyset(signals)
    LIBC.sigaddset(signals, int(signal.SIGUSR2))
    span = ctypes.create_string_buffer(struct.pack("ll", 0, int(WAIT_S * 1e9)), 16)
    word = ctypes.create_string_buffer(4)
    calls = {
        "nanosleep": lambda: (LIBC.nanosleep(span, None), 0, 0),
        "poll": lambda: (LIBC.poll(buffer, 0, int(WAIT_S * 1e3)), 0, 0),
        "epoll_wait": lambda: (LIBC.epoll_wait(epoll.fileno(), buffer, 1, int(WAIT_S * 1e3)), 0, 0),
        "sigtimedwait": lambda: (LIBC.sigtimedwait(signals, None, span), -1, errno.EAGAIN),
        "futex": lambda: (LIBC.syscall(202, word, 128, 0, span, None, 0), -1, errno.ETIMEDOUT),
    }
    while True:
        for name, call in calls.items():
            ctypes.set_errno(0)
            begin = time.monotonic()
            got, wanted, error = call()
            found = ctypes.get_errno()
            took = time.monotonic() - begin
            if got != wanted or (error and found != error) or not WAIT_S * 0.9 <= took < 20:
                fault("%s: %d errno %d after %.3f ms" % (name, got, found, took * 1e3))
            counts["waits"] += 1


def write_pipe(fd):
    number = 0
    while True:
        os.write(fd, b"%015d\n" % number)
        number += 1


def read_pipe(fd):
    while True:
        line = os.read(fd, 16)
        if line != b"%015d\n" % counts["pipe"]:
            fault("the pipe brought %r" % line)
        counts["pipe"] += 1


def take_turns(mine, other):
    while True:
        mine.acquire()
        counts["turns"] += 1
        other.release()


def start(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def work():
    right = checksum()
    have_child()
    for _ in range(20):
        if checksum() != right:
            fault("checksum")
        counts["checksum"] += 1


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    out, into = os.pipe()
    here, there = threading.Semaphore(1), threading.Semaphore(0)
    # Signals are for the first thread alone: elsewhere they would break the waits themselves.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGCHLD])
    start(wait_calls)
    start(write_pipe, into)
    start(read_pipe, out)
    start(take_turns, here, there)
    start(take_turns, there, here)
    asked = []
    start(lambda: [asked.append(line) for line in sys.stdin])
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGCHLD, on_child)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM, signal.SIGCHLD])
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    print("READY", flush=True)
    while True:
        work()
        if asked:
            asked.pop()
            print("%r %s" % (sorted(counts.items()), "; ".join(wrong[:5]) if wrong else "right"), flush=True)


main()
