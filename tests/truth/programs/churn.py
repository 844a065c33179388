"""Code objects made, run a few times and freed, so that addresses are used again.

Number N has the functions outer_N and inner_N in the file churn_N.py, moved down by N % 7 lines: a stack that shows
another number, file or line beside them was decoded from what an address held before.
"""
import sys, time

TEMPLATE = """{blank}def inner_{n}(count):
    total = 0
    for i in range(count):
        total += i
    return total
def outer_{n}(count):
    total = 0
    for i in range(count):
        total += inner_{n}(4)
    return total
"""
SHIFTS = 7
OUTER_CALL = 9


def make(n):
    return compile(TEMPLATE.format(blank="\n" * (n % SHIFTS), n=n), "churn_%d.py" % n, "exec")


def drive(function):
    for _ in range(3):
        function(60)  #> generated


def one(n):
    names = {}
    exec(make(n), names)  #> make, generated
    drive(names["outer_%d" % n])  #> drive


def main(seconds):
    print("READY", flush=True)
    end = time.monotonic() + seconds
    n = 0
    while time.monotonic() < end:
        one(n)  #> one
        n += 1


def number(frame):
    return int(frame.function.partition("_")[2])


def check_generated(frames):
    """What is wrong with these frames, which begin in a generated file, or None."""
    first = frames[0]
    n = int(first.file[len("churn_"):-len(".py")])
    shift = n % SHIFTS
    lines = {"<module>": (0, shift + 10), "inner_%d" % n: (shift + 1, shift + 5), "outer_%d" % n: (shift + 6, shift + 10)}
    for frame in frames:
        low, high = lines.get(frame.function, (1, 0))
        if frame.file != first.file or not low <= frame.line <= high:
            return "%s in %s:%d" % frame
    names = [frame.function.partition("_")[0] for frame in frames]
    if names not in (["<module>"], ["outer"], ["outer", "inner"]):
        return "not a call that is made"
    if len(frames) == 2 and first.line != shift + OUTER_CALL:
        return "called from another line"
    return None


if __name__ == "__main__":
    main(float(sys.argv[1]))  #> main
