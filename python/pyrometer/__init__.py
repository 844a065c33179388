"""Profile Python programs with pyrometer, from Python.

    with pyrometer.profile("out.pyro"):
        work()

    @pyrometer.profile
    def work(): ...

    recording = pyrometer.read("out.pyro")
    for function in recording.functions[:10]:
        print(function.self_s, function.name)

    for suspect in pyrometer.heap.snapshot().suspects:
        print(suspect.text)

The measuring is done by the program `pyrometer` in a process of its own; nothing is installed into this one, but by
`from pyrometer import tracemalloc`, which traces allocations from inside, and by `pyrometer.memory.start`, which counts
them. Linux only.
"""
from . import heap, objgraph
from ._binary import PyrometerError, find_binary
from ._profile import Profile, profile
from ._recording import (Collector, Column, Function, Line, Memory, Opcode, Process, Quality, Recording, Run, Thread, read)

__all__ = ["Collector", "Column", "Function", "Line", "Memory", "Opcode", "Process", "Profile", "PyrometerError", "Quality",
           "Recording", "Run", "Thread", "find_binary", "heap", "objgraph", "profile", "read"]
