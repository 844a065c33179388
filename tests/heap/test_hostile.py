"""Damaged memory costs the objects in it, never the walk: images whose words were overwritten at random."""
import os
import pathlib
import random
import re
import struct
import subprocess

import pytest

from . import walked

DAMAGE = pathlib.Path(__file__).with_name("damage.py")
WORDS = 4000
KINDS = [lambda random, word: 0, lambda random, word: random.getrandbits(64), lambda random, word: 2 ** 63 - 1,
         lambda random, word: word + 8, lambda random, word: word ^ 1 << random.randrange(40),
         lambda random, word: random.choice(POINTERS)]
POINTERS = [1, 16, 4096]
TABLE_MAX = 1 << 18


@pytest.fixture(name="image")
def captured(start, python, tmp_path):
    target = start(DAMAGE, python=python)
    file = tmp_path / "image"
    subprocess.run([walked.TOOL, str(target.pid), "capture", file], check=True, timeout=60)
    return file


def run(file, mode="time"):
    return subprocess.run([walked.TOOL, str(file), mode], capture_output=True, timeout=60, check=False)


def objects(result):
    match = re.match(rb"(\d+) objects", result.stdout)
    return int(match[1]) if match else 0


def pointers(data):
    """Words of the image that are addresses, where objects are likely: they are what a walk follows. Not its table."""
    at = random.Random(0).sample(range(TABLE_MAX, len(data) - TABLE_MAX, 8), min(len(data) // 8 - TABLE_MAX // 4, 400000))
    return [i for i in at if struct.unpack_from("<Q", data, i)[0] >> 40 in (0x55, 0x56, 0x7e, 0x7f)]


@pytest.mark.long(2)
def test_damaged(image):
    sane = run(image)
    assert sane.returncode == 0, sane.stderr.decode()
    assert objects(sane) > 10000
    assert objects(run(image, "small")) == objects(sane), "what is dropped from memory is read again"
    whole = bytearray(image.read_bytes())
    places = pointers(whole)
    assert len(places) > WORDS
    reached = 0
    for seed in range(6):
        rng = random.Random(seed)
        data = bytearray(whole)
        for at in rng.sample(places, WORDS // (1 + seed % 3) // 4):
            word, = struct.unpack_from("<Q", data, at)
            struct.pack_into("<Q", data, at, rng.choice(KINDS)(rng, word) % 2 ** 64)
        image.write_bytes(data)
        result = run(image)
        assert result.returncode in (0, 1), (seed, result.returncode, result.stderr.decode())
        assert result.returncode == 0 or result.stderr.strip(), "it fails with a reason"
        reached += objects(result)
    assert reached > 6000, "damage as small as this leaves most objects"
    os.unlink(image)
