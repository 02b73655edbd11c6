"""Writes small .tflite files, one operator or a few, with any options: what tests compare with LiteRT.

    x = TensorSpec([1, 8, 8, 4], scale=0.1, zero_point=-3)
    y = TensorSpec([1, 4, 4, 4], scale=0.1, zero_point=-3)
    data = single_op_model("MAX_POOL_2D", [x], [y], {"Padding": tflite.Padding.VALID, "StrideH": 2, ...})

Options are named as in the schema, CamelCase. A TensorSpec with `data` is a constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

OPTION_TABLES = {
    "ADD": "AddOptions",
    "ARG_MAX": "ArgMaxOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "CALL_ONCE": "CallOnceOptions",
    "CAST": "CastOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "EXPAND_DIMS": "ExpandDimsOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "DIV": "DivOptions",
    "GELU": "GeluOptions",
    "GATHER": "GatherOptions",
    "HARD_SWISH": "HardSwishOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "PACK": "PackOptions",
    "PAD": "PadOptions",
    "PADV2": "PadV2Options",
    "QUANTIZE": "QuantizeOptions",
    "REDUCE_PROD": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SHAPE": "ShapeOptions",
    "SLICE": "SliceOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "SQUEEZE": "SqueezeOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "TRANSPOSE": "TransposeOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "VAR_HANDLE": "VarHandleOptions",
}
"""Operators with a table of options; every other one is written without."""


@dataclass(eq=False)
class TensorSpec:
    """One tensor. dtype: a name of tflite.TensorType in lower case. scale, zero_point: a number or one per slice of
    `axis`; scale None leaves the tensor without quantization. signature: the shape with -1 where it is dynamic."""

    shape: Sequence[int]
    dtype: str = "int8"
    scale: float | Sequence[float] | None = None
    zero_point: int | Sequence[int] = 0
    axis: int = 0
    data: Any = None
    name: str | None = None
    signature: Sequence[int] | None = None
    is_variable: bool = False

    @property
    def bytes(self) -> bytes | None:
        """What the tensor's buffer holds; `data` may be bytes already."""
        if self.data is None or isinstance(self.data, bytes):
            return self.data
        return np.ascontiguousarray(self.data, dtype=np.dtype(self.dtype).newbyteorder("<")).tobytes()


@dataclass(eq=False)
class OperatorSpec:
    """One operator. op: a name of tflite.BuiltinOperator, or "CUSTOM:name". An input of None is an absent one.

    intermediates: tensors that only say how numbers inside of the operator are quantized.
    """

    op: str
    inputs: Sequence[TensorSpec | None]
    outputs: Sequence[TensorSpec]
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    option_table: str | None = None
    intermediates: Sequence[TensorSpec] = ()


@dataclass(eq=False)
class GraphSpec:
    """One subgraph."""

    operators: Sequence[OperatorSpec]
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]

    @property
    def tensors(self) -> list[TensorSpec]:
        """Every tensor once."""
        found: list[TensorSpec] = []
        every = (t for o in self.operators for t in (*o.inputs, *o.outputs, *o.intermediates))
        for tensor in [*self.inputs, *every, *self.outputs]:
            if tensor is not None and not any(tensor is t for t in found):
                found.append(tensor)
        return found


def single_op_model(
    op: str,
    inputs: Sequence[TensorSpec | None],
    outputs: Sequence[TensorSpec],
    options: Mapping[str, Any] | None = None,
    constants: Sequence[TensorSpec | None] = (),
    *,
    version: int = 1,
) -> bytes:
    """A model of one operator whose operands are `inputs`, then `constants`.

    Those without data are the model's inputs, in order.
    """
    operator = OperatorSpec(op, [*inputs, *constants], outputs, options or {}, version)
    return model([operator], [t for t in operator.inputs if t is not None and t.data is None], outputs)


def model(
    operators: Sequence[OperatorSpec],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    *,
    subgraphs: int = 1,
    description: str = "edgeq test",
) -> bytes:
    """A model of any operators; `subgraphs` repeats the same one."""
    return graphs(*[GraphSpec(operators, inputs, outputs)] * subgraphs, description=description)


def graphs(*specs: GraphSpec, description: str = "edgeq test") -> bytes:
    """A model of several subgraphs, the network first."""
    return _Writer(specs).finish(description)


