"""The fixed-point sum of two int16 tensors, shared by `add` and `sub`.

As for int8 (`edgeq.ops.addition`), both operands come to a common scale and the sum is requantized. The common scale
is 2**-15 of twice the larger input scale, so that an operand shifted left by 15 bits times a factor of at most 1/2 in
Q31 stays under 2**29: one rounded high product each. Zero points are 0 but for an int8 output's.
"""

from __future__ import annotations

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Params
from edgeq.ops.broadcast import apply_pairs, loop_params, output_params
from edgeq.ops.fixed_point import high_multiply, quantize_multiplier, requantize
from edgeq.ops.inferences import Operands, require_widths

LEFT = 15


def lower_wide_addition(node: Node) -> Params:
    """Loops, both operands' factors in Q31, and the output's factor. Raises ModelDataError."""
    require_widths(node)
    a, b, y = node.input(0), node.input(1), node.output
    common = 2 * max(a.scale, b.scale)
    multiplier, shift = quantize_multiplier(common / (2**LEFT * y.scale))
    if shift > 0:
        raise ModelDataError(
            f"the output scale {y.scale:.6g} is under 2**-14 of the larger input scale {common / 2:.6g}",
            where=node.name,
            hint="quantize the model again",
        )
    return {
        **loop_params(node),
        "a_multiplier": round(a.scale / common * 2**31),
        "b_multiplier": round(b.scale / common * 2**31),
        "multiplier": multiplier,
        "right": -shift,
        **output_params(node),
    }


def add_wide_integers(node: Node, inputs: Operands, sign: int) -> Array:
    """a + sign * b of a lowered node."""
    p = node.params

    def add(a: Array, b: Array) -> Array:
        total = high_multiply(a.astype(np.int64) << LEFT, p["a_multiplier"])
        total = total + sign * high_multiply(b.astype(np.int64) << LEFT, p["b_multiplier"])
        y = requantize(total, p["multiplier"], -p["right"]) + p["output_zero_point"]
        return np.asarray(np.clip(y, p["clamp_min"], p["clamp_max"]).astype(node.output.type.dtype.numpy))

    return apply_pairs(node, inputs, add)
