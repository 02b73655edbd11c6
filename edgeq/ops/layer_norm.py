"""Normalization of rows: LayerNorm and RMSNorm in integers.

With q the integers of a row of N, S their sum and Q the sum of their squares, (x - mean) / sqrt(variance + epsilon) is
`d / sqrt(W)` for d = N q - S and W = N Q - S^2 + N^2 epsilon / scale^2: the input's scale cancels but for epsilon.
Without centring, d = q - zero point and W = sum of d^2 + N epsilon / scale^2 give x / sqrt(mean square + epsilon) but
for a factor sqrt(N), which goes into the gain. 1 / sqrt(W) is Newton's iteration in 32-bit fixed point; no division.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import INT32_MAX, high_multiply
from edgeq.ops.inferences import Operands, operand, require_widths, saturated
from edgeq.ops.registry import register

MOST_COLUMNS = 1 << 14
"""W stays under 2**45, d under 2**23."""
MOST_WIDE_COLUMNS = 1 << 12
"""Of int16: W stays under 2**54, d under 2**29."""
SPARE_BITS = 8
"""W is kept with up to twice as many bits behind the point, so that a small one does not lose its epsilon."""
WIDE_SPARE_BITS = 3
FIRST, SLOPE = 2362232013, 343597384
"""1.1 and 0.16 in Q31: 1 / sqrt(a) is about 1.1 - 0.16 a on [1, 4), within 11 %."""
STEPS = 4


def inverse_root(m: Array) -> Array:
    """1 / sqrt(m / 2**30) as Q0.31 for m in [2**30, 2**32): Newton's y <- y (3 - a y^2) / 2 with a = m / 2**30."""
    quarter = m >> 1  # a / 4 in Q0.31
    y = np.minimum(FIRST - high_multiply(quarter, SLOPE * 4), INT32_MAX)
    for _ in range(STEPS):
        error = (3 << 29) - high_multiply(quarter, high_multiply(y, y))
        y = np.minimum(high_multiply(y, error) * 2, INT32_MAX)
    return np.asarray(y)


@register
class LayerNorm(Operator):
    """y = (x - mean) / sqrt(variance + epsilon) * gain + offset over the last axis; inputs [x, gain[C], offset[C]].

    centred False: y = x / sqrt(mean square + epsilon) * gain + offset (RMSNorm).
    """

    name = "layer_norm"
    summary = "LayerNormalization, RMSNormalization over the last axis"
    attributes: ClassVar = {"epsilon": 1e-5, "centred": True}
    folds_operands = True
    gives_wide = True

    def takes_wide(self, node: Node, index: int) -> bool:
        return index == 0 and node.input(0).shape[-1] <= MOST_WIDE_COLUMNS

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x = node.input(0).shape
        for index in (1, 2):
            if node.input(index).shape != x[-1:]:
                raise ValueError(f"gain or offset of shape {list(node.input(index).shape)} for rows of {x[-1:]}")
        return [x]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        x, gain, offset = (operand(inputs, i).astype(np.float64) for i in range(3))
        d = x - x.mean(axis=-1, keepdims=True) if node.attrs["centred"] else x
        return [d / np.sqrt((d * d).mean(axis=-1, keepdims=True) + node.attrs["epsilon"]) * gain + offset]

    def lower(self, node: Node) -> Params:
        """Multipliers and offsets per column, with `fraction` bits behind the point; W's epsilon in two halves."""
        x, y, columns = node.input(0), node.output, node.input(0).shape[-1]
        require_widths(Node(node.op, node.name, [x], [y]))
        if columns > MOST_COLUMNS:
            raise ModelDataError(f"rows of {columns}; at most {MOST_COLUMNS}", where=node.name)
        centred = bool(node.attrs["centred"])
        gain, offset = (_reals(node, i) / y.scale for i in (1, 2))
        if not centred:
            gain = gain * math.sqrt(columns)
        epsilon = node.attrs["epsilon"] * columns ** (2 if centred else 1) / x.scale**2
        most = WIDE_SPARE_BITS if x.type.dtype is DType.INT16 else SPARE_BITS
        spare = next((s for s in range(most, -1, -1) if epsilon * 4.0**s < 2.0**60), None)
        if spare is None:
            raise ModelDataError("its input's scale is far too small for its epsilon", where=node.name)
        headroom = math.ceil(math.log2(columns) / 2) if centred else 0
        whole = max(0, *(math.frexp(float(np.abs(a).max()))[1] for a in (gain * 2.0**headroom, offset)))
        fraction = 29 - whole
        if fraction < 1:
            raise ModelDataError("its gain is far too large for its output's scale", where=node.name)
        multipliers = np.rint(gain * 2.0 ** (31 - whole + headroom))
        wide = int(epsilon * 4.0**spare + 0.5)
        return {
            "rows": x.type.elements // columns,
            "columns": columns,
            "centred": int(centred),
            "input_zero_point": x.zero_point,
            "epsilon_high": wide >> 31,
            "epsilon_low": wide & INT32_MAX,
            "spare": spare,
            "headroom": headroom,
            "fraction": fraction,
            "multipliers": np.clip(multipliers, -INT32_MAX, INT32_MAX).astype(np.int32),
            "offsets": np.rint(offset * 2.0**fraction).astype(np.int32),
            "output_zero_point": y.zero_point,
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p = node.params
        q = operand(inputs, 0).astype(np.int64)
        epsilon = (p["epsilon_high"] << 31) + p["epsilon_low"]
        if p["centred"]:
            total = q.sum(axis=-1, keepdims=True)
            d = p["columns"] * q - total
            wide = p["columns"] * (q * q).sum(axis=-1, keepdims=True) - total * total
        else:
            d = q - p["input_zero_point"]
            wide = (d * d).sum(axis=-1, keepdims=True)
        spare = p["spare"]
        wide = np.maximum((wide << 2 * spare) + epsilon, 1 << 2 * spare)  # where W is under 1, d is 0
        # wide = m * 4**k with m in [2**30, 2**32), what is left at the end dropped
        m, k = wide, np.zeros_like(wide)
        while (large := m >= 1 << 32).any():
            m, k = np.where(large, m >> 2, m), k + large
        while (small := m < 1 << 30).any():
            m, k = np.where(small, m << 2, m), k - small
        left = 14 + spare - k - p["headroom"]
        scaled = np.where(left >= 0, d << np.maximum(left, 0), d >> np.maximum(-left, 0))
        normal = high_multiply(scaled, inverse_root(m))
        gained = high_multiply(normal, np.abs(p["multipliers"].astype(np.int64)))
        y = np.where(p["multipliers"] < 0, -gained, gained) + p["offsets"]
        y = ((y + (1 << (p["fraction"] - 1))) >> p["fraction"]) + p["output_zero_point"]
        return [saturated(node, y)]


def _reals(node: Node, index: int) -> Array:
    value = node.input(index)
    quantization = value.type.quantization
    data = value.constant
    return np.asarray(data.astype(np.float64) if quantization is None else quantization.dequantize(data))
