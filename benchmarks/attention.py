"""Attention's figures: instructions per MAC of its kernels, and what powers of two and smoothed keys cost and bring.

`python -m benchmarks.attention [WORD...]` measures anew (WORDs limit boards; `accuracy` and `shifts` are words too),
writes attention.json beside this file and the tables of docs/kernels.md and docs/numbers.md. Instructions are executed
ones on an emulated core, zig's build, softmax included; MACs are those of both products. A test checks what takes no
time, and that the targets are met.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, rewrite
from edgeq.boards import load_board
from edgeq.ir.types import DType, Quantization
from edgeq.kernels.features import kernel_features
from edgeq.kernels.registry import kernels_for
from edgeq.ops.attention import attend, attention_params
from edgeq.ops.fixed_point import quantize_multiplier, requantize
from edgeq.ops.softmax import exponentials
from edgeq.quant.quantize import activation_quantization
from tests.kernels.test_attention import case

FILE = Path(__file__).with_suffix(".json")
BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55", "riscv")
SHAPES: dict[str, Any] = {
    "256 tokens, 4 heads of 16": lambda: case(1, 4, 4, 256, 256, 16, 16, scale=0.01),
    "the same, tiles of 64": lambda: case(1, 4, 4, 256, 256, 16, 16, tile=64, scale=0.01),
    "the same, causal": lambda: case(1, 4, 4, 256, 256, 16, 16, scale=0.01, causal=True),
    "64 tokens, 2 heads of 64": lambda: case(1, 2, 2, 64, 64, 64, 64, scale=0.01),
    "64 tokens, 1 head of 8": lambda: case(1, 1, 1, 64, 64, 8, 8, scale=0.01),
}
SPREADS = (0.5, 1.0, 2.0, 4.0)
"""Standard deviations of scores."""
OFFSETS = (0.0, 1.0, 4.0, 16.0)
"""Of every key alike, in standard deviations of the keys' elements."""


def instructions(board: str) -> dict[str, dict[str, float]]:
    """Per MAC, by kernel and shape; refuses wrong results."""
    from tests.kernels.machine import Machine
    from tests.kernels.one_layer import run_layer

    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine.of(board, "zig", Path(folder))
        vectors = "mve" in machine.board.features  # which QEMU alone runs
        for kernel in kernels_for("attention"):
            if not kernel.runs_on(kernel_features(load_board(board))):
                continue
            for name, shape in SHAPES.items():
                layer = shape()
                if not kernel.accepts(layer.facts):
                    continue
                result: Any = (
                    machine.run(kernel, layer) if not vectors else run_layer(kernel, layer, board, Path(folder))
                )
                np.testing.assert_array_equal(result.output, layer.expected())
                found.setdefault(kernel.name, {})[name] = round(result.instructions / layer.facts["macs"], 2)
    return found


def shifts() -> dict[str, float]:
    """Instructions per MAC with probabilities that are powers of two on a core without a multiplier, by kernel."""
    from tests.kernels.machine import Machine

    found = {}
    layer = case(1, 4, 4, 32, 256, 16, 16, scale=0.01, log2=True)  # 256 keys; all queries cost alike
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine.of("rv32ec", "zig", Path(folder))
        for kernel in kernels_for("attention"):
            if kernel.runs_on(kernel_features(machine.board)):
                result = machine.run(kernel, layer)
                np.testing.assert_array_equal(result.output, layer.expected())
                found[kernel.name] = round(result.instructions / layer.facts["macs"], 1)
    return found


def sqnr(way: str, spread: float, offset: float = 0.0) -> float:
    """dB of the output of attention over 64 random tokens of 16 against real attention of the same reals.

    way: fused, log2, smoothed (keys less the middle of each channel), or split: scores and probabilities in int8.
    """
    rng = np.random.default_rng(7)
    q, k, v = (rng.normal(size=(8, 64, 16)) for _ in range(3))
    scale = spread / 4
    shifted = k + offset * rng.choice([-1.0, 1.0], 16)
    scores = q @ k.swapaxes(-1, -2) * scale
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    want = weights @ v / weights.sum(-1, keepdims=True)
    given = shifted - (shifted.max((0, 1)) + shifted.min((0, 1))) / 2 if way == "smoothed" else shifted
    kinds = [_kind(x) for x in (q, given, v, want)]
    integers = [kind.quantize(x, DType.INT8) for kind, x in zip(kinds, (q, given, v), strict=False)]
    if way == "split":
        got = _split(integers, kinds, scale)
    else:
        params = attention_params(*kinds, scale=scale, keys=64, depth=16, log2=way == "log2")
        given_q, given_k, given_v = integers
        got = attend(params, given_q, given_k, given_v, 64)
    error = kinds[3].dequantize(got) - want
    return round(float(10 * np.log10((want**2).mean() / (error**2).mean())), 1)


