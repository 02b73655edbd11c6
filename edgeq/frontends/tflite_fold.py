"""Results that are known at conversion: shapes that exporters compute in the graph, and weights that they unpack there.

A rule returns None where an operand is computed while the network runs; the operator is then converted as usual.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from edgeq.frontends.tflite_call import Call
from edgeq.frontends.tflite_moves import (
    expanded_shape,
    permutation,
    slice_ranges,
    squeezed_shape,
    strided_ranges,
    wanted_shape,
)
from edgeq.frontends.tflite_quantization import DTYPES, quantization_of
from edgeq.ir.types import Array

_MAX_ELEMENTS = 1 << 12
"""Of what is computed and not only moved: shapes are short."""


def _operands(call: Call) -> list[Array] | None:
    arrays = [call.known(i) for i in range(len(call.operator.inputs))]
    known = [a for a in arrays if a is not None]
    return known if known and len(known) == len(arrays) else None


def _short_integers(call: Call) -> list[Array] | None:
    arrays = _operands(call)
    if arrays is None or any(a.dtype.kind != "i" or a.size > _MAX_ELEMENTS for a in arrays):
        return None
    return arrays


def _shape(call: Call) -> Array | None:
    tensor = call.tensor(0)
    value = None if tensor is None else call.importer.values.get(tensor.index)
    return None if value is None else np.array(value.shape, dtype=_result_type(call, "int32"))


def _result_type(call: Call, default: str) -> str:
    kind = DTYPES.get(call.output_tensor().type)
    return default if kind is None else kind.value


def _moved(rule: Callable[[Call, Array], Array], call: Call) -> Array | None:
    arrays = _operands(call)
    return None if arrays is None else np.array(rule(call, arrays[0]), order="C")


def _taken(call: Call, array: Array, ranges: list[range], shape: tuple[int, ...]) -> Array:
    for axis, taken in enumerate(ranges):
        array = array.take(list(taken), axis=axis)
    return array.reshape(shape)


def _pack(call: Call) -> Array | None:
    arrays = _short_integers(call)
    if arrays is None or len({a.shape for a in arrays}) != 1:
        return None
    return np.stack(arrays, axis=call.axis(call.options.integer("Axis"), arrays[0].ndim + 1))


def _concatenation(call: Call) -> Array | None:
    arrays = _short_integers(call)
    if arrays is None or any(a.ndim != 1 for a in arrays):
        return None
    return np.concatenate(arrays)


def _gather(call: Call) -> Array | None:
    arrays = _short_integers(call)
    if arrays is None or len(arrays) != 2 or arrays[0].ndim != 1 or call.options.integer("BatchDims"):
        return None
    data, indices = arrays
    return data[indices] if ((indices >= 0) & (indices < data.size)).all() else None


def _cast(call: Call) -> Array | None:
    arrays = _short_integers(call)
    kind = call.output_tensor().type
    return arrays[0].astype(_result_type(call, "int32")) if arrays and kind in ("INT32", "INT64") else None


def _arithmetic(function: Callable[..., Any], call: Call) -> Array | None:
    arrays = _short_integers(call)
    if arrays is None or len(arrays) != 2 or arrays[0].dtype != arrays[1].dtype or arrays[0].itemsize < 4:
        return None
    if arrays[0].shape != arrays[1].shape and 1 not in (arrays[0].size, arrays[1].size):
        return None
    return np.asarray(function(*arrays))


def _product(call: Call) -> Array | None:
    arrays = _short_integers(call)
    if arrays is None or arrays[0].ndim != 1:
        return None
    return np.asarray(np.prod(arrays[0], dtype=arrays[0].dtype, keepdims=call.options.flag("KeepDims")))


def _dequantize(call: Call) -> Array | None:
    array, tensor = call.known(0), call.tensor(0)
    if array is None or tensor is None or call.output_tensor().type != "FLOAT32":
        return None
    return array if array.dtype.kind == "f" else call.real(array, quantization_of(tensor))


FOLDS: dict[str, Callable[[Call], Array | None]] = {
    "SHAPE": _shape,
    "PACK": _pack,
    "CONCATENATION": _concatenation,
    "GATHER": _gather,
    "CAST": _cast,
    "ADD": partial(_arithmetic, np.add),
    "SUB": partial(_arithmetic, np.subtract),
    "MUL": partial(_arithmetic, np.multiply),
    "REDUCE_PROD": _product,
    "DEQUANTIZE": _dequantize,
    "RESHAPE": partial(_moved, lambda call, a: a.reshape(wanted_shape(call, a.size))),
    "SQUEEZE": partial(_moved, lambda call, a: a.reshape(squeezed_shape(call, a.shape))),
    "EXPAND_DIMS": partial(_moved, lambda call, a: a.reshape(expanded_shape(call, a.shape))),
    "TRANSPOSE": partial(_moved, lambda call, a: a.transpose(permutation(call, a.ndim))),
    "SLICE": partial(_moved, lambda call, a: _taken(call, a, *slice_ranges(call, a.shape))),
    "STRIDED_SLICE": partial(_moved, lambda call, a: _taken(call, a, *strided_ranges(call, a.shape))),
}
