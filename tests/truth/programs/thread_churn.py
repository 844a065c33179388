"""Threads that come and go by the hundred, in two kinds: thread states and stacks are freed and used again."""
import _thread, sys, time

ALIVE = 8


def spin(n):
    total = 0
    for i in range(n):
        total += i
    return total


def x(n):
    return spin(n)  #> spin


def y(n):
    n += 1
    return spin(n)  #> spin


def enter_a(done, rounds):  #: root
    for _ in range(rounds):
        x(50)  #> x
    done.release()


def enter_b(done, rounds):  #: root
    for _ in range(rounds):
        y(50)  #> y
    done.release()


def launch(function, rounds):
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(function, (done, rounds))
    return done


def main(seconds):
    print("READY", flush=True)
    end = time.monotonic() + seconds
    alive = []
    n = 0
    while time.monotonic() < end:
        alive.append(launch(enter_b if n & 1 else enter_a, 100 + n % 7 * 100))  #> launch
        n += 1
        if len(alive) == ALIVE:
            alive.pop(0).acquire()
    for done in alive:
        done.acquire()


if __name__ == "__main__":
    main(float(sys.argv[1]))  #> main
