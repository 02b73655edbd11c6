"""Runs one kernel as a model of one layer, through the planner, the templates, the toolchain and any runner.

Slower to build than `machine`, but on every emulator, QEMU with Zbb and MVE among them, and with the arena ending
at an unmapped page. Counts are those of `edgeq bench`: everything from the entry of <m>_run to its return.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeq.boards import load_board
from edgeq.build import build_folder, model_bytes
from edgeq.emit import render_files
from edgeq.emulate import runner_for
from edgeq.emulate.harness import output_bytes, step_regions
from edgeq.ir.graph import Graph
from edgeq.ir.types import Array
from edgeq.kernels.registry import Kernel
from edgeq.kernels.select import Choice
from edgeq.plan import plan_memory
from tests.kernels.cases import Case

SOURCE = {"file": "layer", "sha256": "0" * 64, "format": "test", "quantized_by": "model"}


@dataclass(frozen=True)
class Measured:
    """What one layer gave and cost. code_bytes: the model's code and all that it calls."""

    output: Array
    instructions: int
    code_bytes: int
    weights_bytes: int


def run_layer(
    kernel: Kernel, case: Case, board: str, folder: Path, *, compiler: str = "auto", optimize: str = "speed"
) -> Measured:
    """The case on an emulated board; `folder` is for the files and may be used again."""
    node = case.node
    graph = Graph("layer", [node.input(0)], list(node.outputs), [node])
    choice = Choice(kernel, "", 0, kernel.scratch_bytes(case.facts), None, (), None)
    plan = plan_memory(graph, {id(node): choice})
    facts = {"name": "layer", "board": board, "optimize": optimize, "source": SOURCE}
    files, manifest = render_files(graph, plan, {id(node): choice}, facts)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    target_board = load_board(board)
    work = folder / "build"
    work.mkdir(exist_ok=True)
    program = build_folder(folder, manifest, target_board, work, compiler=compiler, profile=True)
    result = runner_for(target_board).run(
        program,
        [case.stored_input()],
        output_bytes=output_bytes(manifest),
        step_regions=step_regions(manifest),
        trace=False,
    )
    assert result.instructions is not None
    code, _ = model_bytes(program)
    return Measured(case.read_output(result.outputs[0]), result.instructions, code, manifest["weights_bytes"])
