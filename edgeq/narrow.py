"""Leaves out channels that a lowered graph does not need, as far as its board's kernels are faster for it.

Kernels take channels in blocks. Where a few superfluous channels fill a block that would otherwise be computed one by
one, they stay: the estimates that choose the kernels decide, class by class of channels that hang together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeq.ir.graph import Graph, Value
from edgeq.kernels.select import select_kernels
from edgeq.kernels.storage import choose_storage
from edgeq.ops.registry import operator
from edgeq.passes.constant_channels import needed_channels, remove_channels
from edgeq.passes.needed_channels import Channels

BLOCKS = (4, 8)
"""Channels that kernels take together."""


@dataclass(frozen=True)
class Removed:
    """What a graph lost: channels of the outputs of layers with weights, and multiply-accumulates."""

    channels: int
    macs: int


def narrow(graph: Graph, features: frozenset[str], goal: str) -> Removed:
    """Narrows a lowered graph in place; outputs keep every bit. goal: as for kernels; size keeps no spare channel."""
    channels = needed_channels(graph)
    if all(mask.all() for mask in channels.kept.values()):
        return Removed(0, 0)
    if goal != "size":
        _fill_blocks(graph, channels, features, goal)
    before = _channels_and_macs(graph)
    remove_channels(graph, channels)
    after = _channels_and_macs(graph)
    return Removed(before[0] - after[0], before[1] - after[1])


def _channels_and_macs(graph: Graph) -> tuple[int, int]:
    layers = [n for n in graph.nodes if operator(n.op).accumulates]
    return sum(n.output.shape[-1] for n in layers), sum(operator(n.op).macs(n) for n in layers)


def _fill_blocks(graph: Graph, channels: Channels, features: frozenset[str], goal: str) -> None:
    best = _estimate(graph, channels, features, goal)
    for node in (n for n in graph.nodes if n.name in channels.layers):
        tried = {_count(channels, node.output)}
        for block in BLOCKS:
            wider = channels.copy()
            _fill(wider, node.output, block)
            if _count(wider, node.output) in tried:
                continue
            tried.add(_count(wider, node.output))
            estimate = _estimate(graph, wider, features, goal)
            if estimate < best:
                best, channels.kept = estimate, wider.kept


def _count(channels: Channels, value: Value) -> int:
    return int(channels.kept[value.name].sum())


def _fill(channels: Channels, value: Value, block: int) -> None:
    """Keeps more channels of `value` until their number is a multiple of `block`, or there are no more."""
    while _count(channels, value) % block and not (kept := channels.kept[value.name]).all():
        channels.keep(value, int(np.flatnonzero(~kept)[0]))


def _estimate(graph: Graph, channels: Channels, features: frozenset[str], goal: str) -> int:
    """Instructions of the graph with these channels."""
    trial = graph.copy()
    remove_channels(trial, channels)
    choose_storage(trial, features)
    return sum(c.estimate for c in select_kernels(trial.nodes, features, goal).values())
