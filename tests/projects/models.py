"""Two small networks, converted once per board, and what they must answer."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from edgeq.pipeline import compile_model
from edgeq.selftest import selftest_vectors
from tests.tools import ROOT

NAMES = ("one", "two")
_FILES = {"one": "digits_w1a1.onnx", "two": "digits_ternary.onnx"}
_HOLD: list[tempfile.TemporaryDirectory[str]] = []  # so that the folders last as long as the process


@cache
def converted(name: str, board: str) -> Path:
    """The folder of model `name` for a board."""
    _HOLD.append(tempfile.TemporaryDirectory(prefix="edgeq-projects-"))
    folder = Path(_HOLD[-1].name) / name
    compile_model(ROOT / "examples" / "digits_low_bits" / _FILES[name], board, out=folder, name=name)
    return folder


def folders(count: int, board: str) -> list[Path]:
    """The first one or both models."""
    return [converted(name, board) for name in NAMES[:count]]


def manifest_of(folder: Path) -> dict[str, object]:
    """The manifest of a converted folder."""
    manifest: dict[str, object] = json.loads((folder / f"{folder.name}.json").read_text())
    return manifest


def expected_line(name: str, board: str) -> str:
    """What an example prints of a model: its outputs by the integer reference."""
    folder = converted(name, board)
    ((_, outputs),) = selftest_vectors(folder, manifest_of(folder))
    numbers = np.frombuffer(outputs[0], "<i4")
    return f"{name}: {' '.join(map(str, numbers.tolist()))} PASS"


def expected_output(count: int, board: str) -> list[str]:
    """The lines of an example of one model, or of two in turn."""
    lines = [expected_line(name, board) for name in NAMES[:count]]
    return lines * count
