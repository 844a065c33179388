"""Processes that a program starts, in every way, are in its recording, with their own time."""
import pytest

pytestmark = [pytest.mark.needs("run", "report"), pytest.mark.long(3)]

CHILDREN = '''
    import multiprocessing, os, resource, subprocess

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
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        tell([os.getpid(), pids, sum(usage.ru_utime + usage.ru_stime for usage in used)])
'''
WAYS = ["in_fork", "in_spawn", "in_grandchild", "in_subprocess", "in_os_fork"]


def unseen_s(data):
    """What processes ran, by the kernel's count, before they were found: on a machine that has no CPU for us that may be
    much of a short life."""
    seen_s = sum(thread["cpu_s"] for process in data["processes"] for thread in process["threads"])
    return max(0, data["run"]["cpu_s"] - seen_s)


def test_children(record):
    recorded = record(CHILDREN, rate=1000)
    root, pids, used_s = recorded.said
    data = recorded.json("--mode", "cpu")
    processes = {process["pid"]: process for process in data["processes"]}
    assert root in processes and set(pids.values()) <= set(processes)
    assert all(processes[pid]["parent"] == root for pid in pids.values())
    grandchild, = [p for p in processes.values() if p["parent"] == pids["in_grandchild"]]
    assert data["run"]["cpu_s"] == pytest.approx(used_s, rel=0.05, abs=0.3)  # each as it was read last
    for name in WAYS:
        pid = grandchild["pid"] if name == "in_grandchild" else pids[name]
        one = recorded.json("--pid", pid, "--mode", "cpu")
        assert [process["pid"] for process in one["processes"]] == [pid]
        totals = {row["name"]: row["total_s"] for row in one["functions"]}
        assert name in totals and not set(totals) & set(WAYS) - {name}
        assert 0.25 < totals[name] + unseen_s(one) and totals[name] < data["run"]["wall_s"], (name, totals)
        assert 0.25 < one["run"]["cpu_s"] < 0.8, name  # as it was read last; the start of Python is in it
    frames = recorded.report("-f", "collapsed")
    assert f"process {root}:" in frames and all(f"process {pid}:" in frames for pid in pids.values())


def test_no_children(record):
    recorded = record(CHILDREN, rate=1000, options=["--no-children"])
    root, _, _ = recorded.said
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
    worked_s = sum(row["total_s"] for row in data["functions"] if row["name"] == "work")
    said_s = sum(seconds for _, seconds in recorded.said)
    assert 0.75 * said_s - unseen_s(data) < worked_s < 1.25 * said_s
