import pytest

import pythons
from tests.conftest import interpreters

from . import memory


def pytest_generate_tests(metafunc):
    if "ground" in metafunc.fixturenames:
        found = interpreters(metafunc, [python for python in pythons.discover() if not python.free_threaded])
        metafunc.parametrize("ground", found, ids=pythons.ids(found), indirect=True)


@pytest.fixture
def ground(request):
    """A Ground for each Python."""
    made = memory.Ground(request.param)
    yield made
    made.close()
