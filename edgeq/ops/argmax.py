"""Position of the largest value along one axis."""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, each_inference, normal_axis, operand
from edgeq.ops.registry import register


@register
class ArgMax(Operator):
    """y = index of the largest x along `axis`, the first one of equals; int32."""

    name = "argmax"
    summary = "ArgMax, ARG_MAX"
    attributes: ClassVar = {"axis": ..., "keepdims": True}

    def _axis(self, node: Node) -> int:
        return normal_axis(node.attrs["axis"], len(node.input(0).shape))

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        shape, axis = node.input(0).shape, self._axis(node)
        return [(*shape[:axis], *((1,) if node.attrs["keepdims"] else ()), *shape[axis + 1 :])]

    def _find(self, node: Node, inputs: Operands) -> Array:
        axis, keepdims = self._axis(node), node.attrs["keepdims"]

        def one(block: Operands) -> Array:
            return np.asarray(np.argmax(operand(block, 0), axis=axis, keepdims=keepdims))

        return each_inference(node, inputs, one) if axis == 0 else one(inputs)

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return [self._find(node, inputs).astype(np.float64)]

    def lower(self, node: Node) -> Params:
        x, y, axis = node.input(0), node.output, self._axis(node)
        if x.type.dtype is not DType.INT8 or y.type.dtype is not DType.INT32:
            raise UnsupportedError(f"argmax of {x.type} into {y.type}: int8 into int32 is supported", where=node.name)
        return {
            "outer": prod(x.shape[:axis]),
            "reduce": x.shape[axis],
            "inner": prod(x.shape[axis + 1 :]),
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return [self._find(node, inputs).astype(np.int32)]

    def facts(self, node: Node) -> dict[str, int]:
        return super().facts(node) | {"elements": node.input(0).type.elements}
