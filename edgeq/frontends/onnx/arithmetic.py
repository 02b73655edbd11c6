"""Sums, differences, products and quotients."""

from __future__ import annotations

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import Constant, NodeImport, same_rank
from edgeq.frontends.onnx.masks import finite_mask
from edgeq.frontends.onnx.rows import converts
from edgeq.ir.graph import Value

PAIRS = {"Add": "add", "Sub": "sub", "Mul": "mul"}


@converts(*PAIRS)
def pair(node: NodeImport) -> None:
    node.attrs.ignore("consumed_inputs")
    values = [_addend(node, i) if node.op == "Add" else node.real(i) for i in (0, 1)]
    node.bind(0, node.emit(PAIRS[node.op], list(same_rank(node, values))))


def _addend(node: NodeImport, index: int) -> Value:
    """An operand of a sum; a mask of attention loses its infinities."""
    tensor = node.tensor(index)
    if isinstance(tensor, Constant) and tensor.array.dtype.kind == "f" and np.isneginf(tensor.array).any():
        return node.own("mask", finite_mask(tensor.array))
    return node.real(index)


@converts("Sum")
def total(node: NodeImport) -> None:
    values = same_rank(node, [node.real(i) for i in range(node.count)])
    result = values[0]
    for value in values[1:]:
        result = node.emit("add", [result, value])
    node.bind(0, result)


@converts("Div")
def divide(node: NodeImport) -> None:
    """Division by a constant, which is multiplication with its inverse where one more rounding does not matter.

    Quotients of computed values stay until a pass finds the normalization that they are part of.
    """
    if not isinstance(node.tensor(1), Constant):
        node.bind(0, node.emit("div", list(same_rank(node, [node.real(0), node.real(1)]))))
        return
    divisor = node.constant(1, "divisor")
    if divisor.dtype.kind != "f" or not divisor.all():
        raise UnsupportedError("divides by zero, or by integers")
    if node.importer.exact:
        node.bind(0, node.emit("div", [node.real(0), node.own("divisor", divisor)]))
        return
    inverse = node.own("inverse", 1.0 / divisor.astype(np.float64))
    node.bind(0, node.emit("mul", [node.real(0), inverse]))


@converts("Erf")
def erf(node: NodeImport) -> None:
    node.bind(0, node.emit("erf", [node.real(0)]))


@converts("Sqrt", "Reciprocal")
def root(node: NodeImport) -> None:
    node.bind(0, node.emit("power", [node.real(0)], {"exponent": 0.5 if node.op == "Sqrt" else -1.0}))


@converts("Pow")
def power(node: NodeImport) -> None:
    node.bind(0, node.emit("power", [node.real(0)], {"exponent": node.scalar(1, "exponent")}))


@converts("Neg")
def negate(node: NodeImport) -> None:
    node.bind(0, node.emit("mul", [node.real(0), node.own("minus_one", np.float32(-1.0).reshape(()))]))
