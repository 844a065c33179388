"""What `pyrometer heap FILE` and `pyrometer diff` say of heaps that are known."""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from heaps import FINALIZER, Heap, ROOTS, run  # noqa: E402


def app_heap(responses=200, pid=123):
    """A cache that keeps nearly all, garbage, equal strings, lists of floats, records."""
    h = Heap(pid)
    response = h.type("app.models", "Response", instance_dict=1)
    node = h.type("app", "Node", instance_dict=1)
    line = h.site("app/views.py", "view", 88)
    entries = []
    for i in range(responses):
        body = h.str(f"body {i % 10}", size=4000)
        own = h.object(response, 48, site=line).refer("attribute", body, "body")
        entries.append((h.str(f"/{i}"), own))
    cache = h.dict(entries)
    h.module("app.cache", RESPONSES=cache)
    # Told as roots, but without a reference that nothing explains: the module keeps the cache; the list has no one else.
    h.roots.append((ROOTS["interpreter"], "interpreter 0", "", cache))
    h.roots.append((ROOTS["interpreter"], "interpreter 0", "hook", h.list([h.str("only a root")])))
    numbers = h.list([h.float(i) for i in range(100)], capacity=112)
    records = h.list([h.dict({"a": h.int(i), "b": h.int(-i)}) for i in range(20)])
    generator = h.object("generator", 200).refer("local", h.list([h.str("waits")]), "batch")
    cell = h.object("cell", 40).refer("other", h.list([h.str("kept")]))
    function = h.object("function", 160, text="make.<locals>.inner").refer("cell", cell, "kept")
    h.module("app", numbers=numbers, records=records, empty=h.dict(), generator=generator, function=function)
    h.root("frame", h.list([h.str("running")]), "main (app.py:3)", "work")
    held = h.list([h.str("in C")])
    held.extra = 1
    for i in range(5):
        left, right = h.object(node, 48), h.object(node, 48, flags=FINALIZER if i == 0 else 0)
        left.refer("attribute", right, "other").refer("attribute", h.str(f"hangs {i}"), "name")
        right.refer("attribute", left, "other")
    unseen, seen = h.object(node, 48), h.object(node, 48)
    unseen.refer("attribute", seen, "other")
    seen.refer("attribute", unseen, "other", hidden=True)
    return h, cache


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    heap, cache = app_heap()
    path = heap.write(tmp_path_factory.mktemp("heap") / "app.pyroheap")
    return path, json.loads(run("heap", path, "--json").stdout), cache


def kind_of(found, kind, type_name):
    return next(row for row in found["containers"] if row["kind"] == kind and row["type"] == type_name)


def test_json_has_what_was_written(app):
    _, found, _ = app
    assert found["snapshot"]["pid"] == 123
    assert found["snapshot"]["python"] == "3.14.0"
    assert found["snapshot"]["pause_us"] == 5100
    types = {row["type"]: row for row in found["types"]}
    assert types["app.models.Response"]["count"] == 200
    assert types["app.models.Response"]["shallow_bytes"] == 200 * 48
    assert types["app.models.Response"]["retained_bytes"] == 200 * (48 + 4000)
    assert sum(row["count"] for row in found["types"]) == found["snapshot"]["objects"]
    assert sum(row["shallow_bytes"] for row in found["types"]) == found["snapshot"]["bytes"]


def test_suspect_is_named_with_its_owner_and_line(app):
    path, found, cache = app
    suspect = found["suspects"][0]
    assert suspect["path"] == "app.cache.RESPONSES"
    assert suspect["address"] == hex(cache.address)
    assert suspect["role"] == "a module global"
    assert suspect["entries_type"] == "app.models.Response" and suspect["entries"] == 200
    assert suspect["allocated_at"] == "app/views.py:88"
    words = run("heap", path, "--suspects").stdout
    assert "kept by one dict, `app.cache.RESPONSES`, a module global, 200 entries of `app.models.Response`, " \
           "allocated at app/views.py:88." in words


