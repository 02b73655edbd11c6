"""LayerNorm and RMSNorm over trailing axes, InstanceNorm and GroupNorm over places."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.layout import first_to_last, last_to_first
from edgeq.frontends.onnx.rows import converts
from edgeq.ir.graph import Value
from edgeq.ir.types import Array


@converts("LayerNormalization")
def layer_normalization(node: NodeImport) -> None:
    _normalize(node, centred=True)


@converts("RMSNormalization")
def rms_normalization(node: NodeImport) -> None:
    _normalize(node, centred=False)


def _normalize(node: NodeImport, *, centred: bool) -> None:
    x = node.real(0)
    rank = len(x.shape)
    axis = node.attrs.integer("axis", -1)
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} of a tensor with {rank} axes")
    node.attrs.ignore("stash_type")  # how precisely its own float arithmetic goes
    shape = x.shape[axis % rank :]
    columns = prod(shape)
    gain = np.broadcast_to(node.constant(1, "scale"), shape).reshape(-1)
    offset = np.broadcast_to(node.constant(2, "bias"), shape).reshape(-1) if node.has(2) else np.zeros(columns)
    attrs = {"epsilon": node.attrs.real("epsilon", 1e-5), "centred": centred}
    rows = node.reshape(x, (*x.shape[: axis % rank], columns))
    operands = [rows, node.own("gain", gain.astype(np.float32)), node.own("offset", offset.astype(np.float32))]
    node.bind(0, node.reshape(node.emit("layer_norm", operands, attrs), x.shape))


@converts("InstanceNormalization")
def instance_normalization(node: NodeImport) -> None:
    """Of an input whose channels are groups, as exporters of GroupNorm have it, over what it was before."""
    x = node.real(0)
    groups = x.shape[1]
    scale, offset = (_of_channels(node, i, what, groups) for i, what in ((1, "scale"), (2, "bias")))
    node.attrs.ignore("consumed_inputs")  # before opset 6
    whole = _before_grouping(node, x)
    width = whole.shape[1] // groups
    y = _group_norm(node, whole, groups, np.repeat(scale, width), np.repeat(offset, width))
    node.bind(0, node.reshape(y, x.shape))


@converts("GroupNormalization")
def group_normalization(node: NodeImport) -> None:
    """Scale and bias are per group before opset 21, then per channel."""
    x, groups = node.real(0), node.attrs.integer("num_groups", 0)
    node.attrs.ignore("stash_type")
    if len(x.shape) < 3 or groups < 1 or x.shape[1] % groups:
        raise UnsupportedError(f"{groups} groups of {list(x.shape)}")
    width = x.shape[1] // groups
    count, repeated = (groups, width) if node.opset < 21 else (x.shape[1], 1)
    gain, offset = (_of_channels(node, i, what, count) for i, what in ((1, "scale"), (2, "bias")))
    node.bind(0, _group_norm(node, x, groups, np.repeat(gain, repeated), np.repeat(offset, repeated)))


def _of_channels(node: NodeImport, index: int, what: str, count: int) -> Array:
    numbers = node.constant(index, what)
    if numbers.shape != (count,):
        raise UnsupportedError(f"its {what} has shape {list(numbers.shape)} instead of [{count}]")
    return numbers.astype(np.float32)


def _before_grouping(node: NodeImport, x: Value) -> Value:
    """[N, C, ...] where `x` is its reshape to [N, groups, ...]; else x."""
    maker = next((n for n in node.importer.graph.nodes if n.output is x), None)
    if maker is None or maker.op != "reshape" or len(x.shape) < 3:
        return x
    source = maker.input(0)
    whole = len(source.shape) > 2 and source.shape[0] == x.shape[0] and source.shape[1] % x.shape[1] == 0
    return source if whole else x


def _group_norm(node: NodeImport, x: Value, groups: int, gain: Array, offset: Array) -> Value:
    rank = len(x.shape)
    if rank < 3:
        raise UnsupportedError(f"its input has {rank} axes, three at least are needed")
    attrs = {"groups": groups, "epsilon": node.attrs.real("epsilon", 1e-5)}
    operands = [node.transpose(x, first_to_last(rank)), node.own("gain", gain), node.own("offset", offset)]
    return node.transpose(node.emit("group_norm", operands, attrs), last_to_first(rank))
