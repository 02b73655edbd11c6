"""Exact costs of a converted model from the emulator: instructions per layer, bytes of everything."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeq.boards import load_board
from edgeq.build import build_folder, model_bytes
from edgeq.emulate import runner_for
from edgeq.emulate.harness import output_bytes, step_regions
from edgeq.npz import random_samples, to_bytes, to_internal


@dataclass
class Bench:
    """Executed instructions of one inference and bytes of the model's code, constants and memory.

    text_bytes and rodata_bytes: the model, the runtime and the compiler's helpers, not the harness. rodata_bytes counts
    all constants, weights_bytes those of the network. stack_bytes: the deepest stack of one run, painted.
    """

    board: str
    compiler: str
    instructions: int | None
    macs: int
    text_bytes: int
    rodata_bytes: int
    weights_bytes: int
    arena_bytes: int
    scratch_bytes: int
    stack_bytes: int | None
    layers: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def bench_folder(folder: Path, manifest: Mapping[str, Any], *, compiler: str = "auto") -> Bench:
    """Builds for the manifest's board and runs one fixed random sample. Counts repeat exactly."""
    own = folder / "verify" / "board.toml"
    board = load_board(own if own.is_file() else manifest["board"])
    specs = manifest["inputs"]
    sample = random_samples(specs, 1)
    blob = b"".join(to_bytes(spec, to_internal(spec, sample.inputs[spec["name"]])[0]) for spec in specs)
    with tempfile.TemporaryDirectory(prefix="edgeq-") as work:
        program = build_folder(folder, manifest, board, Path(work), compiler=compiler, profile=True)
        result = runner_for(board).run(
            program, [blob], output_bytes=output_bytes(manifest), step_regions=step_regions(manifest), trace=False
        )
    text, rodata = model_bytes(program)
    unknown: list[int | None] = [None] * len(manifest["steps"])
    counts = result.step_instructions or unknown
    keys = ("name", "op", "kernel", "reason", "macs")
    return Bench(
        board=manifest["board"],
        compiler=program.compiler,
        instructions=result.instructions,
        macs=manifest["macs"],
        text_bytes=text,
        rodata_bytes=rodata,
        weights_bytes=manifest["weights_bytes"],
        arena_bytes=manifest["arena_bytes"],
        scratch_bytes=manifest["scratch_bytes"],
        stack_bytes=result.stack_bytes,
        layers=[
            {**{key: step[key] for key in keys}, "instructions": count}
            for step, count in zip(manifest["steps"], counts, strict=True)
        ],
    )
