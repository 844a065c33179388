"""The committed tables against the headers that are on this machine."""
import glob
import os
import pathlib
import re
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = ROOT / "src/layout/tables"
sys.path.insert(0, str(ROOT / "tools"))
import gen_layout  # noqa: E402

PLACES = ["~/.pyenv/versions/*/include/python3.*", "/usr/include/python3.*", "/usr/local/include/python3.*",
          str(pathlib.Path(os.environ.get("PYROMETER_PYTHONS") or ROOT / "build/pythons") / "*/usr/include/python3.*")]


def includes():
    found = (path for place in PLACES for path in sorted(glob.glob(os.path.expanduser(place))))
    versions = range(8, 16)
    return [path for path in found if os.path.isdir(path + "/internal") and
            re.fullmatch(r"python3\.(\d+)", os.path.basename(path)) and int(path.rsplit(".", 1)[1]) in versions]


def committed(fact):
    return (TABLES / f"cp{fact['major']}{fact['minor']}.c").read_text(encoding="utf-8")


def members(source):
    """{member: value} of the layout, and the rows of debug offsets."""
    return (dict(re.findall(r"^    \.(\w+) = ([^,;]+),$", source, re.M)), re.findall(r"^    \{PYR_MEMBER.*$", source, re.M))


@pytest.mark.parametrize("include", includes())
def test_table_is_what_the_headers_say(include):
    fact = gen_layout.facts(include)
    source, mine = committed(fact), gen_layout.formatted(gen_layout.table_source(fact))
    if f'"{fact["text"]}"' in source:
        assert members(mine) == members(source)
        assert mine == source or not shutil.which("clang-format")
        return
    check_other_patch_release(fact, members(source), members(mine))


# These a process is asked for, where it differs from the table's release: by debug offsets, or by the probe.
ASKED = re.compile(r"interp_|tstate_size|runtime_|version_")


def check_other_patch_release(fact, old, new):
    """Of another release of the same version: the same but for what is taken from the process."""
    moved = {name: (old[0].get(name), value) for name, value in new[0].items() if old[0].get(name) != value}
    strange = {name: values for name, values in moved.items() if not ASKED.match(name)}
    assert not strange, f"{fact['text']} differs from the table: {strange}"
    assert old[1] == new[1], f"{fact['text']}: _Py_DebugOffsets has another shape"
    print(f"{fact['text']}: {moved}")


@pytest.mark.skipif(not shutil.which("clang-format"), reason="no clang-format")
def test_index_names_every_table():
    assert gen_layout.formatted(gen_layout.index_source(TABLES)) == (TABLES / "tables.c").read_text(encoding="utf-8")


def test_every_field_has_candidates():
    assert {f"{structure}.{field}" for structure, field in gen_layout.field_list()} == set(gen_layout.spec.FIELDS)
