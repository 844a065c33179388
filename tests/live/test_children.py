"""Processes that a program starts, in every way, are in its recording, with their own time."""
import pytest

pytestmark = [pytest.mark.needs("run", "report"), pytest.mark.long(3)]

CHILDREN = '''
    import multiprocessing, os, subprocess

    def in_fork():
        spin(0.4)

    def in_spawn():
        spin(0.4)

    CODE = """
    import time
    def in_subprocess():
        end = time.thread_time() + 0.4
        while time.thread_time() < end:
            pass
    in_subprocess()
    """

    def in_os_fork():
        spin(0.4)

    def in_grandchild():
        spin(0.4)

    def starts_another():
        context = multiprocessing.get_context("fork")
        process = context.Process(target=in_grandchild)
        process.start()
        process.join()

    if __name__ == "__main__":
        import textwrap
        pids = {}
        for name, way, target in (("in_fork", "fork", in_fork), ("in_spawn", "spawn", in_spawn),
                                  ("in_grandchild", "fork", starts_another)):
            process = multiprocessing.get_context(way).Process(target=target)
            process.start()
            process.join()
            pids[name] = process.pid
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(CODE)])
        process.wait()
        pids["in_subprocess"] = process.pid
        pid = os.fork()
        if not pid:
            in_os_fork()
            os._exit(3)
        os.waitpid(pid, 0)
        pids["in_os_fork"] = pid
        spin(0.1)
        tell([os.getpid(), pids])
'''
WAYS = ["in_fork", "in_spawn", "in_grandchild", "in_subprocess", "in_os_fork"]


def test_children(record):
    recorded = record(CHILDREN, rate=1000)
    root, pids = recorded.said
    data = recorded.json("--mode", "cpu")
    totals = {}
    for row in data["functions"]:
        totals[row["name"]] = totals.get(row["name"], 0) + row["total_s"]
    for name in WAYS:
        assert 0.3 < totals.get(name, 0) < data["run"]["wall_s"], (name, totals)
    processes = {process["pid"]: process for process in data["processes"]}
    assert root in processes and set(pids.values()) <= set(processes)
    assert all(processes[pid]["parent"] == root for pid in pids.values())
    grandchild, = [p for p in processes.values() if p["parent"] == pids["in_grandchild"]]
    assert data["run"]["cpu_s"] == pytest.approx(2.5, rel=0.25)
    for name in WAYS:
        pid = grandchild["pid"] if name == "in_grandchild" else pids[name]
        one = recorded.json("--pid", pid, "--mode", "cpu")
        assert [process["pid"] for process in one["processes"]] == [pid]
        names = {row["name"] for row in one["functions"]}
        assert name in names and not names & set(WAYS) - {name}
        assert one["run"]["cpu_s"] == pytest.approx(0.45, abs=0.15), name
    frames = recorded.report("-f", "collapsed")
    assert f"process {root}:" in frames and all(f"process {pid}:" in frames for pid in pids.values())


def test_no_children(record):
    recorded = record(CHILDREN, rate=1000, options=["--no-children"])
    root, _ = recorded.said
    data = recorded.json()
    assert [process["pid"] for process in data["processes"]] == [root]
    assert not {row["name"] for row in data["functions"]} & set(WAYS)


def test_a_pool_of_processes(record):
    recorded = record('''
        import concurrent.futures, multiprocessing, os
        def work(number):
            begun = time.thread_time()
            spin(0.1)
            return os.getpid(), time.thread_time() - begun
        if __name__ == "__main__":
            with concurrent.futures.ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("fork")) as pool:
                pids = list(pool.map(work, range(12)))
            tell(pids)
    ''', rate=1000)
    data = recorded.json("--mode", "cpu")
    assert {pid for pid, _ in recorded.said} <= {process["pid"] for process in data["processes"]}
    worked = sum(row["total_s"] for row in data["functions"] if row["name"] == "work")
    assert worked == pytest.approx(sum(seconds for _, seconds in recorded.said), rel=0.25)
