"""Prints the line tables of standard library code and what this interpreter says about them, for check_line_tables.

Runs on every Python from 3.8. One block per code object:
    code KIND FIRST_LINE OFFSETS TABLE_IN_HEX
    OFFSET LINE END_LINE COLUMN END_COLUMN      (OFFSETS times; line 0: none; -1: not told)
"""
import dis
import glob
import os
import sys

LNOTAB, PAIRS, LOCATIONS = 1, 2, 3


def expected(code):
    if sys.version_info >= (3, 11):
        for index, position in enumerate(code.co_positions()):
            line, end_line, column, end_column = position
            if line is None:
                yield index * 2, 0, 0, -1, -1
            else:
                yield (index * 2, line, line if end_line is None else end_line,
                       -1 if column is None else column, -1 if end_column is None else end_column)
    elif sys.version_info >= (3, 10):
        for start, end, line in code.co_lines():
            for offset in range(start, end, 2):
                yield offset, line or 0, line or 0, -1, -1
    else:
        starts = dict(dis.findlinestarts(code))
        line = code.co_firstlineno
        for offset in range(0, len(code.co_code), 2):
            line = starts.get(offset, line)
            yield offset, line, line, -1, -1


def walk(code):
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from walk(constant)


def dump(code):
    if sys.version_info >= (3, 11):
        kind, table = LOCATIONS, code.co_linetable
    elif sys.version_info >= (3, 10):
        kind, table = PAIRS, code.co_linetable
    else:
        kind, table = LNOTAB, code.co_lnotab
    rows = list(expected(code))
    print("code", kind, code.co_firstlineno, len(rows), table.hex() or "-")
    for row in rows:
        print(*row)


def main():
    library = os.path.dirname(os.__file__)
    paths = sorted(glob.glob(os.path.join(library, "*.py")))[::8]
    paths += [os.path.join(library, "asyncio", "base_events.py"), os.path.join(library, "json", "decoder.py")]
    for path in paths:
        with open(path, encoding="utf-8") as file:
            source = file.read()
        for code in walk(compile(source, path, "exec")):
            dump(code)
    # Long lines, far jumps, backward jumps and many lines in one statement.
    source = "x = [\n" + "".join("    f(%d,\n" % i + "\n" * (i % 300) + "   g),\n" for i in range(400)) + "]\n"
    source += "def f():\n" + "\n" * 40000 + "    return " + "a+" * 300 + "\\\n b\n"
    source += "(a)(\n" + " " * 200 + "b,\n c)\nlambda: [i\n for i\n in\n x\n if y]\n"
    source = "\n" * 70000 + source
    for code in walk(compile(source, "made", "exec")):
        dump(code)


main()
