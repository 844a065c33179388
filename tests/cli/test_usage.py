"""Wrong usage ends with 2 and one line that helps; failures with 1; help, man pages and completions agree."""
import json
import os
import re
import subprocess
import sys

import pytest

COMMANDS = ["run", "attach", "dump", "report", "heap", "diff", "doctor", "top"]


@pytest.mark.parametrize("args, said", [
    (["rnu"], "did you mean 'run'"), (["reprot"], "did you mean 'report'"), (["xyzzy"], "unknown command"),
    (["--nonsense"], "unknown option"), (["help", "rnu"], "did you mean 'run'"), (["help", "run", "x"], "one command"),
    (["run"], "which program"), (["run", "--qiet", "x"], "did you mean --quiet"), (["run", "-o"], "FILE"),
    (["run", "-c"], "CODE"), (["run", "--quiet=1", "x"], "takes no argument"), (["run", "-z", "x"], "-z"),
    (["run", "-r", "fast", "x"], "samples per second"), (["run", "-r", "-5", "x"], "samples per second"),
    (["run", "-r", "nan", "x"], "samples"), (["run", "-r", "0x10", "x"], "samples"), (["run", "-r", "1.2.3", "x"], "samples"),
    (["run", "--mode", "cup", "x"], "wall, cpu, gil"), (["run", "--duration", "5 s", "x"], "a time"),
    (["run", "--duration", ".", "x"], "a time"), (["run", "--duration", "ms", "x"], "a time"),
    (["attach"], "PID"), (["attach", "x"], "not the number"), (["attach", "0"], "not the number"),
    (["attach", "-1"], "unknown option"), (["attach", "99999999999"], "not the number"), (["attach", "1", "2"], "PID"),
    (["dump"], "PID"), (["dump", "1x"], "not the number"), (["report"], "recording"),
    (["report", "a", "b"], "recording"), (["report", "-f", "collpased", "x"], "did you mean 'collapsed'"),
    (["report", "-f", "zzzzzzzzz", "x"], "there are"), (["report", "--limit", "-3", "x"], "number"),
    (["report", "--from", "5", "--to", "4", "x"], "later"), (["report", "--json", "-f", "collapsed", "x"], "exclude"),
    (["report", "--opcodes", "x"], "-f lines"), (["report", "--json", "--opcodes", "--by", "function", "x"], "--by function"),
    (["doctor", "x"], "no arguments"), (["top"], "PID"), (["report", "x", "-o", ""], "a name"), (["diff", "x"], "two"),
])
def test_wrong_usage(pyrometer, args, said):
    done = pyrometer(*args)
    assert done.returncode == 2
    assert done.stdout == b"" and done.stderr.count(b"\n") == 1
    assert said in done.stderr.decode()


def test_no_command(pyrometer):
    done = pyrometer()
    assert done.returncode == 2 and done.stdout == b"" and b"Usage" in done.stderr


@pytest.mark.parametrize("args", [
    ["attach", "4194304"], ["dump", "4194304"], ["report", "nosuch.pyro"], ["run", "--native", "true"],
    ["report", "-f", "collapsed", "--weight", "temporary", "x.pyro"], ["report", "--weight", "live", "x.pyro"],
])
def test_failures(pyrometer, args):
    done = pyrometer(*args)
    assert done.returncode == 1
    assert done.stdout == b"" and done.stderr.count(b"\n") == 1 and done.stderr.startswith(b"pyrometer: ")
    assert not list(pyrometer.directory.iterdir())


@pytest.mark.parametrize("rate", ["0", "1", "1000", "1k", "1.5k", "max"])
def test_rates(pyrometer, rate):
    assert pyrometer.code("pass", options=["--rate", rate]).returncode == 0
    assert pyrometer.code("pass", options=["-r" + rate]).returncode == 0


@pytest.mark.parametrize("time", ["1", "1.", ".5", "0.5s", ".5s", "500ms", "1m"])
def test_times(pyrometer, time):
    assert pyrometer.code("pass", options=["--duration", time]).returncode == 0


def test_version_and_help(pyrometer):
    assert re.fullmatch(rb"pyrometer \d+\.\d+\.\d+\n", pyrometer("--version").stdout)
    for command in COMMANDS:
        assert command in pyrometer("--help").stdout.decode()
        texts = {pyrometer(*args).stdout for args in (["help", command], [command, "--help"], [command, "-h"])}
        assert len(texts) == 1 and b"Usage: pyrometer " + command.encode() in texts.pop()
    assert b"Usage: pyrometer" not in pyrometer("run", "-q", "echo", "--help").stdout


def test_output_that_cannot_be_written(pyrometer):
    with open("/dev/full", "w") as full:
        done = pyrometer("--help", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"could not be written" in done.stderr


def documented(text):
    """Options as `  -o, --output FILE` or `.BR \\-o ", " \\-\\-output`."""
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+|-[a-zA-Z](?![\w-]))", text))


def help_options(pyrometer, command):
    lines = pyrometer(command, "--help").stdout.decode().splitlines()
    rows = [line[:26] if len(line) > 26 and line[25] == " " else line for line in lines if re.match(r" {2,6}-", line)]
    return documented("\n".join(rows))


@pytest.mark.parametrize("command", COMMANDS)
def test_man_page_has_the_options_of_the_help(pyrometer, command):
    page = (pyrometer.root / "docs" / "man" / f"pyrometer-{command}.1").read_text().replace("\\-", "-")
    rows = "\n".join(after for after in re.findall(r"^\.TP\n(.*)$", page, re.M))
    assert documented(re.sub(r"\\f[BIR]", "", rows)) == help_options(pyrometer, command)


@pytest.mark.parametrize("shell", ["pyrometer.bash", "_pyrometer", "pyrometer.fish"])
def test_completion_knows_every_option(pyrometer, shell):
    text = (pyrometer.root / "completion" / shell).read_text()
    for command in COMMANDS:
        assert command in text
        for option in help_options(pyrometer, command):
            if option.startswith("--"):
                needle = f"-l {option[2:]}" if shell.endswith("fish") else option
                assert needle in text, (command, option)


def bash_completes(pyrometer, line):
    script = (f"source {pyrometer.root}/completion/pyrometer.bash; COMP_WORDS=({line}); "
              f"[[ '{line}' == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
              "_pyrometer; printf '%s\\n' \"${COMPREPLY[@]}\"")
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.split()


def test_bash_completion(pyrometer):
    assert bash_completes(pyrometer, "pyrometer re") == ["report"]
    assert "--duration" in bash_completes(pyrometer, "pyrometer attach --du")
    assert bash_completes(pyrometer, "pyrometer run --mode ") == ["wall", "cpu", "gil"]


def test_doctor(pyrometer):
    done = pyrometer("doctor")
    assert done.returncode == 0 and b"\033" not in done.stdout
    checks = json.loads(pyrometer("doctor", "--json").stdout)["checks"]
    assert {check["level"] for check in checks} <= {"ok", "limited", "missing"}
    assert {"kernel", "permission", "reading memory", "schedstat", "timer", "python"} <= {c["name"] for c in checks}
    assert all(check["advice"] for check in checks if check["level"] != "ok")
    real = os.path.realpath(sys.executable)
    env = {**os.environ, "PATH": os.path.dirname(real)}
    checks = json.loads(pyrometer("doctor", "--json", env=env).stdout)["checks"]
    assert any(real in check["found"] for check in checks if check["name"] == "python")
