"""Whether everything compiles for aarch64."""
import pathlib
import platform
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.skipif(platform.machine() == "aarch64", reason="this machine is one: the build says it")
@pytest.mark.skipif(not shutil.which("aarch64-linux-gnu-gcc") or not pathlib.Path("/usr/aarch64-linux-gnu/include").is_dir(),
                    reason="no cross compiler: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
@pytest.mark.timeout(1500)
def test_every_c_file_compiles():
    done = subprocess.run([ROOT / "dev", "aarch64"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    objects = [path for place in ("libpyrometer.a.p/src_*.c.o", "src/cli/pyrometer.p/*.c.o")
               for path in (ROOT / "build/aarch64").glob(place)]
    assert len(objects) == len(list(ROOT.glob("src/**/*.c")))
    assert all(path.read_bytes()[:20].endswith(b"\xb7\0") for path in objects)  # e_machine
