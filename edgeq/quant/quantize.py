"""Real graph -> quantized graph: activations of up to sixteen bits, weights of up to eight, int32 bias.

The rules follow the published int8 specification of TFLite (symmetric per-channel weights, asymmetric per-tensor
activations, bias scale = input scale * weight scale), so that every integer operator has one meaning whether a model
came quantized or was quantized here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.ops.registry import operator
from edgeq.quant.observe import Range
from edgeq.quant.plan import PLAIN, WIDE, Plan
from edgeq.quant.schemes import WeightScheme, fitting
from edgeq.quant.thresholds import end_in_levels, format_bounds, limit_output
from edgeq.quant.weights import MIN_SCALE, Rounded, finite, round_rows, weight_rows
from edgeq.quant.widths import NO_SCALE, Widths, is_wide, is_zero, wide_quantization

BIAS_LIMIT = 2**29
"""Largest magnitude of a bias in integers: leaves room in 32 bits for the products."""


def activation_quantization(observed: Range, form: str = PLAIN) -> Quantization:
    """Asymmetric over [low, high], which contains 0, in the integers of the format; a1: symmetric, -1 and +1; a16:
    symmetric, with headroom."""
    if form == WIDE:
        return wide_quantization(observed)
    lowest, highest = format_bounds(form)
    if form == "a1":  # the middles of the two halves of [-m, m]
        scale = max(observed.high, -observed.low) / 2
    else:
        scale = (observed.high - observed.low) / (highest - lowest)
    if scale < MIN_SCALE:  # a tensor that is always zero: any scale serves, an ordinary one troubles nobody
        return Quantization.per_tensor(1.0, 0)
    zero_point = 0 if form == "a1" else round(lowest - observed.low / scale)
    return Quantization.per_tensor(float(np.float32(scale)), min(max(zero_point, lowest), highest))


def quantize_graph(
    graph: Graph,
    ranges: Mapping[str, Range],
    plan: Plan | None = None,
    chosen_layers: Mapping[str, Layer] | None = None,
) -> Graph:
    """A quantized copy of a real graph; `ranges` by value name, from `observe_ranges`.

    plan: how each layer is stored; it must fit the graph (`check_plan`). chosen_layers: weights and biases that methods
    have chosen, by the node's name; others are rounded to nearest (`round_layer`).
    """
    plan = plan or Plan()
    quantized = graph.copy()
    chosen: dict[str, Quantization] = {}
    for value in (v for v in quantized.inputs if v.type.dtype.is_float):
        chosen[value.name] = activation_quantization(ranges[value.name])
        _retype(value, chosen[value.name])
    widths, nodes = Widths(ranges, activation_quantization), []
    for node in quantized.nodes:
        form = plan.layer(node.name).activations
        nodes += [*widths.adapt(node, plan.layer(node.name)), node]
        if operator(node.op).accumulates:
            layer = (chosen_layers or {}).get(node.name)
            scheme = fitting(node, plan.layer(node.name).weights)
            _quantize_layer(node, layer or round_layer(node, scheme, node.input(0).scale, ranges))
        else:
            _quantize_operands(node, form == WIDE or is_wide(node.inputs[0]) or is_wide(node.optional(1)))
        for output in node.outputs:
            if operator(node.op).keeps_quantization:
                form = WIDE if is_wide(node.input(0)) else node.input(0).type.format or PLAIN
            elif form == WIDE and is_zero(ranges[output.name]):
                form = PLAIN  # nothing to resolve
            _retype(output, _output_quantization(node, output, ranges, form), _output_dtype(node, form))
            output.type = replace(output.type, format="" if form in (PLAIN, WIDE) else form)
        if node.output.type.format and operator(node.op).accumulates:
            end_in_levels(node)
        elif node.output.type.format and not operator(node.op).keeps_quantization:
            limit_output(node)
    quantized.nodes = nodes
    return quantized


def _output_dtype(node: Node, form: str) -> DType:
    if node.op == "argmax":
        return DType.INT32
    return DType.INT16 if form == WIDE else DType.INT8


def _output_quantization(node: Node, output: Value, ranges: Mapping[str, Range], form: str) -> Quantization | None:
    if node.op == "argmax":
        return None
    if operator(node.op).keeps_quantization:
        return node.input(0).quantization
    row = operator(node.op)
    if (natural := row.wide_natural_output if form == WIDE else row.natural_output) is not None:
        return Quantization.per_tensor(*natural)
    return activation_quantization(ranges[output.name], form)


def _retype(value: Value, quantization: Quantization | None, dtype: DType = DType.INT8) -> None:
    value.type = TensorType(value.shape, dtype, quantization)


@dataclass(frozen=True)
class Layer:
    """What a layer is stored as: its weights, and its bias in reals (None: it has none)."""

    weights: Rounded
    bias: Array | None


def round_layer(
    node: Node, scheme: WeightScheme, input_scale: float, ranges: Mapping[str, Range], correct: bool = True
) -> Layer:
    """A real layer rounded to nearest. Below eight bits the bias makes up for what rounding adds to the mean output.

    correct: False leaves the bias as it is.
    """
    rows = weight_rows(node.input(1), operator(node.op).weight_axis, node.name)
    weights = round_rows(rows, scheme, scale_floor(node, input_scale))
    bias = None if node.optional(2) is None else finite(node.input(2), node.name)
    mean = ranges[node.input(0).name].mean if correct and node.input(0).name in ranges else None
    if mean is None or scheme == WeightScheme():
        return Layer(weights, bias)
    return Layer(weights, corrected_bias(node, weights, bias, mean))


def scale_floor(node: Node, input_scale: float) -> Array | float:
    """The smallest scales of a layer's rows at which its bias fits 32 bits."""
    bias = node.optional(2)
    return MIN_SCALE if bias is None else np.abs(finite(bias, node.name)) / (input_scale * BIAS_LIMIT)


