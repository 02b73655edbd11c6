"""What a converted network wants of its front end: the scale of its input, and frames per run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeq.errors import UsageError
from edgeq.projects import read_manifest
from edgeq.sound.settings import Settings
from edgeq.sound.tables import Output


@dataclass(frozen=True)
class Listener:
    """A network that takes features. frames: of one run; kept: of these, how many the next run takes again."""

    name: str
    folder: Path
    output: Output
    frames: int
    kept: int


def read_listener(folder: Path, settings: Settings) -> Listener:
    """The network of a converted folder. Raises UsageError when its input is not [frames, features] in int8."""
    manifest = read_manifest(folder)
    inputs = manifest.get("inputs", [])
    if len(inputs) != 1:
        raise UsageError(f"a network with {len(inputs)} inputs", where=str(folder), hint="it must have one, of sound")
    given = inputs[0]
    if given["dtype"] != "int8" or given["packed"] or given["scale"] is None or given["real_offset"]:
        raise UsageError("the network's input is not plain int8 with one scale", where=str(folder))
    frames = _frames(given, settings, folder)
    kept = 0 if manifest.get("state_bytes") else frames - 1
    output = Output(float(given["scale"]), int(given["zero_point"]), 8)
    return Listener(str(manifest["name"]), folder, output, frames, kept)


def _frames(given: Mapping[str, Any], settings: Settings, folder: Path) -> int:
    """Frames of one run, from the input's shape without its ones: [frames, features], or all in one row."""
    shape = [size for size in given["shape"] if size != 1]
    frames, rest = divmod(int(given["bytes"]), settings.features)
    if rest or (len(shape) > 1 and shape != [frames, settings.features]):
        raise UsageError(
            f"the network takes {given['shape']}, not frames of {settings.features} features",
            where=str(folder),
            hint="--mels and --mfcc must be those it was trained with; time comes before features",
        )
    return frames
