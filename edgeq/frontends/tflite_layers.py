"""TFLite operators that compute: convolutions, pooling, arithmetic, activations, and the borders to float."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from edgeq.errors import ModelFileError
from edgeq.frontends.tflite_call import Call, Row
from edgeq.frontends.tflite_file import HINT
from edgeq.frontends.tflite_quantization import bias_quantization, check_weights, move_axis, quantization_of
from edgeq.ir.graph import Attr, Value
from edgeq.ir.types import Array, DType

Pair = tuple[int, int]
Bounds = tuple[float | None, float | None]

_ACTIVATIONS: Mapping[int, Bounds] = {0: (None, None), 1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
"""Fused activations that are clamps: none, RELU, RELU_N1_TO_1, RELU6. Others are TANH and SIGN_BIT."""
_SAME, _VALID = 0, 1
_MAX_STEP = 1 << 16
"""Of strides, dilations and windows."""


def _clamp(call: Call) -> dict[str, Attr]:
    code = call.options.integer("FusedActivationFunction")
    if code not in _ACTIVATIONS:
        call.refuse(f"has the fused activation number {code}", "export the activation as an operator of its own")
    low, high = _ACTIVATIONS[code]
    return {"clamp_min": low, "clamp_max": high}


def _pair(call: Call, field_h: str, field_w: str, default: int = 0) -> Pair:
    pair = call.options.integer(field_h, default), call.options.integer(field_w, default)
    if not all(1 <= v <= _MAX_STEP for v in pair):
        raise ModelFileError(f"has {field_h} {pair[0]} and {field_w} {pair[1]}", hint=HINT)
    return pair


def _pads(call: Call, size: Pair, kernel: Pair, strides: Pair, dilations: Pair) -> tuple[int, int, int, int]:
    """(top, left, bottom, right). SAME gives ceil(size / stride) outputs; an odd pad goes to the end."""
    kind = call.options.integer("Padding")
    if kind == _VALID:
        return (0, 0, 0, 0)
    if kind != _SAME:
        raise ModelFileError(f"has the padding number {kind}", hint=HINT)
    before, after = [], []
    for axis in (0, 1):
        reach = (-(-size[axis] // strides[axis]) - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1
        total = max(0, reach - size[axis])
        before.append(total // 2)
        after.append(total - total // 2)
    return before[0], before[1], after[0], after[1]


def _weights(call: Call, axis: int, fit: Callable[[Array], Array] | None = None, fit_axis: int = 0) -> Value:
    """Operand 1 in the operator's own type. fit: its change of shape, which moves the channels to `fit_axis`."""
    array, tensor = call.constant(1, "weights"), call.tensor(1)
    assert tensor is not None
    quantization = quantization_of(tensor)
    if call.is_float:
        if array.dtype.kind != "f":
            array = call.real(array, quantization)
        quantization = None
    else:
        if tensor.type != "INT8":
            call.refuse(f"has {tensor.type} weights and int8 results")
        quantization = check_weights(quantization, axis, call.where)
    if fit is not None:
        array = fit(array)
        quantization = quantization and move_axis(quantization, fit_axis)
    return call.new_constant(tensor, "weights", array, quantization)


def _bias(call: Call, x: Value, weights: Value, channels: int) -> Value | None:
    tensor = call.tensor(2)
    if tensor is None:
        return None
    array = call.constant(2, "bias")
    if array.size != channels:
        raise ModelFileError(f"has {array.size} biases for {channels} output channels", hint=HINT)
    if call.is_float:
        real = array if array.dtype.kind == "f" else call.real(array, quantization_of(tensor))
        return call.new_constant(tensor, "bias", real.reshape(-1))
    if tensor.type != "INT32":
        call.refuse(f"has a bias of type {tensor.type}", "export the model with int8 activations and int32 biases")
    target = call.output_quantization()
    assert target is not None
    quantization = bias_quantization(quantization_of(tensor), x, weights.quantization, target)
    return call.new_constant(tensor, "bias", array.reshape(-1), quantization)


def _image(call: Call, position: int = 0) -> Value:
    x = call.value(position)
    if len(x.shape) != 4:
        call.refuse(f"its operand has shape {list(x.shape)}, not four axes")
    return x


def _window(call: Call, x: Value, kernel: Pair, *, dilated: bool) -> dict[str, Attr]:
    strides = _pair(call, "StrideH", "StrideW", 1)
    dilations = _pair(call, "DilationHFactor", "DilationWFactor", 1) if dilated else (1, 1)
    attrs: dict[str, Attr] = {"strides": strides, **_clamp(call)}
    attrs["pads"] = _pads(call, (x.shape[1], x.shape[2]), kernel, strides, dilations)
    if dilated:
        attrs["dilations"] = dilations
    return attrs


