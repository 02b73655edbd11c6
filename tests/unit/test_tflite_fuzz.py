"""Damaged and hostile .tflite files: one EdgeqError or a legal graph, never anything else."""

from __future__ import annotations

import random
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import EdgeqError, InternalError, ModelFileError
from edgeq.frontends.detect import load_model
from edgeq.frontends.tflite import load_tflite
from edgeq.ir.verify import verify_structure
from tests.oracles.tflite_cases import BOTH, INT8_ONLY
from tests.oracles.tflite_draw import Draw
from tests.tools import has, shared

SECONDS = 18.0
"""The seeded loop stops here on a slow machine, having done at least `LEAST` mutations."""
MUTATIONS, LEAST = 4000, 1000

INTERESTING = (0, 1, 2, 4, 8, 127, 128, 255, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


@cache
def seeds() -> tuple[bytes, ...]:
    """Files to damage: every operator, and real models where there are some."""
    made = [build(Draw(1, quantized=True)) for build in (BOTH | INT8_ONLY).values()]
    made += [build(Draw(2, quantized=False)) for build in BOTH.values()]
    if has("shared"):
        made += [(shared() / "models" / "tflm" / "hello_world_int8.tflite").read_bytes()] * 10
    return tuple(made)


def survives(data: bytes) -> bool:
    """Loads; True for a graph, False for a clean refusal. Anything else is a failure."""
    try:
        graph = load_tflite(Path("fuzz.tflite"), data)
    except InternalError:
        raise
    except EdgeqError as error:
        assert str(error) and len(str(error)) < 100_000
        return False
    verify_structure(graph, "import")
    return True


def damage(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """One to four changes: bits, words, cuts, splices."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if len(out) < 9:
            break
        at = rng.randrange(8, len(out))
        kind = rng.randrange(6)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            word = rng.choice(INTERESTING).to_bytes(4, "little")
            out[at & ~3 : (at & ~3) + 4] = word
        elif kind == 2:
            out[at] = rng.randrange(256)
        elif kind == 3:
            del out[at : at + rng.choice((1, 4, len(out)))]
        elif kind == 4:
            begin = rng.randrange(len(other))
            piece = other[begin : begin + rng.randrange(1, 64)]
            out[at : at + len(piece)] = piece
        else:
            small = rng.randrange(0, 64).to_bytes(2, "little", signed=False)
            out[at & ~1 : (at & ~1) + 2] = small
    return bytes(out)


def test_thousands_of_damaged_files_end_in_one_clear_error() -> None:
    rng = random.Random(20240701)
    start, accepted, done = time.monotonic(), 0, 0
    for done in range(MUTATIONS):
        if done >= LEAST and time.monotonic() - start > SECONDS:
            break
        accepted += survives(damage(rng, rng.choice(seeds()), rng.choice(seeds())))
    # Damage that never survives, or always, would test nothing.
    assert 0 < accepted < done


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(EdgeqError):
        load_tflite(Path("fuzz.tflite"), data)
    with pytest.raises(EdgeqError):
        load_tflite(Path("fuzz.tflite"), b"\x1c\0\0\0TFL3" + data)


@settings(max_examples=60)
@given(st.data())
def test_every_byte_of_a_small_file_may_be_anything(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(seeds())))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(8, len(file) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(file))


def test_every_truncation_of_a_file_is_refused_or_legal() -> None:
    file = BOTH["CONV_2D"](Draw(3, quantized=True))
    for size in range(len(file)):
        survives(file[:size])


@pytest.mark.parametrize("value", INTERESTING)
def test_every_word_of_a_file_may_hold_an_extreme(value: int) -> None:
    file = BOTH["FULLY_CONNECTED of an image"](Draw(4, quantized=True))
    for at in range(8, len(file) - 3, 4):
        survives(file[:at] + value.to_bytes(4, "little") + file[at + 4 :])


def test_files_on_disk_go_through_the_same_door(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for name, content in {
        "noise.tflite": rng.bytes(4000),
        "noise.onnx": rng.bytes(4000),
        "noise.bin": rng.bytes(4000),
        "empty.tflite": b"",
        "mark.tflite": b"\0\0\0\0TFL3",
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ModelFileError):
            load_model(path)
