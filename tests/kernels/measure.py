"""Prints instructions per MAC, stack and code of kernels on layers of MLPerf Tiny: `python -m tests.kernels.measure`.

Arguments filter by substring of `kernel board compiler layer`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from edgeq.kernels.features import kernel_features
from edgeq.kernels.registry import kernels
from edgeq.kernels.select import fits
from tests.kernels.cases import Case, make_case
from tests.kernels.machine import Machine
from tests.kernels.narrow import narrow

SAME = {"pads": (1, 1, 1, 1)}
RELU = {"output_zero_point": -128}
LAYERS: dict[str, Case] = {
    "ic 3x3 3->16": make_case("conv2d", (1, 32, 32, 3), (16, 3, 3, 3), **SAME, **RELU),
    "ic 3x3 16->16": make_case("conv2d", (1, 32, 32, 16), (16, 3, 3, 16), **SAME, **RELU),
    "ic 3x3 16->32 /2": make_case("conv2d", (1, 32, 32, 16), (32, 3, 3, 16), strides=(2, 2), pads=(0, 0, 1, 1), **RELU),
    "ic 3x3 64->64": make_case("conv2d", (1, 8, 8, 64), (64, 3, 3, 64), **SAME),
    "kws 10x4 1->64": make_case("conv2d", (1, 49, 10, 1), (64, 10, 4, 1), strides=(2, 2), pads=(4, 1, 5, 1), **RELU),
    "kws 1x1 64->64": make_case("conv2d", (1, 25, 5, 64), (64, 1, 1, 64), **RELU),
    "vww 3x3 3->8": make_case("conv2d", (1, 96, 96, 3), (8, 3, 3, 3), strides=(2, 2), pads=(0, 0, 1, 1), **RELU),
    "vww 1x1 8->16": make_case("conv2d", (1, 48, 48, 8), (16, 1, 1, 8), **RELU),
    "vww 1x1 128->128": make_case("conv2d", (1, 6, 6, 128), (128, 1, 1, 128), **RELU),
    "vww 1x1 256->256": make_case("conv2d", (1, 3, 3, 256), (256, 1, 1, 256), **RELU),
    "kws depthwise 3x3": make_case("depthwise_conv2d", (1, 25, 5, 64), (3, 3, 64), **SAME, **RELU),
    "vww depthwise 48": make_case("depthwise_conv2d", (1, 48, 48, 8), (3, 3, 8), **SAME, **RELU),
    "vww depthwise 12 /2": make_case(
        "depthwise_conv2d", (1, 12, 12, 64), (3, 3, 64), strides=(2, 2), pads=(0, 0, 1, 1), **RELU
    ),
    "vww depthwise 3": make_case("depthwise_conv2d", (1, 3, 3, 256), (3, 3, 256), **SAME, **RELU),
    "sww depthwise 10x1": make_case("depthwise_conv2d", (1, 24, 1, 128), (10, 1, 128)),
    "speech depthwise 10x8 m8": make_case(
        "depthwise_conv2d", (1, 49, 40, 1), (10, 8, 8), strides=(2, 2), pads=(4, 3, 5, 3), **RELU
    ),
    "ad dense 640->128": make_case("dense", (1, 640), (128, 640), **RELU),
    "ad dense 8->128": make_case("dense", (1, 8), (128, 8), **RELU),
    "ic dense 64->10": make_case("dense", (1, 64), (10, 64)),
    "dense 256->256": make_case("dense", (1, 256), (256, 256), **RELU),
}
for bits, width in ((4, "4 bits"), (2, "2 bits"), (0, "ternary")):
    LAYERS |= {
        f"3x3 64->64, {width}": narrow(make_case("conv2d", (1, 8, 8, 64), (64, 3, 3, 64), **SAME, **RELU), bits),
        f"1x1 64->64, {width}": narrow(make_case("conv2d", (1, 25, 5, 64), (64, 1, 1, 64), **RELU), bits),
        f"dense 256->256, {width}": narrow(make_case("dense", (1, 256), (256, 256), **RELU), bits),
    }


def main(words: list[str]) -> None:
    """One line per (kernel, board, compiler, layer) that matches all words."""
    optimize = "size" if "-Os" in words else "balanced"
    words = [w for w in words if not w.startswith("-")]
    with tempfile.TemporaryDirectory() as folder:
        for board in ("cortex-m0plus", "cortex-m3", "cortex-m4", "riscv"):
            for compiler in ("gcc", "zig"):
                machine = Machine.of(board, compiler, Path(folder), optimize)
                features = kernel_features(machine.board)
                for kernel in kernels():
                    for name, case in LAYERS.items():
                        text = f"{kernel.name} {board} {compiler} {name}"
                        if kernel.op != case.node.op or not all(w in text for w in words):
                            continue
                        if not fits(kernel, case.node, case.facts, features):
                            continue
                        result = machine.run(kernel, case)
                        right = "" if np.array_equal(result.output, case.expected()) else "  WRONG"
                        per_mac = result.instructions / case.facts["macs"]
                        estimate = kernel.instructions(case.facts, features) / case.facts["macs"]
                        code = machine.code_bytes(kernel)
                        print(
                            f"{kernel.name:38} {board:13} {compiler:4} {name:26} {per_mac:7.2f}/MAC"
                            f" (row {estimate:6.2f}) stack {result.stack_bytes:4} code {code:5}{right}",
                            flush=True,
                        )


if __name__ == "__main__":
    main(sys.argv[1:])
