"""Costs of a converted model: instructions per layer, exact; cycles where they can be known; bytes of everything."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeq.boards import Board, load_board
from edgeq.build import build_folder, model_bytes
from edgeq.device.local import is_local
from edgeq.device.session import Line, open_device
from edgeq.emulate import Runner, RunResult, runner_for
from edgeq.emulate.harness import output_bytes, step_regions
from edgeq.errors import VerificationError
from edgeq.npz import random_samples, to_bytes, to_internal

TIMEOUT = 3600.0
"""Seconds: a simulated core does some million cycles in one."""


@dataclass
class Bench:
    """Executed instructions of one inference and bytes of the model's code, constants and memory.

    text_bytes and rodata_bytes: the model, the runtime and the compiler's helpers, not the harness. rodata_bytes counts
    all constants, weights_bytes those of the network. state_bytes: kept between runs, beside the arena. stack_bytes:
    the deepest stack of one run, painted. cycles: of one inference on the core that `cycles_from` names, or None; exact
    from RTL, otherwise an estimate.
    """

    board: str
    compiler: str
    instructions: int | None
    cycles: int | None
    cycles_from: str | None
    macs: int
    text_bytes: int
    rodata_bytes: int
    weights_bytes: int
    arena_bytes: int
    state_bytes: int
    scratch_bytes: int
    stack_bytes: int | None
    layers: list[dict[str, Any]]
    device: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def bench_folder(
    folder: Path,
    manifest: Mapping[str, Any],
    *,
    compiler: str = "auto",
    on: str | None = None,
    line: Line | None = None,
) -> Bench:
    """Builds for the manifest's board and runs one fixed random sample. Counts repeat exactly.

    on: what counts cycles besides, `rtl` or `rtl:CORE`, or times them, `device`, behind `line`; its outputs must be the
    emulator's, else VerificationError.
    """
    own = folder / "verify" / "board.toml"
    board = load_board(own if own.is_file() else manifest["board"])
    specs = manifest["inputs"]
    sample = random_samples(specs, 1)
    blob = b"".join(to_bytes(spec, to_internal(spec, sample.inputs[spec["name"]])[0]) for spec in specs)
    with tempfile.TemporaryDirectory(prefix="edgeq-") as work:
        program = build_folder(folder, manifest, board, Path(work), compiler=compiler, profile=True)

        def run(runner: Runner) -> RunResult:
            size, regions = output_bytes(manifest), step_regions(manifest)
            return runner.run(program, [blob], output_bytes=size, step_regions=regions, timeout=TIMEOUT)

        result = run(runner_for(board))
        device = None
        if on == "device":
            timed, device = _on_device(folder, manifest, board, blob, line or Line(), compiler)
        else:
            timed = result if on is None else run(runner_for(board, on))
    if timed.outputs != result.outputs:
        raise VerificationError(f"{timed.runner} and {result.runner} give different outputs for the same sample")
    text, rodata = model_bytes(program)
    unknown: list[int | None] = [None] * len(manifest["steps"])
    counts = result.step_instructions or unknown
    cycles = timed.step_cycles or unknown
    keys = ("name", "op", "kernel", "reason", "macs")
    return Bench(
        board=manifest["board"],
        compiler=program.compiler,
        instructions=result.instructions,
        cycles=timed.cycles,
        cycles_from=timed.cycles_from,
        macs=manifest["macs"],
        text_bytes=text,
        rodata_bytes=rodata,
        weights_bytes=manifest["weights_bytes"],
        arena_bytes=manifest["arena_bytes"],
        state_bytes=manifest["state_bytes"],
        scratch_bytes=manifest["scratch_bytes"],
        stack_bytes=result.stack_bytes,
        layers=[
            {**{key: step[key] for key in keys}, "instructions": count, "cycles": spent}
            for step, count, spent in zip(manifest["steps"], counts, cycles, strict=True)
        ],
        device=device,
    )


def _on_device(
    folder: Path, manifest: Mapping[str, Any], board: Board, blob: bytes, line: Line, compiler: str
) -> tuple[RunResult, dict[str, Any]]:
    """One sample on a board. Its ticks are cycles where they count a real processor's clock."""
    with open_device(line, folder, board, compiler=compiler) as device:
        output, timing = device.time(device.select(folder, manifest), blob)
        hello = device.hello
    seconds = timing.ticks / hello.ticks_hz
    facts = {
        "board": hello.board,
        "port": line.port,
        "clock_hz": hello.clock_hz or None,
        "ticks_hz": hello.ticks_hz,
        "ticks": timing.ticks,
        "step_ticks": timing.step_ticks,
        "seconds": seconds,
        "stack_bytes": timing.marks.stack_bytes if hello.has_stack else None,
        "stack_limit": timing.marks.stack_limit if hello.has_stack else None,
        "arena_used": timing.marks.arena_used,
    }
    counted = hello.clock_hz == hello.ticks_hz and not is_local(line.port)
    return RunResult(
        outputs=[output],
        step_outputs=None,
        step_instructions=None,
        instructions=None,
        stack_bytes=None,
        runner="device",
        step_cycles=timing.step_ticks if counted else None,
        cycles=timing.ticks if counted else None,
        cycles_from=f"the board {hello.board} at {hello.clock_hz / 1e6:g} MHz" if counted else None,
    ), facts
