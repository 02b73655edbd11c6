"""A regular part of a tensor."""

from __future__ import annotations

from typing import ClassVar

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, each_inference, operand
from edgeq.ops.registry import register
from edgeq.ops.strided_copy import strided_copy_params
from edgeq.ops.strides import packed_steps


def _ranges(node: Node) -> list[range]:
    """The indices taken on every axis."""
    a, shape = node.attrs, node.input(0).shape
    if not len(a["begin"]) == len(a["end"]) == len(a["strides"]) == len(shape):
        raise ValueError(f"begin {a['begin']}, end {a['end']}, strides {a['strides']} for {len(shape)} axes")
    if 0 in a["strides"]:
        raise ValueError("a stride of 0")
    ranges = [range(b, e, s) for b, e, s in zip(a["begin"], a["end"], a["strides"], strict=True)]
    for taken, size in zip(ranges, shape, strict=True):
        if len(taken) == 0:
            raise ValueError(f"{taken} takes nothing")
        if not (0 <= taken[0] < size and 0 <= taken[-1] < size):
            raise ValueError(f"{taken} leaves an axis of {size}")
    return ranges


@register
class Slice(Operator):
    """y = x[range(begin, end, stride)] on every axis. Plain index arithmetic: nothing wraps, nothing is clipped.

    Strides may be negative; then `end` is the index before the last one taken, -1 for the front.
    """

    name = "slice"
    summary = "Slice, Split, SLICE, STRIDED_SLICE, SPLIT"
    attributes: ClassVar = {"begin": ..., "end": ..., "strides": ...}
    kernel_op = "strided_copy"
    keeps_quantization = True
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [tuple(len(r) for r in _ranges(node))]

    def takes_wide(self, node: Node, index: int) -> bool:
        return True

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        ranges = _ranges(node)

        def take(x: Array, first_axis: int) -> Array:
            for axis, taken in list(enumerate(ranges))[first_axis:]:
                x = x.take(taken, axis=axis)
            return x

        if not ranges or ranges[0] == range(node.input(0).shape[0]):
            return [take(operand(inputs, 0), 1)]
        return [each_inference(node, inputs, lambda block: take(operand(block, 0), 0))]

    def lower(self, node: Node) -> Params:
        ranges, steps = _ranges(node), packed_steps(node.input(0).shape)
        first = sum(r[0] * s for r, s in zip(ranges, steps, strict=True))
        return strided_copy_params(node, [r.step * s for r, s in zip(ranges, steps, strict=True)], first)

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return self.compute(node, inputs)
