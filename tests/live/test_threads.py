"""Which threads there are, what they are called, and what they do: told by the program itself."""
import json
import os
import textwrap

import pytest

from . import programs

pytestmark = [pytest.mark.needs("run", "report", "dump", "attach"), pytest.mark.long]

NAMES = '''
    import _thread

    class Named(threading.Thread):
        """Named in its constructor, as subclasses do."""
        def __init__(self, name, **options):
            super().__init__(**options)
            self.name = name
            self.own = 1
        def run(self):
            stay(self)

    class Slotted(threading.Thread):
        __slots__ = ("more",)
        def run(self):
            self.more = 1
            stay(self)

    class Crowded(threading.Thread):
        """More attributes than a class shares the keys of."""
        def __init__(self):
            super().__init__(name="crowded")
            for number in range(60):
                setattr(self, "field%d" % number, number)
        def run(self):
            stay(self)

    class Emptied(threading.Thread):
        """Its attributes have become a dict of their own."""
        def run(self):
            self.__dict__["x"] = 1
            del self.__dict__["x"]
            stay(self)

    ready = threading.Semaphore(0)
    facts = []

    def stay(thread=None):
        thread = thread or threading.current_thread()
        facts.append((thread.name, thread.ident, thread.native_id if hasattr(thread, "native_id") else 0))
        ready.release()
        while True:
            time.sleep(0.02)

    def rename():
        threading.current_thread().name = "renamed by itself"
        stay()

    threads = [Named("named in a subclass"), Named("a daemon", daemon=True), Crowded(), Slotted(name="slotted"),
               Emptied(name="emptied"), threading.Thread(target=rename, name="before"),
               threading.Thread(target=stay, name="caf\\xe9 \\u4e2d \\U0001f600"), threading.Thread(target=stay, name=""),
               threading.Thread(target=stay, name="x" * 100), threading.Thread(target=stay, name="quote\\"; and\\nline")]
    threads += [threading.Timer(0, stay)]
    for thread in threads:
        thread.daemon = True
        thread.start()
    for _ in threads:
        ready.acquire()
    unnamed = []
    def raw():
        unnamed.append(_thread.get_ident())
        ready.release()
        while True:
            time.sleep(0.02)
    _thread.start_new_thread(raw, ())
    ready.acquire()
    main = threading.main_thread()
    facts.append((main.name, main.ident, main.native_id if hasattr(main, "native_id") else 0))
    print("READY " + json.dumps([facts, unnamed]), flush=True)
    sys.stdin.read(1)
    time.sleep(600)
'''


def recording_of(pyrometer, target, tmp_path, *options):
    pyrometer("attach", target.pid, "-q", "--duration", "0.5", "-o", tmp_path / "a.pyro", *options)
    return json.loads(pyrometer("report", tmp_path / "a.pyro", "--json").stdout)


def test_names_and_identifiers(start, tmp_path, pyrometer, python):
    target = start(programs.write(tmp_path / "names.py", programs.PRELUDE + textwrap.dedent(NAMES)))
    facts, unnamed = json.loads(target.ready)
    truth = {(name, ident, native) for name, ident, native in facts}
    tasks = {int(task) for task in os.listdir(f"/proc/{target.pid}/task")}
    for threads in (json.loads(pyrometer("dump", target.pid, "--json").stdout)["threads"],
                    recording_of(pyrometer, target, tmp_path)["processes"][0]["threads"]):
        seen = {(thread["name"], thread["id"], thread["native_id"]) for thread in threads}
        assert {each for each in seen if each[1] not in unnamed} == truth
        assert {thread["native_id"] for thread in threads} == tasks
        raw, = [thread for thread in threads if thread["id"] in unnamed]
        assert raw["name"]


