"""Random single-operator TFLite models: one builder per operator, driven by a seed, int8 or float."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tflite

from tests.oracles.tflite_draw import Draw
from tests.oracles.tflite_sequences import batch_matmul, sequence_lstm
from tests.oracles.tflite_writer import OperatorSpec, TensorSpec, model, single_op_model


def _ints(values: Any) -> TensorSpec:
    array = np.asarray(values, dtype=np.int32)
    return TensorSpec(list(array.shape), "int32", data=array)


def _out(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    if padding == tflite.Padding.SAME:
        return -(-size // stride)
    return (size - (kernel - 1) * dilation - 1) // stride + 1


def _window(d: Draw, most: int = 4) -> tuple[dict[str, int], list[int], Callable[[int, int, int], int]]:
    """Options, kernel, and the rule for output sizes."""
    dilation = d.one(1, 1, 2, 3)
    options = {
        "StrideH": d.int(1, 3),
        "StrideW": d.int(1, 3),
        "Padding": d.one(tflite.Padding.SAME, tflite.Padding.VALID),
        "FusedActivationFunction": d.activation(),
    }
    strides = [options["StrideH"], options["StrideW"]]

    def out(axis: int, size: int, kernel: int, dilated: int = 1) -> int:
        return _out(size, kernel, strides[axis], dilated, options["Padding"])

    return options, [d.int(1, most), d.int(1, most), dilation], out


def conv_2d(d: Draw) -> bytes:
    options, (kh, kw, dilation), out = _window(d)
    groups, per_group = d.one(1, 1, 1, 2, 3), d.int(1, 5)
    if not d.quantized or dilation > 1:
        groups = 1
    x = d.tensor([1, d.int(kh * dilation, 12), d.int(kw * dilation, 12), per_group * groups])
    _, h, w, _ = x.shape
    o = groups * d.int(1, 5)
    constants = d.weights([o, kh, kw, per_group], 0, x, kh * kw * per_group)
    y = d.result([1, out(0, h, kh, dilation), out(1, w, kw, dilation), o])
    options |= {"DilationHFactor": dilation, "DilationWFactor": dilation}
    return single_op_model("CONV_2D", [x], [y], options, constants, version=3)


def depthwise_conv_2d(d: Draw) -> bytes:
    options, (kh, kw, dilation), out = _window(d)
    x = d.tensor([1, d.int(kh * dilation, 12), d.int(kw * dilation, 12), d.int(1, 6)])
    _, h, w, c = x.shape
    multiplier = d.one(1, 1, 2, 5)
    constants = d.weights([1, kh, kw, c * multiplier], 3, x, kh * kw)
    y = d.result([1, out(0, h, kh, dilation), out(1, w, kw, dilation), c * multiplier])
    options |= {"DilationHFactor": dilation, "DilationWFactor": dilation, "DepthMultiplier": multiplier}
    return single_op_model("DEPTHWISE_CONV_2D", [x], [y], options, constants, version=3)


def fully_connected(d: Draw) -> bytes:
    inputs, outputs, kept = d.int(1, 40), d.int(1, 20), d.one(False, True)
    shape = d.one([1, inputs], [1, 3, inputs], [1, 2, 2, inputs])
    x = d.tensor(shape)
    constants = d.weights([outputs, inputs], 0, x, inputs)
    rows = int(np.prod(shape)) // inputs
    y = d.result([*shape[:-1], outputs] if kept else [rows, outputs])
    options = {"FusedActivationFunction": d.activation(), "KeepNumDims": kept}
    return single_op_model("FULLY_CONNECTED", [x], [y], options, constants, version=5)


def fully_connected_flat(d: Draw) -> bytes:
    h, w, c, outputs = d.int(1, 4), d.int(1, 4), d.int(1, 4), d.int(1, 9)
    x = d.tensor([1, h, w, c])
    constants = d.weights([outputs, h * w * c], 0, x, h * w * c)
    return single_op_model("FULLY_CONNECTED", [x], [d.result([1, outputs])], {}, constants, version=4)


def _pool(op: str) -> Callable[[Draw], bytes]:
    def build(d: Draw) -> bytes:
        options, (kh, kw, _), out = _window(d)
        x = d.tensor([1, d.int(kh, 12), d.int(kw, 12), d.int(1, 6)])
        _, h, w, c = x.shape
        y = d.tensor([1, out(0, h, kh), out(1, w, kw), c], x)
        return single_op_model(op, [x], [y], options | {"FilterHeight": kh, "FilterWidth": kw}, version=2)

    return build


def _pairwise(op: str) -> Callable[[Draw], bytes]:
    def build(d: Draw) -> bytes:
        shape = d.shape(d.int(2, 4), 5)
        other = [s if d.int(0, 3) else 1 for s in shape]
        if d.int(0, 3) == 0:
            other = other[d.int(1, len(shape) - 1) :]
        shapes = [shape, other] if d.int(0, 1) else [other, shape]
        if d.int(0, 1):
            shapes = [shape, shape]
        a = d.tensor(shapes[0])
        b = d.constant(shapes[1]) if d.int(0, 1) else d.tensor(shapes[1])
        if op == "MUL" and d.quantized:
            y = d.tensor(shape, scale=float(np.float32(a.scale * b.scale * 60 * d.one(0.5, 1, 3))))
        else:
            y = d.tensor(shape)
        options = {"FusedActivationFunction": d.activation()}
        return single_op_model(op, [a, b], [y], options, version=2)

    return build


def _unary_v1(op: str) -> Callable[[Draw], bytes]:
    def build(d: Draw) -> bytes:
        x = d.tensor(d.shape(d.int(1, 4)))
        return single_op_model(op, [x], [d.tensor(x.shape)])

    return build


def _unary(op: str, options: Callable[[Draw], dict[str, Any]] = lambda d: {}, **result: Any) -> Callable[[Draw], bytes]:
    def build(d: Draw) -> bytes:
        x = d.tensor(d.shape(d.int(1, 4)))
        return single_op_model(op, [x], [d.tensor(x.shape, **result)], options(d), version=2 if d.quantized else 1)

    return build


def _rectifier(op: str) -> Callable[[Draw], bytes]:
    def build(d: Draw) -> bytes:
        x = d.tensor(d.shape(d.int(1, 4)))
        return single_op_model(op, [x], [d.tensor(x.shape)], version=2 if d.quantized and op != "RELU_N1_TO_1" else 1)

    return build


def softmax(d: Draw) -> bytes:
    x = d.tensor(d.shape(d.int(1, 4), 20))
    y = d.tensor(x.shape, scale=1 / 256, zero_point=-128)
    return single_op_model("SOFTMAX", [x], [y], {"Beta": d.one(1.0, 1.0, 0.5, 2.0)}, version=2)


def reshape(d: Draw) -> bytes:
    x = d.tensor([1, 2, 3, 4])
    shape = d.one([1, 24], [1, 4, 6], [1, 4, 3, 2], [2, 12])
    y = d.tensor(shape, x)
    asked = list(shape)
    if d.int(0, 1):
        asked[-1] = -1
    if d.int(0, 1):
        return single_op_model("RESHAPE", [x], [y], {"NewShape": asked})
    return single_op_model("RESHAPE", [x], [y], {}, [_ints(asked)])


def squeeze(d: Draw) -> bytes:
    x = d.tensor([1, 1, 3, 1])
    axes, shape = d.one(([1], [1, 3, 1]), ([-1, 1], [1, 3]), ([3], [1, 1, 3]), ([], [3]))
    return single_op_model("SQUEEZE", [x], [d.tensor(shape, x)], {"SqueezeDims": axes})


def expand_dims(d: Draw) -> bytes:
    axis, shape = d.one((1, [1, 1, 3, 2]), (-1, [1, 3, 2, 1]), (0, [1, 1, 3, 2]))
    x = d.tensor([1, 3, 2])
    return single_op_model("EXPAND_DIMS", [x], [d.tensor(shape, x)], {}, [_ints([axis])])


def transpose(d: Draw) -> bytes:
    x = d.tensor(d.shape(d.int(2, 4)))
    perm = [0, *(1 + d.rng.permutation(len(x.shape) - 1))]
    y = d.tensor([x.shape[p] for p in perm], x)
    return single_op_model("TRANSPOSE", [x], [y], {}, [_ints(perm)], version=2)


def _pad(op: str) -> Callable[[Draw], bytes]:
    def build(d: Draw) -> bytes:
        x = d.tensor(d.shape(d.int(3, 4)))
        pads = [(0, 0), *((d.int(0, 2), d.int(0, 2)) for _ in x.shape[1:])]
        y = d.tensor([s + b + a for s, (b, a) in zip(x.shape, pads, strict=True)], x)
        extra = [d.constant([1], x)] if op == "PADV2" else []
        return single_op_model(op, [x], [y], {}, [_ints(pads), *extra], version=2)

    return build


def concatenation(d: Draw) -> bytes:
    shape = d.shape(d.int(2, 4))
    axis = d.int(1, len(shape) - 1)
    parts, like = [], None
    for _ in range(d.int(1, 4)):
        like = d.tensor([d.int(1, 4) if a == axis else s for a, s in enumerate(shape)], like)
        parts.append(like)
    y = d.tensor([sum(p.shape[a] for p in parts) if a == axis else s for a, s in enumerate(shape)], like)
    return single_op_model("CONCATENATION", parts, [y], {"Axis": d.one(axis, axis - len(shape))}, version=2)


def slice_(d: Draw) -> bytes:
    x = d.tensor(d.shape(d.int(2, 4)))
    begin = [d.int(0, s - 1) for s in x.shape]
    size = [d.int(1, s - b) for s, b in zip(x.shape, begin, strict=True)]
    y = d.tensor(size, x)
    asked = [-1 if b + n == s and d.int(0, 1) else n for b, n, s in zip(begin, size, x.shape, strict=True)]
    return single_op_model("SLICE", [x], [y], {}, [_ints(begin), _ints(asked)], version=2)


def strided_slice(d: Draw) -> bytes:
    x = d.tensor([1, d.int(2, 7), d.int(2, 7), d.int(1, 4)])
    begin, end, strides, shape, begin_mask, end_mask, shrink = [0], [1], [1], [1], 1, 1, 0
    for axis, size in enumerate(x.shape[1:3], start=1):
        stride = d.one(1, 1, 2, 3, -1, -2)
        first, last = d.int(-size - 2, size + 2), d.int(-size - 2, size + 2)
        masks = d.int(0, 1), d.int(0, 1)
        taken = range(size)[slice(None if masks[0] else first, None if masks[1] else last, stride)]
        if d.int(0, 4) == 0:
            first, last, stride, masks, taken = d.int(-size, size - 1), 0, 1, (0, 0), range(1)
            shrink |= 1 << axis
        elif len(taken) == 0:
            first, last, stride, masks, taken = 0, size, 1, (0, 0), range(size)
        begin, end, strides = [*begin, first], [*end, last], [*strides, stride]
        begin_mask, end_mask = begin_mask | masks[0] << axis, end_mask | masks[1] << axis
        if not shrink >> axis & 1:
            shape.append(len(taken))
    shape.append(x.shape[3])
    new_axis = 0
    if d.int(0, 3) == 0:
        new_axis = 1 << len(begin)
        begin, end, strides = [*begin, 0], [*end, 0], [*strides, 1]
        shape.insert(-1, 1)
    options = {"BeginMask": begin_mask, "EndMask": end_mask, "ShrinkAxisMask": shrink, "NewAxisMask": new_axis}
    constants = [_ints(begin), _ints(end), _ints(strides)]
    return single_op_model("STRIDED_SLICE", [x], [d.tensor(shape, x)], options, constants, version=2)


def split(d: Draw) -> bytes:
    parts = d.int(1, 4)
    x = d.tensor([1, 3, parts * d.int(1, 3)])
    ys = [d.tensor([1, 3, x.shape[2] // parts], x) for _ in range(parts)]
    return single_op_model("SPLIT", [_ints(d.one(2, -1)), x], ys, {"NumSplits": parts}, version=2)


def split_v(d: Draw) -> bytes:
    sizes = [d.int(1, 3) for _ in range(d.int(1, 4))]
    x = d.tensor([1, sum(sizes), 2])
    ys = [d.tensor([1, s, 2], x) for s in sizes]
    asked = [-1, *sizes[1:]] if d.int(0, 1) else sizes
    return single_op_model("SPLIT_V", [x, _ints(asked), _ints(1)], ys, {"NumSplits": len(sizes)}, version=2)


def mean(d: Draw) -> bytes:
    x = d.tensor(d.shape(4))
    axes, kept = d.one([1, 2], [2, 1], [-1], [1], [1, 2, 3], [2, 3]), d.one(True, False)
    real = {a % 4 for a in axes}
    shape = [1 if a in real else s for a, s in enumerate(x.shape) if kept or a not in real]
    like = d.one(x, None)
    return single_op_model("MEAN", [x], [d.tensor(shape, like)], {"KeepDims": kept}, [_ints(axes)], version=2)


def resize_nearest(d: Draw) -> bytes:
    x = d.tensor(d.shape(4))
    size = [d.int(1, 9), d.int(1, 9)]
    y = d.tensor([1, *size, x.shape[3]], x)
    options = d.one({}, {"AlignCorners": True}, {"HalfPixelCenters": True})
    return single_op_model("RESIZE_NEAREST_NEIGHBOR", [x], [y], options, [_ints(size)], version=3)


def arg_max(d: Draw) -> bytes:
    x = d.tensor(d.shape(d.int(2, 4)))
    axis = d.int(1, len(x.shape) - 1)
    y = TensorSpec([s for a, s in enumerate(x.shape) if a != axis], d.one("int32", "int64"))
    kind = tflite.TensorType.INT64 if y.dtype == "int64" else tflite.TensorType.INT32
    axes = _ints(d.one(axis, axis - len(x.shape)))
    return single_op_model("ARG_MAX", [x], [y], {"OutputType": kind}, [axes], version=2)


BOTH: dict[str, Callable[[Draw], bytes]] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "FULLY_CONNECTED of an image": fully_connected_flat,
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "ADD": _pairwise("ADD"),
    "SUB": _pairwise("SUB"),
    "MUL": _pairwise("MUL"),
    "BATCH_MATMUL": batch_matmul,
    "SOFTMAX": softmax,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": sequence_lstm,
    "RESHAPE": reshape,
    "SQUEEZE": squeeze,
    "EXPAND_DIMS": expand_dims,
    "TRANSPOSE": transpose,
    "PAD": _pad("PAD"),
    "PADV2": _pad("PADV2"),
    "CONCATENATION": concatenation,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "MEAN": mean,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
    "RELU": _rectifier("RELU"),
    "RELU6": _rectifier("RELU6"),
    "RELU_N1_TO_1": _rectifier("RELU_N1_TO_1"),
    "RELU_0_TO_1": _unary_v1("RELU_0_TO_1"),
    "LEAKY_RELU": _unary("LEAKY_RELU", lambda d: {"Alpha": d.one(0.1, 0.3, 0.01, 1.5)}),
    "HARD_SWISH": _unary_v1("HARD_SWISH"),
    "LOGISTIC": _unary("LOGISTIC", scale=1 / 256, zero_point=-128),
    "TANH": _unary("TANH", scale=1 / 128, zero_point=0),
    "GELU": _unary("GELU", lambda d: {"Approximate": d.one(False, True)}),
    "ARG_MAX": arg_max,
}
"""Operators that exist in int8 and in float."""


def quantize(d: Draw) -> bytes:
    x = d.tensor(d.shape(3))
    return single_op_model("QUANTIZE", [x], [d.tensor(x.shape)], version=2)


INT8_ONLY: dict[str, Callable[[Draw], bytes]] = {"QUANTIZE": quantize}


def _of_squares(op: str) -> Callable[[Draw], bytes]:
    """Roots of negative numbers are not defined."""

    def build(d: Draw) -> bytes:
        x = d.tensor(d.shape(3))
        square, y = d.tensor(x.shape), d.tensor(x.shape)
        return model([OperatorSpec("SQUARE", [x], [square]), OperatorSpec(op, [square], [y])], [x], [y])

    return build


def squared_difference(d: Draw) -> bytes:
    x = d.tensor(d.shape(3))
    return single_op_model("SQUARED_DIFFERENCE", [x, d.tensor([*x.shape[:2], 1])], [d.tensor(x.shape)])


def quotient(d: Draw) -> bytes:
    x = d.tensor(d.shape(3))
    divisor = TensorSpec([x.shape[2]], "float32", data=d.rng.uniform(0.5, 2.0, x.shape[2]))
    return single_op_model("DIV", [x, divisor], [d.tensor(x.shape)])


FLOAT_ONLY: dict[str, Callable[[Draw], bytes]] = {
    "DIV": quotient,
    "NEG": _unary_v1("NEG"),
    "RSQRT": _of_squares("RSQRT"),
    "SQRT": _of_squares("SQRT"),
    "SQUARE": _unary_v1("SQUARE"),
    "SQUARED_DIFFERENCE": squared_difference,
}
"""Operators that are converted in float models only."""
