"""A recording that is followed while it is written: the same figures as afterwards, at a price that does not grow."""
import statistics

import pytest

from .tool import TOOL, report_path, run


def follow(path, seconds, discard=False):
    done = run("follow", path, str(seconds), "1" if discard else "0")
    assert done.returncode == 0, done.stderr.decode()
    steps, _, rest = done.stdout.decode().partition("window\n")
    window, _, everything = rest.partition("all\n")
    return [[float(field) for field in line.split()] for line in steps.splitlines()], window, everything


def hottest(text):
    """Seconds by function of the first table."""
    rows = text.partition("Hottest functions")[2].partition("\n\n")[0].splitlines()[2:]
    return {row.split()[-2]: float(row.split()[0]) for row in rows if "sample.py" in row}


def check(found, expected):
    found, expected = hottest(found), hottest(expected)
    assert len(found) > 10 and list(found)[0] == list(expected)[0]
    for name in list(found)[:10]:
        assert found[name] == pytest.approx(expected[name], rel=0.01), name


def test_all_is_what_a_report_says(tmp_path):
    path = str(tmp_path / "a.pyro")
    _, _, everything = follow(path, 25)
    check(everything, report_path(path, "text", limit=20).decode())


def test_window_is_what_a_report_of_it_says(tmp_path):
    path = str(tmp_path / "a.pyro")
    _, window, _ = follow(path, 25)
    # The last tick is at 24.99 s, and a tick stands for the time before it.
    check(window, report_path(path, "text", limit=20, **{"from": 14.995}).decode())


@pytest.mark.skipif("asan" in TOOL, reason="with sanitizers nothing costs what it costs")
def test_hours_cost_no_more_than_minutes(tmp_path):
    """Fifty threads for an hour at 100 Hz; the last steps are as cheap as early ones, and the file takes no space."""
    steps, _, everything = follow(str(tmp_path / "a.pyro"), 3600, discard=True)
    early, late = steps[60:120], steps[-60:]
    early_ms, late_ms = (statistics.median(step[1] for step in part) for part in (early, late))
    print("ms of CPU a second: %.2f, then %.2f; KiB: %d, then %d" % (early_ms, late_ms, early[-1][2], late[-1][2]))
    assert late_ms < 5 * early_ms and late_ms < 150  # what grew with time would be sixty times as much
    assert late[-1][2] < 1.2 * early[-1][2] + 2048
    assert late[-1][3] < 1024  # half a MiB, in blocks of 512 bytes
    assert "f1" in everything
