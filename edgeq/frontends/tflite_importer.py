"""Walks a .tflite graph and builds the IR with the operator rows it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgeq.errors import ModelDataError, ModelFileError, UnsupportedError, UsageError
from edgeq.frontends.problems import Problems
from edgeq.frontends.tflite_call import Call, Row
from edgeq.frontends.tflite_file import HINT, FileModel, FileOperator
from edgeq.frontends.tflite_quantization import (
    DTYPES,
    check_shape,
    element_type,
    quantization_of,
    stored_array,
    tensor_where,
)
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.ops.build import GraphBuilder

MAX_ENDS = 256
"""Inputs or outputs of one network."""


class Importer:
    """State of one import. `rows` convert operators; `folds` compute those whose operands are all known.

    special: what converts single operators, by their number, instead of their row. vanished: numbers of those that are
    part of a special one.
    """

    def __init__(
        self,
        model: FileModel,
        name: str,
        where: str,
        rows: Mapping[str, Row],
        folds: Mapping[str, Callable[[Call], Array | None]],
        special: Mapping[int, Callable[[Call], None]],
        vanished: frozenset[int],
    ) -> None:
        self.special, self.vanished = special, vanished
        self.model, self.where, self.rows, self.folds = model, where, rows, folds
        self.builder = GraphBuilder(name)
        self.problems = Problems()
        self.values: dict[int, Value] = {}
        self.folded: dict[int, Array] = {}
        self.constants: dict[tuple[int, str, Quantization | None], Value] = {}
        self.origin: dict[str, int] = {}
        self.facts: dict[str, dict[str, str]] = {}
        self.named: set[int] = set()
        self.taken: dict[str, int] = {}
        # Constants may share bytes in a hostile file, and widen from int8 to float32 in an honest one.
        self.left = (1 << 20) + 16 * model.size
        self.names = [self.unique(t.name or f"tensor_{t.index}") for t in model.main.tensors]

    def unique(self, base: str) -> str:
        """`base`, or the first of `base_1`, `base_2`, ... that is free; then taken."""
        name = base
        while name in self.taken:
            self.taken[base] += 1
            name = f"{base}_{self.taken[base]}"
        self.taken[name] = 0
        return name

    def run(self, dimensions: Mapping[str, int] | None) -> Graph:
        """The whole graph. Raises UnsupportedError with every problem of every operator."""
        if len(self.model.graphs) > 1 and not any(o.name == "CALL_ONCE" for o in self.operators(self.vanished)):
            self.problems.add(
                "the model",
                f"has {len(self.model.graphs)} graphs",
                "control flow and several signatures are not supported; export one function without them",
            )
        self.read_inputs(dimensions or {})
        for operator in self.model.main.operators:
            if operator.index not in self.vanished:
                self.convert(operator)
        outputs = self.read_outputs()
        self.problems.raise_if_any(self.where)
        graph = self.builder.finish(outputs)
        graph.meta = {
            "format": "tflite",
            "producer": self.model.description,
            "origin": {v.name: self.origin[v.name] for v in graph.values() if v.name in self.origin},
            "inputs": {v.name: _own_type(v) for v in graph.inputs if v.type.dtype.is_float},
            "outputs": {
                v.name: self.facts.get(v.name) or _own_type(v)
                for v in graph.outputs
                if v.name in self.facts or v.type.dtype.is_float
            },
        }
        return graph

    def operators(self, numbers: frozenset[int]) -> list[FileOperator]:
        return [o for o in self.model.main.operators if o.index in numbers]

    def read_inputs(self, dimensions: Mapping[str, int]) -> None:
        unused = dict(dimensions)
        if len(self.model.main.inputs) > MAX_ENDS or len(self.model.main.outputs) > MAX_ENDS:
            raise ModelFileError(f"has more than {MAX_ENDS} inputs or outputs", where=self.where, hint=HINT)
        for index in self.model.main.inputs:
            tensor, name = self.model.main.tensors[index], self.names[index]
            if index in self.values or tensor.data is not None:
                raise ModelFileError(f"{tensor_where(tensor)} is not a proper input", where=self.where, hint=HINT)
            shape = []
            for axis, size in enumerate(tensor.signature):
                key = f"{name}.{axis}"
                if size >= 0:
                    shape.append(size)
                elif key in unused or axis == 0:
                    # The C computes one inference at a time, so that an open first axis is a batch of 1.
                    shape.append(unused.pop(key, 1))
                else:
                    self.problems.add(
                        tensor_where(tensor), f"axis {axis} has no fixed size", f"give the size of dimension {key!r}"
                    )
                    shape.append(max(1, tensor.shape[axis]))
            check_shape(tuple(shape), tensor)
            dtype, quantization = DType.FLOAT32, None
            with self.problems.collect(tensor_where(tensor)):
                dtype = element_type(tensor)
                quantization = quantization_of(tensor)
                if dtype is DType.INT8 and (quantization is None or not quantization.is_per_tensor):
                    raise ModelDataError("is int8 without a scale", where=tensor_where(tensor))
                if tensor.is_variable:
                    raise UnsupportedError("is a state that outlives a run", hint="stateful models are not supported")
            if self.problems:
                self.stand_in(index)
            else:
                self.values[index] = self.builder.input(name, shape, dtype, quantization)
                self.origin[name] = index
        if unused:
            raise UsageError(
                f"the model has no open dimension {sorted(unused)[0]!r}",
                where=self.where,
                hint="dimensions are named INPUT.AXIS; edgeq inspect lists the inputs",
            )

    def read_outputs(self) -> list[Value]:
        outputs: list[Value] = []
        for index in self.model.main.outputs:
            tensor = self.model.main.tensors[index]
            value = self.values.get(index)
            if value is None and index not in self.folded and tensor.data is None:
                raise ModelFileError(f"output {tensor_where(tensor)} is never computed", where=self.where, hint=HINT)
            if value is None or value.is_constant or any(value is i for i in self.builder.graph.inputs):
                self.problems.add(tensor_where(tensor), "is an output that nothing computes from the inputs")
            elif any(value is o for o in outputs):
                self.problems.add(tensor_where(tensor), "is listed twice among the outputs")
            else:
                outputs.append(value)
        if not self.model.main.outputs:
            raise ModelFileError("has no outputs", where=self.where, hint=HINT)
        return outputs

    def convert(self, operator: FileOperator) -> None:
        """One operator; what cannot be converted is noted, and its outputs stand in as the file describes them."""
        call = Call(self, operator)
        for index in operator.outputs:
            if index in self.values or index in self.folded or self.model.main.tensors[index].data is not None:
                raise ModelFileError(
                    f"{tensor_where(self.model.main.tensors[index])} is computed twice", where=self.where, hint=HINT
                )
        with self.problems.collect(call.where):
            try:
                if operator.index in self.special:
                    self.special[operator.index](call)
                elif not call.fold():
                    call.check()
                    self.rows[operator.name].convert(call)
            except (ModelDataError, ModelFileError) as error:
                error.where = f"{call.where}, {error.where}" if error.where else call.where
                raise
        for index in operator.outputs:
            if index not in self.values and index not in self.folded:
                self.stand_in(index)

    def stand_in(self, index: int) -> None:
        """A value for what could not be converted, so that the operators after it can be looked at."""
        tensor = self.model.main.tensors[index]
        dtype = DTYPES.get(tensor.type, DType.FLOAT32)
        quantization = Quantization.per_tensor(1.0, 0) if dtype is DType.INT8 else None
        shape = tuple(max(1, d) for d in tensor.shape)
        check_shape(shape, tensor)
        self.values[index] = Value(self.names[index], TensorType(shape, dtype, quantization))

    def array(self, index: int) -> Array | None:
        """The data of a tensor that is known now: stored or computed from constants; None for activations."""
        if index in self.folded:
            return self.folded[index]
        tensor = self.model.main.tensors[index]
        if index in self.values or (tensor.data is None and 0 not in tensor.shape):
            return None
        array = stored_array(tensor)
        self.keep(index, array)
        return array

    def keep(self, index: int, array: Array) -> None:
        self.left -= array.nbytes
        if self.left < 0:
            raise ModelFileError("its constants take more memory than the file can hold", where=self.where, hint=HINT)
        self.folded[index] = array


def _own_type(value: Value) -> dict[str, str]:
    """What the file's runtime takes or gives, whatever the network becomes later."""
    return {"source_dtype": value.type.dtype.value}
