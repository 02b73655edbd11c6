"""The fixed-point sum of two int8 tensors, shared by `add` and `sub`.

Both operands are brought to a common scale, 2**-20 of twice the larger input scale, added there, and the sum is
requantized. This is the published arithmetic of TFLite's quantized addition.

The first step is cheap without a 64-bit product. For x = q - zero_point, |x| <= 255, and a multiplier m of 31 bits
split as m = high * 2**11 + low,

    (x * 2**20 * m + 2**30) >> 31 == (x * m + 2**10) >> 11 == x * high + ((x * low + 2**10) >> 11)

where all terms fit 32 bits. The kernels do that; here the plain definition is computed.
"""

from __future__ import annotations

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Params
from edgeq.ops.broadcast import apply_pairs, loop_params, output_params
from edgeq.ops.fixed_point import high_multiply, quantize_multiplier, requantize, round_shift_right
from edgeq.ops.inferences import Operands, require_int8

HEADROOM_BITS = 20
LOW_BITS = 11
LARGEST_OFFSET = 255
"""|q - zero_point| of int8 values."""
LARGEST_SUM = 2**29
"""What the kernels' `edgeq_requantize_right` takes. Both inputs have factors <= 1/2, so the sum stays under 2**28."""


def _input_factor(factor: float) -> tuple[int, int]:
    """(multiplier, right shift >= 1) of a factor <= 1/2; a zero factor is (0, 1)."""
    multiplier, shift = quantize_multiplier(factor)
    if shift == 0:
        # Only 1/2 itself (and 0) gets here: twice the multiplier and one more shift give the same bits.
        return 2 * multiplier, 1
    return multiplier, -shift


def lower_addition(node: Node) -> Params:
    """Loops, then zero points, split multipliers and right shifts of both inputs, then the output's."""
    require_int8(node)
    a, b, y = node.input(0), node.input(1), node.output
    common = 2 * max(a.scale, b.scale)
    params = loop_params(node)
    bound = 0
    for letter, value in (("a", a), ("b", b)):
        multiplier, shift = _input_factor(value.scale / common)
        params[f"{letter}_zero_point"] = value.zero_point
        params[f"{letter}_high"] = multiplier >> LOW_BITS
        params[f"{letter}_low"] = multiplier & ((1 << LOW_BITS) - 1)
        params[f"{letter}_shift"] = shift
        bound += ((LARGEST_OFFSET << HEADROOM_BITS) >> shift) + 1
    multiplier, shift = quantize_multiplier(common / (2**HEADROOM_BITS * y.scale))
    if shift > -1 and multiplier:
        raise ModelDataError(
            f"the output scale {y.scale:.6g} is under 2**-19 of the larger input scale {common / 2:.6g}",
            where=node.name,
            hint="quantize the model again",
        )
    assert bound < LARGEST_SUM
    return {**params, "multiplier": multiplier, "right": max(-shift, 1), **output_params(node)}


def add_integers(node: Node, inputs: Operands, sign: int) -> Array:
    """a + sign * b of a lowered node."""
    p = node.params

    def to_common_scale(q: Array, letter: str) -> Array:
        x = (q.astype(np.int64) - p[f"{letter}_zero_point"]) << HEADROOM_BITS
        multiplier = (p[f"{letter}_high"] << LOW_BITS) + p[f"{letter}_low"]
        return round_shift_right(high_multiply(x, multiplier), p[f"{letter}_shift"])

    def add(a: Array, b: Array) -> Array:
        total = to_common_scale(a, "a") + sign * to_common_scale(b, "b")
        scaled = requantize(total, p["multiplier"], -p["right"]) + p["output_zero_point"]
        return np.asarray(np.clip(scaled, p["clamp_min"], p["clamp_max"]).astype(np.int8))

    return apply_pairs(node, inputs, add)
