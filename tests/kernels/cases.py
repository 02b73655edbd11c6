"""Layers to try kernels on: lowered nodes with random weights, and the slow integer truth for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeq.formats import number_format
from edgeq.formats.groups import group_format
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.kernels.layouts import LAYOUTS
from edgeq.kernels.registry import Kernel
from edgeq.kernels.storage import storage_params
from edgeq.ops import operator
from edgeq.ops.build import make_node

UNIT = Quantization.per_tensor(1.0, 0)
ASYMMETRIC = Quantization.per_tensor(1.0, -3)


@dataclass
class Case:
    """A lowered node and an input for it."""

    node: Node
    x: Array

    @property
    def facts(self) -> dict[str, int]:
        return operator(self.node.op).facts(self.node)

    def expected(self) -> Array:
        """The operator's own integer reference."""
        weights = [v.data if v is not None else None for v in self.node.inputs[1:]]
        return operator(self.node.op).compute_integer(self.node, [self.x, *weights])[0]

    def stored_input(self) -> bytes:
        """The input as it lies in memory."""
        return self.node.input(0).type.stored(self.x)

    def read_output(self, raw: bytes) -> Array:
        """The integers in the output's memory; packed rows must be padded with the neutral code."""
        kind = self.node.output.type
        row = kind.number_format
        if row is None or not kind.packed:
            return np.frombuffer(raw, kind.dtype.numpy).reshape(kind.shape)
        n = kind.shape[-1]
        packed = np.frombuffer(raw, np.uint8).reshape(*kind.shape[:-1], row.row_bytes(n))
        return row.decode(row.unpack(packed, n)).astype(np.int8)

    def params(self, kernel: Kernel) -> dict[str, Any]:
        """The fields of the kernel's descriptor."""
        return {**self.node.params, **LAYOUTS[kernel.layout](self.node)}


def make_case(
    op: str,
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    seed: int = 0,
    *,
    input_zero_point: int = -3,
    output_zero_point: int = 5,
    shifts: tuple[int, int] = (-9, -6),
    clamp: tuple[int, int] = (-128, 127),
    extreme: int = 0,
    **attrs: Any,
) -> Case:
    """A layer with random int8 weights; factors are drawn per channel with exponents in `shifts`.

    extreme: 1 or 2: weights and inputs at the ends of their ranges (2: no weight of -128), multipliers at theirs, some
    channels with factor 0.
    """
    rng = np.random.default_rng(seed)
    row = operator(op)
    channels = weight_shape[row.weight_axis]
    ends = np.array([-128, -127, 127, 126, 1])

    def draw(shape: tuple[int, ...], low: int) -> Array:
        if extreme:
            return np.asarray(np.maximum(rng.choice(ends, shape), low).astype(np.int8))
        return np.asarray(rng.integers(low, 128, shape).astype(np.int8))

    def value(name: str, data: Array, dtype: DType, quantization: Quantization) -> Value:
        return Value(name, TensorType(tuple(data.shape), dtype, quantization), data)

    x = draw(input_shape, -128)
    w_scale = Quantization(tuple([2.0**-8] * channels), tuple([0] * channels), row.weight_axis)
    weights = value("w", draw(weight_shape, -128 if extreme == 1 else -127), DType.INT8, w_scale)
    bias = value("b", rng.integers(-5000, 5000, channels).astype(np.int32), DType.INT32, w_scale)
    data = Value("x", TensorType(input_shape, DType.INT8, Quantization.per_tensor(2.0**-4, input_zero_point)))
    output_quantization = Quantization.per_tensor(1.0, output_zero_point)
    node = make_node(
        op, op, [data, weights, bias], attrs, output_names=["y"], dtype=DType.INT8, quantizations=[output_quantization]
    )
    node.params = row.lower(node)
    multiplier = rng.integers(2**30, 2**31, channels)
    shift = rng.integers(shifts[0], shifts[1] + 1, channels)
    if extreme:
        multiplier = rng.choice([2**30, 2**31 - 1, 2**30 + 1, 0], channels)
        shift = np.where(multiplier == 0, 0, shift)
    node.params |= {
        "multiplier": multiplier.astype(np.int32),
        "shift": shift.astype(np.int8),
        "clamp_min": clamp[0],
        "clamp_max": clamp[1],
    }
    return Case(node, x)


