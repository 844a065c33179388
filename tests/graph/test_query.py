"""`pyrometer heap FILE --query` against the same computed from the objects as they were described, and from --json."""
import fnmatch
import json
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from heaps import Heap, UNTRACKED, run  # noqa: E402
from test_heap import app_heap  # noqa: E402


def ask(path, query, *more):
    found = json.loads(run("heap", path, "--query", query, "--json", *more).stdout)
    assert found["query"] == query
    assert all(len(row) == len(found["columns"]) for row in found["rows"])
    return found


def rows(path, query):
    found = ask(path, query)
    assert found["rows_found"] >= len(found["rows"])
    return found["rows"]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    heap, cache = app_heap()
    return heap.write(tmp_path_factory.mktemp("query") / "app.pyroheap"), heap, cache


def described(heap):
    """What the file was told of each object that is no type."""
    for o in heap.objects:
        yield {"address": hex(o.address), "type": o.type_name, "size": o.size, "len": o.facts.get("length"),
               "capacity": o.facts.get("capacity"), "refs": o.referrers + o.extra, "text": o.facts.get("text") or None,
               "gen": None if o.facts.get("generation", 2) == UNTRACKED else o.facts.get("generation", 2)}


def test_every_field_is_what_was_written(app):
    path, heap, _ = app
    fields = ["address", "type", "size", "len", "capacity", "refs", "text", "gen"]
    found = rows(path, f"select {', '.join(fields)} from * where not type = 'type' limit 100000")
    assert found == [[o[name] for name in fields] for o in sorted(described(heap), key=lambda o: int(o["address"], 16))]


def test_types_agree_with_the_census(app):
    path, _, _ = app
    census = json.loads(run("heap", path, "--json").stdout)["types"]
    found = rows(path, "select type, count(), sum(size), count(none) from * group by type limit 1000")
    assert sorted(row[:3] for row in found) == sorted([t["type"], t["count"], t["shallow_bytes"]] for t in census)
    assert {row[3] for row in found} == {0}
    assert [row[1] for row in found] == sorted((row[1] for row in found), reverse=True)
    garbage = {t["type"]: t["garbage"] for t in census if t["garbage"]}
    assert dict(rows(path, "select type, count() from * where garbage group by type limit 1000")) == garbage


def test_retained_agrees_with_top(app):
    path, _, cache = app
    found = rows(path, "select address, retained, name, type from * order by retained desc limit 1")
    suspect = json.loads(run("heap", path, "--json").stdout)["suspects"][0]
    top = max(rows(path, "select retained, address from * limit 100000"))
    assert found[0][:2] == top[::-1]
    kept = rows(path, f"select retained, name, len from dict where address = {hex(cache.address)}")
    assert kept == [[suspect["retained_bytes"], "app.cache.RESPONSES", 200]]


def test_the_owner_is_what_dominates(app):
    path, _, _ = app
    found = ask(path, "select count(), sum(retained) from app.models.Response where size >= 48 group by owner")
    assert found["columns"] == ["owner", "count()", "sum(retained)"]
    assert found["rows"] == [["app.cache.RESPONSES", 200, 200 * 4048]]
    assert rows(path, "select name, owner from str where text = 'body 7' limit 1") \
        == [["app.cache.RESPONSES['/7'].body", "app.cache.RESPONSES['/7']"]]
    assert rows(path, "select text from str where text = 'it''s' or text = \"/17\"") == [["/17"]]
    assert dict(rows(path, "select owner, count() from Node group by owner")) == {"<garbage>": 12}


def test_sites(app):
    path, _, _ = app
    assert rows(path, "select site, file, line, function, count() from * group by site, file, line, function "
                "order by line") [0] == ["app/views.py:88", "app/views.py", 88, "view", 200]
    assert rows(path, "select count() from * where site = none and type = 'app.models.Response'") == [[0]]


