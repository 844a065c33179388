#!/usr/bin/env python3
"""Generates src/layout/tables/opcodesXY.c: the instructions of a CPython, specialised ones included.

    PYTHON tools/gen_opcodes.py --facts                   print those of the Python that runs this, as JSON
    tools/gen_opcodes.py [--out DIR] PYTHON...            write opcodesXY.c for each, and opcodes.c for all in DIR

A PYTHON may be several words, such as "chroot DIR python3.14": then this file is given to it on its standard input.
"""
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(globals().get("__file__", "."))))

# These stand in place of another instruction, and do not say of which.
STAND_INS = {"INSTRUMENTED_LINE", "INSTRUMENTED_INSTRUCTION", "ENTER_EXECUTOR", "TRACE_RECORD", "RESERVED"}


def facts():
    """{"version", "opcodes": {number: [name, base, caches]}} of this Python, as its dis module knows them."""
    import dis
    import platform
    numbers = getattr(dis, "_all_opmap", None) or {name: n for n, name in enumerate(dis.opname) if name[0] != "<"}
    numbers = {name: number for name, number in numbers.items() if 0 < number < 256 and name != "CACHE"}
    bases = {}
    families = getattr(dis, "_specializations", {})
    if hasattr(dis, "_deoptop"):  # 3.11
        bases = {special: name for name, family in families.items() for special in family}
    if not families:  # 3.13
        import opcode
        bases = {special: name for name, family in getattr(opcode, "_specializations", {}).items() for special in family}
    cached = getattr(dis, "_inline_cache_entries", {})
    if isinstance(cached, list):  # up to 3.12
        cached = {name: cached[number] for name, number in numbers.items() if number < len(cached)}
    opcodes = {}
    for name, number in numbers.items():
        base = bases.get(name, name)
        if name.startswith("INSTRUMENTED_") and name[len("INSTRUMENTED_"):] in numbers:
            base = name[len("INSTRUMENTED_"):]
        opcodes[number] = [name, 0 if name in STAND_INS else numbers[base], cached.get(base, 0)]
    return {"version": platform.python_version(), "opcodes": opcodes}


def ask(python):
    """The facts of another Python."""
    words = python.split() if isinstance(python, str) else list(python)
    with open(os.path.join(ROOT, "tools/gen_opcodes.py"), encoding="utf-8") as file:
        source = file.read()
    result = subprocess.run([*words, "-I", "-", "--facts"], input=source, text=True, capture_output=True, check=True)
    return json.loads(result.stdout)


def suffix(fact):
    return "".join(fact["version"].split(".")[:2])


def table_source(fact):
    """opcodesXY.c."""
    name = f"cp{suffix(fact)}"
    rows = sorted((int(number), row) for number, row in fact["opcodes"].items())
    extended = next(number for number, row in rows if row[0] == "EXTENDED_ARG")
    lines = [f"/* CPython {fact['version']}, from its dis module by tools/gen_opcodes.py: do not edit. */",
             '#include "layout/opcodes.h"', "", f"static const struct pyr_opcode {name}[256] = {{"]
    lines += [f'    [{number}] = {{"{opcode}", {base}, {caches}}},' for number, (opcode, base, caches) in rows]
    return "\n".join([*lines, "};", "", f"const struct pyr_opcodes pyr_opcodes_{name} = {{{name}, {extended}}};", ""])


def index_source(directory):
    """opcodes.c, from the files that are there."""
    numbers = [name[len("opcodes"):-len(".c")] for name in os.listdir(directory) if re.fullmatch(r"opcodes\d+\.c", name)]
    numbers.sort(key=lambda number: (len(number), number))
    lines = ["/* The instructions of each known version; by tools/gen_opcodes.py: do not edit. */",
             '#include "layout/opcodes.h"', ""]
    lines += [f"extern const struct pyr_opcodes pyr_opcodes_cp{number};" for number in numbers]
    lines += ["", "const struct pyr_opcodes_source pyr_opcodes_sources[] = {"]
    lines += [f"    {{{number[0]}, {number[1:]}, &pyr_opcodes_cp{number}}}," for number in numbers]
    lines += ["};", "", "const size_t pyr_opcodes_source_count = sizeof pyr_opcodes_sources / "
              "sizeof pyr_opcodes_sources[0];", ""]
    return "\n".join(lines)


def main():
    import argparse
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="*")
    parser.add_argument("--out", default=os.path.join(ROOT, "src/layout/tables"))
    parser.add_argument("--facts", action="store_true")
    options = parser.parse_args()
    if options.facts:
        json.dump(facts(), sys.stdout)
        return
    sys.path.insert(0, os.path.join(ROOT, "tools"))
    import gen_layout
    for python in options.python:
        fact = ask(python)
        gen_layout.write(os.path.join(options.out, f"opcodes{suffix(fact)}.c"), table_source(fact))
        print(f"{fact['version']}: {len(fact['opcodes'])} instructions")
    gen_layout.write(os.path.join(options.out, "opcodes.c"), index_source(options.out))


if __name__ == "__main__":
    main()
