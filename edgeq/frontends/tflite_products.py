"""BATCH_MATMUL: products of two computed tensors, or of one with weights that the file holds."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeq.frontends.tflite_call import Call, Row
from edgeq.frontends.tflite_quantization import quantization_of
from edgeq.ir.graph import Value
from edgeq.ir.types import Quantization

Shape = tuple[int, ...]


def _swapped(rank: int) -> Shape:
    """The permutation that exchanges the last two axes."""
    return (*range(rank - 2), rank - 1, rank - 2)


def _turned(call: Call, value: Value, suffix: str) -> Value:
    return call.add_before("transpose", value, {"perm": _swapped(len(value.shape))}, suffix)


def _shaped(call: Call, value: Value, shape: Shape, suffix: str) -> Value:
    return value if value.shape == shape else call.add_before("reshape", value, {"shape": shape}, suffix)


def _batch_matmul(call: Call) -> None:
    """Both factors are broadcast over all axes but the last two."""
    a, b = call.value(0), call.value(1)
    turn_a, turn_b = call.options.flag("AdjX"), call.options.flag("AdjY")
    if min(len(a.shape), len(b.shape)) < 2:
        call.refuse(f"of {list(a.shape)} and {list(b.shape)}: matrices have two axes at least")
    rank = max(len(a.shape), len(b.shape))
    shapes = [(1,) * (rank - len(v.shape)) + v.shape for v in (a, b)]
    if b.is_constant and prod(shapes[1][:-2]) == 1 and not a.is_constant:
        _by_weights(call, _turned(call, a, "adjoint") if turn_a else a, turn_b, rank)
        return
    a, b = (_shaped(call, v, s, side) for v, s, side in zip((a, b), shapes, ("left", "right"), strict=True))
    if turn_a:
        a = _turned(call, a, "adjoint")
    if all(y in (1, x) for x, y in zip(a.shape[:-2], b.shape[:-2], strict=True)):
        call.add("matmul", [a, b], {"transpose_b": turn_b})
    elif all(x in (1, y) for x, y in zip(a.shape[:-2], b.shape[:-2], strict=True)):
        # The first factor serves several products: (a b)^T = b^T a^T, whose second factor it is.
        first = b if turn_b else _turned(call, b, "right_transposed")
        target = call.output_quantization()
        product = call.add_before("matmul", first, {"transpose_b": True}, "transposed", [a], target)
        call.add("transpose", [product], {"perm": _swapped(rank)})
    else:
        call.refuse(f"of {list(a.shape)} and {list(b.shape)}: each factor would be repeated")


def _by_weights(call: Call, a: Value, turned: bool, rank: int) -> None:
    """One constant matrix. LiteRT rounds int8 sums here twice, as in convolutions and unlike dense layers."""
    tensor = call.tensor(1)
    assert tensor is not None
    array, quantization = call.constant(1, "weights"), quantization_of(tensor)
    matrix = array.reshape(array.shape[-2:])
    rows = np.ascontiguousarray(matrix if turned else matrix.T)
    role = "rows" if turned else "columns"
    shape = (*(1,) * (rank - len(a.shape)), *a.shape[:-1], rows.shape[0])
    if call.is_float:
        real = rows if rows.dtype.kind == "f" else call.real(rows, quantization)
        y = call.add_before("dense", a, {}, "product", [call.new_constant(tensor, role, real)])
        call.add("reshape", [y], {"shape": shape})
        return
    assert quantization is not None  # Call.value has seen to it
    if quantization.tensor_zero_point:
        b = _shaped(call, call.value(1), (*(1,) * (len(a.shape) - 2), *matrix.shape), "right")
        y = call.add_before("matmul", a, {"transpose_b": turned}, "product", [b], call.output_quantization())
    else:
        scales = Quantization((quantization.tensor_scale,) * rows.shape[0], (0,) * rows.shape[0], 0)
        weights = call.new_constant(tensor, role, rows.reshape(rows.shape[0], 1, 1, -1), scales)
        image = _shaped(call, a, (1, prod(a.shape[:-2]), *a.shape[-2:]), "image")
        y = call.add_before("conv2d", image, {}, "product", [weights], call.output_quantization())
    call.reshape(y, shape)


PRODUCTS: dict[str, Row] = {"BATCH_MATMUL": Row(_batch_matmul, 4, (2, 2), options="BatchMatMulOptions")}
