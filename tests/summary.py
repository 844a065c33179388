"""Sum what the test runners reported into one line: `N passed, N failed[, N skipped]`.

usage: summary.py STAGES, a file with one line per stage: name, exit status and report (JUnit XML, or meson's
testlog.json; empty for a stage that only has to succeed), separated by tabs. Exit 1 if anything failed or nothing ran.
"""
import collections
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

NOTHING_CHOSEN = 5  # pytest's exit status: of this part of the suites no test was asked for
MESON = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def count_meson(text):
    results = (json.loads(line)["result"] for line in text.splitlines() if line.strip())
    return collections.Counter(MESON.get(result, "failed") for result in results)


def junit_outcome(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def count_junit(text):
    """A test that was tried again stands in the report once for each try, the first without an outcome: the last counts."""
    cases = ElementTree.fromstring(text).iter("testcase")
    return collections.Counter({(case.get("classname"), case.get("name")): junit_outcome(case) for case in cases}.values())


def count(report):
    path = pathlib.Path(report)
    text = path.read_text(encoding="utf-8") if report and path.exists() else ""
    if not text:
        return collections.Counter()
    return count_meson(text) if path.suffix == ".json" else count_junit(text)


def count_stage(name, status, report):
    """A stage that ended badly has failed at least once, whatever its report says."""
    totals = count(report)
    if int(status) == NOTHING_CHOSEN and report.endswith(".xml"):
        return totals
    if (int(status) != 0 or report and not totals) and not totals["failed"]:
        print(f"failed: {name} (exit status {status})", file=sys.stderr)
        totals["failed"] = 1
    return totals


def main(stages):
    totals = collections.Counter()
    for line in pathlib.Path(stages).read_text(encoding="utf-8").splitlines():
        totals += count_stage(*line.split("\t"))
    line = f"{totals['passed']} passed, {totals['failed']} failed"
    print(line + (f", {totals['skipped']} skipped" if totals["skipped"] else ""))
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
