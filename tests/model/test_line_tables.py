"""Our decoders against every interpreter's own reading of its line tables."""
import os
import pathlib
import re
import subprocess

import pythons

HERE = pathlib.Path(__file__).resolve().parent
CHECK = os.environ.get("CHECK_LINE_TABLES", pythons.ROOT / "build" / "meson" / "tests" / "model" / "check_line_tables")


def test_agrees_with_the_interpreter(python):
    script = (HERE / "dump_line_tables.py").read_text(encoding="utf-8")
    dumped = subprocess.run(python.command("-c", script), stdout=subprocess.PIPE, check=True,
                            env=pythons.clean_environment()).stdout
    done = subprocess.run([CHECK], input=dumped, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode()
    assert done.returncode == 0, text
    assert int(re.search(r"codes (\d+)", text).group(1)) > 300