EXPRESSIONS = [  # (in the language, in Python; None as in the language: never less, equal to none alone)
    ("len > 5", lambda o: o["len"] is not None and o["len"] > 5),
    ("not len > 5", lambda o: not (o["len"] is not None and o["len"] > 5)),
    ("size * 2 - 10 >= len + 100", lambda o: o["len"] is not None and o["size"] * 2 - 10 >= o["len"] + 100),
    ("size / 3 < 20.5", lambda o: o["size"] / 3 < 20.5),
    ("type in ('list', 'dict') and size < 1k", lambda o: o["type"] in ("list", "dict") and o["size"] < 1024),
    ("type not in ('list', 'dict') or refs = 2", lambda o: o["type"] not in ("list", "dict") or o["refs"] == 2),
    ("text like 'k*7'", lambda o: o["text"] is not None and fnmatch.fnmatchcase(o["text"], "k*7")),
    ("text like 'k%7'", lambda o: o["text"] is not None and fnmatch.fnmatchcase(o["text"], "k*7")),
    ("text not like '*1*'", lambda o: not (o["text"] is not None and "1" in o["text"])),
    ("text like '*k*1*'", lambda o: o["text"] is not None and fnmatch.fnmatchcase(o["text"], "*k*1*")),
    ("gen = none", lambda o: o["gen"] is None),
    ("gen != none and capacity != len", lambda o: o["gen"] is not None and o["capacity"] != o["len"]),
    ("-len < -3 and (size > 100 or len in (4, 5))",
     lambda o: o["len"] is not None and o["len"] > 3 and (o["size"] > 100 or o["len"] in (4, 5))),
    ("len / 0 = none", lambda o: True),
    ("text > 'key 3' and text <= 'key 6'", lambda o: o["text"] is not None and "key 3" < o["text"] <= "key 6"),
]


@pytest.fixture(scope="module")
def random_heap(tmp_path_factory):
    chance, h, made = random.Random(7), Heap(), []
    for i in range(400):
        children = chance.sample(made, min(len(made), chance.randrange(6)))
        kind = chance.randrange(4)
        made.append(h.str(f"key {i % 60}", size=40 + chance.randrange(200)) if kind == 0 else
                    h.list(children, capacity=len(children) + chance.randrange(4)) if kind == 1 else
                    h.dict({f"k{n}": child for n, child in enumerate(children)}) if kind == 2 else h.tuple(*children))
    h.module("app", all=h.list(made[::5]))
    return h.write(tmp_path_factory.mktemp("query") / "random.pyroheap"), list(described(h))


@pytest.mark.parametrize("text, holds", EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_where_against_brute_force(random_heap, text, holds):
    path, objects = random_heap
    wanted = sorted(o["address"] for o in objects if holds(o))
    found = rows(path, f"select address from * where ({text}) and type != 'type' limit 100000")
    assert sorted(row[0] for row in found) == wanted


@pytest.mark.parametrize("key", ["len", "gen", "refs", "len - len", "len / 2", "text"])
def test_groups_against_brute_force(random_heap, key):
    path, objects = random_heap
    of = {"len - len": lambda o: None if o["len"] is None else 0,
          "len / 2": lambda o: None if o["len"] is None else o["len"] / 2}.get(key, lambda o: o[key])
    groups = {}
    for o in objects:
        groups.setdefault((o["type"], of(o)), []).append(o)
    found = rows(path, f"select count(), sum(size), min(len), max(text), avg(size), sum(size) / count(), count(capacity) "
                 f"from * where type != 'type' group by type, {key} order by type, {key} desc limit 10000")
    assert len(found) == len(groups)
    for kind, value, *figures in found:
        group = groups[kind, value]
        sizes, lens = [o["size"] for o in group], [o["len"] for o in group if o["len"] is not None]
        mean = pytest.approx(sum(sizes) / len(sizes), abs=1e-8)
        assert figures == [len(group), sum(sizes), min(lens, default=None),
                           max((o["text"] for o in group if o["text"]), default=None), mean, mean,
                           sum(o["capacity"] is not None for o in group)]
    order = [(row[0], row[1] is None, row[1]) for row in found]
    for (kind, absent, value), (next_kind, next_absent, next_value) in zip(order, order[1:]):
        assert kind < next_kind or (kind == next_kind and (next_absent or (not absent and value > next_value)))


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 399, 5000])
def test_order_and_limit(random_heap, limit):
    path, objects = random_heap
    wanted = sorted(objects, key=lambda o: (-o["size"], int(o["address"], 16)))[:limit]
    found = ask(path, f"select address, size as bytes from list, dict, str, tuple, module order by bytes desc limit {limit}")
    assert found["columns"] == ["address", "bytes"]
    assert found["rows"] == [[o["address"], o["size"]] for o in wanted]
    assert found["rows_found"] == len(objects)


