"""report and dump: where results go."""
import os
import subprocess

import pytest


@pytest.fixture
def recording(pyrometer):
    assert pyrometer.code("import time; time.sleep(0.3)").returncode == 0
    return pyrometer.directory / "r.pyro"


def test_output_file_is_never_overwritten(pyrometer, recording):
    out = pyrometer.directory / "out"
    out.write_text("precious")
    done = pyrometer("report", "-o", "out", "r.pyro")
    assert done.returncode == 1 and b"--force" in done.stderr
    assert out.read_text() == "precious"
    assert pyrometer("report", "--force", "-o", "out", "r.pyro").returncode == 0
    assert out.read_bytes() == pyrometer("report", "r.pyro").stdout
    assert sorted(p.name for p in pyrometer.directory.iterdir()) == ["out", "r.pyro"]


def test_failed_report_leaves_no_file_and_keeps_the_old(pyrometer):
    assert pyrometer("report", "-o", "out", "nosuch.pyro").returncode == 1
    assert not list(pyrometer.directory.iterdir())
    (pyrometer.directory / "out").write_text("precious")
    assert pyrometer("report", "--force", "-o", "out", "nosuch.pyro").returncode == 1
    assert (pyrometer.directory / "out").read_text() == "precious"
    assert len(list(pyrometer.directory.iterdir())) == 1


def test_special_files_need_no_force(pyrometer, recording):
    assert pyrometer("report", "-o", "/dev/null", "r.pyro").returncode == 0
    assert os.path.exists("/dev/null")


def test_json_is_a_format(pyrometer, recording):
    assert pyrometer("report", "--json", "r.pyro").stdout == pyrometer("report", "-f", "json", "r.pyro").stdout


@pytest.mark.parametrize("form", ["text", "lines", "collapsed", "json", "pprof"])
def test_every_format_says_what_is_cut_off(pyrometer, recording, form):
    assert pyrometer("report", "-f", form, "-o", "whole", "r.pyro").stderr == b""
    os.truncate(recording, recording.stat().st_size - 1)
    done = pyrometer("report", "-f", form, "-o", "out", "r.pyro")
    assert done.returncode == 0
    said = (pyrometer.directory / "out").read_bytes() if form == "text" else done.stderr
    assert b"is incomplete: cut off at byte" in said and done.stderr.count(b"\n") == (form != "text")


def test_reader_that_goes_away(pyrometer, recording):
    for command in (["report", "-f", "json", "r.pyro"], ["doctor"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = pyrometer(*command, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert done.stderr == b"" and done.returncode in (0, -13)


def in_terminal(pyrometer, *args, **env):
    master, slave = os.openpty()
    process = subprocess.Popen([pyrometer.binary, *args], stdin=slave, stdout=slave, stderr=slave,
                               cwd=pyrometer.directory, env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **env})
    os.close(slave)
    text = b""
    try:
        while chunk := os.read(master, 4096):
            text += chunk
    except OSError:
        pass
    os.close(master)
    return process.wait(timeout=20), text


def test_binary_is_refused_on_a_terminal(pyrometer, recording):
    status, text = in_terminal(pyrometer, "report", "-f", "pprof", "r.pyro")
    assert status == 2 and text.count(b"\n") == 1 and b"-o" in text


def test_colour_on_a_terminal_only(pyrometer):
    assert b"\033[" in in_terminal(pyrometer, "doctor")[1]
    assert b"\033" not in in_terminal(pyrometer, "doctor", NO_COLOR="1")[1]
    assert b"\033" not in in_terminal(pyrometer, "doctor", TERM="dumb")[1]


def test_dump(pyrometer, sleeper):
    done = pyrometer("dump", str(sleeper.pid))
    assert done.returncode == 0 and done.stdout and done.stderr == b""
    assert pyrometer("dump", "--json", str(sleeper.pid)).returncode == 0
