"""One TFLite operator being converted: reads its operands and options, writes nodes of the IR."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from edgeq.errors import ModelDataError, ModelFileError, UnsupportedError
from edgeq.frontends.tflite_file import HINT, FileOperator, FileTensor, Options
from edgeq.frontends.tflite_quantization import check_shape, element_type, quantization_of, tensor_where
from edgeq.ir.graph import Attr, Value
from edgeq.ir.types import Array, DType, Quantization

if TYPE_CHECKING:
    from edgeq.frontends.tflite_importer import Importer

ACTIVATIONS = {"FLOAT32", "INT8"}
SHOWN = 80
"""Characters of a name in messages."""
FLOAT_HINT = "export the model as int8 or as float"


@dataclass(frozen=True)
class Row:
    """One TFLite operator. version: the newest known one. inputs: least and most operands; outputs: None for any.

    options: its table in the schema; without one the defaults hold. mixed: operands and results may differ in type.
    states: the positions of operands that outlive a run.
    """

    convert: Callable[[Call], None]
    version: int
    inputs: tuple[int, int] = (1, 1)
    outputs: int | None = 1
    options: str | None = None
    mixed: bool = False
    states: tuple[int, ...] = ()


class Call:
    """One operator being converted."""

    def __init__(self, importer: Importer, operator: FileOperator) -> None:
        self.importer, self.operator = importer, operator
        self.name = importer.unique(f"{operator.name.lower()}_{operator.index}")

    @property
    def where(self) -> str:
        """How messages call it: type, number and result, as model viewers show them."""
        kind = f"CUSTOM {self.operator.custom!r}" if self.operator.name == "CUSTOM" else self.operator.name
        # Exporters join the names of all layers that they fused.
        results = [self.output_tensor(0).name.split(";")[0][:SHOWN]] if self.operator.outputs else []
        return f"{kind} ({', '.join([f'operator {self.operator.index}', *map(repr, results)])})"

    @property
    def options(self) -> Options:
        return self.operator.options

    def refuse(self, message: str, hint: str | None = None) -> NoReturn:
        """Raises UnsupportedError for this operator."""
        raise UnsupportedError(message, where=self.where, hint=hint)

    def check(self) -> None:
        """Everything that holds for all operators: it is known, its version, arity, options and element types."""
        operator, row = self.operator, self.importer.rows.get(self.operator.name)
        if row is None:
            self.refuse(f"version {operator.version} of this operator is not supported", "see edgeq ops")
        if not 1 <= operator.version <= row.version:
            self.refuse(f"version {operator.version} is newer than {row.version}, the last known one")
        least, most = row.inputs
        given = len(operator.inputs)
        if not least <= given <= most or any(i < 0 for i in operator.inputs[:least]):
            raise ModelFileError(f"has {given} operands; {least} to {most} are possible", hint=HINT)
        if row.outputs is not None and len(operator.outputs) != row.outputs:
            raise ModelFileError(f"has {len(operator.outputs)} results, not {row.outputs}", hint=HINT)
        if operator.option_table not in ("NONE", row.options) and row.options is not None:
            raise ModelFileError(f"has the options of another operator ({operator.option_table})", hint=HINT)
        self._check_types(row)

    def _check_types(self, row: Row) -> None:
        first: str | None = None
        operands = [t for place, t in enumerate(self.operator.inputs) if place not in row.states]
        for index in (*operands, *self.operator.outputs):
            if index < 0 or self.importer.array(index) is not None:
                continue
            tensor = self.importer.model.main.tensors[index]
            if index not in self.importer.values and index not in self.operator.outputs:
                raise ModelFileError(f"reads {tensor_where(tensor)} before it is computed", hint=HINT)
            if tensor.is_variable:
                self.refuse(
                    f"{tensor_where(tensor)} is a state that outlives a run", "stateful models are not supported"
                )
            if row.mixed:
                continue
            if tensor.type not in ACTIVATIONS:
                self.refuse(f"{tensor_where(tensor)} is {tensor.type}", FLOAT_HINT)
            first = first or tensor.type
            if tensor.type != first:
                self.refuse(f"mixes {first} and {tensor.type} ({tensor_where(tensor)})", FLOAT_HINT)

    def fold(self) -> bool:
        """Computes the result where everything is known at conversion; False where it is not."""
        rule = self.importer.folds.get(self.operator.name)
        if rule is None or len(self.operator.outputs) != 1:
            return False
        result = rule(self)
        if result is None:
            return False
        self.importer.keep(self.operator.outputs[0], result)
        return True

    @property
    def is_float(self) -> bool:
        """Whether the first result is float."""
        return self.output_tensor().type == "FLOAT32"

    def tensor(self, position: int) -> FileTensor | None:
        """The operand at `position` as the file has it; None where it is absent."""
        inputs = self.operator.inputs
        return (
            self.importer.model.main.tensors[inputs[position]]
            if position < len(inputs) and inputs[position] >= 0
            else None
        )

    def output_tensor(self, number: int = 0) -> FileTensor:
        return self.importer.model.main.tensors[self.operator.outputs[number]]

    def output_quantization(self, number: int = 0) -> Quantization | None:
        """What results of the file's type need: one scale for int8, nothing for float."""
        tensor = self.output_tensor(number)
        quantization = quantization_of(tensor)
        if tensor.type not in ("INT8", "UINT8"):
            return None
        if quantization is None or not quantization.is_per_tensor:
            raise ModelDataError(f"{tensor_where(tensor)} is {tensor.type} and needs one scale")
        return quantization

    def known(self, position: int) -> Array | None:
        """The data of an operand that is known at conversion, else None."""
        tensor = self.tensor(position)
        return None if tensor is None else self.importer.array(tensor.index)

    def constant(self, position: int, what: str) -> Array:
        """The data of an operand that must be known at conversion."""
        array = self.known(position)
        if array is None:
            self.refuse(f"its {what} {'are' if what.endswith('s') else 'is'} computed while the network runs")
        return array

    def integers(self, position: int, what: str) -> tuple[int, ...]:
        """A short list of integers that must be known: a shape, a permutation, axes."""
        array = self.constant(position, what)
        if array.dtype.kind not in "iu" or array.size > 64:
            raise ModelFileError(f"its {what} is {array.dtype}{list(array.shape)}", hint=HINT)
        return tuple(int(v) for v in array.reshape(-1))

    def value(self, position: int) -> Value:
        """The operand at `position`: a computed value, or a constant in the form that the operator computes with."""
        tensor = self.tensor(position)
        if tensor is None:
            raise ModelFileError(f"lacks operand {position}", hint=HINT)
        value = self.importer.values.get(tensor.index)
        if value is not None:
            return value
        array = self.importer.array(tensor.index)
        if array is None:
            raise ModelFileError(f"reads {tensor_where(tensor)} before it is computed", hint=HINT)
        quantization = quantization_of(tensor)
        if not self.is_float:
            if tensor.type != "INT8":
                self.refuse(f"computes with the {tensor.type} constant {tensor_where(tensor)}")
            if quantization is None or not quantization.is_per_tensor:
                raise ModelDataError(f"{tensor_where(tensor)} is INT8 and needs one scale")
        if self.is_float and array.dtype.kind != "f":
            return self.new_constant(tensor, "real", self.real(array, quantization))
        return self.new_constant(tensor, "", array, quantization)

    def real(self, array: Array, quantization: Quantization | None) -> Array:
        """Integer constants of float operators, as reals."""
        if quantization is None:
            self.refuse(f"a constant of type {array.dtype} without a scale in a float operator")
        return quantization.dequantize(array).astype(np.float32)

    def new_constant(
        self, tensor: FileTensor, role: str, array: Array, quantization: Quantization | None = None
    ) -> Value:
        """The constant that `tensor` is in `role`; operators that use it alike share it."""
        constants, key = self.importer.constants, (tensor.index, role, quantization)
        if key not in constants:
            name = self.importer.names[tensor.index]
            if tensor.index in self.importer.named:
                name = self.importer.unique(f"{name}_{role}" if role else name)
            self.importer.named.add(tensor.index)
            constants[key] = self.importer.builder.constant(name, array, quantization)
        return constants[key]

    def add_shifted(self, op: str, inputs: Sequence[Value | None]) -> None:
        """The node that computes a uint8 result of the network: in the C it is int8, and 128 less."""
        own = self.output_quantization()
        assert own is not None
        shifted = Quantization.per_tensor(own.tensor_scale, own.tensor_zero_point - 128)
        value = self.add(op, inputs, dtype=DType.INT8, quantization=shifted)
        self.importer.facts[value.name] = {"source_dtype": "uint8"}

    def add(
        self,
        op: str,
        inputs: Sequence[Value | None],
        attrs: Mapping[str, Attr] | None = None,
        *,
        number: int = 0,
        dtype: DType | None = None,
        quantization: Quantization | None = None,
    ) -> Value:
        """The node that computes result `number`, quantized as the file has it unless told. Its shape must agree."""
        index, tensor = self.operator.outputs[number], self.output_tensor(number)
        importer = self.importer
        if all(v is None or v.is_constant for v in inputs):
            self.refuse("its operands are all constant", "fold it when exporting the model")
        name = self.name if number == 0 else importer.unique(f"{self.name}_{number}")
        value = importer.builder.add(
            op,
            inputs,
            attrs,
            name=name,
            output_names=[importer.names[index]],
            dtype=dtype or element_type(tensor),
            quantizations=[quantization or self.output_quantization(number)],
        )
        importer.values[index] = value
        importer.origin[value.name] = index
        check_shape(value.shape, tensor)
        if tensor.shape and not _agrees(value.shape, tensor.signature):
            raise ModelFileError(
                f"gives shape {list(value.shape)}, but the file says {list(tensor.signature)}", hint=HINT
            )
        return value

    def add_before(
        self,
        op: str,
        value: Value,
        attrs: Mapping[str, Attr],
        suffix: str,
        others: Sequence[Value] = (),
        quantization: Quantization | None = None,
    ) -> Value:
        """A node between an operand and the operator, for what TFLite does without saying: flattening and the like.

        others: its operands after `value`. quantization: of its result, that of `value` unless told.
        """
        name = self.importer.unique(f"{self.name}_{suffix}")
        return self.importer.builder.add(
            op,
            [value, *others],
            attrs,
            name=name,
            output_names=[self.importer.unique(f"{name}_output")],
            dtype=value.type.dtype,
            quantizations=[quantization or value.type.quantization],
        )

    def move(self, op: str, inputs: Sequence[Value], attrs: Mapping[str, Attr], *, number: int = 0) -> Value:
        """A node that only moves numbers: TFLite copies the integers, so that operands and result share one meaning."""
        target = self.output_quantization(number)
        for value in inputs:
            if value.type.quantization != target:
                self.refuse(
                    "its operand and its result have different scales",
                    "the model is wrongly quantized; quantize it again",
                )
        return self.add(op, inputs, attrs, number=number)

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """The result is `value` under another shape."""
        return self.move("reshape", [value], {"shape": tuple(int(d) for d in shape)})

    def axis(self, axis: int, rank: int) -> int:
        """An axis from the front; TFLite counts from the back with negative numbers."""
        if not -rank <= axis < rank:
            self.refuse(f"axis {axis} of a tensor with {rank} axes")
        return axis % rank


def _agrees(shape: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    if len(shape) != len(declared):
        return False
    return all(d < 0 or s == d for s, d in zip(shape, declared, strict=True))
