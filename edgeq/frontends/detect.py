"""Chooses the reader of a model file by what the file holds, then by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from edgeq.errors import ModelFileError
from edgeq.ir.graph import Graph

Loader = Callable[[Path, bytes, "Mapping[str, int] | None"], Graph]

MAX_BYTES = 1 << 30
"""Far above what any microcontroller holds; a larger file is not what the user meant."""


def _load_tflite(path: Path, data: bytes, dimensions: Mapping[str, int] | None) -> Graph:
    from edgeq.frontends.tflite import load_tflite

    return load_tflite(path, data, dimensions)


def _load_onnx(path: Path, data: bytes, dimensions: Mapping[str, int] | None) -> Graph:
    from edgeq.frontends.onnx import load_onnx

    return load_onnx(path, data, dimensions)


_MODEL_FIELDS: Mapping[int, int] = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""Field number -> wire type of ONNX's ModelProto, which has no mark of its own."""
_GRAPH_FIELD = 7


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position
    raise IndexError


def _fields(data: bytes) -> Iterator[tuple[int, int]]:
    """(field number, wire type) of a protobuf message; IndexError where it is none."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        yield tag >> 3, tag & 7
        if tag & 7 == 0:
            _, position = _varint(data, position)
        elif tag & 7 == 2:
            size, position = _varint(data, position)
            position += size
        else:
            raise IndexError
    if position > len(data):
        raise IndexError


def is_tflite(data: bytes) -> bool:
    """Whether the file carries TensorFlow Lite's mark."""
    return data[4:8] == b"TFL3"


def is_onnx(data: bytes) -> bool:
    """Whether the file is a protobuf message with the fields of an ONNX model, a graph among them."""
    found: set[int] = set()
    try:
        for number, kind in _fields(data):
            if _MODEL_FIELDS.get(number) != kind or len(found) > len(_MODEL_FIELDS):
                return False
            found.add(number)
    except IndexError:
        return False
    return _GRAPH_FIELD in found


_BY_CONTENT: tuple[tuple[Callable[[bytes], bool], Loader], ...] = ((is_tflite, _load_tflite), (is_onnx, _load_onnx))
_BY_NAME: Mapping[str, Loader] = {".tflite": _load_tflite, ".lite": _load_tflite, ".onnx": _load_onnx}
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"\x89HDF", "this is an HDF5 file (Keras?); convert it with tf.lite.TFLiteConverter"),
    (
        b"PK\x03\x04",
        "this is a zip file (PyTorch or Keras?); export it with torch.onnx.export or tf.lite.TFLiteConverter",
    ),
    (b"\x80", "this is a Python pickle (PyTorch?); export the model with torch.onnx.export"),
)


def load_model(path: str | Path, *, dimensions: Mapping[str, int] | None = None) -> Graph:
    """The graph of a model file. dimensions: sizes of open dimensions by name.

    Raises ModelFileError when the file cannot be read or is of no known format, and what its reader raises.
    """
    file = Path(path)
    data = _read(file)
    for matches, load in _BY_CONTENT:
        if matches(data):
            return load(file, data, dimensions)
    for mark, hint in _FOREIGN:
        if data.startswith(mark):
            raise ModelFileError("is not a TensorFlow Lite or ONNX file", where=file.name, hint=hint)
    by_name = _BY_NAME.get(file.suffix.lower())
    if by_name is None:
        raise ModelFileError(
            "is of no known format",
            where=file.name,
            hint="edgeq reads TensorFlow Lite (.tflite) and ONNX (.onnx) files",
        )
    return by_name(file, data, dimensions)


def _read(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        if not file.is_file():
            raise ModelFileError("is not a file", where=str(file))
        if size > MAX_BYTES:
            raise ModelFileError(f"has {size} bytes; at most {MAX_BYTES} are read", where=str(file))
        data = file.read_bytes()
    except FileNotFoundError:
        raise ModelFileError("there is no such file", where=str(file)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"cannot be read: {reason}", where=str(file)) from None
    if not data:
        raise ModelFileError("is empty", where=str(file), hint="the file was not fully copied; export it again")
    return data