def test_what_is_imported_is_the_last_suspect(tmp_path):
    """Classes and namespaces outweigh the cache, as in a program that imports a framework."""
    heap = Heap(123)
    for i in range(60):
        heap.module(f"framework.part{i}", text=heap.str(f"code {i}", size=20_000))
    heap.module("app", CACHE=heap.dict([(heap.str(f"/{i}"), heap.str(f"page {i}", size=2_000)) for i in range(100)]))
    path = heap.write(tmp_path / "imports.pyroheap")
    first, *others = json.loads(run("heap", path, "--json").stdout)["suspects"]
    assert first["path"] == "app.CACHE" and first["entries"] == 200
    assert len(others) == 1 and others[0]["retained_bytes"] > 5 * first["retained_bytes"]
    assert others[0]["text"].endswith("which no single object keeps: mostly classes and the namespaces of modules")


def imports(heap):
    for i in range(60):
        heap.module(f"framework.part{i}", text=heap.str(f"code {i}", size=20_000))


def first_sentence(heap, path):
    return json.loads(run("heap", heap.write(path), "--json").stdout)["suspects"][0]["text"]


def test_what_many_threads_keep_is_told_from_namespaces_and_added_up(tmp_path):
    """Each of them keeps less than a tenth, in a dict of its own; namespaces are dicts, too."""
    heap = Heap()
    imports(heap)
    for n in range(4):
        history = heap.list([heap.str(f"{n} {i}", size=2000) for i in range(30 + n)])
        values = heap.dict({"history": history})
        thread = heap.dict([(heap.str("_thread._local"), values)])
        heap.root("thread", thread, f'thread {n} "worker-{n}"', "dict")
    heap.root("frame", heap.dict({"x": heap.str("other", size=900)}), "main (app.py:3)", "options")
    assert first_sentence(heap, tmp_path / "x.pyroheap").endswith(
        "are kept by 5 objects of `dict`, which no single object keeps, 248 KiB of that by 4 such as "
        "`<thread 3 \"worker-3\">.dict['_thread._local']['history']`, a list of length 33")


def test_many_that_c_holds_are_said_to_be(tmp_path):
    heap = Heap()
    imports(heap)
    page = heap.type("app", "Page")
    for i in range(300):
        heap.object(page, 2000).extra = 1
    assert first_sentence(heap, tmp_path / "x.pyroheap").endswith(
        "300 objects of `app.Page`, which no single object keeps, held from outside of Python's objects, such as by C code")


def test_many_that_two_indexes_hold_are_told_with_one_of_them(tmp_path):
    heap = Heap()
    imports(heap)
    page = heap.type("app", "Page")
    pages = [heap.object(page, 2000) for i in range(300)]
    for name in ("site", "index"):
        heap.module(name, PAGES=heap.list(pages))
    text = first_sentence(heap, tmp_path / "x.pyroheap")
    assert "300 objects of `app.Page`, which no single object keeps, most of them in `site.PAGES`" in text


def test_what_only_a_cache_of_the_interpreter_has_is_garbage(tmp_path):
    """Such as functions by their version: it does not count. What has a reference more is held."""
    heap = Heap()
    functions = [heap.object("function", 160, text=name) for name in ("forgotten", "held")]
    for function in functions:
        function.refer("other", function)
        heap.root("interpreter", function, "interpreter 0")
        function.referrers -= 1  # the field has none
    functions[1].extra = 1
    path = heap.write(tmp_path / "x.pyroheap")
    rows = json.loads(run("heap", path, "--json", "--query", "select text, garbage from function order by text").stdout)["rows"]
    assert rows == [["forgotten", True], ["held", False]]


