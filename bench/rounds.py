"""A workload that is run over and over: each line of standard input is a scale, answered by the seconds it took by the
program's own clocks, wall and CPU. usage: rounds.py, beside the workload; the first line is the workload's name."""
import importlib
import sys
import time

workload = importlib.import_module(sys.stdin.readline().strip())
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    workload.main(float(line))
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
