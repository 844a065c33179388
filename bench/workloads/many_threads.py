"""Many threads, nearly all of them waiting: usage many_threads.py COUNT SECONDS."""
import sys, threading, time


def wait(gate):
    gate.wait()


def work(seconds):
    end = time.monotonic() + seconds
    total = 0
    while time.monotonic() < end:
        total += sum(range(2000))
        time.sleep(0.002)
    return total


def main(count, seconds):
    threading.stack_size(256 * 1024)
    gate = threading.Event()
    threads = [threading.Thread(target=wait, args=(gate,), name="wait-%d" % i) for i in range(count)]
    for thread in threads:
        thread.start()
    print("READY", flush=True)
    work(seconds)
    gate.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
