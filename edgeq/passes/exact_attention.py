"""Linear attention in a QONNX network: its codes and values are integers, its rounding is that of the file."""

from __future__ import annotations

from math import frexp

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import DType, Quantization, TensorType
from edgeq.ops.linear_attention import MOST_KEYS, exact_denominator, weight_shift
from edgeq.ops.registry import operator
from edgeq.passes.exact_chain import Grid
from edgeq.passes.exact_layers import INT8, Writer


def linear_attention(writer: Writer, node: Node, grids: tuple[Grid, Grid, Grid]) -> Grid:
    """The node over the grids of its queries, keys and values; its result is on its own grid of 256 steps.

    Raises UnsupportedError where the integers' rounding is not proved to be that of the reals.
    """
    step, values = float(node.attrs["step"]), grids[2].value
    if frexp(values.scale / step)[0] != 0.5:
        raise UnsupportedError(
            f"rounds means of multiples of {values.scale:g} to multiples of {step:g}",
            where=node.name,
            hint="the ratio of the two must be a power of two, as edgeq.nn.LinearAttention has it",
        )
    kind = TensorType(node.output.shape, DType.INT8, Quantization.per_tensor(step, 0))
    result = writer.add(node.op, node.name, [g.value for g in grids], node.attrs, kind)
    made = writer.makers[id(result)]
    params = operator(node.op).lower(made)
    largest = params["keys"] * (params["bits"] + (1 << weight_shift(params["bits"])))
    if largest >= exact_denominator(params["right"]):
        raise UnsupportedError(
            f"{params['keys']} keys with codes of {params['bits']} bits: more than can be divided exactly",
            where=node.name,
            hint=f"use fewer bits, a smaller fraction, or fewer tokens (at most {MOST_KEYS})",
        )
    return Grid(result, *INT8)
