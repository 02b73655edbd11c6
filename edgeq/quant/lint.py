"""Tensors that are likely to round badly, and what edgeq has against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgeq.ir.graph import Graph
from edgeq.ops.registry import operator
from edgeq.quant.observe import Range

OUTLIERS = 100.0
"""Largest over median magnitude (zeros left out) from which a tensor has outliers."""
UNEVEN = 32.0
"""Widest over median channel from which channels are uneven."""
SATURATED = 0.01
"""Part of the values beyond the range, or at the very end of what was seen, from which a tensor is saturated."""


@dataclass(frozen=True)
class Finding:
    """A tensor, what is the matter with it, the figure that says so, and the remedy."""

    tensor: str
    problem: str
    figure: float
    remedy: str


def lint(graph: Graph, seen: Mapping[str, Range], used: Mapping[str, Range]) -> list[dict[str, Any]]:
    """Findings of a real graph's values and weights. seen: all of the data; used: the ranges that integers cover."""
    found: list[Finding] = []
    makers = {v.name: node for node in graph.nodes for v in node.outputs}
    whole = {v.name for v in graph.inputs if not v.type.dtype.is_float}
    for name, range_ in seen.items():
        if name in whole:
            continue  # tokens
        node = makers.get(name)
        if node is not None and (operator(node.op).keeps_quantization or operator(node.op).natural_output is not None):
            continue
        found += _activations(name, range_, used.get(name, range_), is_input=node is None)
    for node in graph.nodes:
        if operator(node.op).accumulates:
            rows = np.moveaxis(node.input(1).constant, operator(node.op).weight_axis, 0)
            found += _weights(node.name, np.abs(rows.reshape(len(rows), -1).astype(np.float64)))
    return [asdict(finding) for finding in found]


def _activations(name: str, seen: Range, used: Range, is_input: bool) -> Iterator[Finding]:
    centers, counts = seen.histogram.centers_and_counts()
    size = np.maximum(np.abs(centers) - seen.histogram.width / 2, 0)
    apart = size > 0
    if not apart.any():
        return
    order = np.argsort(size[apart], kind="stable")
    share = np.cumsum(counts[apart][order])
    median = float(size[apart][order][np.searchsorted(share, share[-1] / 2)])
    largest = max(seen.high, -seen.low)
    if median > 0 and largest / median > OUTLIERS:
        yield Finding(name, "outliers: largest over median", largest / median, "--calibration mse, or percentile")
    wide = np.maximum(seen.channel_high, -seen.channel_low)
    dead = int((seen.channel_high == seen.channel_low).sum())
    if dead and len(wide) > 1:
        remedy = "give other samples, or drop them" if is_input else "left out where it pays (see --keep-dead)"
        yield Finding(name, f"channels that never change, of {len(wide)}", dead, remedy)
    alive = wide[wide > 0]
    if len(alive) > 1 and wide.max() / float(np.median(alive)) > UNEVEN:
        yield Finding(name, "uneven channels: widest over median", wide.max() / np.median(alive), "--method smooth")
    half = seen.histogram.width / 2
    outside = float(counts[(centers + half <= used.low) | (centers - half > used.high)].sum() / counts.sum())
    if outside > SATURATED:
        yield Finding(name, "part of the values beyond the range", outside, "--calibration percentile, or min-max")
    at_end = max((float(counts[k]) for k in (0, -1) if apart[k]), default=0.0) / float(counts.sum())
    if is_input and at_end > SATURATED and len(counts) > 2:
        yield Finding(name, "part of the values at the end of what was seen", at_end, "look for clipping at the sensor")


def _weights(name: str, rows: np.ndarray[Any, Any]) -> Iterator[Finding]:
    size = rows.max(axis=1)
    median = np.median(rows, axis=1)
    there = median > 0
    worst = float((size[there] / median[there]).max(initial=0.0))
    if worst > OUTLIERS:
        yield Finding(f"{name} (weights)", "outliers: largest over median of a row", worst, "--weights int4:g32")