def test_slots_save_what_attributes_take_beside_an_instance(tmp_path):
    """Each has a slot for what any other has; a base in C stays; of ints that do not fit there is no array."""
    heap = Heap()
    point, error = heap.type("app", "Point", 1), heap.type("app", "Error", 1)
    points = [heap.object(point, 48, capacity=6) for _ in range(10)]  # 48 bytes beside it
    for i, each in enumerate(points):
        for name in ("x", "y", "z")[:2 + (i > 4)]:
            each.refer("attribute", heap.str(name), name)
    number = heap.type("app", "Number", 1, 4)
    heap.module("numbers", SOME=heap.list([heap.object(number, 200) for _ in range(10)]))
    errors = []
    for _ in range(10):
        each = heap.object(error, 104)
        errors.append(each.refer("dict", heap.dict({"code": heap.str("c")}, size=184)))
    heap.module("app", POINTS=heap.list(points), ERRORS=heap.list(errors),
                WIDE=heap.list([heap.object("int", 40) for _ in range(20)]))
    found = json.loads(run("heap", heap.write(tmp_path / "x.pyroheap"), "--json").stdout)
    row = kind_of(found, "instances", "app.Point")
    assert (row["count"], row["bytes"], row["saved_bytes"]) == (10, 10 * 96, 10 * (96 - 32 - 3 * 8))
    row = kind_of(found, "instances", "app.Error")
    assert (row["count"], row["saved_bytes"]) == (10, 10 * (104 + 184 - (104 - 16 + 8)))
    assert not {"app.Number", "int"} & {row["type"] for row in found["containers"]}
    assert "numbers" not in {row["kind"] for row in found["containers"]}


def test_lines_share_what_is_kept(tmp_path):
    """What most bytes were allocated at, not most objects; of what nobody knows the line of, a part."""
    h = Heap()
    few, many = h.site("app.py", "few", 3), h.site("app.py", "many", 4)
    blob = h.type("app", "Blob")
    sizes = [(few, 60_000)] * 6 + [(many, 1000)] * 100 + [(0, 140_000)]
    h.module("app", KEPT=h.list([h.object(blob, size, site=line) for line, size in sizes]))
    path = h.write(tmp_path / "x.pyroheap")
    assert "107 entries of `app.Blob`, 60 % of that allocated at app.py:3.\n" in run("heap", path, "--suspects").stdout
    suspect = json.loads(run("heap", path, "--json").stdout)["suspects"][0]
    assert suspect["allocated_at"] == "app.py:3" and suspect["allocated_share"] == pytest.approx(0.6)


def test_a_block_of_a_free_list_does_not_name_its_line(tmp_path):
    """A dict may lie in a block that another line has allocated; the str below it cannot."""
    h = Heap()
    stale, own = h.site("library.py", "before", 1), h.site("app.py", "keep", 7)
    entries = [h.dict({"text": h.str(f"{i}", size=500)}) for i in range(50)]
    for entry in entries:
        entry.facts["site"] = stale
    for text in h.objects:
        if text.type_name == "str":
            text.facts["site"] = own
    h.module("app", KEPT=h.list(entries))
    path = h.write(tmp_path / "x.pyroheap")
    assert "50 entries of `dict`, allocated at app.py:7.\n" in run("heap", path, "--suspects").stdout


def test_cycles_of_several_lines(tmp_path):
    h = Heap()
    node, lines = h.type("app", "Node"), [h.site("app.py", "make", line) for line in (5, 6)]
    for i in range(10):
        made = h.object(node, 4800, site=lines[i > 6])
        made.refer("attribute", made, "me")
    path = h.write(tmp_path / "x.pyroheap")
    assert "app.Node, one allocated at app.py:5\n" in run("heap", path, "--cycles").stdout
    assert "10 cycles of `app.Node` and what hangs on them, 70 % of that allocated at app.py:5.\n" in \
        run("heap", path, "--suspects").stdout


