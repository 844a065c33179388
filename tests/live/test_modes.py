"""What the figures of a recording say, against what the program measured of itself: usage, modes, GC, verdict."""
import json
import textwrap

import pytest

from . import programs

pytestmark = [pytest.mark.needs("run", "report", "attach"), pytest.mark.long(2)]

USAGE = '''
    import resource
    def peak():
        return bytearray(60 * 1024 * 1024)
    spin(0.3)
    block = peak()
    del block
    spin(0.35)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    tell([usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024])
'''


def test_cpu_time_and_peak_memory(record):
    recorded = record(USAGE)
    run = recorded.json()["run"]
    cpu_s, peak = recorded.said
    assert run["cpu_s"] == pytest.approx(cpu_s, abs=0.03)
    assert run["peak_rss_bytes"] == pytest.approx(peak, rel=0.05)
    assert run["exit_status"] == 0


def test_usage_of_a_program_that_is_killed(record):
    recorded = record("""
        import os, signal
        block = bytearray(50 * 1024 * 1024)
        spin(0.5)
        tell(time.process_time())
        os.kill(os.getpid(), signal.SIGKILL)
    """, status=137)
    run = recorded.json()["run"]
    assert recorded.said <= run["cpu_s"] < recorded.said + 0.05
    assert run["peak_rss_bytes"] > 50 << 20 and run["exit_status"] == 137


def test_attached_counts_only_the_time_since(start, pyrometer, tmp_path, python):
    target = start(programs.write(tmp_path / "spin.py", programs.PRELUDE + """
spin(0.7)
print("READY", flush=True)
while True: spin(1)
"""))
    pyrometer("attach", target.pid, "-q", "--duration", "0.4", "-o", tmp_path / "a.pyro")
    run = json.loads(pyrometer("report", tmp_path / "a.pyro", "--json").stdout)["run"]
    assert run["wall_s"] == pytest.approx(0.4, abs=0.1) and 0.1 < run["cpu_s"] <= run["wall_s"] + 0.02


MODES = '''
    def sleeps():
        time.sleep(0.6)

    def computes():
        spin(0.6)

    def without_gil():
        import hashlib
        data, end = bytes(2 * 10 ** 7), time.thread_time() + 0.6
        while time.thread_time() < end:
            hashlib.sha512(data)

    def within(function):
        function()

    used = {}
    for function in sleeps, computes, without_gil:
        begun, cpu = time.perf_counter(), time.thread_time()
        function()
        used[function.__name__] = [time.perf_counter() - begun, time.thread_time() - cpu]
    tell(used)
'''


def totals(recorded, *options):
    return {row["name"]: row["total_s"] for row in recorded.json(*options)["functions"] if row["file"] == recorded.script}


def test_modes(record):
    recorded = record(MODES)
    wall, cpu, gil = (totals(recorded, "--mode", mode) for mode in ("wall", "cpu", "gil"))
    for name, (wall_s, cpu_s) in recorded.said.items():
        assert wall[name] == pytest.approx(wall_s, rel=0.25, abs=0.05), name
    assert cpu.get("sleeps", 0) < 0.05 and gil.get("sleeps", 0) < 0.05
    for name in "computes", "without_gil":
        cpu_s = recorded.said[name][1]
        assert cpu[name] == pytest.approx(cpu_s, abs=0.06), name
    assert gil["computes"] > 0.6 * cpu["computes"] and gil.get("without_gil", 0) < 0.25 * cpu["without_gil"]


def test_mode_of_run_is_that_of_its_reports(record):
    recorded = record("spin(0.2); time.sleep(0.2); tell(0)", options=["--mode", "cpu"])
    assert recorded.json()["run"]["mode"] == "cpu"
    shown, all_s = totals(recorded)["<module>"], totals(recorded, "--mode", "wall")["<module>"]
    assert shown == pytest.approx(0.2, abs=0.1) and all_s > shown + 0.15


def test_from_and_to(record):
    recorded = record('''
        def first():
            spin(0.5)
        def second():
            spin(0.5)
        begun = time.perf_counter()
        first()
        middle = time.perf_counter() - begun
        second()
        tell([middle, time.perf_counter() - begun])
    ''')
    middle, all_s = recorded.said
    lead = recorded.json()["run"]["wall_s"] - all_s  # starting and ending Python: most of it comes before
    early, late = totals(recorded, "--to", lead + middle - 0.15), totals(recorded, "--from", lead + middle + 0.1)
    assert "second" not in early and early["first"] > 0.2
    assert "first" not in late and late["second"] > 0.2


COLLECTS = '''
    import gc
    gc.disable()
    class Node: pass
    keep = []
    for _ in range(60000):
        a, b = Node(), Node()
        a.other, b.other = b, a
        keep.append((a, b, [a], {"b": b}))
    begun = time.thread_time()
    def collects():
        end = time.thread_time() + 0.5
        while time.thread_time() < end:
            gc.collect()
    def computes():
        spin(0.15)
    collects()
    computes()
    tell(0)
'''


def test_collections_are_seen(record):
    recorded = record(COLLECTS)
    stacks = recorded.stacks("--mode", "cpu")
    collecting = sum(stack.weight for stack in stacks if any(f and f.function == "collects" for f in stack.frames))
    gc = sum(stack.weight for stack in stacks if stack.tail == "<GC>")
    assert gc > 0.7 * collecting > 0
    wrong = [stack for stack in stacks if stack.tail == "<GC>" and any(f and f.function == "computes" for f in stack.frames)]
    assert not wrong


VERDICTS = {
    "CPU-bound": "spin(0.8)",
    "IO-bound": "time.sleep(0.8)",
    "GIL-bound": """
        threads = [threading.Thread(target=spin, args=(0.4,)) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """,
    "GC-bound": COLLECTS,
}


# PyDLL calls without giving the GIL back.
HOLDS = """
import ctypes
ctypes.PyDLL(None).usleep(800000)
"""


def test_verdict_of_c_code_that_keeps_the_gil(record):
    verdict = record(HOLDS + "tell(0)").json()["verdict"]
    assert verdict["bound"] == "IO-bound" and "with the GIL held" in verdict["because"], verdict
    assert "GIL held" not in record("time.sleep(0.8)\ntell(0)").json()["verdict"]["because"]


@pytest.mark.parametrize("bound", VERDICTS)
def test_verdict(record, bound):
    verdict = record(textwrap.dedent(VERDICTS[bound]) + "\ntell(0)").json()["verdict"]
    assert verdict["bound"] == bound, verdict
