"""Real graph -> quantized graph: int8 everywhere, per-channel weights, int32 bias.

The rules follow the published int8 specification of TFLite (symmetric per-channel weights in [-127, 127],
asymmetric per-tensor activations, bias scale = input scale * weight scale), so that every integer operator has one
meaning whether a model came quantized or was quantized here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.ops.registry import operator
from edgeq.quant.observe import Range

INT8_MIN, INT8_MAX = -128, 127
WEIGHT_LIMIT = 127
BIAS_LIMIT = 2**29
"""Largest magnitude of a bias in integers: leaves room in 32 bits for the products."""
MIN_SCALE = 1e-12
"""Smaller ones are taken for zero."""


def activation_quantization(observed: Range) -> Quantization:
    """Asymmetric int8 over [low, high], which contains 0."""
    scale = (observed.high - observed.low) / (INT8_MAX - INT8_MIN)
    if scale < MIN_SCALE:  # a tensor that is always zero: any scale serves, an ordinary one troubles nobody
        return Quantization.per_tensor(1.0, 0)
    zero_point = round(INT8_MIN - observed.low / scale)
    return Quantization.per_tensor(float(np.float32(scale)), min(max(zero_point, INT8_MIN), INT8_MAX))


def quantize_graph(graph: Graph, ranges: Mapping[str, Range]) -> Graph:
    """A quantized copy of a real graph; `ranges` by value name, from `observe_ranges`."""
    quantized = graph.copy()
    chosen: dict[str, Quantization] = {}
    for value in quantized.inputs:
        chosen[value.name] = activation_quantization(ranges[value.name])
        _retype(value, chosen[value.name])
    for node in quantized.nodes:
        _quantize_constants(node)
        for output in node.outputs:
            _retype(output, _output_quantization(node, output, ranges), _output_dtype(node))
    return quantized


def _output_dtype(node: Node) -> DType:
    return DType.INT32 if node.op == "argmax" else DType.INT8


def _output_quantization(node: Node, output: Value, ranges: Mapping[str, Range]) -> Quantization | None:
    if node.op == "argmax":
        return None
    if operator(node.op).keeps_quantization:
        return node.input(0).quantization
    if (natural := operator(node.op).natural_output) is not None:
        return Quantization.per_tensor(*natural)
    return activation_quantization(ranges[output.name])


def _retype(value: Value, quantization: Quantization | None, dtype: DType = DType.INT8) -> None:
    value.type = TensorType(value.shape, dtype, quantization)


def _quantize_constants(node: Node) -> None:
    if operator(node.op).accumulates:
        axis = operator(node.op).weight_axis
        x, weights, bias = node.input(0), node.input(1), node.optional(2)
        floor = MIN_SCALE if bias is None else np.abs(_finite(bias, node.name)) / (x.scale * BIAS_LIMIT)
        quantized = quantize_weights(weights, axis, node.name, floor)
        node.inputs[1] = quantized
        if bias is not None:
            node.inputs[2] = _quantize_bias(bias, x, quantized, node.name)
        return
    for index, value in enumerate(node.inputs):
        if value is not None and value.is_constant and value.type.dtype.is_float:
            node.inputs[index] = _quantize_operand(value, f"{node.name}.operand{index}")


def quantize_weights(weights: Value, axis: int, where: str, floor: Array | float = MIN_SCALE) -> Value:
    """Symmetric int8 in [-127, 127] with one scale per slice along `axis`, none below `floor`.

    The floor keeps a channel of (almost) zero weights from having a scale at which its bias would not fit 32 bits.
    """
    real = _finite(weights, where)
    others = tuple(a for a in range(real.ndim) if a != axis)
    scales = np.maximum(np.maximum(np.abs(real).max(axis=others) / WEIGHT_LIMIT, floor), MIN_SCALE).astype(np.float32)
    quantization = Quantization(tuple(float(s) for s in scales), (0,) * len(scales), axis)
    data = np.clip(quantization.quantize(real, DType.INT8), -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)
    return Value(f"{where}.weights", TensorType(weights.shape, DType.INT8, quantization), data)


def _quantize_bias(bias: Value, x: Value, weights: Value, where: str) -> Value:
    real = _finite(bias, where)
    scales = np.broadcast_to(np.asarray(weights.quantization.scale) * x.scale, real.shape)
    quantization = Quantization(tuple(float(s) for s in scales), (0,) * len(scales), 0)
    data = np.rint(real / scales).astype(np.int32)
    return Value(f"{where}.bias", TensorType(bias.shape, DType.INT32, quantization), data)


def _quantize_operand(value: Value, name: str) -> Value:
    """A constant operand of an element-wise operator, over its own range."""
    observed = Range()
    observed.include(_finite(value, name))
    quantization = activation_quantization(observed)
    data = quantization.quantize(value.constant, DType.INT8)
    return Value(name, TensorType(value.shape, DType.INT8, quantization), data)


def _finite(value: Value, where: str) -> Array:
    if not np.isfinite(value.constant).all():
        raise ModelDataError(f"constant {value.name!r} holds NaN or infinity", where=where)
    return value.constant.astype(np.float64)