def make_levels_case(
    op: str,
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    seed: int = 0,
    *,
    inputs: str = "a1",
    weights: str = "w1",
    output: str = "a1",
    shared: bool = False,
    wide: bool = False,
    bias: bool = False,
    **attrs: Any,
) -> Case:
    """A layer that ends in levels, or in sums for output "sums".

    inputs, output: activation formats, packed; "a8" is plain int8. weights: a format whose integers are drawn.
    shared: one row of thresholds, with a bias. wide: thresholds of 32 bits. bias: with a bias in any case.
    """
    rng = np.random.default_rng(seed)
    row = operator(op)
    channels = weight_shape[row.weight_axis]

    def draw(name: str, shape: tuple[int, ...]) -> Array:
        values = np.array([v for v in number_format(name).values if v is not None], dtype=np.int8)
        return np.asarray(rng.choice(values, shape))

    def kind(name: str, shape: tuple[int, ...]) -> TensorType:
        plain = name == "a8"
        return TensorType(shape, DType.INT8, ASYMMETRIC if plain else UNIT, "" if plain else name, not plain)

    x = Value("x", kind(inputs, input_shape))
    scales = Quantization((1.0,) * channels, (0,) * channels, row.weight_axis)
    w = Value("w", TensorType(weight_shape, DType.INT8, scales), draw(weights, weight_shape))
    is_sums = output == "sums"
    given = rng.integers(-20, 20, channels).astype(np.int32) if bias or shared else None
    b = None if given is None else Value("b", TensorType((channels,), DType.INT32, scales), given)
    levels = 0 if is_sums else 256 if output == "a8" else len(number_format(output).values)
    steps = rng.normal(
        0, 2.0 * np.sqrt(np.prod(weight_shape) / channels), (1 if shared else channels, max(levels - 1, 0))
    )
    limits = np.sort(np.rint(steps), axis=1).astype(np.int32)
    thresholds = None if is_sums else Value("t", TensorType(limits.shape, DType.INT32), limits)
    low = -128 if output == "a8" else 0 if is_sums else number_format(output).low
    attrs = {**attrs, "level_low": low, "level_step": 2 if output == "a1" else 1}
    dtype = DType.INT32 if is_sums else DType.INT8
    node = make_node(op, op, [x, w, b, thresholds], attrs, output_names=["y"], dtype=dtype, quantizations=[UNIT])
    if not is_sums:
        node.output.type = kind(output, node.output.shape)
    node.params = row.lower(node)
    if wide and not is_sums:
        node.params |= {"thresholds": node.params["thresholds"].astype(np.int32), "threshold_bytes": 4}
    node.params |= storage_params(node)
    return Case(node, draw(inputs, input_shape))


def make_grouped_case(
    op: str,
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    seed: int = 0,
    *,
    form: str = "w4g32",
    extreme: int = 0,
    **attrs: Any,
) -> Case:
    """A layer with random weights in groups. extreme: weights, factors and inputs from the ends of their ranges; 2: all
    weights and inputs at the same end, the one with the largest products, some groups with factor 0."""
    rng = np.random.default_rng(seed)
    groups = group_format(form)
    channels = weight_shape[0]
    taps = int(np.prod(weight_shape[1:]))
    legal = [v for v in groups.base.values if v is not None]
    ends = [legal, [groups.base.low, groups.base.high], [groups.base.low]][extreme]
    values = rng.choice(ends, (groups.planes, channels, taps))
    shape = (channels, len(groups.lengths(taps)), groups.planes)
    factors = rng.choice([0, 255, 255, 255], shape) if extreme else rng.integers(0, 256, shape)
    spread = factors[:, np.arange(taps) // groups.size]
    products = sum(values[p] * spread[:, :, p] for p in range(groups.planes))
    x = rng.choice([[-128, 127], [-128]][extreme - 1], input_shape) if extreme else rng.integers(-128, 128, input_shape)
    scales = Quantization((2.0**-12,) * channels, (0,) * channels, 0)
    weights = Value("w", TensorType(weight_shape, DType.INT16, scales), products.reshape(weight_shape).astype(np.int16))
    data = Value("x", TensorType(input_shape, DType.INT8, Quantization.per_tensor(2.0**-4, -3)))
    names: Any = {"output_names": ["y"], "dtype": DType.INT8}
    # The bias takes the first sums off again, so that the last bits of their neighbours show.
    bare = make_node(op, op, [data, weights], attrs, **names, quantizations=[None])
    sums = operator(op).compute(bare, [x + 3.0, weights.constant])[0].reshape(-1, channels)[0]
    bias = (rng.integers(-200, 200, channels) - sums).astype(np.int32)
    inputs = [
        data,
        weights,
        Value("b", TensorType((channels,), DType.INT32, scales), bias),
        None,
        Value("f", TensorType(shape, DType.INT32), factors.astype(np.int32)),
    ]
    reach = max(int(np.abs(products).sum(axis=1).max()) * 40, 1)
    output = Quantization.per_tensor(2.0**-16 * (2.0 if seed % 2 else reach / 128), 5)
    attrs = {**attrs, "weight_format": form}
    node = make_node(op, op, inputs, attrs, **names, quantizations=[output])
    node.params = operator(op).lower(node)
    return Case(node, x.astype(np.int8))


def constant_channels(case: Case) -> Case:
    """The case with every other output channel without weights, with a bias and a shift that only these may have."""
    params = case.node.params
    axis = operator(case.node.op).weight_axis
    weights = np.moveaxis(params["weights"].copy(), axis, 0)
    weights[::2] = 0
    params["weights"] = np.moveaxis(weights, 0, axis)
    params["bias"], params["shift"] = params["bias"].copy(), params["shift"].copy()
    params["bias"][::2] = np.resize([2**31 - 1, -(2**31 - 1), 2**30, 0, -77], params["bias"][::2].shape)
    params["shift"][::2] = np.resize([-24, -23, -31, 0, 0], params["shift"][::2].shape)
    return case
