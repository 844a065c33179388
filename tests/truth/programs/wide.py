"""Frames of 2,000 locals, which need a piece of stack memory of their own, in two kinds that alternate."""
import sys, time

LOCALS = 2000


def leaf_a(n):
    return n + 1


def leaf_b(n):
    n += 1
    return n


def source(name, leaf):  #: free
    lines = ["def %s(n):" % name, "    v0 = n"]
    lines += ["    v%d = v%d" % (i, i - 1) for i in range(1, LOCALS)]
    return "\n".join(lines + ["    return %s(v%d)" % (leaf, LOCALS - 1), ""])


def define(name, leaf):
    names = {"leaf_a": leaf_a, "leaf_b": leaf_b}
    exec(compile(source(name, leaf), "wide_generated.py", "exec"), names)  #> source, generated
    return names[name]


def call_a(wide, n):
    return wide(n)  #> generated


def call_b(wide, n):
    n += 1
    return wide(n)  #> generated


def batch(wide_a, wide_b, count):
    for n in range(count):
        call_a(wide_a, n)  #> call_a
        call_b(wide_b, n)  #> call_b


def main(seconds):
    wide_a, wide_b = define("wide_a", "leaf_a"), define("wide_b", "leaf_b")  #> define
    batch(wide_a, wide_b, 200)  #> batch
    print("READY", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        batch(wide_a, wide_b, 50)  #> batch


def check_generated(frames):
    """What is wrong with these frames, which begin in the generated file, or None."""
    kind = frames[0].function[-1]
    if [frame.function for frame in frames] == ["<module>"]:
        return None
    if [frame.function for frame in frames] not in (["wide_" + kind], ["wide_" + kind, "leaf_" + kind]):
        return "not a call that is made"
    if len(frames) == 2 and frames[0].line != LOCALS + 2:
        return "called from another line"
    return None


def check(frames, truncated, arguments):
    names = [frame.function for frame in frames]
    kinds = {name[-1] for name in names if name.startswith(("call_", "wide_", "leaf_"))}
    return "a and b in one stack" if len(kinds) > 1 else None


if __name__ == "__main__":
    main(float(sys.argv[1]))  #> main