# ---- several snapshots as a picture ----

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """Snapshots of 0, 10 and 40 seconds, in which a cache grows, another one shrinks, and eleven types come."""
    folder = tmp_path_factory.mktemp("plot")
    paths = []
    for number, second in enumerate((0, 10, 40)):
        h = Heap()
        line, blob, gone = h.site("app.py", "f", 7), h.type("app", "Blob"), h.type("app", "Gone")
        types = [h.type("app", f"New{i}") for i in range(11)]
        h.module("app", CACHE=h.list([h.object(blob, 10_000, site=line) for _ in range(10 + 10 * number * number)]),
                 OLD=h.list([h.object(gone, 50_000) for _ in range(3 - number)]))
        for i, name in enumerate(types[:11 * (number == 2)]):
            h.root("frame", h.object(name, 100 * (i + 1)), "main (app.py:3)", "x")
        h.pause_ns = (5_100_000, 1_234_000, 2_000_000)[number]
        h.taken_ns = 1_700_000_000_000_000_000 + second * 10 ** 9
        paths.append(h.write(folder / f"{number}.pyroheap"))
    return paths


def drawn(*words):
    root = ElementTree.fromstring(run("diff", "-f", "plot", *words).stdout)
    names = [text.text for text in root.iter(SVG + "text") if text.get("style") is None]
    lines = [re.findall(r"[ML]([\d.]+) ([\d.]+)", path.get("d")) for path in root.iter(SVG + "path") if path.get("stroke")]
    return names, lines


def test_plot_shows_what_grew_most(grown):
    names, lines = drawn(grown[2], grown[0], grown[1])
    assert names[0] == "Heap of process 123 python app.py · stood still for 1.23 ms to 5.10 ms"
    legend = names[-8:]
    assert legend == ["app.Blob", *(f"app.New{i}" for i in (10, 9, 8, 7, 6, 5, 4))]
    assert len(lines) == 8 and all(len(line) == 3 for line in lines)
    (x0, y0), (x1, y1), (x2, y2) = [(float(x), float(y)) for x, y in lines[0]]
    assert (x1 - x0) * 3 == pytest.approx(x2 - x1, abs=0.2)
    assert (y0 - y1) * 3 == pytest.approx(y1 - y2, abs=0.3), "100, 200 and 500 thousand bytes"


def test_diff_tells_what_each_snapshot_paused(grown, tmp_path):
    assert "\nThe process stood still for 1.23 ms, then for 2.00 ms\n" in run("diff", *grown[1:]).stdout
    core = Heap()
    core.pause_ns = 0
    path = core.write(tmp_path / "core.pyroheap")
    assert "stood still" not in run("diff", path, grown[0]).stdout


def test_plot_of_owners_and_lines(grown):
    assert drawn("--by", "line", *grown)[0][-1] == "app.py:7"
    names, lines = drawn("--by", "owner", *grown)
    assert names[-len(lines)] == "app.CACHE"


def test_plot_of_what_does_not_grow(grown):
    done = run("diff", "-f", "plot", grown[0], grown[0], check=False)
    assert done.returncode == 1 and "nothing grew from the first snapshot to the last" in done.stderr
    assert run("diff", *grown, check=False).returncode == 2
    assert run("diff", "--by", "type", *grown[:2], check=False).returncode == 2
    assert run("diff", "-f", "plot", "--by", "colour", *grown, check=False).returncode == 2


@pytest.mark.parametrize("what, name", [
    ("batch", "app.generator.<local batch>"), ("work", "<frame main (app.py:3)>.work"),
    ("kept", "app.function.<closure kept>"), ("in C", "<list at 0x"), ("only a root", "<interpreter 0>.hook"), ("/17", "app.cache.RESPONSES['/17'].body")])
def test_names_read_like_python(app, what, name):
    path, _, _ = app
    everything = run("heap", path, "--top", "-n", "1000").stdout
    assert name in everything, what


def test_paths_to_a_type_are_merged(app):
    path, _, _ = app
    shown = run("heap", path, "--paths", "Response").stdout.splitlines()
    assert any(line.split()[0] == "200" and "app.cache" in line for line in shown if line.strip())
    assert any(line.split()[0] == "200" and ".RESPONSES" in line for line in shown if line.strip())
    assert any("195  " in line and "by other ways" in line for line in shown)


