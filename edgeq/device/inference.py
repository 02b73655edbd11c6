"""Samples from a file through a board: what `edgeq run` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.boards import load_board
from edgeq.device.session import Line, open_device
from edgeq.npz import Array, from_bytes, in_source_layout, load_samples, to_bytes, to_internal, to_reals


@dataclass(frozen=True)
class Inference:
    """Outputs by name, in the original model's layout, the first axis counting samples. board: as it says itself."""

    board: str
    samples: int
    outputs: dict[str, Array]

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "outputs": {name: array.tolist() for name, array in self.outputs.items()}}


def run_folder(
    folder: Path, manifest: Mapping[str, Any], inputs: Path, line: Line, *, real: bool = False, compiler: str = "auto"
) -> Inference:
    """Every sample of an npz file through the board behind a line. real: reals instead of the C's integers.

    CalibrationError for the file; all of `open_device` and its session.
    """
    specs = manifest["inputs"]
    given = load_samples(inputs, specs)
    internal = {spec["name"]: to_internal(spec, given.inputs[spec["name"]]) for spec in specs}
    blobs = [b"".join(to_bytes(spec, internal[spec["name"]][i]) for spec in specs) for i in range(given.count)]
    own = folder / "verify" / "board.toml"
    board = load_board(own if own.is_file() else manifest["board"])
    with open_device(line, folder, board, compiler=compiler) as device:
        raw = device.run(device.select(folder, manifest), blobs, line.on_sample)
        name = device.hello.board
    outputs, start = {}, 0
    for spec in manifest["outputs"]:
        part = slice(start, start + int(spec["bytes"]))
        arrays = np.stack([in_source_layout(spec, from_bytes(spec, sample[part])) for sample in raw])
        outputs[str(spec["name"])] = to_reals(spec, arrays) if real else arrays
        start = part.stop
    return Inference(name, given.count, outputs)
