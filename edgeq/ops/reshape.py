"""The same bytes under another shape."""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, inference_count, operand
from edgeq.ops.registry import register


@register
class Reshape(Operator):
    """y = x with `shape`, the first axis included; one entry may be -1 and takes what is left."""

    name = "reshape"
    summary = "Reshape, Flatten, Squeeze, Unsqueeze, RESHAPE: no code, no copy"
    attributes: ClassVar = {"shape": ...}
    is_view = True
    keeps_quantization = True
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        elements, shape = prod(node.input(0).shape), [int(d) for d in node.attrs["shape"]]
        if shape.count(-1) == 1:
            known = -prod(shape)
            if known == 0 or elements % known:
                raise ValueError(f"{elements} elements do not divide into shape {shape}")
            shape[shape.index(-1)] = elements // known
        if any(d < 0 for d in shape) or prod(shape) != elements:
            raise ValueError(f"{list(node.input(0).shape)} has {elements} elements and does not fit shape {shape}")
        return [tuple(shape)]

    def takes_wide(self, node: Node, index: int) -> bool:
        return True

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        (shape,) = self.infer(node)
        count = inference_count(node, inputs)
        if shape:
            shape = (shape[0] * count, *shape[1:])
        return [np.reshape(operand(inputs, 0), shape)]

    def lower(self, node: Node) -> Params:
        return {}

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return self.compute(node, inputs)