def test_a_thread_that_gets_its_name_later(record):
    """The name is the last one that it had, and it is one thread."""
    recorded = record('''
        def work():
            spin(0.3)
            threading.current_thread().name = "late"
            time.sleep(0.7)
        thread = threading.Thread(target=work, name="early")
        thread.start()
        thread.join()
        threading.main_thread().name = "chief"
        time.sleep(0.8)
        tell(0)
    ''', rate=200)
    threads = recorded.json()["processes"][0]["threads"]
    assert {thread["name"] for thread in threads} == {"late", "chief"}


STATES = '''
    lock = threading.Lock()
    lock.acquire()
    def sleeps():
        while True:
            time.sleep(1000)
    def waits_for_lock():
        lock.acquire()
    def reads():
        os.read(pipe, 1)
    def computes():
        while True:
            pass
    def computes_in_c_without_gil():
        import hashlib
        data = bytes(10 ** 8)
        while True:
            hashlib.sha512(data)
    import os
    pipe = os.pipe()[0]
    kinds = {"free": [sleeps, waits_for_lock, reads, computes_in_c_without_gil], "alone": [sleeps, computes],
             "contended": [sleeps, waits_for_lock, computes, computes, computes]}
    for number, function in enumerate(kinds[sys.argv[1]]):
        threading.Thread(target=function, name="%s %d" % (function.__name__, number), daemon=True).start()
    time.sleep(0.3)
    print("READY", flush=True)
    time.sleep(600)
'''


def shares(pyrometer, start, tmp_path, kind):
    """{name: shares of the time in which the thread could run, had the GIL, waited for it}"""
    target = start(programs.write(tmp_path / "states.py", programs.PRELUDE + textwrap.dedent(STATES)), kind)
    pyrometer("attach", target.pid, "-q", "--duration", "1.5", "-o", tmp_path / "a.pyro")
    threads = json.loads(pyrometer("report", tmp_path / "a.pyro", "--json").stdout)["processes"][0]["threads"]
    return target, {thread["name"]: [sum(thread[key] for key in keys) / thread["samples"] for keys in (
        ("on_cpu", "waiting_for_cpu"), ("holding_gil",), ("waiting_for_gil",))] for thread in threads}


IDLE = [pytest.approx(0, abs=0.1)] * 3


def test_waiting_threads_are_idle(start, tmp_path, pyrometer, python):
    target, seen = shares(pyrometer, start, tmp_path, "free")
    assert all(seen[name] == IDLE for name in ("sleeps 0", "waits_for_lock 1", "reads 2", "MainThread")), seen
    can_run, has_gil, waits = seen["computes_in_c_without_gil 3"]
    assert can_run > 0.8 and has_gil < 0.3 and waits < 0.1
    dumped = {t["name"]: t for t in json.loads(pyrometer("dump", target.pid, "--json").stdout)["threads"]}
    assert all(dumped[name]["idle"] and not dumped[name]["gil"] and not dumped[name]["waits_gil"]
               for name in ("sleeps 0", "waits_for_lock 1", "reads 2", "MainThread"))
    assert not dumped["computes_in_c_without_gil 3"]["idle"]


def test_a_computing_thread_has_the_gil(start, tmp_path, pyrometer, python):
    target, seen = shares(pyrometer, start, tmp_path, "alone")
    assert seen["sleeps 0"] == IDLE and seen["MainThread"] == IDLE, seen
    can_run, has_gil, waits = seen["computes 1"]
    assert can_run > 0.9 and has_gil > 0.7 and waits < 0.05
    dumped = {t["name"]: t for t in json.loads(pyrometer("dump", target.pid, "--json").stdout)["threads"]}
    assert dumped["computes 1"]["gil"] and not dumped["computes 1"]["idle"] and not dumped["sleeps 0"]["gil"]