def test_path_to_an_address_and_its_referrers(app):
    path, _, cache = app
    shown = run("heap", path, "--paths", hex(cache.address)).stdout
    assert "is app.cache.RESPONSES" in shown
    assert "by ['RESPONSES'] of dict" in shown


def test_cycles_tell_what_the_collector_can_free(app):
    path, found, _ = app
    rows = {row["unfreeable"]: row for row in found["cycles"]}
    whole = sum(row["cycles"] for row in found["cycles"])
    assert whole == 6
    # All are of two Nodes, so they are one row; one of them has a reference that the collector is not shown.
    assert rows[1]["types"] == ["app.Node", "app.Node"] and rows[1]["with_finalizer"] == 1
    shown = run("heap", path, "--cycles").stdout
    assert "17 objects of" in shown


def test_duplicates_are_counted_and_added_up(app):
    _, found, _ = app
    first = found["duplicates"][0]
    assert first["count"] == 20 and first["bytes"] == 20 * 4000 and first["saved_bytes"] == 19 * 4000
    assert first["object"].startswith("'body ")


def test_arrays_have_exact_bytes(tmp_path):
    """A narrower dtype, as the walk has noted it; objects that numbers or codes would do for."""
    h = Heap()
    array = h.type("numpy", "ndarray")
    wide = [h.object(array, 112 + 8000, length=1000, text="int64; int8 would save 7000 bytes") for _ in range(3)]
    h.module("wide", arrays=h.list(wide), exact=h.object(array, 912, length=100, text="float64"),
             liar=h.object(array, 200, length=9, text="int64; int8 would save 7000 bytes"))
    shared = h.float(1.5)
    columns = {"floats": [h.float(i) for i in range(50)] + [shared, shared], "ints": [h.int(i) for i in range(10)],
               "long": [h.object("int", 60) for _ in range(10)], "mixed": [h.float(1) for _ in range(9)] + [h.int(1)],
               "texts": [h.str("abc"[i % 3] * 10) for i in range(300)], "different": [h.str(f"text {i}") for i in range(300)]}
    for name, items in columns.items():
        column = h.object(array, 112 + 8 * len(items), length=len(items), text="object")
        for item in items:
            column.refer("item", item, hidden=True)
        columns[name] = column
    h.module("columns", **columns)
    h.write(tmp_path / "a.pyroheap")
    rows = [row for row in json.loads(run("heap", tmp_path / "a.pyroheap", "--json").stdout)["containers"] if row["type"] == "numpy.ndarray"]
    assert {(row["kind"], row["detail"], row["count"]): row["saved_bytes"] for row in rows} == {
        ("wide", "int64 as int8", 3): 21000,
        ("objects", "floats as float64", 1): 50 * 24,
        ("objects", "ints as int64", 1): 10 * 28,
        ("objects", "str as categories", 1): 300 * 8 - (300 + 3 * 8) + 297 * 59,
    }


def test_containers_have_exact_bytes(app):
    _, found, _ = app
    numbers = kind_of(found, "numbers", "list")
    assert numbers["count"] == 1 and numbers["saved_bytes"] == (56 + 8 * 112 + 100 * 24) - (80 + 800)
    assert kind_of(found, "room", "list")["saved_bytes"] == 12 * 8
    assert kind_of(found, "empty", "dict")["saved_bytes"] == 64
    records = kind_of(found, "records", "dict")
    assert records["count"] == 20 and records["saved_bytes"] == 20 * ((64 + 48) - (32 + 16))
    instances = kind_of(found, "instances", "app.models.Response")
    assert instances["count"] == 200 and instances["saved_bytes"] == 200 * (48 - 40)


