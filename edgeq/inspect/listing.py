"""Lists the operators of a file that cannot be imported, as the file itself describes them."""

from __future__ import annotations

from contextlib import suppress
from math import prod
from typing import TYPE_CHECKING, Any

from edgeq.errors import EdgeqError
from edgeq.frontends.detect import is_onnx, is_tflite
from edgeq.inspect.content import Inspection, Layer, Tensor

if TYPE_CHECKING:
    from edgeq.frontends.tflite_file import FileTensor

Shape = list[int | None] | None


def list_file(found: Inspection, data: bytes, where: str) -> None:
    """Fills in format, layers, inputs, outputs and parameters as far as the file tells them."""
    try:
        if is_tflite(data):
            found.format = "tflite"
            _list_tflite(found, data, where)
        elif is_onnx(data):
            found.format = "onnx"
            _list_onnx(found, data, where)
    except EdgeqError:
        return  # what is wrong with the file is among the problems already


def _list_tflite(found: Inspection, data: bytes, where: str) -> None:
    from edgeq.frontends.tflite_file import read_file

    model = read_file(data, where).main

    def tensor(index: int) -> Tensor:
        entry = model.tensors[index]
        single = len(entry.scale) == 1 and len(entry.zero_point) == 1
        scale, zero = (entry.scale[0], entry.zero_point[0]) if single else (None, None)
        return Tensor(entry.name, _open(entry), entry.type.lower(), scale, zero)

    found.inputs = [tensor(index) for index in model.inputs]
    found.outputs = [tensor(index) for index in model.outputs]
    for operator in model.operators:
        operands = [model.tensors[index] for index in operator.inputs if index >= 0]
        result = model.tensors[operator.outputs[0]] if operator.outputs else None
        found.layers.append(
            Layer(
                result.name if result else f"operator {operator.index}",
                operator.custom or operator.name,
                _open(result) if result else None,
                result.type.lower() if result else "-",
                sum(prod(operand.shape) for operand in operands if operand.data is not None),
                None,
            )
        )
    found.parameters = sum(prod(entry.shape) for entry in model.tensors if entry.data is not None)


def _open(tensor: FileTensor) -> Shape:
    """The shape with None for open axes."""
    signature = tensor.signature or tensor.shape
    return [None if size < 0 else size for size in signature]


def _list_onnx(found: Inspection, data: bytes, where: str) -> None:
    from onnx import TensorProto, shape_inference

    from edgeq.frontends.onnx.proto import parse_model

    model, _ = parse_model(where, data)
    with suppress(Exception):  # onnx raises what it likes; shapes are a courtesy here
        model = shape_inference.infer_shapes(model, data_prop=True)
    graph = model.graph
    types = {entry.name: entry.type for entry in (*graph.value_info, *graph.input, *graph.output)}
    sizes = {entry.name: prod(entry.dims) for entry in graph.initializer}

    def shape(name: str) -> Shape:
        kind = types[name].tensor_type if name in types else None
        if kind is None or not kind.HasField("shape"):
            return None
        return [axis.dim_value if axis.HasField("dim_value") else None for axis in kind.shape.dim]

    def dtype(name: str) -> str:
        number = types[name].tensor_type.elem_type if name in types else 0
        known: dict[int, str] = {value: key for key, value in TensorProto.DataType.items()}
        word = known.get(number, "-").lower() if number else "-"
        return "float32" if word == "float" else word

    def tensor(entry: Any) -> Tensor:
        return Tensor(entry.name, shape(entry.name), dtype(entry.name), None, None)

    found.inputs = [tensor(entry) for entry in graph.input if entry.name not in sizes]
    found.outputs = [tensor(entry) for entry in graph.output]
    for position, node in enumerate(graph.node):
        result = next((name for name in node.output if name), "")
        name = node.name or result or f"node {position}"
        op = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        parameters = sum(sizes.get(operand, 0) for operand in node.input)
        found.layers.append(Layer(name, op, shape(result), dtype(result), parameters, None))
    found.parameters = sum(sizes.values())
