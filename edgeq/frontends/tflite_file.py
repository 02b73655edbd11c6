"""Reads the bytes of a .tflite file into plain structures, trusting none of them.

The generated flatbuffers classes check nothing: a damaged offset leads anywhere. Every access goes through `_reading`,
every count is held against the file's size, and every index is checked before anything uses it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import tflite

from edgeq.errors import ModelDataError, ModelFileError

MAGIC = b"TFL3"
SCHEMA = 3
MAX_RANK = 8
MAX_NAME = 1024
MAX_TABLES = {"Subgraphs": 16, "Operators": 4096, "Tensors": 16384, "Buffers": 16384, "OperatorCodes": 4096}
"""No network for a microcontroller comes near; a hostile file asks for hours of work with more."""
HINT = "the file is damaged or was not fully copied; export it again"

_FAILURES = (struct.error, ValueError, IndexError, TypeError, OverflowError, KeyError, AttributeError)
_T = TypeVar("_T")


def _names(enum: Any) -> dict[int, str]:
    return {v: k for k, v in vars(enum).items() if isinstance(v, int)}


OPERATOR_NAMES = _names(tflite.BuiltinOperator)
TYPE_NAMES = _names(tflite.TensorType)
_OPTION_NAMES = _names(tflite.BuiltinOptions)


@contextmanager
def _reading(where: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise ModelFileError(f"is damaged: {error or type(error).__name__}", where=where, hint=HINT) from None


class Options:
    """The options of one operator by their names in the schema. An absent table has every default."""

    def __init__(self, table: Any, where: str) -> None:
        self._table = table
        self._where = where

    def _get(self, field: str, default: Any) -> Any:
        if self._table is None:
            return default
        with _reading(self._where):
            return getattr(self._table, field)()

    def integer(self, field: str, default: int = 0) -> int:
        return int(self._get(field, default))

    def flag(self, field: str) -> bool:
        return bool(self._get(field, False))

    def real(self, field: str, default: float = 0.0) -> float:
        """A finite number; ModelDataError for any other."""
        value = float(self._get(field, default))
        if not math.isfinite(value):
            raise ModelDataError(f"option {field} is {value}", where=self._where)
        return value

    def text(self, field: str) -> str:
        """A name; empty where there is none."""
        return bytes(self._get(field, None) or b"")[:MAX_NAME].decode("utf-8", "replace")

    def integers(self, field: str) -> tuple[int, ...]:
        if self._table is None:
            return ()
        with _reading(self._where):
            if getattr(self._table, f"{field}Length")() > MAX_RANK:
                raise ModelFileError(f"option {field} has too many entries", where=self._where, hint=HINT)
            return tuple(int(getattr(self._table, field)(i)) for i in range(getattr(self._table, f"{field}Length")()))


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A tensor as the file has it. scale, zero_point: empty without quantization. data: None for activations."""

    index: int
    name: str
    type: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int
    custom_quantization: bool
    data: memoryview | None
    is_variable: bool
    is_sparse: bool


@dataclass(frozen=True, eq=False)
class FileOperator:
    """An operator as the file has it. An absent input is -1.

    intermediates: tensors that only say how numbers inside of the operator are quantized.
    """

    index: int
    name: str
    code: int
    version: int
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options
    option_table: str
    intermediates: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class FileGraph:
    """One subgraph. inputs, outputs: indices of its tensors."""

    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class FileModel:
    """A whole file. graphs: the first is the network, others are called from it."""

    size: int
    description: str
    graphs: tuple[FileGraph, ...]

    @property
    def main(self) -> FileGraph:
        return self.graphs[0]


def read_file(data: bytes, where: str) -> FileModel:
    """Raises ModelFileError for whatever is not a whole, consistent .tflite."""
    if len(data) < 8 or data[4:8] != MAGIC:
        raise ModelFileError("is not a TensorFlow Lite file: its mark 'TFL3' is missing", where=where, hint=HINT)
    with _reading(where):
        return _Reader(data, where).model()