def _kind(x: Any) -> Quantization:
    from edgeq.quant.observe import Range

    return activation_quantization(Range(float(x.min()), float(x.max())))


def _split(integers: list[Any], kinds: list[Quantization], scale: float) -> Any:
    """matmul, softmax, matmul in int8."""
    q, k, v = (x.astype(np.int64) - kind.tensor_zero_point for x, kind in zip(integers, kinds, strict=False))
    products = q @ k.swapaxes(-1, -2)
    unit = kinds[0].tensor_scale * kinds[1].tensor_scale
    kind = _kind(products * unit)
    scores = kind.quantize(products * unit, DType.INT8).astype(np.int64)
    table = np.zeros(256, dtype=np.int64)
    e = exponentials(scale * kind.tensor_scale).astype(np.int64)
    table[: len(e)] = e
    weights = table[scores.max(-1, keepdims=True) - scores]
    probabilities = np.minimum(np.rint(256 * weights / weights.sum(-1, keepdims=True)), 255).astype(np.int64)
    factor = quantize_multiplier(kinds[2].tensor_scale / 256 / kinds[3].tensor_scale)
    return np.clip(requantize(probabilities @ v, *factor) + kinds[3].tensor_zero_point, -128, 127)


def accuracy() -> dict[str, Any]:
    """The two tables of numbers.md."""
    ways = {way: [sqnr(way, s) for s in SPREADS] for way in ("fused", "log2", "split")}
    keys = {way: [sqnr(way, 1.0, offset) for offset in OFFSETS] for way in ("fused", "smoothed")}
    return {"ways": ways, "keys": keys}


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """What stands in the documents, by name."""
    boards = [b for b in BOARDS if b in figures]
    lines = ["| kernel | core | " + " | ".join(SHAPES) + " |", "| --- | --- |" + " ---: |" * len(SHAPES)]
    for board in boards:
        for kernel, found in sorted(figures[board].items()):
            lines.append(f"| `{kernel}` | `{board}` | " + " | ".join(f"{found[s]:.2f}" for s in SHAPES) + " |")
    done = {"attention": "\n".join(lines) + "\n"}
    lines = ["| kernel | RV32EC, 256 keys, heads of 16 |", "| --- | ---: |"]
    lines += [f"| `{kernel}` | {per_mac:.1f} |" for kernel, per_mac in sorted(figures["shifts"].items())]
    done["attention-shifts"] = "\n".join(lines) + "\n"
    ways, keys = figures["accuracy"]["ways"], figures["accuracy"]["keys"]
    titles = {"fused": "`fused`", "log2": "`log2`", "split": "`split`", "smoothed": "`fused`, `--method keys`"}
    for name, head, columns, rows in (
        ("attention-ways", "standard deviation of the scores", SPREADS, ways),
        ("attention-keys", "offset that all keys share", OFFSETS, keys),
    ):
        lines = [f"| {head} | " + " | ".join(f"{c:g}" for c in columns) + " |", "| --- |" + " ---: |" * len(columns)]
        lines += [f"| {titles[way]} | " + " | ".join(f"{x:.1f} dB" for x in got) + " |" for way, got in rows.items()]
        done[name] = "\n".join(lines) + "\n"
    return done


def recorded() -> dict[str, Any]:
    """The checked-in figures."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    return loaded


def main(words: list[str]) -> None:
    """Measures, records, and rewrites the pages."""
    figures = recorded()
    if not words or "accuracy" in words:
        figures["accuracy"] = accuracy()
    if not words or "shifts" in words:
        figures["shifts"] = shifts()
    for board in BOARDS:
        if not words or any(word in board for word in words):
            figures[board] = instructions(board)
    FILE.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", "utf-8")
    for name in ("kernels", "numbers"):
        page = ROOT / "docs" / f"{name}.md"
        page.write_text(rewrite(page.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
