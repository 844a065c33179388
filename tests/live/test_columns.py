"""The expressions of one line have the time that the program's own clock gives them."""
import re

import pytest

pytestmark = [pytest.mark.needs("run", "report"), pytest.mark.long]

# Phases are short and of many lengths, so that they keep step with nothing.
# Letters beyond ASCII stand before the calls: characters and bytes of the line differ.
CALLERS = r'''
import random
SECONDS = {"left": 0.0, "right": 0.0, "light": 0.0}

def burn(name, seconds, clock=time.perf_counter):
    start = clock()
    while clock() < start + seconds:
        pass
    SECONDS[name] += clock() - start

for _ in range(3000):
    some = random.random() * 0.0006
    größe = "naïve" and [burn("left", some), burn("right", some), burn("light", some / 5)]
tell(SECONDS)
'''
CALLS = {"left": 'burn("left", some)', "right": 'burn("right", some)', "light": 'burn("light", some / 5)'}

LEAVES = r'''
import random
ROWS = [list(range(random.randrange(40000))) for _ in range(30)]
FEW = [rows[:len(rows) // 10] for rows in ROWS]
SECONDS = dict.fromkeys(("left", "right", "light"), 0.0)
now = time.perf_counter

for n in range(6000):
    rows, few = random.choice(ROWS), random.choice(FEW)
    ö = 1; a = now(); sum(rows); b = now(); sum(iter(rows)); c = now(); sum(few); d = now()
    SECONDS["left"] += b - a
    SECONDS["right"] += c - b
    SECONDS["light"] += d - c
tell(SECONDS)
'''
SUMS = {"left": "sum(rows)", "right": "sum(iter(rows))", "light": "sum(few)"}


def has_columns(python):
    return python.info >= (3, 11)


def source_line(program, marker):
    return next(line for line in program.splitlines() if marker in line)


def ranges(line, texts, in_bytes):
    """{name: (column, end column)}, from 1."""
    size = (lambda text: len(text.encode())) if in_bytes else len
    return {name: (size(line[:line.index(text)]) + 1, size(line[:line.index(text) + len(text)]) + 1)
            for name, text in texts.items()}


def find_row(recorded, line, texts):
    """The row of this line, and its columns by (column, end column)."""
    for row in recorded.json("-f", "json")["lines"]:
        columns = {(c["column"], c["end_column"]): c for c in row["columns"]}
        in_bytes = any(c["in_bytes"] for c in row["columns"])
        wanted = ranges(line, texts, in_bytes)
        if row["file"] == recorded.script and set(wanted.values()) <= set(columns):
            assert all(c["in_bytes"] == in_bytes and c["end_line"] == row["line"] for c in row["columns"])
            return {name: columns[where] for name, where in wanted.items()}, in_bytes
    raise AssertionError("no row has the columns of " + line)


def check(recorded, program, texts, within):
    found, in_bytes = find_row(recorded, source_line(program, texts["left"]), texts)
    said, total = recorded.said, sum(recorded.said.values())
    reported = sum(c["total_s"] for c in found.values())
    assert reported == pytest.approx(total, rel=0.1)
    for name, column in found.items():
        assert column["total_s"] / reported == pytest.approx(said[name] / total, abs=within), (name, found, said)
    return in_bytes


def check_marks(text, program, texts):
    """Below the line stands its call again and again, as carets."""
    rows = text.splitlines()
    at = next(i for i, row in enumerate(rows) if texts["left"] in row)
    marked = []
    for row in rows[at + 1:at + 4]:
        match = re.search(r"\^+", row)
        marked.append(rows[at][match.start():match.end()])
    assert marked == list(texts.values())


def test_calls_on_one_line(record, python):
    if not has_columns(python):
        pytest.skip("this version has no columns")
    recorded = record(CALLERS)
    in_bytes = check(recorded, CALLERS, CALLS, 0.05)
    if not in_bytes:
        check_marks(recorded.report("-f", "lines"), CALLERS, CALLS)
    assert in_bytes == (python.root != "/")


@pytest.mark.parametrize("options", [(), ("--no-stop",)], ids=["", "no-stop"])
def test_work_in_c_on_one_line(record, python, options):
    """Without stops there are glances only: each must show where the program was, not where it was before."""
    if not has_columns(python):
        pytest.skip("this version has no columns")
    check(record(LEAVES, options=options), LEAVES, SUMS, 0.05)


def test_versions_without_columns(record, python):
    if has_columns(python):
        pytest.skip("this version has columns")
    recorded = record(CALLERS)
    assert all(row["columns"] == [] for row in recorded.json("-f", "json")["lines"])
    assert "^" not in recorded.report("-f", "lines")
