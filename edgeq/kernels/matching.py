"""Which kernels take a lowered node, by what their names say about formats."""

from __future__ import annotations

from edgeq.formats import number_format
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import DType
from edgeq.kernels.names import ANY_ACTIVATIONS, PLAIN_WEIGHTS, holds
from edgeq.kernels.registry import Kernel
from edgeq.ops.accumulate import epilogue
from edgeq.ops.registry import operator

PLAIN_BITS, WIDE_BITS = 8, 16
"""`output_bits` of rows whose output is int16, and of all others, whatever they give."""

_MANY = 840
"""Elements of a row so long that the bits per element say nothing of padding; a multiple of 3, 5 and 8."""


def stored_as(value: Value) -> str:
    """The activation format in which a value lies in memory, as kernel names have it: a8 for plain int8, a1, au2."""
    kind = value.type
    return kind.format if kind.packed else f"a{8 * kind.dtype.bytes}"


def is_wide(node: Node) -> bool:
    """Whether the input or the output is int16, of a node that computes and might have int8 instead."""
    first = [v.type.dtype for v in (node.optional(0), node.output) if v is not None]
    row = operator(node.op)
    return DType.INT16 in first and row.gives_wide and not row.keeps_quantization


def takes(kernel: Kernel, node: Node) -> bool:
    """Whether the kernel's formats are the node's: how input 0 is stored, which weights there are, how sums end."""
    name = kernel.parts
    if kernel.any_width and not node.input(0).type.packed:
        return True
    if name.activations not in (ANY_ACTIVATIONS, stored_as(node.input(0))):
        return False
    if kernel.output_bits != (WIDE_BITS if node.output.type.dtype is DType.INT16 else PLAIN_BITS):
        return False
    if not operator(node.op).accumulates:
        return True
    ends = "requantize" if epilogue(node) == "requantize" else "levels"
    return kernel.epilogue == ends and _takes_weights(kernel, node)


def _takes_weights(kernel: Kernel, node: Node) -> bool:
    name = kernel.parts
    if node.optional(4) is not None:
        return name.grouped is not None and str(node.attrs["weight_format"]).startswith(f"{name.grouped}g")
    if name.grouped is not None or name.weights is None:
        return False
    weights = node.params["weights"]
    return holds(number_format(name.weights), int(weights.min()), int(weights.max()), bool((weights == 0).any()))


def storage_bits(kernel: Kernel) -> float:
    """Bits per weight of the kernel's storage, without padding and scales; 0 for kernels without weights."""
    name = kernel.parts
    if name.weights is None:
        return 0.0
    if name.grouped is not None:
        planes = 2 if name.grouped.endswith("x2") else 1
        return planes * _bits(name.grouped.removesuffix("x2"))
    return _bits(name.weights or PLAIN_WEIGHTS)


def _bits(weights: str) -> float:
    return 8 * number_format(weights).row_bytes(_MANY) / _MANY
