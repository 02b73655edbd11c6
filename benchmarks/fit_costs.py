"""Fits the cost of every kernel that has weights to measured instructions, and writes it into runtime/kernels.toml.

`python -m benchmarks.fit_costs [WORD...]` measures a dozen shapes per kernel and core, solves for

    a * positions * taps filled up to T * channels filled up to B
      + b * outputs + c * positions * taps + d * positions + e

with no coefficient below 0, the least largest relative error over T and B, and prints that error. The converter
chooses kernels by these expressions. WORDs limit it to rows whose name contains one.
"""

from __future__ import annotations

import re
import sys
import tempfile
from itertools import combinations, product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.kernels import boards_of, of_format
from edgeq import resources
from edgeq.boards import load_board
from edgeq.kernels.features import kernel_features
from edgeq.kernels.matching import takes
from edgeq.kernels.registry import Kernel, kernels
from tests.kernels.cases import Case, make_case, make_levels_case
from tests.kernels.one_layer import run_layers

SAME = {"pads": (1, 1, 1, 1)}
SHAPES: dict[str, list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]]] = {
    "dense": [
        ((1, i), (o, i), {}) for i, o in ((64, 64), (256, 32), (37, 10), (128, 7), (16, 100), (640, 16), (33, 33))
    ],
    "conv2d": [
        ((1, 8, 8, 16), (16, 3, 3, 16), SAME),
        ((1, 6, 6, 64), (32, 1, 1, 64), {}),
        ((1, 10, 10, 3), (8, 3, 3, 3), {**SAME, "strides": (2, 2)}),
        ((1, 5, 5, 8), (40, 3, 3, 8), SAME),
        ((1, 1, 20, 13), (21, 1, 5, 13), {"pads": (0, 2, 0, 2)}),
        ((1, 12, 12, 8), (16, 1, 1, 8), {}),
        ((1, 4, 4, 33), (17, 3, 3, 33), SAME),
        ((1, 12, 8, 1), (32, 5, 4, 1), {}),
    ],
    "depthwise_conv2d": [
        ((1, 8, 8, 16), (3, 3, 16), SAME),
        ((1, 5, 5, 64), (3, 3, 64), SAME),
        ((1, 9, 9, 8), (3, 3, 8), {"strides": (2, 2)}),
        ((1, 10, 6, 12), (5, 2, 12), {}),
        ((1, 16, 1, 33), (7, 1, 33), {"pads": (3, 0, 3, 0)}),
        ((1, 12, 12, 4), (3, 3, 4), SAME),
    ],
}
FEATURE_ORDER = ("thumb1", "mve", "dsp", "mla", "zbb", "rvv")
"""A cost table's first entry whose feature the core has counts; cores with the later ones have no earlier one."""
FILLS = ((1, 2, 4, 8, 16, 32), (1, 2, 4, 8, 16, 32))
"""Taps and channels per block that are tried."""
WORTH = 0.8
"""Blocks must bring the error down by this factor to be believed."""

Numbers = NDArray[np.float64]


def cases(kernel: Kernel) -> list[Case]:
    """The shapes of the kernel's operator that it takes."""
    name = kernel.parts
    found = []
    for x, w, attrs in SHAPES.get(kernel.op, []):
        if kernel.epilogue == "levels":
            activations = "a8" if name.activations == "ax" else name.activations
            output = "a1" if activations == "a8" else activations
            case = make_levels_case(
                kernel.op, x, w, inputs=activations, weights=str(name.weights), output=output, **attrs
            )
        else:
            case = of_format(make_case(kernel.op, x, w, **attrs), str(name.weights))
        if takes(kernel, case.node) and kernel.accepts(case.facts):
            found.append(case)
    return found


def positions(kernel: Kernel) -> str:
    """How many input vectors or windows there are, as an expression."""
    return "rows" if kernel.op == "dense" else "out_h * out_w"


