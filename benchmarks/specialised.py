"""What it brings to compile a kernel for one layer: shape, strides, zero points and limits as constants of its code.

`python -m benchmarks.specialised [WORD...]` runs every layer of the list twice, with its kernel as it is and with a
copy to itself, and the networks of MLPerf Tiny without any copies. It records instructions and code in
specialised.json beside this file, and in docs/kernels.md, the networks beside what `make bench` recorded of them.
WORDs limit it to layers, networks or boards whose name contains one, the others keep their figures.
Tests compare one layer with the file, and what rows of runtime/kernels.toml promise (`saves_alone`) with fresh runs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks import mlperf_tiny
from benchmarks.kernels import TITLES
from benchmarks.mlperf_tiny import MODELS, ROOT, rewrite
from edgeq.boards import load_board
from edgeq.kernels.features import kernel_features
from edgeq.kernels.registry import Kernel, kernels_for
from edgeq.kernels.select import fits
from edgeq.ops import operator
from tests.kernels.cases import Case, make_case
from tests.kernels.one_layer import run_layer
from tests.kernels.test_rvv import Pair
from tests.unit.quantized_nodes import lowered, random_arrays, tensor

FILE = Path(__file__).with_suffix(".json")
BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55", "riscv", "riscv-rvv")
NETWORKS = "networks"
SAME: dict[str, Any] = {"pads": (1, 1, 1, 1)}
RELU: dict[str, Any] = {"output_zero_point": -128}


def layers() -> dict[str, Case]:
    """Fresh layers of MLPerf Tiny by name, random weights in them."""
    rng = np.random.default_rng(5)
    maps = (1, 16, 16, 16)
    halves: dict[str, Any] = {"kernel": (2, 2), "strides": (2, 2)}
    overlapping: dict[str, Any] = {"kernel": (3, 3), "pads": (1, 1, 1, 1)}
    pools = {
        "average pool 25x5, 64": lowered("avg_pool2d", [tensor((1, 25, 5, 64))], kernel=(25, 5)),
        "average pool 2x2, 16x16x16": lowered("avg_pool2d", [tensor(maps)], **halves),
        "average pool 3x3 with padding, 16x16x16": lowered("avg_pool2d", [tensor(maps)], **overlapping),
        "max pool 2x2, 16x16x16": lowered("max_pool2d", [tensor(maps)], **halves),
        "max pool 3x3 with padding, 16x16x16": lowered("max_pool2d", [tensor(maps)], **overlapping),
        "mean 16x16x16": lowered("mean", [tensor(maps)], (0.02, 3), axes=(1, 2), keepdims=False),
    }
    image = tensor((1, 32, 32, 16), (0.04, -128))
    both = lowered("add", [image, tensor(image.shape, (0.06, 3))], (0.05, -128))
    classes = lowered("softmax", [tensor((1, 12))], (1 / 256, -128))
    first, second = random_arrays(both, rng)
    return {
        "first conv 3x3, 3 to 16": make_case("conv2d", (1, 32, 32, 3), (16, 3, 3, 3), **SAME, **RELU),
        "first conv 10x4, 1 to 64": make_case(
            "conv2d", (1, 49, 10, 1), (64, 10, 4, 1), strides=(2, 2), pads=(4, 1, 5, 1), **RELU
        ),
        "conv 3x3, 16 to 16": make_case("conv2d", (1, 32, 32, 16), (16, 3, 3, 16), **SAME, **RELU),
        "conv 1x1, 64 to 64": make_case("conv2d", (1, 25, 5, 64), (64, 1, 1, 64), **RELU),
        "depthwise 3x3, 25x5x64": make_case("depthwise_conv2d", (1, 25, 5, 64), (3, 3, 64), **SAME, **RELU),
        "depthwise 3x3, 24x24x32": make_case("depthwise_conv2d", (1, 24, 24, 32), (3, 3, 32), **SAME, **RELU),
        "depthwise 3x3, 24x24x32, stride 2": make_case(
            "depthwise_conv2d", (1, 24, 24, 32), (3, 3, 32), strides=(2, 2), **SAME, **RELU
        ),
        "dense 640 to 128": make_case("dense", (1, 640), (128, 640), **RELU),
        "dense 64 to 10": make_case("dense", (1, 64), (10, 64)),
        **{label: Case(node, *random_arrays(node, rng)) for label, node in pools.items()},
        "add 32x32x16": Pair(both, first, second),
        "softmax 12": Case(classes, *random_arrays(classes, rng)),
    }


def kernel_for(case: Case, board: str) -> Kernel:
    """The one that `--optimize speed` takes."""
    features = kernel_features(load_board(board))
    rows = [k for k in kernels_for(operator(case.node.op).kernels) if fits(k, case.node, case.facts, features)]
    return min(rows, key=lambda k: (k.instructions(case.facts, features), k.code_bytes, k.name))


def measure(case: Case, board: str) -> dict[str, Any]:
    """Instructions and bytes of code, as the kernel is and specialised. Refuses wrong results."""
    kernel = kernel_for(case, board)
    figures: dict[str, Any] = {"kernel": kernel.name}
    for key, specialised in (("general", False), ("specialised", True)):
        with tempfile.TemporaryDirectory() as folder:
            got = run_layer(kernel, case, board, Path(folder), specialised=specialised)
        np.testing.assert_array_equal(got.output, case.expected(), err_msg=f"{kernel.name} on {board}")
        figures[key] = {"instructions": got.instructions, "code_bytes": got.code_bytes}
    return figures


def measure_network(model: str, board: str) -> dict[str, Any]:
    """Instructions and bytes of code of a network of MLPerf Tiny, for speed, with kernels as they are."""
    with patch("edgeq.pipeline.specialise", lambda nodes, choices, features, goal: choices):
        figure = mlperf_tiny.measure(model, board, "speed")
    return {key: figure[key] for key in ("instructions", "text_bytes")}


def recorded() -> dict[str, Any]:
    """The checked-in figures: layer -> board -> figures; under NETWORKS, model -> board -> figures without copies."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown tables of docs/kernels.md: what remains of the instructions, and the bytes of code of both."""
    head = f" | {' | '.join(f'{TITLES[b]} | code' for b in BOARDS)} |\n| --- |" + " ---: | ---: |" * len(BOARDS) + "\n"
    per_layer, per_network = f"| layer{head}", f"| network{head}"
    for label in layers():
        cells = []
        for board in BOARDS:
            a, b = (figures[label][board][key] for key in ("general", "specialised"))
            cells.append(f"{b['instructions'] / a['instructions']:.2f} | {a['code_bytes']:,}, {b['code_bytes']:,}")
        per_layer += f"| {label} | " + " | ".join(cells) + " |\n"
    now = mlperf_tiny.recorded()
    for model in MODELS:
        cells = []
        for board in BOARDS:
            a, b = figures[NETWORKS][model][board], now[board][model]["speed"]
            cells.append(f"{b['instructions'] / a['instructions']:.3f} | {a['text_bytes']:,}, {b['text_bytes']:,}")
        per_network += f"| {model} | " + " | ".join(cells) + " |\n"
    return {"specialised": per_layer, "specialised-networks": per_network}


def main(words: list[str]) -> None:
    """Measures, records after every layer and network, and rewrites the page."""
    figures = recorded()

    def wanted(name: str, board: str) -> bool:
        return not words or any(word in f"{name} {board}" for word in words)

    for label in layers():
        for board in BOARDS:
            if wanted(label, board):
                figures.setdefault(label, {})[board] = measure(layers()[label], board)
                print(f"{label:26} {board:14} {figures[label][board]}", flush=True)
        _write(figures)
    for model in MODELS:
        for board in BOARDS:
            if wanted(model, board):
                figures.setdefault(NETWORKS, {}).setdefault(model, {})[board] = measure_network(model, board)
                print(f"{model:26} {board:14} {figures[NETWORKS][model][board]}", flush=True)
        _write(figures)
    page = ROOT / "docs" / "kernels.md"
    page.write_text(rewrite(page.read_text("utf-8"), tables(figures)), "utf-8")


def _write(figures: dict[str, Any]) -> None:
    known = {name: figures[name] for name in (*layers(), NETWORKS) if name in figures}
    FILE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
