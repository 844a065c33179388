"""What is freed among the last allocations, beside what a program is known to do."""
from . import memory

PROGRAM = memory.PROGRAMS / "temporary.py"


def known(python):
    """{line: (blocks, bytes)}"""
    text, found = 41 if python.info >= (3, 12) else 49, {}
    for number, line in enumerate(PROGRAM.read_text().splitlines(), 1):
        if "  #= " in line:
            blocks, size = line.rpartition("#= ")[2].split()
            found[number] = (int(blocks), int(blocks) * sum(map(int, size.replace("TEXT", str(text)).split("+"))))
    return found


def test_exact(ground):
    program = ground.put(PROGRAM)
    with ground.held(program):
        parent, child = sorted(ground.read(), key=lambda file: file.started_ns)
    mine = {line: figures for (file, line), figures in parent.temporary().items() if file == program}
    expected = known(ground.python)
    assert len(expected) == 7
    assert {line: mine[line] for line in expected} == expected
    # What a child counts comes after what its parent had counted when it forked.
    churned = next(line for line, figures in expected.items() if figures[0] == 1000)
    assert child.temporary()[program, churned] == (1500, 1500 * 16)
    for file in (parent, child):
        for allocated, allocated_bytes, freed, freed_bytes, blocks, size, *_ in file.sites:
            assert freed + blocks <= allocated and freed_bytes + size <= allocated_bytes
