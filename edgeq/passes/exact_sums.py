"""Which operators of a QONNX network are exact sums of integers, and between which bounds these stay."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.formats.registry import number_format
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType, TensorType
from edgeq.ops.fixed_point import INT32_MAX
from edgeq.ops.registry import operator
from edgeq.passes.exact_chain import Grid, Pending, Step, Sums
from edgeq.passes.exact_layers import INT8, Levels, Writer

UNCLAMPED: dict[str, Any] = {"clamp_min": None, "clamp_max": None}


def accumulation(writer: Writer, node: Node, x: Grid) -> Pending:
    """conv2d, depthwise_conv2d or dense on a grid, with integer weights."""
    weights = node.input(1)
    axis = operator(node.op).weight_axis
    quantization = weights.type.quantization
    if not weights.is_constant or weights.type.dtype is not DType.INT8 or quantization is None:
        raise UnsupportedError(
            f"its weights ({weights.name!r}) are not quantized to at most 8 bits",
            where=node.name,
            hint="put a Quant or BipolarQuant of at most 8 bits on the weights of every layer",
        )
    if quantization.axis not in (None, axis) or any(quantization.zero_point):
        raise UnsupportedError(
            "its weights are not quantized per tensor or per output channel, without zero point",
            where=node.name,
            hint="quantize weights symmetrically, with one scale per tensor or per output channel",
        )
    data = weights.constant.astype(np.int64)
    channels = data.shape[axis]
    scales = np.broadcast_to(np.asarray(quantization.scale) * x.value.scale, (channels,))
    attrs = {k: v for k, v in node.attrs.items() if k in ("strides", "dilations", "pads", "groups")}
    whole = _whole_map(writer, x, data) if node.op == "dense" else None
    if whole is not None:
        x, data = whole
        sums = make_sums(node.name, "conv2d", x, data, {}, scales, node.output.shape)
    else:
        sums = make_sums(node.name, node.op, x, data, attrs, scales, node.output.shape)
    state = Pending(sums, node.output.shape)
    bias = node.optional(2)
    if bias is None:
        return state
    reals = bias.constant if bias.type.quantization is None else bias.type.quantization.dequantize(bias.constant)
    pseudo = Node("add", node.name, [node.output, bias], node.outputs, dict(UNCLAMPED))
    return state.then(Step(pseudo, (reals.astype(np.float32)[:, np.newaxis],)), node.output.shape)


def _whole_map(writer: Writer, x: Grid, weights: Array) -> tuple[Grid, Array] | None:
    """A dense layer on a flattened packed image whose rows end inside bytes reads the image itself, by one window.

    So nobody has to pack the image anew.
    """
    view = writer.makers.get(id(x.value))
    if view is None or view.op != "reshape" or not x.value.type.format:
        return None
    image = view.input(0)
    if len(image.shape) != 4 or len(x.value.shape) != 2 or image.shape[0] != x.value.shape[0] != 1:
        return None
    row = number_format(image.type.format)
    _, height, width, channels = image.shape
    if height * width == 1 or row.row_bytes(channels) * height * width == row.row_bytes(height * width * channels):
        return None
    return Grid(image, x.low, x.high), weights.reshape(-1, height, width, channels)


def make_sums(
    name: str, op: str, x: Grid, weights: Array, attrs: dict[str, Any], scales: Array, shape: tuple[int, ...]
) -> Sums:
    """The accumulation with its bounds. Raises UnsupportedError when they exceed 32 bits."""
    axis = operator(op).weight_axis
    taps = tuple(a for a in range(weights.ndim) if a != axis)
    ends = np.stack([weights * (x.low - x.value.zero_point), weights * (x.high - x.value.zero_point)])
    if any(attrs.get("pads", ())):  # a tap outside contributes nothing
        ends = np.concatenate([ends, np.zeros_like(ends[:1])])
    low, high = ends.min(axis=0).sum(axis=taps), ends.max(axis=0).sum(axis=taps)
    if max(np.abs(low).max(), np.abs(high).max()) > INT32_MAX // 2:
        raise UnsupportedError("its sums may exceed 32 bits", where=name, hint="use fewer inputs or fewer bits")
    return Sums(name, op, x, weights, attrs, np.array(scales, dtype=np.float64), low, high, shape)


def each_channel(writer: Writer, name: str, x: Grid, channels: int) -> Sums:
    """The grid as sums of one tap, so that each of `channels` elements in a row can have thresholds of its own."""
    shape = x.value.shape
    image = writer.reshape(x.value, (1, prod(shape) // channels, 1, channels))
    ones = np.ones((1, 1, channels), dtype=np.int64)
    scales = np.full(channels, x.value.scale)
    return make_sums(name, "depthwise_conv2d", Grid(image, x.low, x.high), ones, {}, scales, shape)


def average(writer: Writer, node: Node, x: Grid) -> Pending:
    """avg_pool2d or mean: the sum of a window by weights of 1, then a division."""
    shape = x.value.shape
    if node.op == "avg_pool2d":
        kernel, pads = node.attrs["kernel"], node.attrs["pads"]
        if any(pads) and not node.attrs["count_include_pad"]:
            raise UnsupportedError(
                "averages a different number of elements at the edge",
                where=node.name,
                hint="pool without padding, or with count_include_pad",
            )
        attrs = {"strides": node.attrs["strides"], "pads": pads}
        image = x.value
    else:
        axes = sorted({a % len(shape) for a in node.attrs["axes"]})
        first, last = axes[0], axes[-1] + 1
        if axes != list(range(first, last)) or (last < len(shape) and prod(shape[:first]) != 1):
            raise UnsupportedError(
                f"a mean over axes {axes} of {list(shape)}",
                where=node.name,
                hint="average over all positions of an image",
            )
        kernel = (prod(shape[first:last]), 1)
        attrs = {}
        if last == len(shape):
            return _divided(_row_sums(writer, node, x, kernel[0]), node, kernel[0])
        image = writer.reshape(x.value, (1, kernel[0], prod(shape[last:-1]), shape[-1]))
    ones = np.ones((*kernel, shape[-1]), dtype=np.int64)
    scales = np.full(shape[-1], x.value.scale)
    grid = Grid(image, x.low, x.high)
    sums = make_sums(node.name, "depthwise_conv2d", grid, ones, attrs, scales, node.output.shape)
    return _divided(sums, node, kernel[0] * kernel[1])


def _row_sums(writer: Writer, node: Node, x: Grid, count: int) -> Sums:
    """The last `count` elements of each row, summed by a dense layer of ones."""
    shape = x.value.shape
    rows = prod(shape) // count
    flat = Grid(writer.reshape(x.value, (1, rows, count)), x.low, x.high)
    ones = np.ones((1, count), dtype=np.int64)
    output = node.output.shape if node.output.shape[-1:] == (1,) else (*node.output.shape, 1)
    return make_sums(node.name, "dense", flat, ones, {}, np.full(1, x.value.scale), output)


def _divided(sums: Sums, node: Node, count: int) -> Pending:
    pseudo = Node("div", node.name, [node.output, None], node.outputs, dict(UNCLAMPED))
    state = Pending(sums, sums.shape).then(Step(pseudo, (np.full((1, 1), count, dtype=np.float32),)), sums.shape)
    if sums.shape == node.output.shape:
        return state
    view = Node("reshape", node.name, [node.output], node.outputs, {"shape": node.output.shape})
    return state.then(view, node.output.shape)


def pair(writer: Writer, node: Node, a: Grid, b: Grid) -> Pending:
    """add or sub of two grids whose scales are whole multiples of one."""
    sign = 1 if node.op == "add" else -1
    ratio = Fraction(a.value.scale) / Fraction(b.value.scale)
    if ratio == 1:
        first = [i - a.value.zero_point for i in (a.low, a.high)]
        second = [sign * (i - b.value.zero_point) for i in (b.low, b.high)]
        ends = [i + j for i in first for j in second]
        low, high = min(ends), max(ends)
        if high - low <= INT8[1] - INT8[0]:
            return _added(writer, node, a, b, low, high)
    if max(ratio.numerator, ratio.denominator) > INT8[1]:
        raise UnsupportedError(
            f"{node.op} of grids with scales {a.value.scale:.9g} and {b.value.scale:.9g}",
            where=node.name,
            hint="give both operands the same quantization (one shared quantizer)",
        )
    if a.value.shape != b.value.shape:
        raise UnsupportedError(f"{node.op} of wide integers that broadcasts", where=node.name, hint="use fewer bits")
    shape = a.value.shape
    channels = next((d for d in reversed(shape) if d != 1), 1)
    rows = prod(shape) // channels
    offset = sign * ratio.denominator * (a.value.zero_point - b.value.zero_point)
    if b.value.type.quantization != a.value.type.quantization:  # the same integers under the zero point of a
        levels = Levels(b.low, b.high, 1, a.value.scale, a.value.zero_point, 0)
        b = writer.table(b, levels, np.arange(b.low, b.high + 1), f"{node.name}.aligned")
    images = [writer.reshape(g.value, (1, rows, 1, channels)) for g in (a, b)]
    bounds = (min(a.low, b.low), max(a.high, b.high))
    kind = joined_type([a, b])
    both = writer.add("concat", f"{node.name}.concat", images, {"axis": 1}, kind)
    taps = np.array([ratio.numerator, sign * ratio.denominator], dtype=np.int64).reshape(2, 1, 1)
    scales = np.full(channels, a.value.scale / ratio.numerator)
    sums = make_sums(
        node.name,
        "depthwise_conv2d",
        Grid(both, *bounds),
        np.broadcast_to(taps, (2, 1, channels)),
        {"dilations": (rows, 1)},
        scales,
        node.output.shape,
    )
    return Pending(replace(sums, offset=offset), node.output.shape)


def _added(writer: Writer, node: Node, a: Grid, b: Grid, low: int, high: int) -> Pending:
    zero_point = 0 if low >= INT8[0] and high <= INT8[1] else INT8[0] - low
    levels = Levels(low + zero_point, high + zero_point, 1, a.value.scale, zero_point, zero_point)
    kind = levels.type(node.output.shape)
    value = writer.add(node.op, node.name, [a.value, b.value], dict(UNCLAMPED), kind)
    return Pending(Grid(value, levels.low, levels.high), node.output.shape)


def joined_type(grids: list[Grid]) -> TensorType:
    """The type of tensors of one quantization put together."""
    first = grids[0].value.type
    formats = {g.value.type.format for g in grids}
    if len(formats) == 1:
        return first
    levels = Levels(
        min(g.low for g in grids),
        max(g.high for g in grids),
        1,
        grids[0].value.scale,
        0,
        0,
    )
    return TensorType(first.shape, DType.INT8, first.quantization, levels.type(first.shape).format)


def _relabelled(writer: Writer, grid: Grid, like: Grid, name: str) -> Grid:
    """The same reals in the quantization of `like`, which has the same scale."""
    if grid.value.type.quantization == like.value.type.quantization:
        return grid
    shift = like.value.zero_point - grid.value.zero_point
    low, high = grid.low + shift, grid.high + shift
    if low < INT8[0] or high > INT8[1]:
        raise UnsupportedError("joins integers that together exceed 8 bits", where=name, hint="share one quantizer")
    levels = Levels(low, high, 1, like.value.scale, like.value.zero_point, 0)
    return writer.table(grid, levels, np.arange(low, high + 1), f"{name}.aligned")


def aligned(writer: Writer, grids: list[Grid], name: str) -> list[Grid]:
    """Grids of one scale in one quantization. Raises UnsupportedError where scales differ."""
    if any(g.value.scale != grids[0].value.scale for g in grids):
        scales = ", ".join(f"{g.value.scale:.9g}" for g in grids)
        raise UnsupportedError(
            f"joins grids of different scales ({scales})", where=name, hint="share one quantizer, or quantize behind it"
        )
    return [_relabelled(writer, g, grids[0], name) for g in grids]
