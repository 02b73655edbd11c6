"""Reordering of axes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, each_inference, operand
from edgeq.ops.registry import register
from edgeq.ops.strided_copy import strided_copy_params
from edgeq.ops.strides import packed_steps


@register
class Transpose(Operator):
    """Axis i of y is axis perm[i] of x."""

    name = "transpose"
    summary = "Transpose, TRANSPOSE; what is left after the layout pass"
    attributes: ClassVar = {"perm": ...}
    kernel_op = "strided_copy"
    keeps_quantization = True
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        shape, perm = node.input(0).shape, tuple(node.attrs["perm"])
        if sorted(perm) != list(range(len(shape))):
            raise ValueError(f"{list(perm)} is not an order of the axes of {list(shape)}")
        return [tuple(shape[p] for p in perm)]

    def takes_wide(self, node: Node, index: int) -> bool:
        return True

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        perm = tuple(node.attrs["perm"])

        def one(block: Operands) -> Array:
            return np.transpose(operand(block, 0), perm)

        return [each_inference(node, inputs, one) if perm and perm[0] != 0 else one(inputs)]

    def lower(self, node: Node) -> Params:
        steps = packed_steps(node.input(0).shape)
        return strided_copy_params(node, [steps[p] for p in node.attrs["perm"]], 0)

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return self.compute(node, inputs)
