"""Instructions per MAC of every kernel that has weights, on every core that it is made for.

`python -m benchmarks.kernels [WORD...]` (or `make bench`) measures them anew, writes kernels.json beside this file and
the tables of README.md and docs/kernels.md; WORDs limit the measurement to rows whose name or board contains one, the
others keep their figures. Counts are those of `edgeq bench` for a network of this one layer: everything is in them.
A test compares a sample of fresh measurements with the file.
"""

from __future__ import annotations

import json
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, rewrite
from edgeq.boards import load_board
from edgeq.formats import number_format
from edgeq.kernels.features import kernel_features
from edgeq.kernels.matching import takes
from edgeq.kernels.registry import Kernel, kernels
from edgeq.ops import operator
from tests.kernels.cases import Case, make_case, make_levels_case
from tests.kernels.one_layer import run_layer

FILE = Path(__file__).with_suffix(".json")
SHAPES: dict[str, dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]]] = {
    "dense": {"256x256": ((1, 256), (256, 256), {})},
    "conv2d": {
        "3x3, 64 to 64": ((1, 8, 8, 64), (64, 3, 3, 64), {"pads": (1, 1, 1, 1)}),
        "1x1, 64 to 64": ((1, 8, 8, 64), (64, 1, 1, 64), {}),
    },
    "depthwise_conv2d": {"3x3, 64": ((1, 8, 8, 64), (3, 3, 64), {"pads": (1, 1, 1, 1)})},
}
BOARDS_OF_ISA = {
    "c": ("cortex-m0plus", "cortex-m4", "riscv"),
    "dsp": ("cortex-m4", "cortex-m7"),
    "v7m": ("cortex-m3",),
    "v6m": ("cortex-m0plus",),
    "mve": ("cortex-m55",),
    "rvzbb": ("riscv-zbb",),
    "rvv": ("riscv-rvv",),
}
"""Where a row is measured; portable ones also on a core that has others, so that both can be compared."""
TITLES = {
    "cortex-m0plus": "M0+",
    "cortex-m3": "M3",
    "cortex-m4": "M4",
    "cortex-m7": "M7",
    "cortex-m55": "M55",
    "riscv": "RV32IMC",
    "riscv-zbb": "RV32IMC+Zbb",
    "riscv-rvv": "RV32IMC+Zve32x",
}
SHOWN_FORMATS = ("a8_w8", "a8_w4", "a8_w2", "a8_wt5", "a8_w1", "a4_wp4", "a2_wp2", "a1_w1")
SHOWN_LAYERS = (("dense", "256x256"), ("conv2d", "3x3, 64 to 64"))
"""What README.md shows; docs/kernels.md has all."""
SAME_OUTPUT = {"ax": "a8"}
"""Activations with which rows for any are measured."""


def layers(kernel: Kernel) -> dict[str, Case]:
    """The layers on which a kernel is measured, by name; those that it takes."""
    name = kernel.parts
    if name.weights is None or name.grouped is not None:
        return {}
    found = {}
    for label, (x, w, attrs) in SHAPES.get(kernel.op, {}).items():
        if kernel.epilogue == "levels":
            activations = SAME_OUTPUT.get(name.activations, name.activations)
            output = "a1" if activations == "a8" else activations
            case = make_levels_case(kernel.op, x, w, inputs=activations, weights=name.weights, output=output, **attrs)
        else:
            case = of_format(make_case(kernel.op, x, w, output_zero_point=-128, **attrs), name.weights)
        if takes(kernel, case.node) and kernel.accepts(case.facts):
            found[label] = case
    return found


def of_format(case: Case, weights: str) -> Case:
    """The case with weights that are integers of this format."""
    if weights == "w8":
        return case
    values = np.array([v for v in number_format(weights).values if v is not None], dtype=np.int8)
    node = case.node
    given = np.random.default_rng(7).choice(values, node.params["weights"].shape)
    node.input(1).data = given
    shift, multiplier = node.params["shift"], node.params["multiplier"]
    node.params = operator(node.op).lower(node)
    node.params |= {"shift": shift, "multiplier": multiplier}
    return case