def test_text_is_a_table(app):
    path, _, _ = app
    shown = run("heap", path, "--query", "select count(), sum(retained) from dict where len >= 200 group by owner").stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["owner", "count()", "sum(retained)"], ["app.cache", "1", *shown.splitlines()[1].split()[2:]]]
    assert shown.splitlines()[1].endswith("KiB")
    shown = run("heap", path, "--query", "select * from str", "-n", "2").stdout.splitlines()
    assert shown[0].split() == ["address", "type", "size", "retained", "len", "name"]
    assert len(shown) == 4 and shown[-1].startswith("and ") and shown[-1].endswith(" more")


@pytest.mark.parametrize("query, column, words", [
    (" ", 2, "select is missing"),
    ("select size_ from *", 8, "there is no field 'size_'; there are address, type, module, size, retained"),
    ("select size from", 17, "a type"),
    ("select size from *  where", 26, "is missing"),
    ("select size from * where size", 26, "where takes a condition; this is a number"),
    ("select size from * where size > 'x'", 33, "a number is compared with a text"),
    ("select size from * where sum(size) > 1", 26, "sum is of many objects"),
    ("select size, count() from *", 8, "size may differ within a group"),
    ("select sum(type) from *", 12, "sum takes numbers; this is a text"),
    ("select sum(sum(size)) from *", 12, "sum is of many objects"),
    ("select min(name) from *", 12, "no name"),
    ("select name from * order by name", 29, "rows cannot be in the order of name"),
    ("select name from * where text like size", 36, "a pattern in quotes"),
    ("select name from * where name like 'app*'", 26, "not compared"),
    ("select name from * where text != owner", 34, "not compared"),
    ("select owner = none from * group by owner", 8, "not compared"),
    ("select name from * where owner in ('a')", 26, "not compared"),
    ("select size from * where text = 'x", 33, "no closing '"),
    ("select size from * where text = 'ä' §", 37, "here is"),
    ("select size from * where size ; 1", 31, "';' means nothing here"),
    ("select size from * limit 1000000", 26, "the limit is from 1 to 100000"),
    ("select size from * limit 0", 26, "the limit is from 1 to 100000"),
    ("select size from * where size > 12q", 33, "this is no number"),
    ("select size from * order by size limit 5 where size > 1", 42, "in this order"),
    ("select type, count() from * group by type order by count desc", 58, "( after the name of a function, as in count(), is wanted"),
    ("select * from * group by type", 1, "of groups, name the columns"),
    ("select " + "(" * 60 + "size", 58, "nested too deeply"),
    ("select size from * where " + "size + " * 400 + "1 > 2", None, "the query is too long"),
    ("select " + "size, " * 40 + "size from *", 200, "there may be 32 here"),
])
def test_what_is_wrong_is_said_with_its_column(app, query, column, words):
    path, _, _ = app
    done = run("heap", path, "--query", query, check=False)
    assert done.returncode != 0 and done.stdout == ""
    assert words in done.stderr
    if column:
        assert f"column {column}:" in done.stderr


def test_unknown_type_and_long_text(app):
    path, _, _ = app
    done = run("heap", path, "--query", "select size from dict, Respons", check=False)
    assert done.returncode == 1 and "column 24: the snapshot has no type 'Respons'" in done.stderr
    done = run("heap", path, "--query", "select size from * where text = '" + "x" * 5000 + "'", check=False)
    assert done.returncode == 1 and "it may have 4096 bytes" in done.stderr


def test_one_view_at_a_time(app):
    path, _, _ = app
    done = run("heap", path, "--query", "select size from *", "--top", check=False)
    assert done.returncode == 2 and "one view at a time" in done.stderr
