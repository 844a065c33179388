"""`pyrometer dump` of live processes, compared with what Python says of itself."""
import json
import os
import re
import resource
import signal
import subprocess
import time

import pytest

from tests.hard.support import wait_for

from . import programs

pytestmark = pytest.mark.needs("dump")

VALUES = '''
    import sys, time

    class Plain:
        def __init__(self):
            self.x = 1

    class Text(str): pass
    class Number(int): pass
    class Boxed(list): pass

    def outer():
        shared = ["cell"]
        late = 0
        def inner():
            nonlocal late
            late += 1
            mine = shared
            finish(inner_names={"mine", "shared", "late"})
        inner()

    def finish(inner_names):
        time.sleep(600)

    def tell(values):
        """What repr says; names whose value has an address are told without it."""
        import json
        print("READY " + json.dumps({name: repr(value) for name, value in values.items()}), flush=True)

    def hold(argument, *args, key="word", **kwargs):
        zero, one, minus, digit = 0, 1, -1, 2 ** 30
        two_digits, minus_two_digits = 2 ** 60 - 1, -(2 ** 59) - 12345
        i63, u64, minus_i63, u64_more = 2 ** 63, 2 ** 64 - 1, -(2 ** 63), 2 ** 64
        true, false, none, dots, missing = True, False, None, Ellipsis, NotImplemented
        f0, fm0, f1, half, third, tenth = 0.0, -0.0, 1.0, 0.5, 1 / 3, 0.1
        inf, minus_inf, nan, minus_nan = float("inf"), -float("inf"), float("nan"), -float("nan")
        big, e15, e16, e17, e22 = 1.7976931348623157e308, 1e15, 1e16, 1e17, 1e22
        hundred, thousands, tiny, small, smaller, denormal = 100.0, 120000.0, 1e-7, 1e-4, 1.5e-5, 5e-324
        odd, mega, exact = 123456789.125, 123456789012345680.0, 9007199254740993.0
        z0, z1, z2, z3 = 1j, -2.5 + 3j, complex(0.0, -0.0), complex(-0.0, float("nan"))
        empty, ascii_, latin, wide, astral = "", "plain", "caf\\xe9", "\\u20ac \\u4e2d", "\\U0001f600!"
        quotes, both, escapes = "it's", "it's \\"so\\"", "a\\tb\\nc\\r\\\\ \\x00 \\x1b \\x7f"
        unprintable, surrogate = "\\x85 \\xa0 \\xad \\u200b \\u2028 \\ufeff \\ue000", "\\ud800 \\udfff"
        b0, b1, b2 = b"", b"abc'\\"\\n\\x00\\xff", bytes(range(40))
        array = bytearray(b"ab\\x00")
        t0, t1, t2 = (), (1,), (1, "two", 3.0)
        l0, l1, nested = [], [1, None, True], [[1, 2], (3, [4]), {"k": [5]}]
        d0, d1, dmixed = {}, {"a": 1, "b": [2]}, {1: "x", None: (), "k": b"v"}
        s0, s1, fs0, fs1 = set(), {7}, frozenset(), frozenset({"x"})
        r1, r2, piece = range(5), range(1, 10, 3), slice(1, None, 2)
        deleted = {"a": 1, "b": 2, "c": 3}
        del deleted["b"]
        emptied = [1, 2, 3]
        emptied.clear()
        tell({name: value for name, value in locals().items()})
        instance, subclassed, numbered, boxed = Plain(), Text("x"), Number(5), Boxed([1])
        function, builtin, kind, module, method = tell, len, Plain, sys, instance.__init__
        generator = (each for each in [1, 2])
        recursive = [1]
        recursive.append(recursive)
        looped = {}
        looped["self"] = looped
        long_text, long_bytes = "x" * 5000, b"y" * 5000
        long_list, long_dict, long_set = list(range(100000)), dict.fromkeys(range(100000), 0), set(range(1000))
        deep = [[[[[[1]]]]]]
        huge, minus_huge = 10 ** 400, -(10 ** 400)
        if argument is None:
            unset = 1
        outer()

    hold("arg", 1, 2, extra=3)
'''