def corrected_bias(node: Node, weights: Rounded, bias: Array | None, mean: Array) -> Array:
    """The bias less what rounded weights add to the mean output of each channel, given the mean input (`mean`).

    A layer is linear up to its clamp (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
    Correction", 2019).
    """
    small = weights.stored(node.input(1), operator(node.op).weight_axis, node.name).weights
    return np.asarray((0.0 if bias is None else bias) - _mean_error(node, node.input(1), small, mean))


def _quantize_layer(node: Node, layer: Layer) -> None:
    x, bias = node.input(0), layer.bias
    small = layer.weights.stored(node.input(1), operator(node.op).weight_axis, node.name)
    node.inputs = [x, small.weights, None if bias is None else _quantize_bias(bias, x, small.weights, node.name)]
    if small.factors is not None:
        node.inputs += [None, small.factors]
        node.attrs["weight_format"] = small.format


def _mean_error(node: Node, real: Value, small: Value, mean: Array) -> Array:
    error = small.quantization.dequantize(small.constant) - real.constant.astype(np.float64)
    linear = Node(node.op, node.name, node.inputs, node.outputs, {**node.attrs, "clamp_min": None, "clamp_max": None})
    (added,) = operator(node.op).compute(linear, [mean, error])
    return np.asarray(added.mean(axis=tuple(range(added.ndim - 1))))


def _quantize_operands(node: Node, wide: bool) -> None:
    """wide: constants beside int16 activations have 16 bits too."""
    for index, value in enumerate(node.inputs):
        if value is not None and value.is_constant and value.type.dtype.is_float:
            name = f"{node.name}.operand{index}"
            fine = wide or operator(node.op).folds_operands
            node.inputs[index] = _quantize_finely(value, name, wide) if fine else _quantize_operand(value, name)


def _quantize_bias(real: Array, x: Value, weights: Value, where: str) -> Value:
    scales = np.broadcast_to(np.asarray(weights.quantization.scale) * x.scale, real.shape)
    quantization = Quantization(tuple(float(s) for s in scales), (0,) * len(scales), 0)
    data = np.rint(real / scales).astype(np.int32)
    return Value(f"{where}.bias", TensorType(real.shape, DType.INT32, quantization), data)


def _quantize_finely(value: Value, name: str, wide: bool) -> Value:
    """A constant that only lowering reads, or an int16 operand: 16 bits over its own range, zero in the middle."""
    real = finite(value, name)
    largest = float(np.abs(real).max())
    zero_scale = NO_SCALE if wide else 1.0
    quantization = Quantization.per_tensor(largest / DType.INT16.bounds[1] if largest > MIN_SCALE else zero_scale, 0)
    return Value(name, TensorType(value.shape, DType.INT16, quantization), quantization.quantize(real, DType.INT16))


def _quantize_operand(value: Value, name: str) -> Value:
    """A constant operand of an element-wise operator, over its own range."""
    real = finite(value, name)
    quantization = activation_quantization(Range(min(float(real.min()), 0.0), max(float(real.max()), 0.0)))
    data = quantization.quantize(value.constant, DType.INT8)
    return Value(name, TensorType(value.shape, DType.INT8, quantization), data)