def test_contended_gil(start, tmp_path, pyrometer, python):
    target, seen = shares(pyrometer, start, tmp_path, "contended")
    assert all(seen[name] == IDLE for name in ("sleeps 0", "waits_for_lock 1", "MainThread")), seen
    computing = [seen[f"computes {number}"] for number in (2, 3, 4)]
    assert 0.6 < sum(has_gil for _, has_gil, _ in computing) <= 1.05
    waits = sum(waits for _, _, waits in computing)
    beside_holder = max(0, sum(can_run for can_run, _, _ in computing) - 1)  # on a busy machine: woken, and waiting for a CPU
    assert 1.3 - beside_holder < waits < 2.3
    dumped = [json.loads(pyrometer("dump", target.pid, "--json").stdout)["threads"] for _ in range(3)]
    waiting = sum(thread["waits_gil"] and thread["idle"] for threads in dumped for thread in threads)
    assert waiting >= 1
    assert not any(thread["waits_gil"] for threads in dumped for thread in threads if not thread["name"].startswith("computes"))


def test_threads_that_come_and_go(record):
    """Short threads one after another, all with their own names; their time is all there."""
    recorded = record('''
        def work():
            spin(0.05)
        for number in range(30):
            thread = threading.Thread(target=work, name="short %d" % number)
            thread.start()
            thread.join()
        tell(0)
    ''')
    data = recorded.json()
    names = {thread["name"] for thread in data["processes"][0]["threads"]}
    expected = {"MainThread", *(f"short {number}" for number in range(30))}
    assert names <= expected and len(expected - names) <= 3, names ^ expected
    assert len(data["processes"][0]["threads"]) == len(names)
    spun = recorded.function_seconds("--mode", "cpu")["spin"]
    assert 1.2 < spun < data["run"]["wall_s"]
    one = recorded.json("--thread", "short 7") if "short 7" in names else None
    assert not one or {thread["name"] for thread in one["processes"][0]["threads"]} == {"short 7"}


INTERPRETERS = '''
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    CODE = """
    import time
    def in_another(seconds):
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass
    in_another(0.4)
    """
    import textwrap
    spent = 0
    def work():
        global spent
        begun = time.thread_time()
        interpreter = interpreters.create()
        if hasattr(interpreters, "run_string"):
            interpreters.run_string(interpreter, textwrap.dedent(CODE))
        spent += time.thread_time() - begun
        interpreters.destroy(interpreter)
    thread = threading.Thread(target=work, name="host")
    thread.start()
    thread.join()
    work()
    tell(spent)
'''


def test_subinterpreters(record, python):
    recorded = record(INTERPRETERS)
    seconds = recorded.function_seconds("--mode", "cpu")
    assert seconds["in_another"] == pytest.approx(recorded.said, rel=0.25)
    threads = recorded.json()["processes"][0]["threads"]
    assert [thread["name"] for thread in threads] == ["MainThread", "host"]


@pytest.mark.long(2)
def test_threads_that_rest_and_wake(record):
    """Hundreds of threads that sleep, and run for a moment once in a while: no moment is overlooked."""
    recorded = record('''
        import random
        spent = []
        def moment():
            begun = time.perf_counter()
            end = time.thread_time() + 0.002
            while time.thread_time() < end:
                pass
            return time.perf_counter() - begun
        def wake_now_and_then(seed, over):
            chance, sum = random.Random(seed), 0.0
            while time.perf_counter() < over:
                time.sleep(chance.uniform(0.2, 1.8))
                sum += moment()
            spent.append(sum)
        threading.stack_size(256 * 1024)
        over = time.perf_counter() + 5
        threads = [threading.Thread(target=wake_now_and_then, args=(seed, over)) for seed in range(150)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tell(sum(spent))
    ''', rate=1000)
    report = recorded.json("--mode", "wall")
    seen = {row["name"].rpartition(".")[2]: row["total_s"] for row in report["functions"]}
    overlooked = report["quality"].get("unobserved_s", 0)  # by a profiler that got no CPU; about one moment is always on
    assert seen["moment"] == pytest.approx(recorded.said, abs=0.2 * recorded.said + 2 * overlooked)
    assert seen["wake_now_and_then"] > 150 * 4.5
