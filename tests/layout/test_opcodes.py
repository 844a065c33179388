"""The committed instructions of each version against every Python that is found here."""
import json
import re
import shutil
import subprocess
import sys

import pytest

import pythons

TABLES = pythons.ROOT / "src/layout/tables"
sys.path.insert(0, str(pythons.ROOT / "tools"))
import gen_layout  # noqa: E402
import gen_opcodes  # noqa: E402

# What the interpreter itself says of a number, beside what dis makes of it: the length of each of its instructions.
COMPILED = """
import dis, json, types
def codes(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from codes(const)
source = open(dis.__file__).read()
units = {}
for code in codes(compile(source, "dis.py", "exec")):
    starts = [i.offset for i in dis.get_instructions(code)] + [len(code.co_code)]
    for start, end in zip(starts, starts[1:]):
        units.setdefault(code.co_code[start], set()).add((end - start) // 2)
print(json.dumps({number: sorted(lengths) for number, lengths in units.items()}))
"""


def committed(python):
    return (TABLES / f"opcodes3{python.info[1]}.c").read_text(encoding="utf-8")


def rows(source):
    return {int(number): [name, int(base), int(caches)] for number, name, base, caches in
            re.findall(r'\[(\d+)\] = \{"(\w+)", (\d+), (\d+)\}', source)}


def test_table_is_what_the_interpreter_says(python):
    fact = gen_opcodes.ask(python.command())
    assert rows(committed(python)) == {int(number): row for number, row in fact["opcodes"].items()}
    if shutil.which("clang-format") and f"CPython {python.version}," in committed(python):
        assert gen_layout.formatted(gen_opcodes.table_source(fact)) == committed(python)


def test_caches_are_as_long_as_compiled_code_has_them(python):
    said = subprocess.run(python.command("-I", "-c", COMPILED), capture_output=True, text=True, check=True).stdout
    table = rows(committed(python))
    for number, lengths in json.loads(said).items():
        assert [table[int(number)][2] + 1] == lengths, table[int(number)]


@pytest.mark.parametrize("path", sorted(TABLES.glob("opcodes3*.c")), ids=lambda path: path.name)
def test_families_have_one_length(path):
    table = rows(path.read_text(encoding="utf-8"))
    for name, base, caches in table.values():
        assert base == 0 or (table[base][1] == base and table[base][2] == caches), name


def test_every_version_has_its_instructions():
    versions = {path.name[2:-2] for path in TABLES.glob("cp3*.c")}
    assert versions == {path.name[len("opcodes"):-2] for path in TABLES.glob("opcodes3*.c")}
    if shutil.which("clang-format"):
        index = (TABLES / "opcodes.c").read_text(encoding="utf-8")
        assert gen_layout.formatted(gen_opcodes.index_source(TABLES)) == index
