"""`pip install .` into a fresh virtual environment gives the command and the package."""
import json
import subprocess
import sys
import zipfile

import pytest

from conftest import ROOT

pytestmark = [pytest.mark.beside, pytest.mark.timeout(1500)]  # all of it is compiled


AGENT = "data/share/pyrometer/libpyrometer-agent.so"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """What pip needs to build the package can be fetched."""
    done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d",
                           tmp_path_factory.mktemp("fetched"), "meson-python"], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        pytest.skip(f"pip cannot fetch meson-python: {done.stderr.strip()[-200:]}")


@pytest.fixture(scope="module")
def wheel(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT],
                          capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    wheels = list(folder.glob("*.whl"))
    assert len(wheels) == 1
    return wheels[0]


def test_one_wheel_serves_every_python(wheel):
    assert wheel.name.startswith("pyrometer-") and "-py3-none-linux_" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    assert {"py.typed", "__init__.py"} <= {name.rpartition("/")[2] for name in names}
    assert [name for name in names if name.endswith(".data/scripts/pyrometer")]
    assert [name.partition(".data/")[2] for name in names if name.endswith(".so")] == [AGENT]


def test_installed_command_and_package(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-index", wheel], check=True, timeout=120)
    version = subprocess.run([tmp_path / "venv" / "bin" / "pyrometer", "--version"], capture_output=True, text=True, timeout=30)
    assert version.returncode == 0 and version.stdout.startswith("pyrometer ")
    found = subprocess.run([python, "-c", "import pyrometer; print(pyrometer.find_binary())"], cwd=tmp_path,
                           env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=30)
    assert found.stdout.strip() == str(tmp_path / "venv" / "bin" / "pyrometer"), found.stderr
    traced = subprocess.run([python, "-c", "from pyrometer import tracemalloc as t; t.start(); x = bytes(9999); "
                             "print(t.get_object_traceback(x)[0].lineno)"], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"},
                            capture_output=True, text=True, timeout=30)
    assert traced.stdout == "1\n", traced.stderr
    held = subprocess.run([python, "-c", "from pyrometer import memory, read\nwith memory.Tracker('a.pyro'): x = bytes(9999999)\n"
                           "print(read('a.pyro').memory.peak_bytes > 9999999)"], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True, timeout=30)
    assert held.stdout == "True\n", held.stderr


def test_installed_command_counts_allocations(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    binaries = tmp_path / "venv" / "bin"
    subprocess.run([binaries / "python", "-m", "pip", "install", "--quiet", "--no-index", wheel], check=True, timeout=120)
    done = subprocess.run([binaries / "pyrometer", "run", "--memory", "lines", "-o", "r.pyro", "--python", sys.executable, "-c",
                           "x = [bytes(1000) for _ in range(1000)]"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "memory" not in done.stderr, done.stderr
    told = subprocess.run([binaries / "pyrometer", "report", "r.pyro", "--json"], cwd=tmp_path, capture_output=True, timeout=60)
    assert json.loads(told.stdout)["memory"]["peak_bytes"] > 1000 * 1000
