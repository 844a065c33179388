"""The instructions of lines: those that the target's own dis shows, with the time that its clock gives them."""
import pytest

pytestmark = pytest.mark.needs("run", "report")

# The same work in one instruction each: a call of C code; a call of a function that is inlined, which stands in the
# caller; a loop so long that its FOR_ITER has an EXTENDED_ARG, over an iterator in C.
PROGRAM = r'''
import dis, itertools
BIG, clock = list(range(20000)), time.thread_time
SECONDS = {"leaf": 0.0, "inner": 0.0, "far": 0.0}

class Point:
    def __init__(self, x):
        self.x = x

def attributes(point, count):
    total = 0
    for i in range(count):
        total = total + point.x
    return total

def inner(rows):
    return sum(rows)

def calls(rows, count):
    for i in range(count):
        pair = (sum(rows), inner(rows))

FAR = "def far(found):\n for x in found:\n  " + "y = x; " * 400 + "\n"
exec(compile(FAR, __file__ + ".far", "exec"))

def instructions(function):
    adaptive = {"adaptive": True} if sys.version_info >= (3, 11) else {}
    compiled = {each.offset: each.opname for each in dis.get_instructions(function)}
    rows = {}
    for each in dis.get_instructions(function, **adaptive):
        where = getattr(each, "positions", None)
        rows[each.offset] = [each.opname, where and where[2:4], compiled.get(each.offset)]
    return rows

def look():
    return {function.__name__: instructions(function) for function in (attributes, inner, calls, far)}

def work(count):
    a = clock(); attributes(Point(3), 8000 * count)
    b = clock(); calls(BIG, count)
    c = clock(); far(map(sum, itertools.repeat(BIG, count)))
    d = clock()
    SECONDS["inner"] += (c - b) / 2
    SECONDS["leaf"] += (c - b) / 2
    SECONDS["far"] += d - c

for _ in range(200):
    work(5)
before, SECONDS = look(), dict.fromkeys(SECONDS, 0.0)
warm = clock()
while clock() < warm + 1.2:
    work(5)
tell({"before": before, "after": look(), "seconds": SECONDS})
'''


def opcodes_of(recorded, options=()):
    """{function: [opcode row]} of the program's own."""
    found = {}
    for row in recorded.json("--opcodes", "--mode", "cpu", *options)["lines"]:
        if row["file"].startswith(recorded.script):
            found.setdefault(row["function"].rpartition(".")[2], []).extend(row["opcodes"])
    return found


def check_names(rows, before, after):
    """Each is one of dis's, under the name that dis has for it; but for the time until it was specialised."""
    all_s, named_s, early_s = sum(row["self_s"] for row in rows), 0, 0
    for row in rows:
        now, column, compiled = after[str(row["offset"])]
        named_s += row["self_s"] * (row["opcode"] in (now, before[str(row["offset"])][0]))
        early_s += row["self_s"] * (row["opcode"] == compiled)
        if column and column[0] is not None and column[1] > column[0] and row.get("in_bytes", True):
            assert [row["column"] - 1, row["end_column"] - 1] == column
    assert named_s >= 0.9 * all_s and named_s + early_s >= 0.99 * all_s, (rows, after)


@pytest.mark.long
def test_as_dis_shows_them(record, python):
    check_times(*check(record, python))


@pytest.mark.long(1)
def test_while_it_runs_on(record, python):
    """With glances only, what is there is read a moment later."""
    check(record, python, "--no-stop")


def check(record, python, *options):
    recorded = record(PROGRAM, options=("--opcodes", "--memory", "off", *options))
    found, said = opcodes_of(recorded), recorded.said
    for function in said["after"]:
        assert found[function]
        check_names(found[function], said["before"][function], said["after"][function])
    names = {row["opcode"] for row in found["attributes"]}
    if python.info >= (3, 11):
        assert {"BINARY_OP_ADD_INT", "LOAD_ATTR_INSTANCE_VALUE"} <= names
    (thread,) = recorded.json()["processes"][0]["threads"]
    return found, said, 3 * (0.25 / thread["on_cpu"]) ** 0.5


# Line and call events: instrumented instructions stand in the code, behind some of which the length is not told.
MONITORED = PROGRAM.replace("for _ in range(200)", """monitor = sys.monitoring
monitor.use_tool_id(3, "test")
for event in (monitor.events.LINE, monitor.events.CALL):
    monitor.register_callback(3, event, lambda *rest: None)
monitor.set_events(3, monitor.events.LINE | monitor.events.CALL)
for _ in range(200)""").replace("warm + 1.2", "warm + 0.8").replace("8000 * count", "2000 * count")


@pytest.mark.long
def test_instrumented(record, python):
    if python.info < (3, 12):
        pytest.skip("this version instruments no code")
    recorded = record(MONITORED, options=("--opcodes", "--memory", "off"))
    found, said = opcodes_of(recorded), recorded.said
    names = set()
    for function in ("attributes", "calls"):
        check_names(found[function], said["before"][function], said["after"][function])
        names |= {row["opcode"] for row in found[function]}
    assert {"INSTRUMENTED_LINE", "INSTRUMENTED_CALL"} <= names and None not in names
    above = max(found["calls"], key=lambda row: row["total_s"] - row["self_s"])
    assert above["opcode"] == "INSTRUMENTED_CALL"


def hottest(rows, figure):
    return max(rows, key=lambda row: row[figure])


def check_times(found, said, error):
    """error: three standard errors, at most, of a share of the samples."""
    after = said["after"]
    iterates, = [int(offset) for offset, row in after["far"].items() if row[0].startswith("FOR_ITER")]
    assert after["far"][str(iterates - 2)][0].startswith("EXTENDED_ARG")
    far, leaf, inner = hottest(found["far"], "self_s"), hottest(found["calls"], "self_s"), hottest(found["inner"], "self_s")
    assert far["offset"] == iterates
    above = max((row for row in found["calls"] if row is not leaf), key=lambda row: row["total_s"])
    assert all("CALL" in row["opcode"] for row in (leaf, above, inner))  # 3.11: PRECALL_BUILTIN_FAST_WITH_KEYWORDS calls
    assert above["total_s"] == pytest.approx(inner["total_s"], rel=0.1)
    all_s = said["seconds"]["leaf"] + said["seconds"]["inner"] + said["seconds"]["far"]
    found_s = far["self_s"] + leaf["self_s"] + above["total_s"]
    assert leaf["self_s"] / found_s == pytest.approx(said["seconds"]["leaf"] / all_s, abs=0.05 + error)
    assert far["self_s"] / found_s == pytest.approx(said["seconds"]["far"] / all_s, abs=0.05 + error)
    assert all(row["self_s"] < 0.05 * found_s for row in found["calls"] if row is not leaf)
