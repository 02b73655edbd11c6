"""Hadamard rotation: channels between two linear layers are mixed, so that none stands out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Graph, Node
from edgeq.ir.types import Array
from edgeq.ops.registry import operator
from edgeq.passes.rewrite import new_constant
from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.pairs import Pair, linear_pairs
from edgeq.quant.work import Work


class Rotation(Method):
    """Folded into both layers; a nonlinearity between them forbids it, as nearly everywhere in small networks."""

    name = "rotate"
    summary = "Hadamard rotation of the channels between two linear layers, folded into both"
    stage = Stage.REWRITE
    order = 2
    source: ClassVar[str] = "Ashkboos et al., QuaRot, 2024"

    def apply(self, work: Work) -> str:
        graph = work.real.copy()
        pairs = [p for p in linear_pairs(graph) if _can_mix(p)]
        if not pairs:
            return "no two layers follow each other without a nonlinearity"
        for pair in pairs:
            mix = hadamard(pair.channels)
            _mix_outputs(graph, pair.first, mix)
            _mix_inputs(graph, pair, mix)
        work.real = graph
        work.restart()
        return f"{counted(len(pairs), 'pair')} of layers"


def _can_mix(pair: Pair) -> bool:
    """Depthwise layers keep channels apart; one channel, or an odd number, has nothing to be mixed with."""
    kinds = {pair.first.op, pair.second.op}
    return "depthwise_conv2d" not in kinds and pair.channels % 2 == 0


def hadamard(channels: int) -> Array:
    """An orthogonal matrix of equal magnitudes, in blocks of the largest power of two that divides `channels`."""
    block = np.ones((1, 1))
    while channels % (2 * len(block)) == 0:
        block = np.block([[block, block], [block, -block]]) / np.sqrt(2)
    return np.kron(np.eye(channels // len(block)), block)


def _mix_outputs(graph: Graph, node: Node, mix: Array) -> None:
    axis = operator(node.op).weight_axis
    w = node.input(1).constant.astype(np.float64)
    mixed = np.moveaxis(np.tensordot(mix, w, axes=(1, axis)), 0, axis)
    node.inputs[1] = new_constant(graph, f"{node.name}.weights", mixed)
    if node.optional(2) is not None:
        node.inputs[2] = new_constant(graph, f"{node.name}.bias", mix @ node.input(2).constant.astype(np.float64))


def _mix_inputs(graph: Graph, pair: Pair, mix: Array) -> None:
    """The second layer reads z = mix y, so its weights become w mix^T."""
    w = pair.second.input(1).constant.astype(np.float64)
    split = w.reshape(*w.shape[:-1], pair.repeats, pair.channels)
    pair.second.inputs[1] = new_constant(graph, f"{pair.second.name}.weights", (split @ mix.T).reshape(w.shape))
