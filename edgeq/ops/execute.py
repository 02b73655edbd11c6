"""Runs a graph in numpy: real graphs in float64, integer graphs with their integer references."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgeq.errors import InternalError
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array
from edgeq.ops.registry import operator

Observer = Callable[[Value, Array], None]
"""Called with every computed value and its array, graph inputs included."""


def run_real(graph: Graph, inputs: Mapping[str, Array], observe: Observer | None = None) -> dict[str, Array]:
    """Real outputs by name. `inputs`: float arrays by input name, any batch. Quantized constants are dequantized."""

    def constant(value: Value) -> Array:
        data = value.constant
        quantization = value.type.quantization
        return data if quantization is None else quantization.dequantize(data)

    return _run(graph, inputs, constant, integer=False, observe=observe)


def run_integer(graph: Graph, inputs: Mapping[str, Array], observe: Observer | None = None) -> dict[str, Array]:
    """Integer outputs by name of a lowered graph. `inputs`: arrays of the inputs' own types, any batch."""
    return _run(graph, inputs, lambda value: value.constant, integer=True, observe=observe)


def _run(
    graph: Graph,
    inputs: Mapping[str, Array],
    constant: Callable[[Value], Array],
    *,
    integer: bool,
    observe: Observer | None,
) -> dict[str, Array]:
    arrays: dict[int, Array] = {}
    uses: dict[int, int] = {}
    for node in graph.nodes:
        for value in node.inputs:
            if value is not None and not value.is_constant:
                uses[id(value)] = uses.get(id(value), 0) + 1
    for output in graph.outputs:
        uses[id(output)] = uses.get(id(output), 0) + 1

    def store(value: Value, array: Array) -> None:
        arrays[id(value)] = array
        if observe is not None:
            observe(value, array)

    for value in graph.inputs:
        store(value, np.asarray(inputs[value.name]))
    for node in graph.nodes:
        row = operator(node.op)
        operands = [None if v is None else constant(v) if v.is_constant else arrays[id(v)] for v in node.inputs]
        results = row.compute_integer(node, operands) if integer else row.compute(node, operands)
        for value, array in zip(node.outputs, results, strict=True):
            if integer and array.dtype != value.type.dtype.numpy:
                raise InternalError(f"{node.op} gave {array.dtype} for {value.name!r} of {value.type}")
            if array.shape[1:] != value.shape[1:]:
                raise InternalError(f"{node.op} gave shape {array.shape} for {value.name!r} of {value.type}")
            store(value, array)
        for value in node.inputs:
            if value is None or value.is_constant:
                continue
            uses[id(value)] -= 1
            if uses[id(value)] == 0:
                del arrays[id(value)]
    return {v.name: np.asarray(constant(v) if v.is_constant else arrays[id(v)]) for v in graph.outputs}
