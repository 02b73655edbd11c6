"""Constant folding of ONNX nodes with onnx's own reference implementation: shape arithmetic and prepared weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from onnx import ModelProto, NodeProto, TypeProto, helper

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.tensors import MAX_ELEMENTS
from edgeq.ir.types import Array

ELEMENTWISE = frozenset(
    (
        *("Abs", "Add", "And", "Cast", "Ceil", "Clip", "Cos", "Div", "Equal", "Erf", "Exp", "Floor", "Greater"),
        *("GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log", "Max", "Min", "Mod", "Mul", "Neg", "Not"),
        *("Or", "Pow", "QuantizeLinear", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Sqrt", "Sub"),
        *("Tanh", "Where"),
    )
)
"""The result has the shape of the operands broadcast together."""

SHRINKING = frozenset(
    (
        *("ArgMax", "ArgMin", "Concat", "Flatten", "Gather", "GatherElements", "ReduceMax", "ReduceMean"),
        *("ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Trilu"),
        "Unsqueeze",
    )
)
"""The result has no more elements than the operands together (Gather: than data times indices)."""

GROWING = frozenset(("ConstantOfShape", "Expand", "MatMul", "Range", "Tile"))
"""A few bytes may ask for gigabytes: the size is computed first."""


def is_foldable(op: str) -> bool:
    return op in ELEMENTWISE or op in SHRINKING or op in GROWING


def _result_elements(op: str, arrays: Sequence[Array]) -> int:
    if op in ELEMENTWISE:
        return prod(np.broadcast_shapes(*(a.shape for a in arrays))) if op != "QuantizeLinear" else arrays[0].size
    if op == "ConstantOfShape":
        return prod(int(d) for d in arrays[0].reshape(-1))
    if op == "Expand":
        return prod(np.broadcast_shapes(arrays[0].shape, tuple(int(d) for d in arrays[1].reshape(-1))))
    if op == "MatMul":
        return int(arrays[0].size) * int(arrays[1].size) // max(int(arrays[0].shape[-1]), 1)
    if op == "Tile":
        return arrays[0].size * prod(int(d) for d in arrays[1].reshape(-1))
    if op == "Range":
        start, limit, delta = (float(a.reshape(-1)[0]) for a in arrays)
        return int(abs((limit - start) / delta)) + 1
    if op.startswith("Gather"):
        return arrays[0].size * max(arrays[1].size, 1)
    return sum(a.size for a in arrays)


def _model(node: NodeProto, opset: int) -> ModelProto:
    """The node alone, as a model: only then the evaluator heeds the opset."""
    inputs = [helper.make_value_info(name, TypeProto()) for name in dict.fromkeys(node.input) if name]
    outputs = [helper.make_value_info(name, TypeProto()) for name in node.output if name]
    graph = helper.make_graph([node], "constants", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def fold(node: NodeProto, arrays: Sequence[Array | None], opset: int) -> list[Array]:
    """The node's outputs. Raises UnsupportedError when the reference cannot compute them."""
    from onnx.reference import ReferenceEvaluator

    given = [a for a in arrays if a is not None]
    try:
        size = _result_elements(node.op_type, given)
        if not 0 <= size <= MAX_ELEMENTS:
            raise UnsupportedError(f"its constant result would have {size} elements")
        with np.errstate(all="ignore"):
            evaluator = ReferenceEvaluator(_model(node, opset))
            feeds = {name: array for name, array in zip(node.input, arrays, strict=True) if name and array is not None}
            results = evaluator.run(None, feeds)
    except UnsupportedError:
        raise
    except Exception as error:
        raise UnsupportedError(f"its constant operands do not fit it ({type(error).__name__}: {error})") from None
    if not all(isinstance(r, np.ndarray | np.generic) for r in results):
        raise UnsupportedError("its constant result is not a tensor")
    return [np.asarray(r) for r in results]