def dump(pyrometer, pid, *options):
    return json.loads(pyrometer("dump", pid, "--json", *options).stdout)


def dump_when(pyrometer, pid, wanted, *options):
    """The first one in which the threads are as wanted: a busy machine needs its time."""
    due = time.monotonic() + 30
    while True:
        data = dump(pyrometer, pid, *options)
        if wanted(data["threads"]) or time.monotonic() > due:
            return data


def all_wait(threads):
    return all(thread["idle"] and not thread["waits_gil"] for thread in threads)


def in_line_3(threads):
    return [frame["line"] for frame in threads[0]["frames"][:1]] == [3]


def locals_of(data, function):
    for thread in data["threads"]:
        for frame in thread["frames"]:
            if frame["function"].split(".")[-1] == function:
                return frame["locals"]
    raise AssertionError(f"no {function} in {data}")


@pytest.fixture
def values(start, tmp_path, pyrometer):
    target = start(programs.write(tmp_path / "values.py", VALUES))
    return json.loads(target.ready), dump_when(pyrometer, target.pid, all_wait, "--locals"), target


def test_values_are_those_of_repr(values, python):
    said, data, _ = values
    shown = locals_of(data, "hold")
    wrong = {name: (shown.get(name), text) for name, text in said.items() if shown.get(name) != text}
    assert not wrong


def test_other_values_say_what_they_are(values, python):
    _, data, _ = values
    shown = locals_of(data, "hold")
    address = r" at 0x[0-9a-f]+>"
    for name, kind in {"instance": "__main__.Plain", "function": "function", "kind": "type", "module": "module",
                       "builtin": "builtin_function_or_method", "method": "method", "generator": "generator"}.items():
        assert re.fullmatch(f"<{re.escape(kind)}.*{address[1:]}", shown[name]), (name, shown[name])
    for name in "subclassed", "numbered", "boxed":
        assert shown[name].startswith("<__main__."), shown[name]
    assert shown["recursive"].startswith("[1, [1, ") and len(shown["recursive"]) < 200
    assert shown["looped"].startswith("{'self': {'self': ")
    assert shown["long_text"].startswith("'xxx") and len(shown["long_text"]) < 500
    assert shown["long_bytes"].startswith("b'yyy") and len(shown["long_bytes"]) < 500
    assert re.fullmatch(r"\[0, 1, 2, .*… \d+ more\]", shown["long_list"])
    assert re.fullmatch(r"\{0: 0, 1: 0, .*… \d+ more\}", shown["long_dict"])
    assert re.fullmatch(r"\{0, 1, .*… \d+ more\}", shown["long_set"])
    assert shown["deep"].startswith("[[")
    assert "bits" in shown["huge"] and "negative" in shown["minus_huge"]
    assert "unset" not in shown


def test_cells_and_free_variables(values, python):
    _, data, _ = values
    assert locals_of(data, "inner") == {"mine": "['cell']", "shared": "['cell']", "late": "1"}
    outer = locals_of(data, "outer")
    assert outer["shared"] == "['cell']" and outer["late"] == "1" and outer["inner"].startswith("<function")


def test_text_shows_the_same(values, pyrometer, python):
    said, data, target = values
    text = pyrometer("dump", target.pid, "--locals").stdout
    assert f"Process {target.pid}: " in text and f"Python {python.version}" in text
    assert '"MainThread"' in text and "waiting" in text
    for frame in data["threads"][0]["frames"]:
        assert f"    {frame['function']} ({frame['file']}:{frame['line']})\n" in text
    assert f"two_digits = {said['two_digits']}\n" in text
    bare = pyrometer("dump", target.pid).stdout
    assert "two_digits" not in bare and "\x1b" not in text
    control = [c for c in text if ord(c) < 32 and c != "\n" or 0x7f <= ord(c) < 0xa0]
    assert not control


MANY = '''
    import threading, time
    lock = threading.Lock()
    lock.acquire()
    def waits_in_a_function_of(number):
        lock.acquire()
    for number in range(200):
        threading.Thread(target=waits_in_a_function_of, args=(number,), name="worker %d" % number, daemon=True).start()
    print("READY", flush=True)
    time.sleep(600)
'''


