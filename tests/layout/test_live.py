"""What every Python found says of itself, against what its memory says through the layout."""
import json
import os
import pathlib
import signal
import struct
import subprocess
import time

import pytest

from tests.hard.support import wait_for

from .reader import ROOT, Reader

FACTS = pathlib.Path(__file__).with_name("facts.py")
TOOL = pathlib.Path(os.environ.get("PYROMETER_LAYOUT_TOOL", ROOT / "build/meson/tests/layout/layout_tool"))


@pytest.fixture
def examine(start, python):
    """examine(mode) -> (facts, reader) of a process in that mode."""
    readers = []

    def run(*mode):
        target = start(FACTS, *mode, python=python)
        readers.append(Reader(TOOL, target.pid))
        assert "error" not in readers[-1].layout, readers[-1].layout
        return json.loads(target.ready), readers[-1]

    yield run
    for reader in readers:
        reader.close()


def test_objects(examine):
    facts, reader = examine()
    assert reader.layout["version"].startswith("%d.%d.%d" % tuple(facts["info"]))
    assert reader.layout["micro"] == facts["info"][2]
    for said in facts["strings"].values():
        assert reader.string(said["id"]) == said["text"]
    for said in facts["ints"].values():
        assert reader.integer(said["id"]) == int(said["text"])
    for said in facts["floats"].values():
        assert reader.read(said["id"] + reader.fields["float.value"], 8) == \
            struct.pack("<d", float.fromhex(said["text"]))
    for name, said in facts["sequences"].items():
        assert reader.items(said["id"], name + ".items") == said["items"]
    assert list(reader.bytes_value(facts["bytes"]["id"])) == facts["bytes"]["value"]
    assert reader.field(facts["cell"]["id"], "cell.value") == facts["cell"]["value"]
    assert reader.field(facts["module"]["id"], "module.dict") == facts["module"]["dict"]
    assert reader.field(facts["instance"]["id"], "object.type") == facts["instance"]["type"]
    assert 1000 <= reader.field(facts["copies"]["id"], "object.refcnt", 4) < 1020


def test_dicts_and_sets(examine):
    facts, reader = examine()
    for said in facts["dicts"].values():
        assert reader.dict_items(said["id"]) == said["items"]
        assert reader.field(said["id"], "dict.used") == len(said["items"])
    said = facts["set"]
    mask = reader.field(said["id"], "set.mask")
    table = reader.read(reader.field(said["id"], "set.table"), 16 * (mask + 1))
    keys = [int.from_bytes(table[at:at + 8], "little") for at in range(0, len(table), 16)]
    assert reader.field(said["id"], "set.used") == len(said["items"])
    assert sorted(filter(None, keys)) == sorted(said["items"])


def test_types(examine):
    facts, reader = examine()
    for said in facts["types"]:
        assert reader.text_at(reader.field(said["id"], "type.name")) == said["name"]
        assert reader.field(said["id"], "type.basicsize") == said["basicsize"]
        assert reader.field(said["id"], "type.itemsize") == said["itemsize"]
        assert reader.field(said["id"], "type.dictoffset", signed=True) == said["dictoffset"]
        assert reader.field(said["id"], "type.flags") == said["flags"]
        assert reader.field(said["id"], "type.mro") == said["mro"]
    assert reader.field(facts["heap_type"]["id"], "heaptype.qualname") == facts["heap_type"]["qualname"]
    if reader.has("heaptype.module"):
        assert reader.field(facts["heap_type"]["id"], "heaptype.module") == 0


def test_code(examine):
    facts, reader = examine()
    for function in facts["functions"]:
        said = function["code"]
        code = reader.field(function["id"], "function.code")
        assert code == said["id"]
        assert reader.field(function["id"], "function.qualname") == function["qualname"]
        assert reader.string(reader.field(code, "code.name")) == said["name"]
        assert reader.string(reader.field(code, "code.filename")) == said["filename"]
        if reader.has("code.qualname"):
            assert reader.string(reader.field(code, "code.qualname")) == said["qualname"]
        assert reader.field(code, "code.firstlineno", 4) == said["firstlineno"]
        assert reader.field(code, "code.flags", 4) == said["flags"]
        assert list(reader.bytes_value(reader.field(code, "code.linetable"))) == said["linetable"]
        assert reader.field(code, "code.nlocals", 4) == said["nlocals"]
        check_names(reader, code, said)


def check_names(reader, code, said):
    def names(field):
        return [reader.string(item) for item in reader.items(reader.field(code, field), "tuple.items")]

    if reader.has("code.bytes"):
        assert list(reader.bytes_value(reader.field(code, "code.bytes"))) == said["code"]
        assert names("code.varnames") == said["varnames"]
        assert names("code.cellvars") == said["cellvars"]
        assert names("code.freevars") == said["freevars"]
        return
    every = names("code.localsplusnames")
    assert sorted(every) == sorted({*said["varnames"], *said["cellvars"], *said["freevars"]})
    assert len(reader.bytes_value(reader.field(code, "code.localspluskinds"))) == len(every)
    # The instruction at the end returns, which is never specialised.
    end = code + reader.fields["code.adaptive"] + len(said["code"])
    assert list(reader.read(end - 2, 2)) == said["code"][-2:]


