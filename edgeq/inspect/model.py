"""Inspects a model: imports it, tries its conversion, and gathers what stands in the way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgeq.errors import CalibrationError, EdgeqError, ModelDataError, UnsupportedError
from edgeq.frontends.detect import load_model
from edgeq.inspect.content import Inspection, Layer, Tensor
from edgeq.inspect.listing import list_file
from edgeq.ir.graph import Graph, Node, Value
from edgeq.ops.registry import operator
from edgeq.passes.exact_quant import exact_quant
from edgeq.passes.pipeline import is_quantized, prepare, to_integer
from edgeq.passes.simplify import is_fake_quantized

_EXACT = "a QONNX network: it becomes integers that give its results exactly (docs/qonnx.md)"
_CALIBRATE = "a float model: edgeq quantizes it to int8 with samples (edgeq convert --calibrate samples.npz)"


def inspect_model(path: str | Path, dimensions: Mapping[str, int] | None = None) -> Inspection:
    """Reads a model and tries every step of its conversion that needs neither board nor samples.

    What cannot be converted is in the result; only unreadable files raise (ModelFileError).
    """
    file = Path(path)
    found = Inspection(file.name)
    try:
        graph = load_model(file, dimensions=dimensions)
        _describe(found, graph)
        _try_conversion(found, graph)
    except (UnsupportedError, ModelDataError) as error:
        _note(found, error)
    data = file.read_bytes()
    found.sha256 = hashlib.sha256(data).hexdigest()
    if not found.layers:
        list_file(found, data, str(file))
    found.convertible = not found.problems
    return found


def _note(found: Inspection, error: EdgeqError) -> None:
    problems = list(error.problems) if isinstance(error, UnsupportedError) else []
    found.problems += problems or [f"{error.where}: {error.message}" if error.where else error.message]
    if error.hint:
        found.notes.append(error.hint)


def _describe(found: Inspection, graph: Graph) -> None:
    found.format = graph.meta.get("format")
    found.inputs = [_tensor(v) for v in graph.inputs]
    found.outputs = [_tensor(v) for v in graph.outputs]
    found.layers = [_layer(node) for node in graph.nodes]
    found.macs = sum(layer.macs or 0 for layer in found.layers)
    constants = {id(v): v.type.elements for v in graph.values() if v.is_constant}
    found.parameters = sum(constants.values())


def _tensor(value: Value) -> Tensor:
    quantization = value.type.quantization
    known = quantization is not None and quantization.is_per_tensor
    return Tensor(
        value.name,
        list(value.shape),
        value.type.dtype.value,
        value.scale if known else None,
        value.zero_point if known else None,
    )


def _layer(node: Node) -> Layer:
    parameters = sum(v.type.elements for v in node.inputs if v is not None and v.is_constant)
    output = node.output
    return Layer(
        node.name, node.op, list(output.shape), output.type.dtype.value, parameters, operator(node.op).macs(node)
    )


def _try_conversion(found: Inspection, graph: Graph) -> None:
    prepare(graph)
    found.quantized = is_quantized(graph)
    left = {node.name for node in graph.nodes}
    found.layers = [layer for layer in found.layers if layer.op != "transpose" or layer.name in left]
    for node in graph.nodes:
        found.converted_ops[node.op] = found.converted_ops.get(node.op, 0) + 1
    found.converted_ops = dict(sorted(found.converted_ops.items()))
    if is_fake_quantized(graph):
        _try_exact(found, graph)
        return
    if found.quantized:
        to_integer(graph)
        return
    found.notes.append(_CALIBRATE)
    for node in graph.nodes:
        if not operator(node.op).lowers_to_integers:
            found.problems.append(f"{node.name}: {node.op} has no integer form")


def _try_exact(found: Inspection, graph: Graph) -> None:
    found.quantized = True
    found.notes.append(_EXACT)
    try:
        exact = exact_quant(graph)
    except CalibrationError as error:
        found.notes += [error.message, error.hint or ""]
        # Any samples show whether the rest converts.
        exact = exact_quant(graph, {v.name: np.array([-1.0, 1.0]).repeat(v.type.elements) for v in graph.inputs})
    to_integer(exact)
    found.notes += exact.meta.get("notes", [])
