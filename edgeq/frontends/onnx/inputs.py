"""Graph inputs: their types, and shapes in which every dimension gets a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from onnx import TensorProto, ValueInfoProto

from edgeq.errors import UsageError
from edgeq.frontends.onnx.tensors import MAX_ELEMENTS, type_name
from edgeq.ir.graph import Value
from edgeq.ir.types import DType, TensorType

if TYPE_CHECKING:
    from edgeq.frontends.onnx.importer import Importer

TYPES: dict[int, tuple[DType, str]] = {
    TensorProto.FLOAT: (DType.FLOAT32, "float32"),
    TensorProto.FLOAT16: (DType.FLOAT32, "float16"),
    TensorProto.DOUBLE: (DType.FLOAT32, "float64"),
    TensorProto.INT8: (DType.INT8, "int8"),
    TensorProto.UINT8: (DType.INT8, "uint8"),
    TensorProto.INT32: (DType.INT32, "int32"),
    TensorProto.INT64: (DType.INT32, "int64"),
}
"""Element type of an input -> the type inside, and the name of its own."""


def read_inputs(importer: Importer, dimensions: Mapping[str, int], path: str) -> None:
    """Makes the graph's inputs. Unknown sizes are problems; a name that does not occur is a UsageError."""
    graph = importer.graph
    graph.meta["inputs"], graph.meta["outputs"], graph.meta["origin"] = {}, {}, importer.origin
    initializers = {t.name for t in importer.proto.initializer}
    named: set[str] = set()
    for info in importer.proto.input:
        if info.name not in initializers:
            _read_input(importer, info, dimensions, named)
    for name, size in dimensions.items():
        if name not in named:
            known = ", ".join(sorted(named)) or "none"
            raise UsageError(f"no input has a dimension named {name!r} (named dimensions: {known})", where=path)
        if size < 1:
            raise UsageError(f"dimension {name!r} must be at least 1, not {size}", where=path)


def _read_input(importer: Importer, info: ValueInfoProto, dimensions: Mapping[str, int], named: set[str]) -> None:
    where = f"input {info.name!r}"
    importer.poisoned.add(info.name)
    if not info.type.HasField("tensor_type"):
        importer.problems.add(where, "is not a tensor")
        return
    kind = info.type.tensor_type
    if kind.elem_type not in TYPES:
        importer.problems.add(
            where,
            f"is of type {type_name(kind.elem_type)}",
            "edgeq takes float32, int8, uint8, and int32 or int64 tokens",
        )
        return
    if not kind.HasField("shape"):
        importer.problems.add(where, "has no shape", "export the model with a fixed input shape")
        return
    shape: list[int] = []
    for axis, dim in enumerate(kind.shape.dim):
        name = dim.dim_param or f"{info.name}.{axis}"
        if dim.HasField("dim_value") and dim.dim_value > 0:
            shape.append(dim.dim_value)
            continue
        named.add(name)
        if name in dimensions:
            shape.append(int(dimensions[name]))
        elif axis == 0:
            shape.append(1)
        else:
            importer.problems.add(where, f"dimension {axis} ({name!r}) has no size", f"give it one with -d {name}:N")
            shape.append(0)
    total = 1
    for size in shape:
        total *= size
    if total > MAX_ELEMENTS:
        importer.problems.add(where, f"is of shape {shape}, too large for any microcontroller")
    if not 0 < total <= MAX_ELEMENTS:
        return
    dtype, source = TYPES[kind.elem_type]
    value = Value(info.name, TensorType(tuple(shape), dtype))
    importer.graph.inputs.append(value)
    importer.tensors[info.name] = value
    importer.poisoned.discard(info.name)
    importer.origin[info.name] = [info.name, None]
    if source == "uint8":
        importer.unsigned.add(info.name)
    importer.graph.meta["inputs"][info.name] = {"source_shape": shape, "perm": None, "source_dtype": source}
