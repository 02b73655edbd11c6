"""Tensors of an ONNX file as numpy arrays, with every size checked before any memory is taken."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from edgeq.errors import ModelFileError, UnsupportedError
from edgeq.ir.types import Array

MAX_ELEMENTS = 2**24
"""More than any tensor of a microcontroller's model; larger ones are taken for damage, not for data."""

RAW_DTYPES: dict[int, str] = {
    TensorProto.FLOAT: "<f4",
    TensorProto.DOUBLE: "<f8",
    TensorProto.FLOAT16: "<f2",
    TensorProto.INT8: "i1",
    TensorProto.UINT8: "u1",
    TensorProto.INT16: "<i2",
    TensorProto.UINT16: "<u2",
    TensorProto.INT32: "<i4",
    TensorProto.UINT32: "<u4",
    TensorProto.INT64: "<i8",
    TensorProto.UINT64: "<u8",
    TensorProto.BOOL: "?",
}

TYPED_FIELDS: dict[int, str] = {
    TensorProto.FLOAT: "float_data",
    TensorProto.DOUBLE: "double_data",
    TensorProto.INT64: "int64_data",
    TensorProto.UINT32: "uint64_data",
    TensorProto.UINT64: "uint64_data",
}
"""Field that holds the elements where `raw_data` does not; int32_data for all others."""


def type_name(data_type: int) -> str:
    """The name of an ONNX element type, also of one that does not exist."""
    try:
        return str(TensorProto.DataType.Name(data_type)).lower()
    except ValueError:
        return f"type {data_type}"


def tensor_array(tensor: TensorProto, folder: Path | None = None) -> Array:
    """The elements. `folder`: where external data lies. Raises ModelFileError, or UnsupportedError for odd types."""
    name = f"tensor {tensor.name!r}"
    if tensor.data_type not in RAW_DTYPES:
        raise UnsupportedError(f"{name} holds {type_name(tensor.data_type)}, which edgeq does not read")
    shape = tuple(tensor.dims)
    count = prod(shape)
    if any(d < 0 for d in shape) or count > MAX_ELEMENTS:
        raise ModelFileError(f"{name} claims the shape {list(shape)}")
    dtype = np.dtype(RAW_DTYPES[tensor.data_type])
    if tensor.data_location == TensorProto.EXTERNAL:
        raw = external_bytes(tensor, folder, count * dtype.itemsize)
    elif tensor.HasField("raw_data"):
        raw = bytes(tensor.raw_data)
    else:
        return _typed(tensor, dtype, shape, name)
    if len(raw) != count * dtype.itemsize:
        raise ModelFileError(f"{name} has {len(raw)} bytes, which do not fit {dtype.name}{list(shape)}")
    if dtype.kind == "b":
        return np.asarray(np.frombuffer(raw, dtype=np.uint8) != 0).reshape(shape)
    return np.frombuffer(raw, dtype=dtype).astype(dtype.newbyteorder("=")).reshape(shape)


def _typed(tensor: TensorProto, dtype: np.dtype[Any], shape: tuple[int, ...], name: str) -> Array:
    field = TYPED_FIELDS.get(tensor.data_type, "int32_data")
    entries = getattr(tensor, field)
    if len(entries) != prod(shape):
        raise ModelFileError(f"{name} has {len(entries)} elements, but its shape is {list(shape)}")
    native = dtype.newbyteorder("=")
    if tensor.data_type == TensorProto.FLOAT16:
        bits = np.array(entries, dtype=np.int64).astype(np.uint16)
        return bits.view(np.float16).reshape(shape)
    if native.kind in "iu":
        wide = np.array(entries, dtype=np.uint64 if field == "uint64_data" else np.int64)
        info = np.iinfo(native)
        if wide.size and (int(wide.min()) < int(info.min) or int(wide.max()) > int(info.max)):
            raise ModelFileError(f"{name} has elements outside the range of {native.name}")
        return wide.astype(native).reshape(shape)
    return np.array(entries, dtype=native).reshape(shape)


def external_bytes(tensor: TensorProto, folder: Path | None, expected: int) -> bytes:
    """The bytes of a tensor stored beside the model: only inside its own folder, only as many as the shape says."""
    facts = {entry.key: entry.value for entry in tensor.external_data}
    location = facts.get("location", "")
    where = f"tensor {tensor.name!r}"
    hint = "keep the .data file beside the model, or export with all weights inside one file"
    if folder is None or not location:
        raise ModelFileError("its data lies in another file", where=where, hint=hint)
    try:
        base = folder.resolve()
        file = (base / location).resolve()
        offset, length = int(facts.get("offset", "0")), int(facts.get("length", str(expected)))
        if not file.is_relative_to(base) or Path(location).is_absolute():
            raise ModelFileError(f"its data file {location!r} lies outside the model's folder", where=where, hint=hint)
        if offset < 0 or length != expected:
            raise ModelFileError(f"offset {offset}, length {length} do not fit {expected} bytes", where=where)
        if not file.is_file():
            raise ModelFileError(f"its data file {location!r} is missing", where=where, hint=hint)
        with file.open("rb") as stream:
            stream.seek(offset)
            return bytes(stream.read(expected))
    except (OSError, ValueError, OverflowError) as error:
        raise ModelFileError(f"its data file {location!r} cannot be read: {error}", where=where, hint=hint) from None
