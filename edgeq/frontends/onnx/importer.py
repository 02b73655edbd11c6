"""Walks an ONNX graph in order and hands every node to its row; gathers everything that cannot be converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto

from edgeq.errors import ModelDataError, ModelFileError, UnsupportedError
from edgeq.frontends.onnx.attributes import Attributes
from edgeq.frontends.onnx.folding import fold, is_foldable
from edgeq.frontends.onnx.inputs import read_inputs
from edgeq.frontends.onnx.proto import Opsets
from edgeq.frontends.onnx.rows import HINTS, QONNX_DOMAINS, converter
from edgeq.frontends.onnx.tensors import MAX_ELEMENTS, tensor_array, type_name
from edgeq.frontends.problems import Problems
from edgeq.ir.graph import Attr, Graph, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.ops.build import make_node


@dataclass
class Constant:
    """A tensor known at conversion, in the file's own layout and type. `quantization` gives integers a meaning."""

    name: str
    array: Array
    quantization: Quantization | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def real(self) -> Array:
        """What the tensor stands for."""
        return self.array if self.quantization is None else self.quantization.dequantize(self.array)


Tensor = Value | Constant

MOVES_ELEMENTS = ("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze")
"""A quantized constant stays quantized through these when it has one scale."""


class Importer:
    """State of one import: tensors by their ONNX names, the growing graph, the problems so far."""

    def __init__(self, proto: GraphProto, opsets: Opsets, folder: Path | None, problems: Problems) -> None:
        self.proto = proto
        self.opsets = opsets
        self.folder = folder
        self.problems = problems
        self.graph = Graph("model")
        self.tensors: dict[str, Tensor] = {}
        self.poisoned: set[str] = set()
        self.origin: dict[str, list[Any]] = {}
        self.unsigned: set[str] = set()
        """Values that are uint8 in the file and int8 here: the file's integer is 128 larger."""
        self.exact = any(n.domain in QONNX_DOMAINS for n in proto.node)
        """A QONNX network: what is computed between two quantizations must round as onnxruntime does."""
        self._initializers = {t.name: t for t in proto.initializer}
        self._constants: dict[str, Value] = {}
        self._node_names: set[str] = set()
        self._names = {t.name for t in proto.initializer} | {i.name for i in proto.input}
        self._names.update(o for n in proto.node for o in n.output)

    def fresh(self, base: str) -> str:
        """A name that no tensor of the file and no value so far has."""
        name, number = base, 1
        while name in self._names:
            name, number = f"{base}_{number}", number + 1
        self._names.add(name)
        return name

    def fresh_node(self, base: str) -> str:
        """A name that no node of the graph has."""
        name, number = base, 1
        while name in self._node_names:
            name, number = f"{base}_{number}", number + 1
        self._node_names.add(name)
        return name

    def find(self, name: str) -> Tensor | None:
        """The tensor of that name; initializers are read when first asked for."""
        if name not in self.tensors and name in self._initializers:
            self.tensors[name] = Constant(name, tensor_array(self._initializers[name], self.folder))
        return self.tensors.get(name)

    def constant_value(self, name: str, array: Array, quantization: Quantization | None = None) -> Value:
        """A constant of the graph under a name of its own; reals become float32 and must be finite."""
        if array.dtype.kind == "f":
            if not np.isfinite(array).all():
                raise ModelDataError(f"constant {name!r} holds NaN or infinity", hint="train or export the model again")
            with np.errstate(over="ignore"):
                array = array.astype(np.float32)
            if not np.isfinite(array).all():
                raise ModelDataError(f"constant {name!r} exceeds the range of float32")
        elif quantization is None and array.dtype.kind not in "iu":
            raise UnsupportedError(f"constant {name!r} of type {array.dtype} is used as data")
        try:
            dtype = DType(array.dtype.name)
        except ValueError:
            raise UnsupportedError(f"constant {name!r} of type {array.dtype} is used as data") from None
        # ascontiguousarray alone would give a scalar an axis.
        data = np.ascontiguousarray(array).reshape(array.shape)
        return Value(name, TensorType(tuple(array.shape), dtype, quantization), data)

    def promote(self, constant: Constant) -> Value:
        """The constant as a value of the graph; the same value each time."""
        known = self._constants.get(constant.name)
        if known is None or known.type.quantization != constant.quantization:
            name = constant.name if known is None else self.fresh(constant.name)
            known = self._constants[constant.name] = self.constant_value(name, constant.array, constant.quantization)
        return known

    def run(self, dimensions: Mapping[str, int], path: str) -> Graph:
        """The whole import."""
        read_inputs(self, dimensions, path)
        for position, node in enumerate(self.proto.node):
            self._node(node, position)
        outputs = [self._output(o.name) for o in self.proto.output]
        for value in self.graph.inputs:
            if value.type.dtype is DType.INT8 and value.type.quantization is None:
                self.problems.add(f"input {value.name!r}", "is an integer without scale", "quantize it with QDQ nodes")
        self.problems.raise_if_any(path)
        self.graph.outputs = [o for o in outputs if o is not None]
        return self.graph

    def _node(self, proto: NodeProto, position: int) -> None:
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        name = proto.name or next((o for o in proto.output if o), f"node {position}")
        where = f"{name!r} ({domain + '.' if domain else ''}{proto.op_type}, {self.opsets.label(domain)})"
        row = converter(domain, proto.op_type)
        known = True
        if row is None and not (domain == "" and is_foldable(proto.op_type)):
            self.problems.add(where, "this operator is not supported", HINTS.get(proto.op_type))
            known = False
        for operand in proto.input:
            if operand in self.poisoned:
                known = False
            elif operand and self.find(operand) is None:
                raise ModelFileError(
                    f"node {where} reads {operand!r}, which nothing before it computes",
                    hint="an initializer is missing, or the nodes form a cycle",
                )
        for result in proto.output:
            if result and (result in self.tensors or result in self._initializers or result in self.poisoned):
                raise ModelFileError(f"node {where} computes {result!r}, which exists already")
        if known:
            known = self._convert(NodeImport(self, proto, domain, name), where)
        if not known:
            self.poisoned.update(o for o in proto.output if o and o not in self.tensors)

    def _convert(self, node: NodeImport, where: str) -> bool:
        try:
            node.convert()
        except UnsupportedError as error:
            for line in error.problems or [error.message]:
                self.problems.add(where, line, error.hint)
            return False
        except (ModelDataError, ModelFileError) as error:
            error.where = error.where or where
            raise
        return True

    def _output(self, name: str) -> Value | None:
        if name in self.poisoned:
            return None
        tensor = self.find(name)
        if tensor is None:
            raise ModelFileError(f"output {name!r} is never computed", hint="the file may be damaged; export it again")
        value = self._constant_output(name, tensor) if isinstance(tensor, Constant) else tensor
        earlier = [self.tensors.get(o) for o in self.graph.meta["outputs"]]
        taken = any(v is value for v in (*self.graph.inputs, *earlier))
        if taken and not value.is_constant:
            node = make_node(
                "reshape",
                self.fresh_node(f"{name}.copy"),
                [value],
                {"shape": value.shape},
                output_names=[name],
                dtype=value.type.dtype,
                quantizations=[value.type.quantization],
            )
            self.graph.nodes.append(node)
            value = self.tensors[name] = node.output
        elif value.name != name:
            self.origin.pop(value.name, None)
            value.name = name
        self.origin[name] = [name, None]
        self.graph.meta["outputs"][name] = {
            "source_shape": list(value.shape),
            "perm": None,
            "source_dtype": self._source_dtype(name, value),
        }
        return value

    def _constant_output(self, name: str, tensor: Constant) -> Value:
        """An output that no input reaches; legal here, refused by the pipeline."""
        kind = TensorType(tensor.shape, DType(tensor.array.dtype.name), tensor.quantization)
        value = self.tensors[name] = Value(name, kind, tensor.array)
        return value

    def _source_dtype(self, name: str, value: Value) -> str:
        declared = next((o.type.tensor_type.elem_type for o in self.proto.output if o.name == name), 0)
        if declared != TensorProto.UNDEFINED:
            return {"float": "float32", "double": "float64"}.get(type_name(declared), type_name(declared))
        return "uint8" if name in self.unsigned else value.type.dtype.value