class _Reader:
    def __init__(self, data: bytes, where: str) -> None:
        self.data = data
        self.where = where
        # Vectors may share bytes in a hostile file; honest ones never hold more integers than the file has bytes.
        self.left = len(data)

    def spend(self, count: int, what: str) -> int:
        self.left -= count
        if self.left < 0:
            raise ModelFileError(f"is damaged: {what} has {count} entries", where=self.where, hint=HINT)
        return count

    def many(self, table: Any, field: str, read: Callable[[int, Any], _T]) -> tuple[_T, ...]:
        count = getattr(table, f"{field}Length")()
        if count > MAX_TABLES[field]:
            raise ModelFileError(f"has {count} {field}; at most {MAX_TABLES[field]} are read", where=self.where)
        self.spend(count, field)
        return tuple(read(i, getattr(table, field)(i)) for i in range(count))

    def numbers(self, table: Any, field: str) -> tuple[Any, ...]:
        count = self.spend(getattr(table, f"{field}Length")(), field)
        return tuple(getattr(table, f"{field}AsNumpy")().tolist()) if count else ()

    def text(self, raw: bytes | None) -> str:
        """A name fit for one line of a message."""
        self.spend(len(raw or b""), "a name")
        shown = (raw or b"")[:MAX_NAME].decode("utf-8", "replace")
        return "".join(c if c.isprintable() else "?" for c in shown)

    def code(self, index: int, opcode: Any) -> tuple[int, str, int, str]:
        """(code, name, version, custom name) of an operator code."""
        # Codes that fit in a byte are written in the old field, the others in the new one.
        code = max(opcode.BuiltinCode(), opcode.DeprecatedBuiltinCode())
        name = OPERATOR_NAMES.get(code, f"operator code {code}")
        return code, name, opcode.Version(), self.text(opcode.CustomCode())

    def model(self) -> FileModel:
        root = tflite.Model.GetRootAs(self.data, 0)
        if root.Version() != SCHEMA:
            raise ModelFileError(f"has schema version {root.Version()}, not {SCHEMA}", where=self.where, hint=HINT)
        if root.SubgraphsLength() < 1:
            raise ModelFileError("holds no graph", where=self.where, hint=HINT)
        buffers = self.many(root, "Buffers", self.buffer)
        codes = self.many(root, "OperatorCodes", self.code)
        return FileModel(
            size=len(self.data),
            description=self.text(root.Description()),
            graphs=self.many(root, "Subgraphs", lambda _, g: self.graph(g, buffers, codes)),
        )

    def graph(
        self, graph: Any, buffers: tuple[memoryview | None, ...], codes: tuple[tuple[int, str, int, str], ...]
    ) -> FileGraph:
        tensors = self.many(graph, "Tensors", lambda i, t: self.tensor(i, t, buffers))
        operators = self.many(graph, "Operators", lambda i, o: self.operator(i, o, codes, len(tensors)))
        inputs, outputs = self.numbers(graph, "Inputs"), self.numbers(graph, "Outputs")
        for index in (*inputs, *outputs):
            self.check_index(index, len(tensors), "the graph")
        return FileGraph(tensors, operators, inputs, outputs)

    def check_index(self, index: int, count: int, what: str) -> None:
        if not 0 <= index < count:
            raise ModelFileError(f"is damaged: {what} refers to number {index} of {count}", where=self.where, hint=HINT)

    def buffer(self, index: int, buffer: Any) -> memoryview | None:
        # Large files keep their data behind the flatbuffer, at an offset from the start of the file.
        offset, size = buffer.Offset(), buffer.Size()
        if offset > 1:
            if offset + size > len(self.data):
                raise ModelFileError(f"is damaged: buffer {index} lies outside the file", where=self.where, hint=HINT)
            return memoryview(self.data)[offset : offset + size]
        if buffer.DataLength() == 0:
            return None
        return memoryview(buffer.DataAsNumpy()).cast("B")

    def tensor(self, index: int, tensor: Any, buffers: tuple[memoryview | None, ...]) -> FileTensor:
        name = self.text(tensor.Name())
        where = f"tensor {index} {name!r}"
        self.check_index(tensor.Buffer(), len(buffers), where)
        kind = TYPE_NAMES.get(tensor.Type())
        if kind is None:
            raise ModelFileError(f"is damaged: {where} has type number {tensor.Type()}", where=self.where, hint=HINT)
        if max(tensor.ShapeLength(), tensor.ShapeSignatureLength()) > MAX_RANK:
            raise ModelFileError(f"is damaged: {where} has more than {MAX_RANK} axes", where=self.where, hint=HINT)
        shape, signature = self.numbers(tensor, "Shape"), self.numbers(tensor, "ShapeSignature")
        if signature and len(signature) != len(shape):
            raise ModelFileError(f"is damaged: {where} has two ranks", where=self.where, hint=HINT)
        q = tensor.Quantization()
        return FileTensor(
            index=index,
            name=name,
            type=kind,
            shape=shape,
            signature=signature or shape,
            scale=() if q is None else self.numbers(q, "Scale"),
            zero_point=() if q is None else self.numbers(q, "ZeroPoint"),
            axis=0 if q is None else q.QuantizedDimension(),
            custom_quantization=q is not None and q.DetailsType() != 0,
            data=buffers[tensor.Buffer()],
            is_variable=bool(tensor.IsVariable()),
            is_sparse=tensor.Sparsity() is not None,
        )

    def operator(
        self, index: int, operator: Any, codes: tuple[tuple[int, str, int, str], ...], tensors: int
    ) -> FileOperator:
        self.check_index(operator.OpcodeIndex(), len(codes), f"operator {index}")
        code, name, version, custom = codes[operator.OpcodeIndex()]
        inputs, outputs = self.numbers(operator, "Inputs"), self.numbers(operator, "Outputs")
        for tensor in inputs:
            if tensor != -1:
                self.check_index(tensor, tensors, f"operator {index} ({name})")
        intermediates = self.numbers(operator, "Intermediates")
        for tensor in (*outputs, *intermediates):
            self.check_index(tensor, tensors, f"operator {index} ({name})")
        kind = _OPTION_NAMES.get(operator.BuiltinOptionsType(), "an unknown kind")
        raw = operator.BuiltinOptions()
        table = None
        if raw is not None and hasattr(tflite, kind):
            table = getattr(tflite, kind)()
            table.Init(raw.Bytes, raw.Pos)
        return FileOperator(
            index=index,
            name=name,
            code=code,
            version=version,
            custom=custom,
            inputs=inputs,
            outputs=outputs,
            options=Options(table, f"operator {index} ({name})"),
            option_table="NONE" if raw is None else kind,
            intermediates=intermediates,
        )


def little_endian(data: memoryview, dtype: str) -> Any:
    """The numbers of a buffer, as a read-only array without a shape. The size must fit."""
    return np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<"))