def test_two_hundred_threads(start, tmp_path, pyrometer, python):
    target = start(programs.write(tmp_path / "many.py", MANY))
    dump_when(pyrometer, target.pid, all_wait)
    used_s = cpu_of_children_s()
    data = dump(pyrometer, target.pid, "--locals")
    used_s = cpu_of_children_s() - used_s
    names = [thread["name"] for thread in data["threads"]]
    assert sorted(names) == sorted(["MainThread", *(f"worker {n}" for n in range(200))]) and names[0] == "MainThread"
    for thread in data["threads"][1:]:
        frame, = [frame for frame in thread["frames"] if frame["function"] == "waits_in_a_function_of"]
        assert "worker " + frame["locals"]["number"] == thread["name"]
        assert thread["certain"] and thread["idle"] and not thread["gil"] and not thread["waits_gil"]
    assert used_s < 3


def cpu_of_children_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


BUSY_IN_C = '''
    def stuck():
        print("READY", flush=True)
        sum(range(10 ** 13))
    stuck()
'''


def test_stuck_in_a_call_of_c(start, tmp_path, pyrometer, python):
    target = start(programs.write(tmp_path / "stuck.py", BUSY_IN_C))
    thread, = dump_when(pyrometer, target.pid, in_line_3)["threads"]
    assert [(frame["function"], frame["line"]) for frame in thread["frames"]] == [("stuck", 3), ("<module>", 4)]
    assert thread["gil"] and not thread["idle"] and thread["certain"] and not thread["waits_gil"]


def state_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_stopped_target_stays_stopped(start, tmp_path, pyrometer, python):
    target = start(programs.write(tmp_path / "stuck.py", BUSY_IN_C))
    dump_when(pyrometer, target.pid, in_line_3)
    os.kill(target.pid, signal.SIGSTOP)
    wait_for(lambda: state_of(target.pid) == "T", "it stops")
    thread, = dump(pyrometer, target.pid)["threads"]
    assert [frame["function"] for frame in thread["frames"]] == ["stuck", "<module>"]
    assert thread["certain"] and state_of(target.pid) == "T"
    os.kill(target.pid, signal.SIGCONT)
    wait_for(lambda: state_of(target.pid) == "R", "it goes on")


DEEP = '''
    import time
    def down(left):
        if left:
            return down(left - 1)
        print("READY", flush=True)
        time.sleep(600)
    import sys
    sys.setrecursionlimit(5000)
    down(2000)
'''


def test_deep_stack(start, tmp_path, pyrometer, python):
    target = start(programs.write(tmp_path / "deep.py", DEEP))
    thread, = dump_when(pyrometer, target.pid, all_wait, "--locals")["threads"]
    lefts = [frame["locals"]["left"] for frame in thread["frames"] if frame["function"] == "down"]
    assert lefts == [str(left) for left in range(2001)] and not thread["truncated"]


def test_what_cannot_be_dumped(pyrometer, tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    try:
        for pid in other.pid, 4194304:
            done = pyrometer("dump", pid, status=1)
            assert done.stdout == "" and done.stderr.count("\n") == 1
        pyrometer("dump", "-1", status=2)
        pyrometer("dump", "abc", status=2)
        pyrometer("dump", status=2)
    finally:
        other.kill()
        other.wait()
    done = pyrometer("dump", other.pid, status=1)
    assert str(other.pid) in done.stderr


def test_nothing_of_the_target_changes(start, tmp_path, pyrometer, python):
    """A hundred dumps; the program's own count goes on, it is not stopped, nothing of ours is left."""
    target = start(programs.write(tmp_path / "count.py", '''
        import time
        print("READY", flush=True)
        count = 0
        while True:
            count += 1
            time.sleep(0.0001)
    '''))
    counts = []
    for _ in range(15):
        frames = dump(pyrometer, target.pid, "--locals")["threads"][0]["frames"]
        counts += [int(frames[0]["locals"]["count"])] if frames and "count" in frames[0]["locals"] else []
    assert counts == sorted(counts) and (not counts or counts[-1] > counts[0])
    assert target.alive() and state_of(target.pid) in "RS" and target.said() == ""
