"""The data set BasicMotions, read from the package aeon or sktime, whichever is installed; neither is imported.

80 series of a smart watch: 100 readings, ten a second, of a 3-axis accelerometer and a 3-axis gyroscope, while four
students stood, walked, ran or played badminton. The archive's own split is 40 series to train and 40 to test; which
student moved is not recorded, so the two share the same four people.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = ("Standing", "Running", "Walking", "Badminton")
TRAINING = 40
"""The first so many series are the archive's training set."""

STEP = 0.25
"""Of the int8 readings: nearly all of what the sensors gave lies within 32 of their units."""


def load() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Series [80, 100, 6] as the sensors gave them, reading after reading, and classes [80]."""
    series, classes = [], []
    for part in ("TRAIN", "TEST"):
        body = (_folder() / f"BasicMotions_{part}.ts").read_text("utf-8").split("@data\n")[1]
        for line in body.split():
            *axes, name = line.split(":")
            series.append(np.array([[float(value) for value in axis.split(",")] for axis in axes]).T)
            classes.append(CLASSES.index(name))
    return np.array(series, dtype=np.float32), np.array(classes)


def readings(series: NDArray[np.float32]) -> NDArray[np.int8]:
    """As 8-bit integers, in steps of STEP."""
    return np.clip(np.rint(series / STEP), -128, 127).astype(np.int8)


def _folder() -> Path:
    for package in ("aeon", "sktime"):
        found = find_spec(package)
        for place in found.submodule_search_locations or () if found else ():
            folder = Path(place) / "datasets" / "data" / "BasicMotions"
            if folder.is_dir():
                return folder
    raise SystemExit("BasicMotions is not here: pip install --no-deps aeon")
