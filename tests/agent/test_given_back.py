"""Memory goes back to the system as readily as without the agent."""
import os

import pytest

pytestmark = pytest.mark.long(2)

BEGIN = """
import gc, sys, time
def stop():
    print("at", flush=True)
    sys.stdin.readline()
def build(count):
    return [("key %d" % number, [number, float(number)], {"n": "value %d" % number}) for number in range(count)]
"""

PEAK = BEGIN + """
stop()
for _ in range(ROUNDS):
    kept = build(120000)
    if _ == ROUNDS - 1:
        stop()
    sample = KEEP
    del kept
    gc.collect()
for _ in range(60):  # it goes on with little things
    small = build(3000)
    time.sleep(0.02)
stop()
"""


def resident(ground, program, agent):
    """Bytes of memory that the process has, each time that it stops."""
    process = ground.start(program, agent=agent)
    found = []
    for _ in range(3):
        assert process.stdout.readline() == b"at\n", process.stderr.read()
        with open(f"/proc/{process.pid}/statm") as file:
            found.append(int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE"))
        process.stdin.write(b"\n")
        process.stdin.flush()
    process.communicate()
    assert process.returncode == 0
    return found


@pytest.mark.parametrize("rounds, keep", [(1, "None"), (4, "None"), (1, "kept[::1000]")])
def test_after_a_peak(ground, rounds, keep):
    program = ground.put(PEAK.replace("ROUNDS", str(rounds)).replace("KEEP", keep))
    before, high, after = resident(ground, program, agent=False)
    our_before, our_high, our_after = resident(ground, program, agent=True)
    assert high > before + 30e6
    assert our_high < high * 1.10
    assert our_before < before + 4e6
    assert our_after < after * 1.10 + 2e6


IDLE = BEGIN + """
stop()
for _ in range(5):  # the same memory again and again: it is kept
    kept = build(100000)
    if _ == 4:
        stop()
    del kept
for _ in range(3):  # then it does nothing, but for a request now and then
    time.sleep(0.7)
    requests = ["request %d" % number for number in range(2000)]
    del requests
stop()
"""


def test_of_a_program_that_has_little_to_do(ground):
    before, high, after = resident(ground, ground.put(IDLE), agent=True)
    assert high > before + 30e6
    assert after < before + (high - before) * 0.15
