"""pyrometer.heap and pyrometer.objgraph, under every interpreter that can see this file system."""
import json

import pytest

from .test_package import package, run_python  # noqa: F401

SAMPLE = {
    "snapshot": {"pid": 7, "python": "3.14.0", "objects": 3, "bytes": 100, "later": 1},
    "types": [{"type": "app.A", "count": 2, "shallow_bytes": 60, "retained_bytes": 90, "garbage": 0},
              {"type": "app.A", "count": 1, "shallow_bytes": 40, "retained_bytes": 40, "garbage": 0}],
    "suspects": [{"text": "much", "type": "dict", "retained_bytes": 90, "address": "0x10", "path": "app.A"}],
    "cycles": [], "duplicates": [],
    "containers": [{"kind": "empty", "type": "dict", "count": 1, "bytes": 64, "saved_bytes": 64, "example": "0x7f0000000010"}],
}


def test_json_becomes_dataclasses(package):
    from pyrometer import heap
    taken = heap.from_json(json.dumps(SAMPLE), "a.pyroheap")
    assert (taken.path, taken.pid, taken.python, taken.objects) == ("a.pyroheap", 7, "3.14.0", 3)
    assert taken.suspects[0].address == 0x10 and taken.suspects[0].role is None
    assert taken.containers[0].example == 0x7F0000000010
    with pytest.raises(package.PyrometerError, match="version"):
        heap.from_json("{}")


def test_types_of_one_name_are_one_in_a_diff(package):
    from pyrometer import heap
    before = heap.from_json(json.dumps(SAMPLE))
    after = heap.from_json(json.dumps({**SAMPLE, "types": [{"type": "app.A", "count": 1, "shallow_bytes": 40},
                                                           {"type": "app.B", "count": 4, "shallow_bytes": 8}]}))
    assert before.diff(before) == []
    assert before.diff(after) == [heap.Growth("app.B", 4, 8, 4, 8), heap.Growth("app.A", -2, -60, 1, 40)]


@pytest.mark.needs("heap")
def test_snapshots_of_the_process_itself(python, binary, tmp_path):
    run_python(python, binary, tmp_path, """
        import os
        class Leaked:
            pass
        before = pyrometer.heap.snapshot()
        kept = [Leaked() for _ in range(300)]
        after = pyrometer.heap.snapshot("a.pyroheap")
        assert before.path is None and not [name for name in os.listdir(".") if name not in ("a.pyroheap", "program.py")]
        assert after.pid == os.getpid() and pyrometer.heap.read("a.pyroheap") == after
        row = [row for row in before.diff(after) if row.type == "__main__.Leaked"][0]
        assert (row.count, row.count_after) == (300, 300) and row.bytes >= 300 * sys.getsizeof(kept[0]), row
        try:
            pyrometer.heap.read("none.pyroheap")
        except pyrometer.PyrometerError as error:
            assert "none.pyroheap" in str(error)
        else:
            sys.exit("a file that is not there was read")
    """)
