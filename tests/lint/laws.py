"""The rules of ARCHITECTURE.md that a script can check, over the C sources. Prints what breaks them; exit 1 if any.

usage: laws.py [ROOT]
"""
import pathlib
import re
import sys

# Which modules of src/ a module may include from. Everything may include base and, where it is listed, include/pyrometer.
ALLOWED = {
    "base": set(),
    "target": {"base"},
    "layout": {"target", "base"},
    "record": {"base"},
    "pyobj": {"target", "layout", "base"},
    "memory": {"target", "record", "base"},
    "sample": {"memory", "pyobj", "target", "layout", "record", "base"},
    "heap": {"pyobj", "target", "layout", "record", "model", "base"},
    "graph": {"record", "base"},
    "query": {"graph", "record", "base"},
    "model": {"record", "base"},
    "analyze": {"model", "record", "base"},
    "report": {"model", "analyze", "graph", "query", "record", "base"},
    "dump": {"sample", "pyobj", "target", "layout", "model", "base"},
    "advise": {"model", "analyze", "base"},
    "launch": {"target", "base"},
    "doctor": {"target", "layout", "base"},
    "monitor": set(),
    "cli": set(),
    "agent": {"layout", "base"},
}
# Where the modules are that are not below src/.
ELSEWHERE = {"agent"}
# What several modules speak of: the kinds of line tables are found by layout, stored by record, read by model; the file
# that the agent writes is read by record, and what it tells of its heap by heap.
SHARED = {"record/format.h", "record/heap_file.h", "record/heap_tags.h", "record/heap_arena.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
LINES_MAX = 700

# (what it is, pattern, modules that may, look inside string literals)
LAWS = [
    ("remote memory calls belong in target/", re.compile(r"\bprocess_vm_(?:readv|writev)\b|\bptrace\s*\(|\bPTRACE_[A-Z]"),
     {"target"}, False),
    ("/proc belongs in target/", re.compile(r'"/proc\b'), {"target"}, True),
    ("CPython versions belong in layout/",
     re.compile(r"\b(?:minor|PY_VERSION_HEX|version_hex|py_version)\s*(?:==|!=|<=?|>=?)\s*(?:0x)?[0-9]"), {"layout"}, False),
    ("names of CPython's fields belong in layout/ and pyobj/",
     re.compile(r'"(?:co_(?:code|linetable|firstlineno|qualname|filename)|f_(?:back|lasti|code)|tp_(?:name|basicsize|dict)|'
                r'ob_(?:type|refcnt|size)|prev_instr|instr_ptr|interpreters_head|tstate_head)\b'),
     {"layout", "pyobj"}, True),
    ("only cli/ prints or ends the process",
     re.compile(r"\b(?:v?printf|puts|putchar|perror|exit|_Exit|abort|quick_exit)\s*\(|\bfprintf\s*\(\s*std(?:err|out)\b"), {"cli"}, False),
    ("calls without bounds or errors", re.compile(r"\b(?:strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof)\s*\("),
     set(), False),
    ("the heap is reached through base/alloc.h", re.compile(r"(?<![.>])\b(?:malloc|calloc|realloc|free)\s*\("), {"base", "cli"}, False),
]


def blank(match):
    """Spaces in place of the match, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group())


def sources(root):
    folders = [root / "src", *(root / name for name in ELSEWHERE)]
    return sorted(path for folder in folders for pattern in ("*.c", "*.h") for path in folder.rglob(pattern))


def module_of(root, path):
    parts = path.relative_to(root).parts
    return parts[0] if parts[0] in ELSEWHERE else parts[1]


def check_includes(module, text):
    allowed = ALLOWED.get(module)
    if allowed is None:
        yield 1, f"module {module}/ has no row in tests/lint/laws.py"
        return
    for match in INCLUDE.finditer(text):
        other = match.group(1).partition("/")[0] if "/" in match.group(1) else module
        if match.group(1) not in SHARED and other not in allowed | {module, "pyrometer"}:
            yield text.count("\n", 0, match.start()) + 1, f'{module}/ must not include "{match.group(1)}"'


def check_laws(module, text):
    code = COMMENT.sub(lambda match: blank(match), text)
    bare = STRING.sub(blank, code)
    for rule, pattern, where, in_strings in LAWS:
        if module in where:
            continue
        for match in pattern.finditer(code if in_strings else bare):
            yield code.count("\n", 0, match.start()) + 1, f"{rule}: {match.group().strip()}"


def check_file(root, path):
    text = path.read_text(encoding="utf-8")
    module = module_of(root, path)
    lines = text.count("\n")
    if lines > LINES_MAX:
        yield lines, f"{lines} lines; at most {LINES_MAX}"
    yield from check_includes(module, text)
    yield from check_laws(module, text)


def check(root):
    """Every breach below root/src and root/agent as "file:line: what"."""
    root = pathlib.Path(root)
    return [f"{path.relative_to(root)}:{line}: {what}" for path in sources(root) for line, what in check_file(root, path)]


if __name__ == "__main__":
    breaches = check(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    print("\n".join(breaches), end="\n" if breaches else "")
    sys.exit(1 if breaches else 0)
