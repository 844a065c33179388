#!/usr/bin/env python3
"""Generates src/layout/tables from the headers of installed CPythons.

    tools/gen_layout.py [--out DIR] INCLUDE_DIR...      write cpXY.c for each, and tables.c for all in DIR
    tools/gen_layout.py --json INCLUDE_DIR              print the facts of one, on this machine

INCLUDE_DIR holds Python.h and internal/. To add a CPython version: run this on its headers, read the diff, and add
candidates to gen_layout_fields.py for what comes out absent and should not.

Tables are for all machines in MACHINES: each needs its (cross) compiler, and qemu-user-static where it is not this one.
Debian keeps pyconfig.h apart for each machine: unpack python3.X-dev's libpython3.X-dev of all of them (apt-get download
libpython3.X-dev:arm64; dpkg-deb -x) into one directory, and give its usr/include/python3.X.
"""
import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import gen_layout_fields as spec

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


# What the macro PYR_BY_MACHINE chooses from, in its order: (uname -m, compiler).
MACHINES = [("x86_64", "x86_64-linux-gnu-gcc"), ("aarch64", "aarch64-linux-gnu-gcc")]

# A pyconfig.h that was made on one machine serves for another only where this holds.
SAME_SIZES = """
_Static_assert(SIZEOF_VOID_P == sizeof(void *) && SIZEOF_LONG == sizeof(long) && SIZEOF_SIZE_T == sizeof(size_t) &&
               SIZEOF_WCHAR_T == sizeof(wchar_t) && SIZEOF_TIME_T == sizeof(time_t) && SIZEOF_OFF_T == sizeof(off_t) &&
               SIZEOF_PID_T == sizeof(pid_t) && SIZEOF_PTHREAD_T == sizeof(pthread_t), "pyconfig.h of another machine");
"""


def field_list():
    """The X-macro list of layout.h: [(structure, field)]."""
    with open(os.path.join(ROOT, "src/layout/layout.h"), encoding="utf-8") as file:
        text = file.read()
    body = text[text.index("#define PYR_LAYOUT_FIELDS"):]
    body = body[:body.index("\n\n")]
    return re.findall(r"X\((\w+), (\w+)\)", body)


class Headers:
    """One CPython's headers, and what a machine's compiler says about them."""

    def __init__(self, include, machine):
        self.include = os.path.abspath(include)
        self.foreign = machine != platform.machine()
        self.compiler = dict(MACHINES)[machine] if self.foreign else "gcc"
        self.runner = [f"qemu-{machine}-static"] if self.foreign else []
        with open(os.path.join(include, "patchlevel.h"), encoding="utf-8") as file:
            text = file.read()
        self.text = re.search(r'#define\s+PY_VERSION\s+"([^"]+)"', text).group(1)
        self.major, self.minor, self.micro = (
            int(re.search(rf"#define\s+PY_{name}_VERSION\s+(\d+)", text).group(1))
            for name in ("MAJOR", "MINOR", "MICRO"))

    def flags(self):
        flags = ["-std=gnu11", "-w", "-I", self.include, "-I", os.path.join(self.include, "internal"),
                 "-I", os.path.join(self.include, "internal", "mimalloc")]
        # Debian's pyconfig.h includes <MULTIARCH/pythonX.Y/pyconfig.h>, which lies beside the include directory.
        return flags + ["-idirafter", os.path.dirname(self.include)]

    def prelude(self):
        lines = ["#define Py_BUILD_CORE 1", '#include "Python.h"', "#include <pthread.h>", "#include <stddef.h>",
                 "#include <stdio.h>", "#include <string.h>", '#include "frameobject.h"', SAME_SIZES]
        for name in spec.HEADERS:
            if os.path.exists(os.path.join(self.include, name)):
                lines.append(f'#include "{name}"')
        if (self.major, self.minor) <= (3, 10):
            lines.append(spec.PRIVATE_DICT)
        if (self.major, self.minor) <= (3, 9):
            lines.append(spec.PRIVATE_MODULE)
        return "\n".join(lines) + "\n"

    def compile(self, source, *args):
        return subprocess.run([self.compiler, *self.flags(), "-x", "c", "-", *args], input=source, text=True,
                              capture_output=True, check=False)

    def valid(self, expressions):
        """Which of the C expressions compile: one run of the compiler, errors told apart by their line."""
        lines = [self.prelude()]
        for number, expression in enumerate(expressions):
            lines.append(f'#line {number + 1} "candidate"\nlong long candidate_{number}(void) {{ return ({expression}); }}')
        result = self.compile("\n".join(lines) + "\n", "-fsyntax-only", "-fmax-errors=0")
        elsewhere = [line for line in result.stderr.splitlines()
                     if " error: " in line and not line.startswith("candidate:")]
        if elsewhere:
            raise SystemExit(f"{self.include}: the headers do not compile:\n" + "\n".join(elsewhere[:5]))
        bad = {int(number) - 1 for number in re.findall(r"^candidate:(\d+):\d+: error", result.stderr, re.M)}
        return [number not in bad for number in range(len(expressions))]

    def values(self, expressions):
        """The values of expressions that compile, by running them."""
        body = "\n".join(f'    printf("%lld\\n", (long long)({e}));' for e in expressions)
        source = self.prelude() + spec.HELPERS + f"int main(void) {{\n{body}\n    return 0;\n}}\n"
        with tempfile.TemporaryDirectory() as directory:
            program = os.path.join(directory, "values")
            # Inline functions of the headers call into libpython; nothing here does.
            result = self.compile(source, *["-static"] * self.foreign, "-O1", "-ffunction-sections", "-Wl,--gc-sections",
                                  "-Wl,--unresolved-symbols=ignore-all", "-o", program)
            if result.returncode:
                raise SystemExit(f"{self.include}: {result.stderr[:2000]}")
            output = subprocess.run([*self.runner, program], text=True, capture_output=True, check=True).stdout
        return [int(line) for line in output.split()]

    def first_valid(self, wanted):
        """{key: value of its first candidate that compiles, or None}, and {key: the candidate}."""
        flat = [(key, expression) for key, candidates in wanted.items() for expression in candidates]
        chosen = {}
        for (key, expression), valid in zip(flat, self.valid([expression for _, expression in flat])):
            if valid and key not in chosen:
                chosen[key] = expression
        values = dict(zip(chosen, self.values(list(chosen.values()))))
        return {key: values.get(key) for key in wanted}, chosen