class _Writer:
    def __init__(self, specs: Sequence[GraphSpec]) -> None:
        self.b = flatbuffers.Builder(4096)
        self.specs = specs
        self.tensors = [tensor for spec in specs for tensor in spec.tensors]
        self.opcodes = [operator for spec in specs for operator in spec.operators]

    def ints(self, values: Sequence[int]) -> int:
        return int(self.b.CreateNumpyVector(np.asarray(values, dtype=np.int32)))

    def table(self, name: str, **fields: Any) -> int:
        """One flatbuffers table; fields of None are left out. Offsets must have been written before."""
        getattr(tflite, f"{name}Start")(self.b)
        for key, value in fields.items():
            if value is not None:
                getattr(tflite, f"{name}Add{key}")(self.b, value)
        return int(getattr(tflite, f"{name}End")(self.b))

    def offsets(self, values: Sequence[int]) -> int:
        self.b.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.b.PrependUOffsetTRelative(value)
        return int(self.b.EndVector())

    def quantization(self, spec: TensorSpec) -> int | None:
        if spec.scale is None:
            return None
        scale = np.atleast_1d(np.asarray(spec.scale, dtype=np.float32))
        zero = np.atleast_1d(np.asarray(spec.zero_point, dtype=np.int64))
        if zero.size == 1 < scale.size:
            zero = np.repeat(zero, scale.size)
        return self.table(
            "QuantizationParameters",
            Scale=self.b.CreateNumpyVector(scale),
            ZeroPoint=self.b.CreateNumpyVector(zero),
            QuantizedDimension=spec.axis,
        )

    def buffer(self, data: bytes | None) -> int:
        if data is None:
            return self.table("Buffer")
        self.b.StartVector(1, len(data), 16)
        self.b.head -= len(data)
        self.b.Bytes[self.b.head : self.b.head + len(data)] = data
        vector = self.b.EndVector()
        return self.table("Buffer", Data=vector)

    def tensor(self, spec: TensorSpec) -> int:
        number = next(i for i, t in enumerate(self.tensors) if t is spec)
        name = self.b.CreateString(f"t{number}" if spec.name is None else spec.name)
        shape = self.ints(spec.shape)
        signature = None if spec.signature is None else self.ints(spec.signature)
        return self.table(
            "Tensor",
            Shape=shape,
            Type=getattr(tflite.TensorType, spec.dtype.upper()),
            Buffer=number + 1 if spec.data is not None else 0,
            Name=name,
            Quantization=self.quantization(spec),
            ShapeSignature=signature,
            IsVariable=spec.is_variable or None,
            HasRank=True,
        )

    def operator(self, own: Sequence[TensorSpec], spec: OperatorSpec) -> int:
        number = next(i for i, o in enumerate(self.opcodes) if o is spec)
        table = spec.option_table or OPTION_TABLES.get(spec.op)
        options = None
        if table is not None:
            values = {
                key: self.ints(value)
                if isinstance(value, (list, tuple, np.ndarray))
                else self.b.CreateString(value)
                if isinstance(value, str)
                else value
                for key, value in spec.options.items()
            }
            options = self.table(table, **values)
        return self.table(
            "Operator",
            OpcodeIndex=number,
            Inputs=self.ints([_index(own, t) for t in spec.inputs]),
            Outputs=self.ints([_index(own, t) for t in spec.outputs]),
            Intermediates=self.ints([_index(own, t) for t in spec.intermediates]) if spec.intermediates else None,
            BuiltinOptionsType=None if table is None else getattr(tflite.BuiltinOptions, table),
            BuiltinOptions=options,
        )

    def opcode(self, spec: OperatorSpec) -> int:
        op, _, custom = spec.op.partition(":")
        code = getattr(tflite.BuiltinOperator, op)
        name = self.b.CreateString(custom) if custom else None
        return self.table(
            "OperatorCode",
            DeprecatedBuiltinCode=min(code, 127),
            BuiltinCode=code,
            Version=spec.version,
            CustomCode=name,
        )

    def graph(self, spec: GraphSpec) -> int:
        own = spec.tensors
        return self.table(
            "SubGraph",
            Tensors=self.offsets([self.tensor(t) for t in own]),
            Operators=self.offsets([self.operator(own, o) for o in spec.operators]),
            Inputs=self.ints([_index(own, t) for t in spec.inputs]),
            Outputs=self.ints([_index(own, t) for t in spec.outputs]),
        )

    def finish(self, description: str) -> bytes:
        buffers = self.offsets([self.buffer(None), *(self.buffer(t.bytes) for t in self.tensors)])
        root = self.table(
            "Model",
            Version=3,
            OperatorCodes=self.offsets([self.opcode(o) for o in self.opcodes]),
            Subgraphs=self.offsets([self.graph(spec) for spec in self.specs]),
            Description=self.b.CreateString(description),
            Buffers=buffers,
        )
        self.b.Finish(root, file_identifier=b"TFL3")
        return bytes(self.b.Output())


def _index(tensors: Sequence[TensorSpec], tensor: TensorSpec | None) -> int:
    return next((i for i, t in enumerate(tensors) if t is tensor), -1)
