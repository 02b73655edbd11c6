"""Real weights -> integer weights with their scales, by any scheme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.formats import number_format
from edgeq.formats.groups import GroupedRows
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


def quantize_weights(
    weights: Value, axis: int, where: str, scheme: WeightScheme, floor: Array | float = MIN_SCALE
) -> SmallWeights:
    """Integers with one scale per slice along `axis`, none below `floor`.

    int8 reaches from -127 to 127 and saturates nowhere (the published int8 specification of TFLite); all others have
    the scale of least squares, for which some weights may saturate. The floor keeps a channel of (almost) zero weights
    from having a scale at which its bias would not fit 32 bits.
    """
    real = finite(weights, where)
    moved = np.moveaxis(real, axis, 0)
    rows = moved.reshape(len(moved), -1)
    least = np.maximum(floor, MIN_SCALE) * np.ones(len(rows))
    if scheme.group:
        products, factors, scales = _in_groups(rows, scheme, least)
        dtype = DType.INT16
    else:
        scales = np.maximum(_fit(rows, scheme), least).astype(np.float32).astype(np.float64)
        low = -WEIGHT_LIMIT if scheme.name == "int8" else scheme.low
        products, factors = nearest(rows, scales, low, scheme.high, scheme.has_zero), None
        dtype = DType.INT8
    quantization = Quantization(tuple(float(s) for s in scales), (0,) * len(scales), axis)
    data = np.ascontiguousarray(np.moveaxis(products.reshape(moved.shape), 0, axis).astype(dtype.numpy))
    value = Value(f"{where}.weights", TensorType(weights.shape, dtype, quantization), data)
    if factors is None:
        return SmallWeights(value)
    table = Value(f"{where}.factors", TensorType(factors.shape, DType.INT32), factors.astype(np.int32))
    planes = "x2" if scheme.name == TRIT_PLANES else ""
    return SmallWeights(value, table, f"{scheme.base}{planes}g{scheme.group}")


def _fit(rows: Array, scheme: WeightScheme) -> Array:
    if scheme.name == "int8":
        return np.asarray(np.abs(rows).max(axis=1) / WEIGHT_LIMIT)
    return optimal_scales(rows, scheme.low, scheme.high) if scheme.has_zero else mean_magnitudes(rows)


def _in_groups(rows: Array, scheme: WeightScheme, floor: Array) -> tuple[Array, Array, Array]:
    """[r, n] -> products [r, n], factors [r, groups, planes] of 0..255, row scales [r]."""
    least = np.maximum(floor, np.abs(rows).sum(axis=1) * 128 / SUM_LIMIT)
    if scheme.name == TRIT_PLANES:
        return _in_trit_planes(rows, scheme.group, least)
    starts = range(0, rows.shape[1], scheme.group)
    wanted = np.stack([_fit(rows[:, s : s + scheme.group], scheme) for s in starts], axis=1)
    scales = np.maximum(wanted.max(axis=1) / LARGEST_FACTOR, least).astype(np.float32).astype(np.float64)
    factors = np.clip(np.rint(wanted / scales[:, np.newaxis]), 0, LARGEST_FACTOR).astype(np.int64)
    spread = factors[:, np.arange(rows.shape[1]) // scheme.group]
    values = nearest(rows, spread * scales[:, np.newaxis], scheme.low, scheme.high, scheme.has_zero)
    return values * spread, factors[:, :, np.newaxis], scales


def _in_trit_planes(rows: Array, group: int, least: Array) -> tuple[Array, Array, Array]:
    form = TritPlanes(number_format("wt"), group)
    fitted = form.encode(rows)
    scales = np.where(fitted.factors.any(axis=(1, 2, 3)), np.maximum(fitted.scale, least), least)
    shrink = (fitted.scale / scales)[:, np.newaxis, np.newaxis, np.newaxis]
    factors = np.where(shrink < 1, np.rint(fitted.factors * shrink), fitted.factors).astype(np.int64)
    products = form.decode(GroupedRows(fitted.codes, factors, scales))
    return products, factors[..., 0], scales