def alignment(expression):
    """The alignment of what an offsetof or sizeof speaks of, as an expression."""
    match = re.fullmatch(r"offsetof\(([^,]+), (.+)\)", expression)
    return f"_Alignof(__typeof__((({match[1]} *)0)->{match[2]}))" if match else "8"


def debug_fields(headers, absent, chosen):
    """Where _Py_DebugOffsets says it: [(member of pyr_layout, position, plus, minus, limit, alignment)], size."""
    if (headers.major, headers.minor) < (3, 13):
        return [], 0
    wanted = {}
    for member, *paths in spec.DEBUG_OFFSETS:
        for number, path in enumerate(paths):
            if path:
                wanted[member, number] = [f"offsetof(_Py_DebugOffsets, {path})"]
        if member in chosen:
            wanted[member, "align"] = [alignment(chosen[member])]
    wanted["size"] = ["sizeof(_Py_DebugOffsets)"]
    values, _ = headers.first_valid(wanted)
    rows = []
    for member, *paths in spec.DEBUG_OFFSETS:
        numbers = [values[member, number] if path else 0 for number, path in enumerate(paths)]
        if None not in numbers and member not in absent:
            rows.append((member, *numbers, values.get((member, "align"), 8)))
    return rows, values["size"]


def facts(include, machine=platform.machine()):
    """Everything a table holds about one machine, as a dict."""
    headers = Headers(include, machine)
    fields = field_list()
    unknown = [f"{s}.{f}" for s, f in fields if f"{s}.{f}" not in spec.FIELDS]
    if unknown:
        raise SystemExit(f"gen_layout_fields.py has no candidates for {', '.join(unknown)}")
    wanted = {f"{s}.{f}": spec.FIELDS[f"{s}.{f}"] for s, f in fields}
    wanted.update({f"anchor:{name}": candidates for name, candidates in spec.ANCHORS.items()})
    wanted.update({f"size:{name}": candidates for name, candidates in spec.SIZES.items()})
    wanted.update({f"property:{name}": candidates for name, candidates in spec.PROPERTIES.items()})
    values, chosen = headers.first_valid(wanted)
    version = (headers.major, headers.minor)
    offsets = {name: value for name, value in values.items() if ":" not in name}
    for name, needed in spec.ONLY_WITH.items():
        if values[needed] is None:
            offsets[name] = None
    absent = {name.replace(".", "_") for name, value in offsets.items() if value is None}
    spelled = {name.replace(".", "_"): expression for name, expression in chosen.items()}
    debug, debug_size = debug_fields(headers, absent, spelled)
    return {
        "text": headers.text, "major": headers.major, "minor": headers.minor, "micro": headers.micro,
        "offsets": offsets,
        "sizes": {name: values[f"size:{name}"] or 0 for name in spec.SIZES},
        "properties": spec.properties(version, chosen, {n: values[f"property:{n}"] for n in spec.PROPERTIES}),
        "anchors": {name: values[f"anchor:{name}"] for name in spec.ANCHORS},
        "debug": debug, "debug_size": debug_size,
    }


