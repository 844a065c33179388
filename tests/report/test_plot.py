"""The plot: an XML that browsers draw, with the points of the recording."""
import re
import xml.etree.ElementTree as ElementTree

import pytest

from .tool import failure, report, report_json

SVG = "{http://www.w3.org/2000/svg}"
TOP, HEIGHT, LEFT, WIDTH = 64, 308, 84, 852


def drawn(scenario, **options):
    """(texts, {colour: [(x, y), …]}) of a plot."""
    root = ElementTree.fromstring(report(scenario, "plot", **options).decode())
    lines = {}
    for path in root.iter(SVG + "path"):
        if path.get("stroke"):
            pairs = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d"))
            lines[path.get("stroke")] = [(float(x), float(y)) for x, y in pairs]
    return [text.text for text in root.iter(SVG + "text")], lines


def test_heap_and_resident_memory():
    texts, lines = drawn("memory", pid="100")
    memory = report_json("memory", pid="100")["memory"]
    assert texts[0] == "Memory of python app.py memory" and {"Python heap", "resident memory"} <= set(texts)
    assert any(re.match(r"peak 400 KiB, 400 KiB of it at .*sample\.py:6$", text) for text in texts), texts
    resident, heap = lines.values()
    most = max(point[2] for point in memory["timeline"])
    scale = (TOP + HEIGHT - min(y for _, y in resident)) / most
    highest = max(point[1] for point in memory["timeline"])
    assert TOP + HEIGHT - min(y for _, y in heap) == pytest.approx(highest * scale, abs=0.2)
    assert heap[0][0] == pytest.approx(LEFT) and max(x for x, _ in heap) == pytest.approx(LEFT + WIDTH, abs=0.2)


def test_several_heaps_have_no_common_peak():
    texts, _ = drawn("memory")
    assert not any(text.startswith("peak") for text in texts)


def test_resident_memory_alone():
    texts, lines = drawn("plain")
    assert "Python heap" not in texts and len(lines) == 1


def brackets(scenario, **options):
    """({name: seconds}, [[x of each half, …] of each function])."""
    root = ElementTree.fromstring(report(scenario, "plot", **options).decode())
    said = (re.fullmatch(r"\[ \] (.*), ([\d.]+) s", text.text) for text in root.iter(SVG + "text"))
    halves = [[float(x) + int(arm) for x, arm in re.findall(r"M([\d.]+) [\d.]+h(-?\d+)", path.get("d"))]
              for path in root.iter(SVG + "path") if path.get("class") == "bracket"]
    return {match.group(1): float(match.group(2)) for match in said if match}, halves


def test_functions_have_brackets():
    seconds, (parse, fib) = brackets("plain", functions="parse,fib")
    # The main thread is in parse for half a second and later for 50 ms, in fib for 0.4 s; the worker for 0.8 s in fib.
    assert seconds == {"parse": pytest.approx(0.55, abs=0.002), "fib": pytest.approx(1.2, abs=0.003)}
    first, second = parse[1] - parse[0], parse[3] - parse[2]
    assert first == pytest.approx(10 * second, rel=0.05) and parse[2] - parse[1] == pytest.approx(8 * second, rel=0.05)
    assert len(fib) == 4


def test_functions_are_found_by_their_last_names():
    seconds, halves = brackets("plain", functions="<module>")
    assert list(seconds) == ["<module>"] and len(halves) == 1
    assert "'nix'" in failure("plain", "plot", functions="parse,nix")[1]
    assert "'odule>'" in failure("plain", "plot", functions="odule>")[1]
    assert "up to 8 functions" in failure("plain", "plot", functions=",".join("abcdefghi"))[1]
    assert "-f plot" in failure("plain", "text", functions="parse")[1]


def test_names_are_no_markup():
    drawn("hostile")
    texts, _ = drawn("hostile", functions="</script><b>&amp;")
    assert any(text.startswith("[ ] </script><b>&amp;, ") for text in texts)


def test_nothing_known():
    assert "no memory figures" in failure("nothing", "plot")[1]
    assert "no memory figures" in failure("plain", "plot", **{"from": "0.2", "to": "0.6"})[1]
