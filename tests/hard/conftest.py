import pytest

from .support import Tool


@pytest.fixture
def tool(tmp_path):
    """pyrometer in a directory of its own; what was started is killed in the end."""
    tool = Tool(tmp_path)
    yield tool
    tool.end_all()