def test_diff_tells_what_came_and_went(tmp_path):
    before, _ = app_heap(100)
    after, _ = app_heap(150)
    old, new = before.write(tmp_path / "old.pyroheap"), after.write(tmp_path / "new.pyroheap")
    shown = run("diff", old, new).stdout
    response = next(line for line in shown.splitlines() if line.endswith("app.models.Response")).split()
    assert "+50" in response
    assert any("app.cache.RESPONSES" in line and line.split()[0].startswith("+") for line in shown.splitlines())
    assert any("app/views.py:88" in line for line in shown.splitlines())
    assert "nothing changed" in run("diff", old, old).stdout


def owners(before, after, tmp_path):
    """By name: bytes before and after and the change of objects, as the diff of two heaps of these sizes prints them."""
    paths = []
    for number, sizes in enumerate((before, after)):
        heap = Heap(123)
        heap.module("app", **{name: heap.str(name, size=size) for name, size in sizes.items()})
        paths.append(heap.write(tmp_path / f"{number}.pyroheap"))
    shown = run("diff", *paths).stdout.split("By owner")[1].split("\n\n")[0].splitlines()[2:]
    return {line.split()[-1]: line.split()[2:-2] for line in shown}


def test_owner_that_is_small_in_one_of_the_heaps_has_its_figures_of_both(tmp_path):
    found = owners({"cache": 500_000, "same": 1_000, "grows": 100, "comes": 0},
                   {"cache": 5_000_000, "same": 1_000, "grows": 9_000, "comes": 9_000}, tmp_path)
    assert "app.same" not in found
    assert found["app.grows"] == ["100", "B", "8.8", "KiB"]
    assert "app.cache" in found


@pytest.mark.parametrize("view", ["census", "suspects", "top", "dominators", "cycles", "duplicates", "containers", "arenas",
                                  "gc", "json"])
def test_every_view_of_an_empty_heap(tmp_path, view):
    path = Heap().write(tmp_path / "empty.pyroheap")
    assert run("heap", path, f"--{view}").stdout


def test_without_a_view_it_is_an_overview(app):
    path, _, _ = app
    overview, suspects = run("heap", path).stdout, run("heap", path, "--suspects").stdout
    head = overview[:overview.index("\nBy type")]
    assert suspects.startswith(head) and overview.endswith(suspects[len(head):])
    assert "\nObjects that keep most\n" in overview and "app.cache.RESPONSES  (dict)" in overview


def test_dot_is_a_graph(app, tmp_path):
    path, _, _ = app
    run("heap", path, "--dot", tmp_path / "heap.dot")
    text = (tmp_path / "heap.dot").read_text()
    assert text.startswith("digraph heap {") and text.rstrip().endswith("}") and "RESPONSES" in text
    run("heap", path, "--paths", "Response", "--dot", tmp_path / "paths.dot")
    assert "app.models.Response" in (tmp_path / "paths.dot").read_text()


def test_what_is_not_there_is_said(app, tmp_path):
    path, _, _ = app
    assert "no type 'Nothing'" in run("heap", path, "--paths", "Nothing", check=False).stderr
    assert "no object at '0x10'" in run("heap", path, "--paths", "0x10", check=False).stderr
    other = tmp_path / "text"
    other.write_text("not a snapshot, but long enough to have a header of one")
    done = run("heap", other, check=False)
    assert done.returncode == 1 and "is not a heap snapshot" in done.stderr
    assert run("heap", path, "--census", "--top", check=False).returncode == 2


def test_damage_is_refused(app, tmp_path):
    path, _, _ = app
    whole = path.read_bytes()
    for cut in (10, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:cut])
        assert run("heap", tmp_path / "cut", check=False).returncode == 1
    for at in range(1000, len(whole), len(whole) // 50):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        (tmp_path / "changed").write_bytes(changed)
        done = run("heap", tmp_path / "changed", check=False)
        assert done.returncode in (0, 1)
        assert done.returncode == 0 or "damaged" in done.stderr
