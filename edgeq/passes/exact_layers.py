"""Writes the integer nodes of a QONNX network: accumulations with thresholds, sums, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import frexp, prod

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Attr, Graph, Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.ops.build import make_node
from edgeq.ops.fixed_point import INT32_MAX
from edgeq.passes.exact_chain import Grid, Step, Sums, evaluate, levels
from edgeq.passes.exact_levels import Thresholds, find_thresholds, shared_row
from edgeq.passes.exact_requantize import proved, requantized

INT8 = (-128, 127)
SHIFT = 128
"""Unsigned integers of eight bits are stored less this."""
FLOAT_DOUBT = 2.0**-21
"""Of the largest sum: how far float32 sums may be beside the real ones."""
REQUANTIZED_FROM = 17
"""Levels of an output, more than four bits, from which the requantizing epilogue is tried before thresholds."""
FORMATS = (("au1", 0, 1), ("au2", 0, 3), ("a2", -2, 1), ("au4", 0, 15), ("a4", -8, 7))
"""Narrow formats of activations by rising width, with the integers that they hold."""


@dataclass(frozen=True)
class Levels:
    """What a quantization gives: integers low, low + step, ..., high as stored; real = (q - zero_point) * scale.

    offset: the stored integer is the file's integer plus this.
    """

    low: int
    high: int
    step: int
    scale: float
    zero_point: int
    offset: int

    @property
    def count(self) -> int:
        return (self.high - self.low) // self.step + 1

    def type(self, shape: tuple[int, ...]) -> TensorType:
        """The type of an activation with these levels."""
        name = "a1" if self.step == 2 else narrowest_format(self.low, self.high)
        return TensorType(shape, DType.INT8, Quantization.per_tensor(self.scale, self.zero_point), name)


def narrowest_format(low: int, high: int) -> str:
    """The narrowest format for consecutive integers; "" where only plain int8 holds them."""
    return next((name for name, first, last in FORMATS if first <= low and high <= last), "")


def make_levels(low: int, high: int, scale: float, zero_point: int, where: str, *, binary: bool = False) -> Levels:
    """Levels as int8. Raises UnsupportedError for more than int8 holds."""
    offset = 0 if low >= INT8[0] and high <= INT8[1] else -SHIFT
    if low + offset < INT8[0] or high + offset > INT8[1]:
        raise UnsupportedError(
            f"integers from {low} to {high} do not fit eight bits",
            where=where,
            hint="quantize activations to at most 8 bits",
        )
    return Levels(low + offset, high + offset, 2 if binary else 1, scale, zero_point + offset, offset)


class Writer:
    """Appends integer nodes to the graph that grows."""

    def __init__(self, graph: Graph, taken: set[str]) -> None:
        self.graph = graph
        self._taken = taken
        self.makers: dict[int, Node] = {}

    def fresh(self, base: str) -> str:
        """A name that nothing has."""
        name, number = base, 1
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name

    def add(
        self, op: str, name: str, inputs: Sequence[Value | None], attrs: Mapping[str, Attr], kind: TensorType
    ) -> Value:
        """One node. kind: what its result is; the shape is inferred."""
        unique = self.fresh(name)
        node = make_node(
            op, unique, inputs, attrs, output_names=[unique], dtype=kind.dtype, quantizations=[kind.quantization]
        )
        node.outputs = [Value(unique, replace(kind, shape=node.output.shape))]
        self.graph.nodes.append(node)
        self.makers[id(node.output)] = node
        return node.output

    def constant(self, name: str, data: Array, quantization: Quantization | None = None) -> Value:
        unique = self.fresh(name)
        return Value(unique, TensorType(tuple(data.shape), DType(data.dtype.name), quantization), data)

    def reshape(self, x: Value, shape: tuple[int, ...]) -> Value:
        """x under another shape."""
        return x if x.shape == shape else self.add("reshape", f"{x.name}.view", [x], {"shape": shape}, x.type)

    def table(self, grid: Grid, wanted: Levels, results: Array, name: str) -> Grid:
        """results: stored integers for low..high of `grid`, which become a table of 256."""
        entries = np.full(256, wanted.low, dtype=np.int64)
        entries[grid.low + 128 : grid.high + 129] = results
        attrs = {"table": tuple(int(t) for t in entries)}
        value = self.add("table", name, [grid.value], attrs, wanted.type(grid.value.shape))
        return Grid(value, wanted.low, wanted.high)

    # accumulations

    def levels(self, sums: Sums, steps: tuple[Step, ...], last: Node, wanted: Levels) -> Grid:
        """The accumulation with the quantization `last` of `steps` on its reals as epilogue."""

        def function(n: Array) -> Array:
            return levels(last, evaluate(steps, sums.reals(n))) + wanted.offset

        targets = np.arange(wanted.low + wanted.step, wanted.high + 1, wanted.step)
        found = find_thresholds(function, targets, sums.low, sums.high, last.name)
        self._note_doubt(sums, steps, last, found, targets - wanted.offset)
        weights, mirrored = _negated(sums, found.falling)
        if mirrored.any():
            found = replace(found, rows=np.where(mirrored[:, np.newaxis], 1 - found.rows[:, ::-1], found.rows))
            found = replace(
                found,
                low=np.where(mirrored, sums.low, found.low),
                high=np.where(mirrored, sums.high, found.high),
            )
        sums = replace(sums, weights=weights)
        kind = wanted.type(sums.shape)
        value = self._requantized(sums, found, wanted, kind)
        if value is None:
            value = self._thresholds(sums, found, wanted, kind)
        if mirrored.any():
            value = self._unmirror(value, mirrored, wanted)
        return Grid(self.reshape(value, sums.shape), wanted.low, wanted.high)

    def _note_doubt(self, sums: Sums, steps: tuple[Step, ...], last: Node, found: Thresholds, targets: Array) -> None:
        """Notes steps that lie within the rounding of float sums, which depends on the order of additions."""
        if all(frexp(s)[0] == 0.5 for s in sums.scales):  # powers of two: float sums are exact
            return
        inside = (found.rows > found.low[:, np.newaxis]) & (found.rows <= found.high[:, np.newaxis])
        sign = np.where(found.falling, -1, 1)[:, np.newaxis]
        reach = np.maximum(np.abs(sums.low), np.abs(sums.high)) * sums.scales
        margin = (reach * FLOAT_DOUBT)[:, np.newaxis] * sign
        doubtful = np.zeros_like(inside)
        for place, side, reached in ((found.rows, -1, True), (found.rows - 1, 1, False)):
            reals = (sums.reals(place * sign) + side * margin).astype(np.float32)
            doubtful |= (levels(last, evaluate(steps, reals)) >= targets) != reached
        count = int((doubtful & inside).sum())
        if count:
            self.graph.meta.setdefault("notes", []).append(
                f"{last.name}: {count} of its {int(inside.sum())} steps lie within the rounding of float32 sums; there "
                "the original's level depends on the order of its additions, and here the exact sum decides"
            )

    def _requantized(self, sums: Sums, found: Thresholds, wanted: Levels, kind: TensorType) -> Value | None:
        if wanted.count < REQUANTIZED_FROM or wanted.step != 1:
            return None
        result = requantized(sums, found, kind, wanted.low)
        if result is None:
            return None
        bias, scales = result
        clamp = {
            "clamp_min": (wanted.low - wanted.zero_point) * wanted.scale,
            "clamp_max": (wanted.high - wanted.zero_point) * wanted.scale,
        }
        value = self._accumulate(sums, scales, bias, None, clamp, kind)
        node = self.makers[id(value)]
        if not proved(node, found, wanted.low):
            self.graph.nodes.remove(node)
            return None
        return value

    def _thresholds(self, sums: Sums, found: Thresholds, wanted: Levels, kind: TensorType) -> Value:
        shared = shared_row(found)
        attrs = {"level_low": wanted.low, "level_step": wanted.step}
        rows, bias = found.rows, None
        if shared is not None:
            row, shift = shared
            # A row per channel takes no bias: shorter for two levels, longer for many.
            if not shift.any() or 4 * len(shift) + 2 * len(row) < 2 * rows.size:
                rows, bias = row[np.newaxis, :], shift
        limit = INT32_MAX
        rows = np.clip(rows, -limit, limit).astype(np.int32)
        return self._accumulate(sums, sums.scales, bias, rows, attrs, kind)

    def _unmirror(self, value: Value, mirrored: Array, wanted: Levels) -> Value:
        """Turns levels of some channels around: one depthwise tap of -1 there, of +1 elsewhere."""
        channels = len(mirrored)
        image = self.reshape(value, (1, prod(value.shape) // channels, 1, channels))
        signs = np.where(mirrored, -1, 1)
        steps = np.arange(wanted.low + wanted.step, wanted.high + 1, wanted.step)
        straight = steps - wanted.zero_point
        turned = steps - wanted.low - wanted.high + wanted.zero_point
        rows = np.where(mirrored[:, np.newaxis], turned, straight).astype(np.int32)
        y = self.add(
            "depthwise_conv2d",
            f"{value.name}.mirror",
            [
                image,
                self.constant(f"{value.name}.signs", signs.astype(np.int8).reshape(1, 1, -1), _scales(np.ones(1), 2)),
                None,
                self.constant(f"{value.name}.mirror.thresholds", rows),
            ],
            {"level_low": wanted.low, "level_step": wanted.step},
            value.type,
        )
        return self.reshape(y, value.shape)

    def sums(self, sums: Sums, factor: Array, bias: Array) -> Value:
        """The int32 sums plus `bias`; their real is the sum's times `factor`, whose sign goes into the weights."""
        weights, mirrored = _negated(sums, np.broadcast_to(factor < 0, sums.scales.shape))
        if mirrored.any():
            raise UnsupportedError("negates a weight of -128", where=sums.name, hint="train with narrow weights")
        scales = sums.scales * np.abs(factor)
        kind = TensorType(sums.shape, DType.INT32, _scales(scales, len(sums.shape) - 1))
        bias = bias + np.sign(factor) * sums.offset
        value = self._accumulate(replace(sums, weights=weights), scales, bias, None, {}, kind)
        return self.reshape(value, sums.shape)

    def _accumulate(
        self,
        sums: Sums,
        scales: Array,
        bias: Array | None,
        rows: Array | None,
        attrs: Mapping[str, Attr],
        kind: TensorType,
    ) -> Value:
        """scales: real of one unit of the sum, per channel; the weights' scales follow from it."""
        axis = {"depthwise_conv2d": 2}.get(sums.op, 0)
        x = sums.x.value
        weight_scales = _scales(scales / x.scale, axis)
        weights = self.constant(f"{sums.name}.weights", sums.weights.astype(np.int8), weight_scales)
        inputs: list[Value | None] = [x, weights, None]
        if bias is not None and bias.any():
            inputs[2] = self.constant(f"{sums.name}.bias", bias.astype(np.int32), _scales(scales, 0))
        if rows is not None:
            inputs.append(self.constant(f"{sums.name}.thresholds", rows))
        return self.add(sums.op, sums.name, inputs, {**sums.attrs, **attrs}, kind)


def _scales(scales: Array, axis: int) -> Quantization:
    if (scales == scales[0]).all():
        return Quantization.per_tensor(float(scales[0]), 0)
    return Quantization(tuple(float(s) for s in scales), (0,) * len(scales), axis)


def _negated(sums: Sums, falling: Array) -> tuple[Array, Array]:
    """(weights, negated in falling channels; the channels where -128 forbids that, which are left as they are)."""
    axis = {"depthwise_conv2d": 2}.get(sums.op, 0)
    others = tuple(a for a in range(sums.weights.ndim) if a != axis)
    mirrored = falling & (sums.weights.min(axis=others) == INT8[0])
    shape = [1] * sums.weights.ndim
    shape[axis] = -1
    return sums.weights * np.where(falling & ~mirrored, -1, 1).reshape(shape), mirrored
