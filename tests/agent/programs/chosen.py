"""The same function twice: followed by pyrometer.memory, and (with "trace") with a look at tracemalloc after each statement.
Prints [[increment, peak above the function's beginning], …] of the statements, of a second call."""
import array
import json
import sys

# Of these nothing comes from a free list that is not the same in both runs.
STATEMENTS = """
a = bytes(100000)
b = [None] * 50000
c = len(bytes(3000000))
d = list(map(str, range(3000)))
e = set(d)
del b
f = sorted(d)
g = []
for i in range(1000): g.append(object())
a += bytes(1000)
h = len([None] * 700000) + len(bytes(200000))
d = None
e.clear()
a, f, g = None, len(f), None
""".strip().splitlines()
FIRST = 300  # numbers of lines above 256 are objects


def define(name, statements):
    source = "\n" * (FIRST - 1) + "def %s():\n    pass\n" % name + "".join("    %s\n" % line for line in statements)
    scope = {"look": look} if "trace" in sys.argv else {}
    exec(compile(source, __file__, "exec"), scope)
    return scope[name]


held, most = array.array("q", [0] * (len(STATEMENTS) + 1)), array.array("q", [0] * (len(STATEMENTS) + 1))


def look(number):
    held[number], most[number] = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()


def traced():
    work = define("work", ["look(0)"] + [text for number, line in enumerate(STATEMENTS, 1)
                                         for text in (line, "look(%d)" % number)])
    work()
    work()
    return [[held[i] - held[i - 1], most[i] - held[0]] for i in range(1, len(held))]


def followed():
    from pyrometer import memory
    work = memory.profile(define("work", STATEMENTS), stream=sys.stderr, precision=3)
    work()
    before = {row.line: row.increment_bytes for row in memory.lines()[0].lines}
    work()
    function = memory.lines()[0]
    assert function.calls == 2 and (function.name, function.first_line) == ("work", FIRST)
    rows = {row.line: row for row in function.lines}
    rows.pop(FIRST + 1, None)  # pass, which some versions leave out
    assert rows[FIRST + 2].occurrences == 2
    return [[row.increment_bytes - before[line], row.peak_bytes] for line, row in sorted(rows.items())]


if "trace" in sys.argv:
    import tracemalloc
    print(json.dumps(traced()))
else:
    print(json.dumps(followed()))
