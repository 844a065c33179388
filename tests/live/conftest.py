import pytest

from . import programs


@pytest.fixture
def record(binary, python, tmp_path):
    """record(program text, …) runs it to its end below `pyrometer run` under each Python: a programs.Recorded."""
    recorder = programs.make_recorder(binary, python, tmp_path)
    yield recorder
    programs.drop(recorder)