def measure(kernel: Kernel, board: str) -> dict[str, dict[str, float]]:
    """Fresh figures by layer: instructions per MAC, and bytes of the layer's constants. Refuses wrong results."""
    figures = {}
    for label, case in layers(kernel).items():
        with tempfile.TemporaryDirectory() as folder:
            got = run_layer(kernel, case, board, Path(folder))
        np.testing.assert_array_equal(got.output, case.expected(), err_msg=f"{kernel.name} on {board}, {label}")
        per_mac = round(got.instructions / case.facts["macs"], 3)
        figures[label] = {"per_mac": per_mac, "weights_bytes": got.weights_bytes, "code_bytes": got.code_bytes}
    return figures


def boards_of(kernel: Kernel) -> list[str]:
    """Where a kernel is measured."""
    return [b for b in BOARDS_OF_ISA.get(kernel.parts.isa, ()) if kernel.runs_on(kernel_features(load_board(b)))]


def recorded() -> dict[str, Any]:
    """The checked-in figures: kernel -> board -> layer -> figures."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown tables by name: the best kernel per format, and all kernels."""
    return {"formats": _formats(figures), "kernels": _kernels(figures)}


def _best(figures: dict[str, Any], formats: str, op: str, label: str, board: str) -> float | None:
    found = [
        by_board[board][label]["per_mac"]
        for name, by_board in figures.items()
        if name.startswith(f"edgeq_{op}_{formats}_") and label in by_board.get(board, {})
    ]
    return min(found, default=None)


def _formats(figures: dict[str, Any]) -> str:
    boards = [b for b in TITLES if b != "cortex-m7"]
    text = "| format | layer | " + " | ".join(TITLES[b] for b in boards) + " |\n"
    text += "| --- | --- |" + " ---: |" * len(boards) + "\n"
    for formats, (op, label) in product(SHOWN_FORMATS, SHOWN_LAYERS):
        cells = []
        for board in boards:
            # Whatever runs without Zbb runs with it.
            found = [_best(figures, formats, op, label, b) for b in {board, board.removesuffix("-zbb")}]
            best = min((figure for figure in found if figure is not None), default=None)
            cells.append("" if best is None else f"{best:.2f}")
        text += f"| {formats.replace('_', ' ')} | {op} {label} | " + " | ".join(cells) + " |\n"
    return text


def _kernels(figures: dict[str, Any]) -> str:
    text = "| kernel | core | layer | instructions per MAC | constants |\n| --- | --- | --- | ---: | ---: |\n"
    for name in sorted(figures):
        for board, by_layer in figures[name].items():
            for label, figure in by_layer.items():
                cells = f"{figure['per_mac']:.2f} | {figure['weights_bytes']:,}"
                text += f"| `{name}` | {TITLES[board]} | {label} | {cells} |\n"
    return text


def main(words: list[str]) -> None:
    """Measures, records, and rewrites the pages."""
    figures: dict[str, Any] = {}
    was = recorded()
    for kernel in kernels():
        for board in boards_of(kernel):
            if words and not any(word in f"{kernel.name} {board}" for word in words):
                fresh = was.get(kernel.name, {}).get(board, {})
            else:
                fresh = measure(kernel, board)
                for label, figure in fresh.items():
                    print(f"{kernel.name:45} {board:14} {label:14} {figure['per_mac']:7.3f}/MAC", flush=True)
            if fresh:
                figures.setdefault(kernel.name, {})[board] = fresh
        # After every kernel, so that an interruption loses nothing.
        FILE.write_text(json.dumps({**was, **figures}, indent=1, sort_keys=True) + "\n", "utf-8")
    FILE.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", "utf-8")
    for page in (ROOT / "README.md", ROOT / "docs" / "kernels.md"):
        page.write_text(rewrite(page.read_text("utf-8"), tables(recorded())), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
