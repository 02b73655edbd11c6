"""Runs one kernel as a model of one layer, through the planner, the templates, the toolchain and any runner.

Slower to build than `machine`, but on every emulator, QEMU with Zbb and MVE among them, and with the arena ending
at an unmapped page. Counts are those of `edgeq bench`: everything from the entry of <m>_run to its return.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeq.boards import load_board
from edgeq.build import build_folder, model_bytes
from edgeq.emit import render_files
from edgeq.emulate import runner_for
from edgeq.emulate.harness import output_bytes, step_regions
from edgeq.ir.graph import Graph, Value
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
    kernel: Kernel,
    case: Case,
    board: str,
    folder: Path,
    *,
    compiler: str = "auto",
    optimize: str = "speed",
    specialised: bool = False,
) -> Measured:
    """The case on an emulated board; `folder` is for the files and may be used again."""
    options: dict[str, Any] = {"compiler": compiler, "optimize": optimize, "specialised": specialised}
    return run_layers(kernel, [case], board, folder, **options)[0]


def _choice(kernel: Kernel, case: Case, *, shares: bool, specialised: bool) -> Choice:
    """shares: the output reaches into the input as far as the row allows."""
    overlap = kernel.overlap_bytes(case.facts) if shares else None
    return Choice(kernel, "", 0, kernel.scratch_bytes(case.facts), None, (), None, overlap, specialised)


def run_layers(
    kernel: Kernel | Sequence[Kernel],
    cases: Sequence[Case],
    board: str,
    folder: Path,
    *,
    compiler: str = "auto",
    optimize: str = "speed",
    specialised: bool = False,
) -> list[Measured]:
    """Several cases as one model, each with an input of its own. The code is that of all of them.

    kernel: of all cases, or one for each. specialised: each layer has a copy of its kernel to itself.
    """
    graph = _side_by_side(cases)
    rows = [kernel] * len(cases) if isinstance(kernel, Kernel) else kernel
    choices = {
        id(case.node): _choice(row, case, shares=len(cases) == 1, specialised=specialised)
        for row, case in zip(rows, cases, strict=True)
    }
    plan = plan_memory(graph, choices)
    facts = {"name": "layer", "board": board, "optimize": optimize, "source": SOURCE}
    files, manifest = render_files(graph, plan, choices, facts)
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
        [b"".join(case.stored_input() for case in cases)],
        output_bytes=output_bytes(manifest),
        step_regions=step_regions(manifest),
        trace=False,
    )
    assert result.step_instructions is not None
    code, _ = model_bytes(program)
    measured, position = [], 0
    for case, step, instructions in zip(cases, manifest["steps"], result.step_instructions, strict=True):
        size = case.node.output.type.bytes
        output = case.read_output(result.outputs[0][position : position + size])
        measured.append(Measured(output, instructions, code, step["weights_bytes"]))
        position += size
    return measured


def _side_by_side(cases: Sequence[Case]) -> Graph:
    """A graph of layers that have nothing to do with each other; values and nodes get names of their own."""
    for index, case in enumerate(cases):
        case.node.name, case.node.output.name = f"layer{index}", f"y{index}"
        for number, value in enumerate(_activations(case)):
            value.name = f"x{index}_{number}"
    nodes = [case.node for case in cases]
    return Graph("layer", [v for case in cases for v in _activations(case)], [n.output for n in nodes], nodes)


def _activations(case: Case) -> list[Value]:
    return [value for value in case.node.inputs if value is not None and not value.is_constant]