def can_ask(machine):
    """Whether this computer can tell what the headers mean on that machine."""
    return machine == platform.machine() or bool(shutil.which(dict(MACHINES)[machine]) and
                                                 shutil.which(f"qemu-{machine}-static"))


def merged(values):
    """The same dict for each machine; where their values differ, it holds a tuple of them."""
    first = values[0]
    if not isinstance(first, dict):
        return first if all(value == first for value in values) else tuple(values)
    return {key: merged([value[key] for value in values]) for key in first}


def spell(value):
    if isinstance(value, tuple):
        return f"PYR_BY_MACHINE({', '.join(map(spell, value))})"
    if value is None:
        return "PYR_ABSENT"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def table_source(by_machine):
    """cpXY.c, from the facts of each machine."""
    fact = merged(by_machine)
    if isinstance(fact["debug"], tuple) or isinstance(fact["debug_size"], tuple):
        raise SystemExit(f"{fact['text']}: _Py_DebugOffsets is not the same on all machines")
    name = f"cp{fact['major']}{fact['minor']}"
    lines = [f"/* CPython {fact['text']}, from its headers by tools/gen_layout.py: do not edit. */",
             '#include "layout/source.h"', "", f"static const struct pyr_layout {name} = {{"]
    for field, offset in fact["offsets"].items():
        lines.append(f"    .{field.replace('.', '_')} = {spell(offset)},")
    for group in ("sizes", "properties"):
        for field, value in fact[group].items():
            lines.append(f"    .{field} = {spell(value)},")
    lines += [f"    .version_major = {fact['major']},", f"    .version_minor = {fact['minor']},",
              f"    .version_micro = {fact['micro']},", f'    .version_text = "{fact["text"]}",', "};", ""]
    if fact["debug"]:
        lines += ["/* Positions in _Py_DebugOffsets: what is there is added to what is at plus, less what is at minus;",
                  " * limit is where the size of the structure stands. */",
                  f"static const struct pyr_debug_field {name}_debug[] = {{"]
        for member, position, plus, minus, limit, align in fact["debug"]:
            extra = "".join(f", .{key} = {value}" for key, value in (("plus", plus), ("minus", minus)) if value)
            extra += f", .limit = {limit}" if limit else ""
            lines.append(f"    {{PYR_MEMBER({member}), .position = {position}{extra}, .align = {align}}},")
        lines += ["};", ""]
    lines.append(f"const struct pyr_layout_source pyr_layout_{name} = {{")
    lines.append(f"    .layout = &{name},")
    for anchor, offset in fact["anchors"].items():
        lines.append(f"    .{anchor} = {spell(offset)},")
    if fact["debug"]:
        lines += [f"    .debug = {name}_debug,", f"    .debug_count = sizeof {name}_debug / sizeof {name}_debug[0],",
                  f"    .debug_size = {fact['debug_size']},"]
    lines += ["};", ""]
    return "\n".join(lines)


def index_source(directory):
    """tables.c, from the files that are there."""
    names = [name[:-2] for name in os.listdir(directory) if re.fullmatch(r"cp\d+\.c", name)]
    names.sort(key=lambda name: (len(name), name))
    lines = ["/* One row for each known version, oldest first; by tools/gen_layout.py: do not edit. */",
             '#include "layout/source.h"', ""]
    lines += [f"extern const struct pyr_layout_source pyr_layout_{name};" for name in names]
    lines += ["", "const struct pyr_layout_source *const pyr_layout_sources[] = {"]
    lines += [f"    &pyr_layout_{name}," for name in names]
    lines += ["};", "", "const size_t pyr_layout_source_count = sizeof pyr_layout_sources / sizeof pyr_layout_sources[0];",
              ""]
    return "\n".join(lines)


def formatted(source):
    try:
        return subprocess.run(["clang-format", "--assume-filename", os.path.join(ROOT, "src/layout/x.c")], input=source,
                              text=True, capture_output=True, check=True).stdout
    except FileNotFoundError:
        return source


def write(path, source):
    with open(path, "w", encoding="utf-8") as file:
        file.write(formatted(source))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("include", nargs="+")
    parser.add_argument("--out", default=os.path.join(ROOT, "src/layout/tables"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for include in options.include:
        if options.json:
            print(json.dumps(facts(include), indent=1))
            continue
        by_machine = [facts(include, machine) for machine, _ in MACHINES]
        fact = by_machine[0]
        write(os.path.join(options.out, f"cp{fact['major']}{fact['minor']}.c"), table_source(by_machine))
        missing = [name for name, value in fact["offsets"].items() if value is None]
        print(f"{fact['text']}: {len(fact['offsets']) - len(missing)} fields; absent: {' '.join(missing)}")
    if not options.json:
        write(os.path.join(options.out, "tables.c"), index_source(options.out))


if __name__ == "__main__":
    main()
