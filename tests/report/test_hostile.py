"""What a recording may contain must not break a format, a terminal or the reporter."""
import json
import os
import re
import subprocess

import pytest

from .test_formats import GO, check_chrome, check_speedscope, collapsed, load_pstats
from .tool import FORMATS, TOOL, recording, report, report_json

DEPTH = 100000


@pytest.mark.parametrize("form", ["text", "lines", "tree", "collapsed"])
def test_text_cannot_move_the_cursor(form):
    output = report("hostile", form)
    text = output.decode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert max(map(len, text.splitlines())) < 200000


def test_names_survive_in_json():
    names = {row["name"] for row in report_json("hostile")["functions"]}
    assert {"new\nline", "semi;colon", 'quote"back\\slash', "café 🐍", "\x1b[31mred\x07"} <= names
    assert any(len(name) == 64 << 10 for name in names)


@pytest.mark.parametrize("form", ["lines", "json"])
def test_names_of_instructions_are_names(form):
    output = report("opcodes", form, opcodes="yes")
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xff", output)
    assert b"LOAD" in output


def test_collapsed_frames_stay_frames():
    for stack in collapsed("hostile"):
        assert 3 <= len(stack.split(";")) <= 2 + 10 + 1


def test_pstats_opens_it(python):
    assert load_pstats(python, report("hostile", "pstats"))


def test_consumers_open_it(tmp_path):
    check_speedscope(report_json("hostile", "speedscope"))
    check_chrome(report_json("hostile", "chrome"))
    if os.path.exists(GO):
        path = tmp_path / "profile.pb.gz"
        path.write_bytes(report("hostile", "pprof"))
        subprocess.run([GO, "tool", "pprof", "-top", str(path)], stdout=subprocess.PIPE, check=True)


@pytest.mark.parametrize("form", FORMATS)
def test_deep_stacks_need_no_deep_reporter(form):
    path = recording("deep", DEPTH)
    done = subprocess.run(["sh", "-c", 'ulimit -s 256; exec "$0" report "$1" "$2"', TOOL, path, form],
                          stdout=subprocess.PIPE, check=True)
    assert done.stdout


def test_deep_stacks_are_whole():
    stacks = [line.rsplit(" ", 1)[0].split(";") for line in report("deep", "collapsed", DEPTH).decode().splitlines()]
    assert sorted(len(stack) for stack in stacks) == [2 + DEPTH // 2 + 1, 2 + DEPTH]
    functions = report_json("deep", size=DEPTH)["functions"]
    assert [row["total_s"] for row in functions] == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_cut_off_recordings_report_what_is_there(tmp_path, share):
    with open(recording("big", 200000), "rb") as file:
        data = file.read()
    path = tmp_path / "cut.pyro"
    path.write_bytes(data[:int(len(data) * share)])
    for form in FORMATS:
        done = subprocess.run([TOOL, "report", str(path), form], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False)
        assert done.returncode in (0, 1), done.stderr
        if form == "json" and done.returncode == 0:
            assert json.loads(done.stdout)["quality"]["complete"] is False


@pytest.mark.parametrize("scenario", ["hostile", "opcodes"])
def test_flipped_bytes_never_crash(tmp_path, scenario):
    with open(recording(scenario), "rb") as file:
        data = file.read()
    path = tmp_path / "flipped.pyro"
    for at in range(0, len(data), max(1, len(data) // 60)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:])
        done = subprocess.run([TOOL, "report", str(path), "json", *["opcodes=yes"] * (scenario == "opcodes")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert done.returncode in (0, 1), done.stderr
        if done.returncode == 0:
            json.loads(done.stdout.decode("utf-8"))
