"""The sources keep the laws, and the checker sees it when they do not."""
import pathlib

import pytest

from . import laws

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_sources_keep_the_laws():
    assert laws.check(ROOT) == []


@pytest.mark.parametrize("module, text", [
    ("report", '#include "target/target.h"\n'),
    ("base", '#include "layout/layout.h"\n'),
    ("sample", "n = process_vm_readv(pid, a, 1, b, 1, 0);\n"),
    ("sample", "ptrace(PTRACE_SEIZE, tid, 0, 0);\n"),
    ("pyobj", 'open("/proc/self/maps", 0);\n'),
    ("pyobj", "if (v->minor >= 11)\n"),
    ("sample", 'find("co_linetable");\n'),
    ("record", 'fprintf(stderr, "no");\n'),
    ("model", "exit(1);\n"),
    ("cli", "strcpy(a, b);\n"),
    ("model", "p = malloc(3);\n"),
    ("unheard", "int x;\n"),
    ("base", "int x;\n" * 701),
])
def test_checker_finds(tmp_path, module, text):
    (tmp_path / "src" / module).mkdir(parents=True)
    (tmp_path / "src" / module / "bad.c").write_text(text)
    assert len(laws.check(tmp_path)) >= 1


def test_checker_reads_code_not_comments(tmp_path):
    (tmp_path / "src" / "report").mkdir(parents=True)
    (tmp_path / "src" / "report" / "good.c").write_text(
        '/* never malloc() or ptrace( here; "/proc is elsewhere */\n#include "model/model.h"\nconst char *s = "exit()";\n')
    assert laws.check(tmp_path) == []
