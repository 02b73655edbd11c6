"""Real weights -> integer weights with their scales, by any scheme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.formats import number_format
from edgeq.formats.groups import GroupedRows
from edgeq.formats.levels import Levels
from edgeq.formats.trit_planes import TritPlanes
from edgeq.ir.graph import Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.quant.scales import mean_magnitudes, nearest, optimal_scales
from edgeq.quant.schemes import TRIT_PLANES, WeightScheme

WEIGHT_LIMIT = 127
MIN_SCALE = 1e-12
"""Smaller ones are taken for zero."""
LARGEST_FACTOR = 255
SUM_LIMIT = 2**30
"""Largest sum of products of a row in groups, in integers: leaves room in 32 bits for the bias."""


@dataclass(frozen=True)
class SmallWeights:
    """Integer weights. For groups: exact products of value and factor in int16, the factors [rows, groups, planes] in
    int32, and the name of their format; otherwise int8, None and ""."""

    weights: Value
    factors: Value | None = None
    format: str = ""


def finite(value: Value, where: str) -> Array:
    """A real constant in float64. Raises ModelDataError for NaN and infinity."""
    if not np.isfinite(value.constant).all():
        raise ModelDataError(f"constant {value.name!r} holds NaN or infinity", where=where)
    return value.constant.astype(np.float64)


@dataclass(frozen=True)
class Rounded:
    """Weights [rows, columns] as integers of their levels; factors [rows, groups, planes] and format of groups."""

    integers: Array
    levels: Levels
    factors: Array | None = None
    format: str = ""

    @property
    def reals(self) -> Array:
        """What the integers stand for, [rows, columns]."""
        return self.levels.real(self.integers)

    def stored(self, like: Value, axis: int, where: str) -> SmallWeights:
        """The constants of a layer whose real weights are `like`."""
        moved = np.moveaxis(like.constant, axis, 0).shape
        dtype = DType.INT8 if self.factors is None else DType.INT16
        scales = self.levels.scale
        quantization = Quantization(tuple(float(s) for s in scales), (0,) * len(scales), axis)
        data = np.ascontiguousarray(np.moveaxis(self.integers.reshape(moved), 0, axis).astype(dtype.numpy))
        value = Value(f"{where}.weights", TensorType(like.shape, dtype, quantization), data)
        if self.factors is None:
            return SmallWeights(value)
        table = Value(f"{where}.factors", TensorType(self.factors.shape, DType.INT32), self.factors.astype(np.int32))
        return SmallWeights(value, table, self.format)


def weight_rows(weights: Value, axis: int, where: str) -> Array:
    """Real weights as [output channels, taps]."""
    moved = np.moveaxis(finite(weights, where), axis, 0)
    return moved.reshape(len(moved), -1)


def quantize_weights(
    weights: Value, axis: int, where: str, scheme: WeightScheme, floor: Array | float = MIN_SCALE
) -> SmallWeights:
    """Integers with one scale per slice along `axis`, none below `floor`: `round_rows` for a layer's constant."""
    return round_rows(weight_rows(weights, axis, where), scheme, floor).stored(weights, axis, where)


def round_rows(rows: Array, scheme: WeightScheme, floor: Array | float = MIN_SCALE) -> Rounded:
    """[r, n] reals to the nearest levels of a scheme, with one scale per row, or one for all, none below `floor`.

    int8 reaches from -127 to 127 and saturates nowhere (the published int8 specification of TFLite); all others have
    the scale of least squares, for which some weights may saturate. The floor keeps a channel of (almost) zero weights
    from having a scale at which its bias would not fit 32 bits.
    """
    least = np.maximum(floor, MIN_SCALE) * np.ones(len(rows))
    if scheme.name == TRIT_PLANES:
        return _in_trit_planes(rows, scheme, least)
    if scheme.group:
        return _in_groups(rows, scheme, least)
    fitted = _fit(rows.reshape(1, -1), scheme) if scheme.per_tensor else _fit(rows, scheme)
    scales = np.maximum(fitted, least)
    scales = np.full_like(scales, scales.max()) if scheme.per_tensor else scales
    scales = scales.astype(np.float32).astype(np.float64)
    low = -WEIGHT_LIMIT if scheme.name == "int8" else scheme.low
    levels = Levels.uniform(scales, low, scheme.high, rows.shape[1], scheme.has_zero)
    return Rounded(nearest(rows, scales, low, scheme.high, scheme.has_zero), levels)


def _fit(rows: Array, scheme: WeightScheme) -> Array:
    if scheme.name == "int8":
        return np.asarray(np.abs(rows).max(axis=1) / WEIGHT_LIMIT)
    return optimal_scales(rows, scheme.low, scheme.high) if scheme.has_zero else mean_magnitudes(rows)


def _in_groups(rows: Array, scheme: WeightScheme, floor: Array) -> Rounded:
    """Factors of 0..255 per group."""
    least = _least_in_groups(rows, floor)
    starts = range(0, rows.shape[1], scheme.group)
    wanted = np.stack([_fit(rows[:, s : s + scheme.group], scheme) for s in starts], axis=1)
    scales = np.maximum(wanted.max(axis=1) / LARGEST_FACTOR, least).astype(np.float32).astype(np.float64)
    factors = np.clip(np.rint(wanted / scales[:, np.newaxis]), 0, LARGEST_FACTOR).astype(np.int64)
    spread = factors[:, np.arange(rows.shape[1]) // scheme.group]
    values = nearest(rows, spread * scales[:, np.newaxis], scheme.low, scheme.high, scheme.has_zero)
    levels = Levels.grouped(scales, factors, scheme.group, scheme.low, scheme.high, scheme.has_zero)
    return Rounded(values * spread, levels, factors[:, :, np.newaxis], f"{scheme.base}g{scheme.group}")


def _least_in_groups(rows: Array, floor: Array) -> Array:
    return np.asarray(np.maximum(floor, np.abs(rows).sum(axis=1) * 128 / SUM_LIMIT))


def _in_trit_planes(rows: Array, scheme: WeightScheme, floor: Array) -> Rounded:
    least = _least_in_groups(rows, floor)
    form = TritPlanes(number_format("wt"), scheme.group)
    fitted = form.encode(rows)
    scales = np.where(fitted.factors.any(axis=(1, 2, 3)), np.maximum(fitted.scale, least), least)
    shrink = (fitted.scale / scales)[:, np.newaxis, np.newaxis, np.newaxis]
    factors = np.where(shrink < 1, np.rint(fitted.factors * shrink), fitted.factors).astype(np.int64)
    products = form.decode(GroupedRows(fitted.codes, factors, scales)).astype(np.int64)
    planes = factors[..., 0]
    trits = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)])
    levels = Levels(np.sort(planes @ trits.T, axis=2), scales, scheme.group)
    return Rounded(products, levels, planes, f"{scheme.base}x2g{scheme.group}")
