"""Runs report_tool; recordings are made once for each test session in a temporary directory."""
import functools
import json
import os
import subprocess
import tempfile

import pythons

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.environ.get("REPORT_TOOL", str(pythons.ROOT / "build" / "meson" / "tests" / "report" / "report_tool"))
FORMATS = ["text", "lines", "tree", "json", "collapsed", "speedscope", "pprof", "pstats", "chrome"]
_folder = tempfile.TemporaryDirectory()


def run(*arguments, cwd=HERE):
    return subprocess.run([TOOL, *arguments], cwd=cwd, env=dict(os.environ, TZ="UTC"), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)


@functools.lru_cache(None)
def recording(scenario, size=0):
    path = os.path.join(_folder.name, "%s-%d.pyro" % (scenario, size))
    done = run("make", scenario, path, str(size))
    assert done.returncode == 0, done.stderr.decode()
    return path


def report_path(path, form, cwd=HERE, **options):
    done = run("report", path, form, *["%s=%s" % pair for pair in options.items()], cwd=cwd)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def report(scenario, form, size=0, **options):
    return report_path(recording(scenario, size), form, **options)


def failure(scenario, form, **options):
    done = run("report", recording(scenario), form, *["%s=%s" % pair for pair in options.items()])
    assert done.returncode == 1 and not done.stdout
    status, _, text = done.stderr.decode().partition(" ")
    return int(status), text.strip()


def report_json(scenario, form="json", size=0, **options):
    return json.loads(report(scenario, form, size, **options).decode("utf-8"))
