"""The text formats, as a person sees them. After a wanted change: PYROMETER_UPDATE_GOLDEN=1."""
import os
import re

import pytest

from .tool import HERE, recording, report

CASES = [("plain", "text", {}), ("plain", "lines", {}), ("plain", "tree", {}), ("plain", "text", {"mode": "cpu"}),
         ("processes", "text", {}), ("no_stop", "text", {}), ("empty", "text", {}),
         ("plain", "collapsed", {}), ("plain", "json", {}), ("expressions", "lines", {}),
         ("opcodes", "lines", {"opcodes": "yes"}), ("opcodes", "json", {"opcodes": "yes"}), ("opcodes", "lines", {}),
         ("memory", "text", {}), ("memory", "memory", {}), ("memory", "leaks", {}), ("memory", "memory", {"pid": "101"}),
         ("gc", "gc", {}), ("gc", "gc", {"pid": "100"}),
         ("memory", "collapsed", {"weight": "peak"}), ("memory", "tree", {"weight": "temporary"}), ("memory", "json", {})]


@pytest.mark.parametrize("scenario,form,options", CASES, ids=["-".join([s, f, *o.values()]) for s, f, o in CASES])
def test_golden(scenario, form, options):
    path = os.path.join(HERE, "golden", "-".join([scenario, form, *options.values()]) + ".txt")
    output = report(scenario, form, **options).decode().replace(recording(scenario), "RECORDING.pyro")
    output = re.sub(r'"pyrometer": "[^"]*"', '"pyrometer": "VERSION"', output)
    if os.environ.get("PYROMETER_UPDATE_GOLDEN"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(output)
    with open(path, encoding="utf-8") as file:
        assert output == file.read()
