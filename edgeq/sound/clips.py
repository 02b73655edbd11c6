"""Calibration of networks that hear: sounds in, the features that such a network would see of them out."""

from __future__ import annotations

import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.errors import CalibrationError
from edgeq.ir.types import Array
from edgeq.npz import headers, in_source_layout
from edgeq.ops.sound_reference import features
from edgeq.ops.sound_settings import Settings
from edgeq.ops.sound_tables import make_tables
from edgeq.sample_files import read_sample_file


def is_sound(source: Any) -> bool:
    """Whether calibration samples are sounds, not features: a folder with wav files, or an int16 array `inputs`.

    source: as for calibration; the array by its name or in an npz.
    """
    if isinstance(source, Mapping):
        return "inputs" in source and np.asarray(source["inputs"]).dtype == np.int16
    if not isinstance(source, (str, Path)):
        return False
    path = Path(source)
    if path.is_dir():
        return any(path.rglob("*.wav"))
    try:
        return headers(path)["inputs"][1] == np.int16
    except (CalibrationError, KeyError):
        return False  # whoever reads it says what is wrong


def heard_samples(source: Any, settings: Settings, frames: int, spec: Mapping[str, Any]) -> Iterator[dict[str, Array]]:
    """Samples of a real network's input: every whole window of `frames` frames of each sound, one after the other.

    spec: of the network's input, as `edgeq.npz` has them. Raises CalibrationError.
    """
    tables = make_tables(settings)
    for where, sound in _sounds(source, settings):
        heard = features(tables, sound) * tables.output.scale
        if len(heard) < frames:
            need = (frames - 1) * settings.hop + settings.window
            raise CalibrationError(f"a sound of {len(sound)} samples; the network hears {need}", where=where)
        for start in range(0, len(heard) - frames + 1, frames):
            window = heard[start : start + frames].astype(np.float32)
            yield {str(spec["name"]): in_source_layout(spec, window)[None]}


def _sounds(source: Any, settings: Settings) -> Iterator[tuple[str, Array]]:
    if isinstance(source, (str, Path)) and Path(source).is_dir():
        for file in sorted(Path(source).rglob("*.wav")):
            yield str(file), _wav(file, settings.rate)
        return
    if isinstance(source, Mapping):
        where, array = "samples", np.asarray(source["inputs"])
    else:
        with np.load(source, allow_pickle=False) as archive:
            where, array = str(source), archive["inputs"]
    if array.ndim != 2:
        raise CalibrationError(f"sounds of shape {list(array.shape)}", where=where, hint="int16 [sounds, samples]")
    for sound in array:
        yield where, sound


def _wav(file: Path, rate: int) -> Array:
    """Mono int16. Raises CalibrationError."""
    real = read_sample_file(file)
    with wave.open(str(file)) as sound:
        own = sound.getframerate()
    if own != rate or real.ndim != 1:
        shape = f"{own} samples per second, {1 if real.ndim == 1 else real.shape[1]} channels"
        raise CalibrationError(f"{shape}; the network hears {rate} and one", where=str(file))
    return np.asarray(np.clip(np.rint(real * 32768), -32768, 32767).astype(np.int16))
