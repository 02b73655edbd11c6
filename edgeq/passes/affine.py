"""Weights and bias of convolutions and dense layers under a factor and an offset per channel."""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.ops.registry import operator
from edgeq.passes.rewrite import Uses, is_real, new_constant

ACCUMULATING = ("conv2d", "depthwise_conv2d", "dense")


def foldable_producer(uses: Uses, value: Value) -> Node | None:
    """The real, unclamped convolution or dense layer that makes `value` for one reader only."""
    node = uses.private_producer(value, *ACCUMULATING)
    if node is None or not is_real(node.input(0), node.output):
        return None
    if node.attrs["clamp_min"] is not None or node.attrs["clamp_max"] is not None:
        return None
    constants = all(v is None or v.is_constant for v in node.inputs[1:])
    return node if constants else None


def channel_vector(value: Value, channels: int) -> Array | None:
    """A constant that differs along the last axis only, as float64[channels]; None for any other."""
    data = value.constant.astype(np.float64)
    if data.size == 1:
        return np.full(channels, data.reshape(-1)[0])
    if data.shape[-1] == channels == data.size:
        return data.reshape(channels)
    return None


def takes_scale(node: Node, scale: Array) -> bool:
    """Quantized weights keep their integers: such a layer takes up offsets only."""
    return is_real(node.input(1)) or bool((scale == 1).all())


def scale_outputs(graph: Graph, node: Node, scale: Array, offset: Array) -> None:
    """node(x) becomes node(x) * scale + offset, one entry per output channel."""
    weights, bias = node.input(1), node.optional(2)
    axis = operator(node.op).weight_axis
    shape = [1] * len(weights.shape)
    shape[axis] = -1
    channels = weights.shape[axis]
    old = np.zeros(channels) if bias is None else real_data(bias)
    base = node.name
    if not (scale == 1).all():
        scaled = weights.constant.astype(np.float64) * scale.reshape(shape)
        node.inputs[1] = new_constant(graph, f"{base}.weights", scaled)
    node.inputs[2:] = [new_constant(graph, f"{base}.bias", old * scale + offset)]


def real_data(value: Value) -> Array:
    """What a constant stands for, as float64."""
    quantization = value.type.quantization
    return value.constant.astype(np.float64) if quantization is None else quantization.dequantize(value.constant)


def scale_inputs(graph: Graph, node: Node, scale: Array, offset: Array) -> bool:
    """node(x) becomes node(x * scale + offset), one entry per input channel; False where padding forbids it."""
    padded = node.op != "dense" and any(node.attrs["pads"])
    if (padded and offset.any()) or not is_real(*node.inputs, *node.outputs):
        return False
    if any(v is not None and not v.is_constant for v in node.inputs[1:]):
        return False
    weights = node.input(1).constant.astype(np.float64)
    factor, shift = _per_tap(node, scale), _per_tap(node, offset)
    channel = operator(node.op).weight_axis
    taps = tuple(a for a in range(weights.ndim) if a != channel)
    added = (weights * shift).sum(axis=taps)
    bias = node.optional(2)
    base = node.name
    node.inputs[1] = new_constant(graph, f"{base}.weights", weights * factor)
    if bias is not None or added.any():
        old = np.zeros(weights.shape[channel]) if bias is None else bias.constant.astype(np.float64)
        node.inputs[2:] = [new_constant(graph, f"{base}.bias", old + added)]
    return True


def _per_tap(node: Node, vector: Array) -> Array:
    """One number per input channel, spread over the weights that read it."""
    shape = node.input(1).shape
    if node.op == "dense":
        return np.broadcast_to(vector, shape)
    if node.op == "depthwise_conv2d":
        return np.broadcast_to(np.repeat(vector, shape[2] // vector.size), shape)
    groups, outputs, group_c = node.attrs["groups"], shape[0], shape[3]
    rows = np.repeat(vector.reshape(groups, group_c), outputs // groups, axis=0)
    return np.broadcast_to(rows[:, None, None, :], shape)
