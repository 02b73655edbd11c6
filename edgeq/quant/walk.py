"""Layer by layer through the float and the rounded network at once, each layer on the inputs that it will have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeq.formats import number_format
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, TensorType
from edgeq.ops.accumulate import real_clamp
from edgeq.ops.registry import operator
from edgeq.passes.rewrite import Uses
from edgeq.quant.quantize import Layer
from edgeq.quant.work import Work

LIMIT = 256
"""Samples that walk through, at most: all their values between two layers are in memory."""


@dataclass(frozen=True)
class Step:
    """A layer with its inputs and its sums before the clamp: of the float network, and of the rounded one so far."""

    node: Node
    real_input: Array
    input: Array
    real_sums: Array

    def sums(self, layer: Layer) -> Array:
        """What the rounded layer makes of the rounded input, before its clamp."""
        return layer_sums(self.node, layer, self.input)


def layer_sums(node: Node, layer: Layer, x: Array) -> Array:
    """A layer with the weights and the bias chosen, without its clamp."""
    axis = operator(node.op).weight_axis
    moved = np.moveaxis(node.input(1).constant, axis, 0).shape
    w = np.moveaxis(layer.weights.reals.reshape(moved), 0, axis)
    (y,) = operator(node.op).compute(_linear(node), [x, w, layer.bias])
    return y


def walk(work: Work, choose: Callable[[Step], Layer]) -> None:
    """Puts what `choose` makes of each layer into `work.layers`, in execution order."""
    types, uses = work.activation_types(), Uses(work.real)
    real: dict[str, Array] = {}
    ours: dict[str, Array] = {}
    for value in work.real.inputs:
        real[value.name] = work.samples[value.name][:LIMIT].astype(np.float64)
        known = types.get(value.name)
        ours[value.name] = real[value.name] if known is None else on_grid(real[value.name], known)
    for position, node in enumerate(work.real.nodes):
        arrays = [_operands(node, values) for values in (real, ours)]
        if operator(node.op).accumulates:
            (sums,) = operator(node.op).compute(_linear(node), arrays[0])
            x, rounded = arrays[0][0], arrays[1][0]
            assert x is not None and rounded is not None
            layer = work.layers[node.name] = choose(Step(node, x, rounded, sums))
            results = [real_clamp(node, sums), real_clamp(node, layer_sums(node, layer, rounded))]
        else:
            results = [operator(node.op).compute(node, operands)[0] for operands in arrays]
        real[node.output.name] = results[0]
        kind = types.get(node.output.name)
        ours[node.output.name] = results[1] if kind is None else on_grid(results[1], kind)
        for read in node.inputs:
            if (
                read is not None
                and not read.is_constant
                and not any(n in uses.consumers(read) for n in work.real.nodes[position + 1 :])
            ):
                real.pop(read.name, None)
                ours.pop(read.name, None)


def _operands(node: Node, values: dict[str, Array]) -> list[Array | None]:
    return [None if v is None else v.constant if v.is_constant else values[v.name] for v in node.inputs]


def _linear(node: Node) -> Node:
    return Node(node.op, node.name, node.inputs, node.outputs, {**node.attrs, "clamp_min": None, "clamp_max": None})


def on_grid(x: Array, kind: TensorType) -> Array:
    """Reals as the integers of a type would have them."""
    quantization = kind.quantization
    assert quantization is not None
    scale, zero_point = quantization.tensor_scale, quantization.tensor_zero_point
    if kind.format and not number_format(kind.format).has_zero:
        return np.where(x >= 0, scale, -scale)
    low, high = kind.bounds
    return np.asarray((np.clip(np.rint(x / scale) + zero_point, low, high) - zero_point) * scale)