def fit(facts: list[dict[str, int]], counts: Numbers, where: str) -> tuple[str, float]:
    """(expression, largest relative error)."""

    def columns(taps: int, channels: int) -> Numbers:
        rows = []
        for f in facts:
            places = f["rows"] if where == "rows" else f["out_h"] * f["out_w"]
            filled = places * ceil(f["taps"] / taps) * taps * ceil(f["out_c"] / channels) * channels
            rows.append([filled, f["outputs"], places * f["taps"], places, 1])
        return np.array(rows, dtype=np.float64)

    best: tuple[float, Numbers, int, int] | None = None
    for taps, channels in product(*FILLS):
        solution, error = _solve(columns(taps, channels) / counts[:, None])
        if best is None or error < best[0] * (WORTH if best[2:] == (1, 1) else 1):
            best = (error, solution, taps, channels)
    assert best is not None
    error, solution, taps, channels = best
    return _expression(solution, taps, channels, where), error


def _solve(scaled: Numbers) -> tuple[Numbers, float]:
    """Coefficients >= 0 with scaled @ x close to 1 everywhere, and the largest deviation; by trying every support."""
    best, least = np.zeros(scaled.shape[1]), np.inf
    for size in range(1, min(len(scaled) - 1, scaled.shape[1]) + 1):
        for support in combinations(range(scaled.shape[1]), size):
            part = np.linalg.lstsq(scaled[:, support], np.ones(len(scaled)), rcond=None)[0]
            error = float(np.abs(scaled[:, support] @ part - 1).max())
            if (part >= 0).all() and error < least * 0.98:
                best, least = np.zeros(scaled.shape[1]), error
                best[list(support)] = part
    return best, least


def _expression(solution: Numbers, taps: int, channels: int, where: str) -> str:
    def filled(what: str, block: int) -> str:
        return what if block == 1 else f"ceil_div({what}, {block}) * {block}"

    macs = "macs" if taps == channels == 1 else f"{where} * {filled('taps', taps)} * {filled('out_c', channels)}"
    terms = (f" * {macs}", " * outputs", f" * {where} * taps", f" * {where}", "")
    return " + ".join(f"{_digits(value)}{term}" for value, term in zip(solution, terms, strict=True) if value > 0)


def _digits(value: float) -> str:
    """Three digits, large numbers whole."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def measured(kernel: Kernel) -> dict[str, tuple[str, float]]:
    """Feature -> (expression, error) for the boards on which the kernel is measured; "default" for the others."""
    found: dict[str, tuple[str, float]] = {}
    tried = cases(kernel)
    if len(tried) < 3:
        return {}
    for board in boards_of(kernel):
        with tempfile.TemporaryDirectory() as folder:
            results = run_layers(kernel, tried, board, Path(folder))
        for case, result in zip(tried, results, strict=True):
            np.testing.assert_array_equal(result.output, case.expected(), err_msg=f"{kernel.name} on {board}")
        features = kernel_features(load_board(board))
        key = next((f for f in FEATURE_ORDER if f in features), "default")
        counts = np.array([r.instructions for r in results], dtype=np.float64)
        found[key] = fit([c.facts for c in tried], counts, positions(kernel))
        print(f"{kernel.name:48} {board:14} {found[key][1]:6.1%}  {found[key][0]}", flush=True)
    return found


def rewrite(text: str, kernel: Kernel, table: dict[str, tuple[str, float]]) -> str:
    """kernels.toml with this row's cost replaced."""
    order = [f for f in FEATURE_ORDER if f in table]
    default = table.get("default", table[order[-1]] if order else ("0", 0.0))[0]
    entries = [f'{f} = "{table[f][0]}"' for f in order if f not in ("zbb", "rvv")] + [f'default = "{default}"']
    cost = f"cost = {{ {', '.join(entries)} }}" if len(entries) > 1 else f'cost = "{default}"'
    place = re.compile(rf'(name = "{kernel.name}"\n(?:(?!\[\[kernel\]\]).*\n)*?)cost = .*\n')
    return place.sub(lambda m: f"{m[1]}{cost}\n", text, count=1)


def main(words: list[str]) -> None:
    """Measures and rewrites row after row, so that an interruption loses nothing."""
    file = resources.runtime_dir() / "kernels.toml"
    for kernel in kernels():
        if kernel.parts.weights is None or (words and not any(word in kernel.name for word in words)):
            continue
        if table := measured(kernel):
            file.write_text(rewrite(file.read_text("utf-8"), kernel, table), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