def test_threads(examine):
    facts, reader = examine()
    runtime, interp = reader.layout["runtime"], reader.main_interpreter()
    assert reader.field(interp, "interp.modules") == facts["modules"]
    assert reader.field(interp, "interp.sysdict") == facts["sysdict"]
    assert reader.field(runtime, "runtime.main_thread") == facts["main"]
    assert reader.field(runtime, "runtime.finalizing") == 0
    said = {each["ident"]: each["native"] for each in facts["threads"]}
    threads = reader.threads()
    assert {reader.field(each, "tstate.thread_id") for each in threads} == set(said)
    for before, thread in zip([0, *threads], threads):
        assert reader.field(thread, "tstate.prev") == before
        assert reader.field(thread, "tstate.interp") == interp
        if reader.has("tstate.native_thread_id"):
            assert reader.field(thread, "tstate.native_thread_id") == said[reader.field(thread, "tstate.thread_id")]
        if reader.has("tstate.status"):
            assert reader.field(thread, "tstate.status", 4) & 3 == 3  # initialized, bound


def test_frames(examine):
    facts, reader = examine()
    said = facts["waiting"]
    thread = reader.thread(said["ident"])
    frames = reader.frames(thread)
    assert [reader.reference(frame, "frame.code") for frame in frames] == [each["code"] for each in said["frames"]]
    assert [reader.field(frame, "frame.globals") for frame in frames] == [each["globals"] for each in said["frames"]]
    assert [reader.lasti(frame) for frame in frames] == [each["lasti"] for each in said["frames"]]
    by_name = dict(zip((each["name"] for each in said["frames"]), frames))
    for name in ("innermost", "generator", "middle"):
        assert reader.reference(by_name[name], "frame.localsplus") == facts["argument"]
    if reader.has("frame.func"):
        assert reader.reference(by_name["outermost"], "frame.func") == facts["outermost"]
    if reader.has("tstate.datastack_chunk"):
        assert in_chunks(reader, thread, by_name["outermost"])
        assert not in_chunks(reader, thread, by_name["generator"])


def in_chunks(reader, thread, frame):
    chunk = reader.field(thread, "tstate.datastack_chunk")
    while chunk:
        if chunk + reader.fields["chunk.data"] <= frame < chunk + reader.field(chunk, "chunk.size"):
            return True
        chunk = reader.field(chunk, "chunk.previous")
    return False


def test_generator(examine):
    facts, reader = examine()
    said = facts["generator"]
    if reader.layout["frame_kind"] == 0:
        assert reader.field(said["id"], "generator.frame") == said["frame"]
    else:
        assert reader.reference(said["id"] + reader.fields["generator.frame"], "frame.code") == said["code"]


def test_gil_has_a_holder(examine):
    """A thread that computes has the GIL in most looks; another hardly ever."""
    facts, reader = examine("busy")
    main, held = reader.thread(facts["main"]), 0
    wait_for(lambda: holds_gil(reader, main), "it has written that it is ready")
    for _ in range(50):
        held += holds_gil(reader, main)
        time.sleep(0.002)
    assert held > 40


def holds_gil(reader, thread):
    if reader.has("runtime.tstate_current"):
        return reader.field(reader.layout["runtime"], "runtime.tstate_current") == thread
    gil = reader.field(reader.main_interpreter(), "interp.gil")
    return reader.field(gil, "gil.locked", 4) == 1 and reader.field(gil, "gil.last_holder") == thread


def test_gil_is_free(examine):
    facts, reader = examine()
    for _ in range(100):
        if reader.has("runtime.tstate_current"):
            free = reader.field(reader.layout["runtime"], "runtime.tstate_current") == 0
        else:
            free = reader.field(reader.field(reader.main_interpreter(), "interp.gil"), "gil.locked", 4) == 0
        if free:
            return
        time.sleep(0.01)
    pytest.fail("all threads wait, yet the GIL is held")


@pytest.mark.parametrize("mode, expected", [("wait", 0), ("collect", 1)])
def test_collector(examine, mode, expected):
    facts, reader = examine(mode)
    if reader.has("runtime.gc_collecting"):
        collecting = reader.field(reader.layout["runtime"], "runtime.gc_collecting", 4)
    else:
        collecting = reader.field(reader.main_interpreter(), "interp.gc_collecting", 4)
    assert collecting == expected
    if expected and reader.has("interp.gc_frame"):
        frame = reader.field(reader.main_interpreter(), "interp.gc_frame")
        assert frame in reader.frames(reader.thread(facts["main"]))


def test_detects_from_the_first_instant(python, tmp_path):
    """From exec on every answer is one of those promised, and in the end it is Python."""
    process = subprocess.Popen(python.command("-c", "import time; time.sleep(60)"), stdout=subprocess.DEVNULL)
    try:
        due, seen = time.monotonic() + 20, set()
        while time.monotonic() < due:
            done = subprocess.run([TOOL, str(process.pid)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            answer = json.loads(done.stdout)
            if "error" not in answer:
                break
            seen.add(answer["error"])
        assert answer.get("version", "").startswith(python.version)
        assert seen <= {-4, -11}, seen
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_says_what_is_not_python():
    process = subprocess.Popen(["sleep", "60"])
    try:
        done = subprocess.run([TOOL, str(process.pid)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert json.loads(done.stdout)["error"] == -11
    finally:
        process.kill()
        process.wait()
