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


def has_headers_for(include, machine):
    """Debian keeps pyconfig.h apart for each machine."""
    apart = "linux-gnu" in (pathlib.Path(include) / "pyconfig.h").read_text(encoding="utf-8")
    return not apart or (pathlib.Path(include).parent / f"{machine}-linux-gnu" / pathlib.Path(include).name).is_dir()


def cases():
    return [pytest.param(include, machine, id=f"{include}-{machine}") for include in includes()
            for machine, _ in gen_layout.MACHINES if gen_layout.can_ask(machine) and has_headers_for(include, machine)]


def members(source, machine):
    """{member: value} of the layout on that machine, and the rows of debug offsets."""
    number = [name for name, _ in gen_layout.MACHINES].index(machine)
    source = re.sub(r"PYR_BY_MACHINE\(([^()]*)\)", lambda match: match[1].split(", ")[number], source)
    return (dict(re.findall(r"^    \.(\w+) = ([^,;]+),$", source, re.M)), re.findall(r"^    \{PYR_MEMBER.*$", source, re.M))


@pytest.mark.parametrize("include, machine", cases())
def test_table_is_what_the_headers_say(include, machine):
    fact = gen_layout.facts(include, machine)
    source = members(committed(fact), machine)
    mine = members(gen_layout.formatted(gen_layout.table_source([fact])), machine)
    if f'"{fact["text"]}"' in committed(fact):
        assert mine == source
    else:
        check_other_patch_release(fact, source, mine)


@pytest.mark.skipif(not shutil.which("clang-format"), reason="no clang-format")
@pytest.mark.parametrize("include", includes())
def test_table_is_what_the_generator_writes(include):
    machines = [machine for machine, _ in gen_layout.MACHINES]
    if not all(gen_layout.can_ask(machine) and has_headers_for(include, machine) for machine in machines):
        pytest.skip("no compiler or no pyconfig.h for one of the machines")
    by_machine = [gen_layout.facts(include, machine) for machine in machines]
    if f'"{by_machine[0]["text"]}"' not in committed(by_machine[0]):
        pytest.skip("the table is of another patch release")
    assert gen_layout.formatted(gen_layout.table_source(by_machine)) == committed(by_machine[0])


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
