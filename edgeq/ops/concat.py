"""Joining tensors along one axis."""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, each_inference, inference_count, normal_axis, operand
from edgeq.ops.registry import register
from edgeq.ops.row_window import EACH_ROW, RowWindow


def _values(node: Node) -> list[Value]:
    return [node.input(i) for i in range(len(node.inputs))]


@register
class Concat(Operator):
    """y = the inputs one after the other along `axis`. In integers all have the output's quantization."""

    name = "concat"
    summary = "Concat, CONCATENATION"
    attributes: ClassVar = {"axis": ...}
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        shapes = [v.shape for v in _values(node)]
        if not shapes:
            raise ValueError("no inputs")
        axis = normal_axis(node.attrs["axis"], len(shapes[0]))
        rests = {s[:axis] + s[axis + 1 :] for s in shapes}
        if len({len(s) for s in shapes}) != 1 or len(rests) != 1:
            raise ValueError(f"shapes {[list(s) for s in shapes]} do not join along axis {axis}")
        return [(*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])]

    def takes_wide(self, node: Node, index: int) -> bool:
        return True

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        axis = normal_axis(node.attrs["axis"], len(node.output.shape))
        count = inference_count(node, inputs)

        def one(block: Operands) -> Array:
            return np.concatenate([operand(block, i) for i in range(len(block))], axis=axis)

        if count == 1 or (axis != 0 and not any(v.is_constant for v in _values(node))):
            return [one(inputs)]
        return [each_inference(node, inputs, one)]

    def lower(self, node: Node) -> Params:
        """`outer` times: `chunks[i]` bytes of every input i; `total` is their sum."""
        y = node.output
        for value in _values(node):
            if value.type.quantization != y.type.quantization or value.type.dtype is not y.type.dtype:
                raise UnsupportedError(
                    f"concat of {value.type} into {y.type}: they must have one quantization", where=node.name
                )
        axis = normal_axis(node.attrs["axis"], len(y.shape))
        chunks = [prod(v.shape[axis:]) * y.type.dtype.bytes for v in _values(node)]
        return {
            "outer": prod(y.shape[:axis]),
            "total": sum(chunks),
            "count": len(chunks),
            "chunks": np.array(chunks, dtype=np.int32),
        }

    def row_window(self, node: Node) -> RowWindow | None:
        beyond_rows = normal_axis(node.attrs["axis"], len(node.output.shape)) > 1
        return EACH_ROW if beyond_rows and not any(v.is_constant for v in _values(node)) else None

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return self.compute(node, inputs)