def _conv2d(call: Call) -> None:
    x, w = _image(call), _weights(call, 0)
    if len(w.shape) != 4 or 0 in w.shape or x.shape[3] % w.shape[3]:
        call.refuse(f"weights {list(w.shape)} do not fit input {list(x.shape)}")
    attrs = _window(call, x, (w.shape[1], w.shape[2]), dilated=True)
    call.add("conv2d", [x, w, _bias(call, x, w, w.shape[0])], attrs | {"groups": x.shape[3] // w.shape[3]})


def _depthwise(call: Call) -> None:
    x = _image(call)

    def fit(array: Array) -> Array:
        if array.ndim != 4 or array.shape[0] != 1 or 0 in array.shape:
            call.refuse(f"weights {list(array.shape)} are not (1, height, width, outputs)")
        return np.asarray(array[0])

    w = _weights(call, 3, fit, 2)
    attrs = _window(call, x, (w.shape[0], w.shape[1]), dilated=True)
    call.add("depthwise_conv2d", [x, w, _bias(call, x, w, w.shape[2])], attrs)


def _fully_connected(call: Call) -> None:
    x, w = call.value(0), _weights(call, 0)
    if call.options.integer("WeightsFormat"):
        call.refuse("has shuffled weights", "export the model without optimizing it for one runtime")
    if len(w.shape) != 2 or 0 in w.shape or x.type.elements % w.shape[1]:
        call.refuse(f"weights {list(w.shape)} do not fit input {list(x.shape)}")
    inputs = w.shape[1]
    kept = call.options.flag("KeepNumDims")
    if kept and (not x.shape or x.shape[-1] != inputs):
        call.refuse(f"weights {list(w.shape)} do not fit input {list(x.shape)} whose axes it keeps")
    if not kept and (len(x.shape) != 2 or x.shape[1] != inputs):
        x = call.add_before("reshape", x, {"shape": (x.type.elements // inputs, inputs)}, "flatten")
    call.add("dense", [x, w, _bias(call, x, w, w.shape[0])], _clamp(call))


def _pool(op: str, call: Call) -> None:
    x = _image(call)
    kernel = _pair(call, "FilterHeight", "FilterWidth")
    call.move(op, [x], {"kernel": kernel, **_window(call, x, kernel, dilated=False)})


def _pairwise(op: str, call: Call) -> None:
    call.add(op, [call.value(0), call.value(1)], _clamp(call))


def _unary(op: str, attrs: Mapping[str, Attr], call: Call) -> None:
    call.add(op, [call.value(0)], attrs)


def _leaky_relu(call: Call) -> None:
    call.add("leaky_relu", [call.value(0)], {"alpha": call.options.real("Alpha")})


def _softmax(call: Call) -> None:
    beta = call.options.real("Beta")
    if beta <= 0:
        call.refuse(f"has beta {beta}")
    call.add("softmax", [call.value(0)], {"beta": beta})


def _mean(call: Call) -> None:
    x = call.value(0)
    axes = tuple(sorted({call.axis(a, len(x.shape)) for a in call.integers(1, "axes")}))
    call.add("mean", [x], {"axes": axes, "keepdims": call.options.flag("KeepDims")})


def _arg_max(call: Call) -> None:
    x = call.value(0)
    axes = call.integers(1, "axis")
    if len(axes) != 1 or x.type.dtype not in (DType.FLOAT32, DType.INT8):
        call.refuse(f"over axes {list(axes)} of {x.type}")
    if call.output_tensor().type not in ("INT32", "INT64"):
        call.refuse(f"gives {call.output_tensor().type}")
    call.add("argmax", [x], {"axis": call.axis(axes[0], len(x.shape)), "keepdims": False}, dtype=DType.INT32)


_CONVERSIONS = {
    ("FLOAT32", "INT8"): "quantize",
    ("INT8", "INT8"): "requantize",
    ("INT8", "FLOAT32"): "dequantize",
}


def _change_type(call: Call) -> None:
    source = call.tensor(0)
    assert source is not None
    kinds = (source.type, call.output_tensor().type)
    if kinds == ("INT8", "UINT8") and call.operator.outputs[0] in call.importer.model.main.outputs:
        call.add_shifted("requantize", [call.value(0)])
        return
    if kinds not in _CONVERSIONS:
        call.refuse(
            f"from {kinds[0]} to {kinds[1]}",
            "export the model with int8 or float inputs and outputs (inference_input_type=tf.int8)",
        )
    call.add(_CONVERSIONS[kinds], [call.value(0)])


LAYERS: dict[str, Row] = {
    "CONV_2D": Row(_conv2d, 8, (2, 3), options="Conv2DOptions"),
    "DEPTHWISE_CONV_2D": Row(_depthwise, 7, (2, 3), options="DepthwiseConv2DOptions"),
    "FULLY_CONNECTED": Row(_fully_connected, 14, (2, 3), options="FullyConnectedOptions"),
    "AVERAGE_POOL_2D": Row(partial(_pool, "avg_pool2d"), 3, options="Pool2DOptions"),
    "MAX_POOL_2D": Row(partial(_pool, "max_pool2d"), 3, options="Pool2DOptions"),
    "ADD": Row(partial(_pairwise, "add"), 5, (2, 2), options="AddOptions"),
    "SUB": Row(partial(_pairwise, "sub"), 5, (2, 2), options="SubOptions"),
    "MUL": Row(partial(_pairwise, "mul"), 7, (2, 2), options="MulOptions"),
    "RELU": Row(partial(_unary, "relu", {}), 3),
    "RELU6": Row(partial(_unary, "relu6", {}), 3),
    "RELU_N1_TO_1": Row(partial(_unary, "clip", {"clamp_min": -1.0, "clamp_max": 1.0}), 2),
    "RELU_0_TO_1": Row(partial(_unary, "clip", {"clamp_min": 0.0, "clamp_max": 1.0}), 1),
    "LEAKY_RELU": Row(_leaky_relu, 2, options="LeakyReluOptions"),
    "HARD_SWISH": Row(partial(_unary, "hard_swish", {}), 1),
    "LOGISTIC": Row(partial(_unary, "sigmoid", {}), 3),
    "TANH": Row(partial(_unary, "tanh", {}), 3),
    "SOFTMAX": Row(_softmax, 3, options="SoftmaxOptions"),
    "MEAN": Row(_mean, 3, (2, 2), options="ReducerOptions"),
    "ARG_MAX": Row(_arg_max, 3, (2, 2), options="ArgMaxOptions", mixed=True),
    "QUANTIZE": Row(_change_type, 6, mixed=True),
    "DEQUANTIZE": Row(_change_type, 9, mixed=True),
}