class NodeImport:
    """One node being converted: typed access to its operands, and the means to write canonical nodes."""

    def __init__(self, importer: Importer, proto: NodeProto, domain: str, name: str) -> None:
        self.importer = importer
        self.proto = proto
        self.op = proto.op_type
        self.name = name
        self.opset = importer.opsets.versions.get(domain, 1)
        self.domain = domain
        self.attrs = Attributes(proto, importer.folder)
        self._read: set[int] = set()
        self._fresh: set[int] = set()
        self._named = False

    def convert(self) -> None:
        """Folds the node if everything is known, else calls its row; then checks that nothing was ignored."""
        operands = [self.importer.find(i) if i else None for i in self.proto.input]
        if self.domain == "" and is_foldable(self.op) and all(o is None or isinstance(o, Constant) for o in operands):
            self._fold([o for o in operands if o is None or isinstance(o, Constant)])
            return
        row = converter(self.domain, self.op)
        if row is None:
            raise UnsupportedError("this operator is supported for constants only", hint=HINTS.get(self.op))
        row(self)
        ignored = [f"input {i}" for i, o in enumerate(self.proto.input) if o and i not in self._read]
        ignored += [f"attribute {a!r}" for a in self.attrs.unread()]
        if ignored:
            raise UnsupportedError(f"does not understand {', '.join(ignored)}")
        for output in self.proto.output:
            if output and output not in self.importer.tensors:
                self.importer.poisoned.add(output)
                if self._is_used(output):
                    raise UnsupportedError(f"its output {output!r} is not supported")

    def _fold(self, operands: list[Constant | None]) -> None:
        lead = operands[0] if operands else None
        quantization = lead.quantization if lead is not None else None
        kept = quantization is not None and (
            self.op == "Transpose" or (self.op in MOVES_ELEMENTS and quantization.is_per_tensor)
        )
        if kept and lead is not None and quantization is not None:
            results = fold(self.proto, [lead.array, *(o.real if o else None for o in operands[1:])], self.opset)
            if quantization.axis is not None:
                perm = self.attrs.ints("perm") or tuple(range(lead.array.ndim))[::-1]
                quantization = replace(quantization, axis=perm.index(quantization.axis))
            self.bind(0, Constant(self.proto.output[0], results[0], quantization))
            return
        for index, array in enumerate(fold(self.proto, [o.real if o else None for o in operands], self.opset)):
            self.bind(index, array)

    def _is_used(self, output: str) -> bool:
        proto = self.importer.proto
        return any(output in n.input for n in proto.node) or any(o.name == output for o in proto.output)

    # operands

    @property
    def count(self) -> int:
        """How many inputs the node lists, empty ones included."""
        return len(self.proto.input)

    def has(self, index: int) -> bool:
        return index < len(self.proto.input) and bool(self.proto.input[index])

    def tensor(self, index: int) -> Tensor:
        """The input at `index`, constant or not."""
        if not self.has(index):
            raise UnsupportedError(f"lacks input {index}")
        self._read.add(index)
        found = self.importer.find(self.proto.input[index])
        assert found is not None
        return found

    def value(self, index: int) -> Value:
        """The input as a value of the graph, of any type."""
        tensor = self.tensor(index)
        return self.importer.promote(tensor) if isinstance(tensor, Constant) else tensor

    def real(self, index: int) -> Value:
        """The input as a value that stands for reals in the file: float, or a quantized constant."""
        value = self.value(index)
        if not value.type.dtype.is_float and not (value.is_constant and value.type.quantization):
            raise UnsupportedError(f"computes with {value.type.dtype.value} ({value.name!r}), not with float32")
        return value

    def weights(self, index: int, what: str) -> Constant:
        """An input that must be known at conversion, quantized or not."""
        tensor = self.tensor(index)
        if not isinstance(tensor, Constant):
            raise UnsupportedError(f"its {what} must be constant, not computed ({tensor.name!r})")
        return tensor

    def constant(self, index: int, what: str) -> Array:
        """The reals or integers of an input that must be known at conversion."""
        return self.weights(index, what).real

    def integers(self, index: int, what: str) -> tuple[int, ...]:
        """A constant list of integers."""
        array = self.constant(index, what)
        if array.ndim > 1 or array.dtype.kind not in "iu":
            raise UnsupportedError(f"its {what} must be a list of integers")
        return tuple(int(i) for i in array.reshape(-1))

    def scalar(self, index: int, what: str) -> float:
        """A constant single number."""
        array = self.constant(index, what)
        if array.size != 1:
            raise UnsupportedError(f"its {what} must be one number, not {list(array.shape)}")
        return float(array.reshape(-1)[0])

    # results

    def own(self, suffix: str, array: Array, quantization: Quantization | None = None) -> Value:
        """A new constant made from this node's operands."""
        return self.importer.constant_value(self.importer.fresh(f"{self.name}.{suffix}"), array, quantization)

    def emit(
        self,
        op: str,
        inputs: Sequence[Value | None],
        attrs: Mapping[str, Attr] | None = None,
        *,
        like: TensorType | None = None,
        perm: Sequence[int] | None = None,
    ) -> Value:
        """Appends a node. Type and quantization are those of `like` (of the first computed input if not given).

        perm: the result is output 0 of the ONNX node under this permutation of its axes.
        """
        lead = next((i for i in inputs if i is not None and not i.is_constant), inputs[0])
        assert lead is not None
        kind = like or lead.type
        moves = op in ("transpose", "reshape") and self.op not in (*MOVES_ELEMENTS, "Transpose")
        node_name = self.importer.fresh_node(f"{self.name}.{op}" if moves or self._named else self.name)
        self._named = self._named or not moves
        name = self.importer.fresh(f"{self.name}.{op}")
        node = make_node(
            op, node_name, inputs, attrs, output_names=[name], dtype=kind.dtype, quantizations=[kind.quantization]
        )
        value = node.output
        if not 0 < value.type.elements <= MAX_ELEMENTS:
            raise UnsupportedError(f"its result would be of shape {list(value.shape)}")
        self.importer.graph.nodes.append(node)
        self._fresh.add(id(value))
        if perm is not None:
            self.importer.origin[name] = [self.proto.output[0], list(perm)]
        return value

    def transpose(self, x: Value, perm: Sequence[int]) -> Value:
        """A transposition; none when it would change nothing."""
        if tuple(perm) == tuple(range(len(perm))):
            return x
        return self.emit("transpose", [x], {"perm": tuple(int(p) for p in perm)})

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """A reshape; none when it would change nothing."""
        return x if tuple(shape) == x.shape else self.emit("reshape", [x], {"shape": tuple(int(d) for d in shape)})

    def bind(self, index: int, result: Value | Constant | Array) -> None:
        """States what output `index` of the ONNX node is."""
        if index >= len(self.proto.output) or not self.proto.output[index]:
            return
        name = self.proto.output[index]
        if isinstance(result, np.ndarray | np.generic):
            result = Constant(name, np.asarray(result))
        if isinstance(result, Value) and id(result) in self._fresh:
            self._fresh.discard(id(result))
            self.importer.origin.pop(result.name, None)
            result.name = name
            self.importer.origin[name] = [name, None]
        unsigned = self.importer.unsigned
        if isinstance(result, Value) and result.type.dtype is DType.INT8 and unsigned.intersection(self.proto.input):
            unsigned.add(name)
        self.importer.tensors[name] = result


def same_rank(node: NodeImport, values: list[Value]) -> list[Value]:
    """Computed operands of lower rank get leading ones, so that passes may reorder the axes of all alike."""
    rank = max(len(v.shape) for v in values)
    return [v if v.is_constant else node.reshape(v, (1,) * (rank - len(v.shape)) + v.shape) for v in values]
