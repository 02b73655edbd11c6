"""One small lowered node per operator, so that registries can be asked about facts and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeq.formats.groups import group_format
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.kernels import Kernel
from edgeq.kernels.storage import storage_params
from edgeq.ops import Operator
from edgeq.ops.build import make_node

IMAGE = (1, 6, 6, 8)

RING = {"frames": 6, "parts": 2, "size": 2, "stride": 2}
ATTENTION_RING = {
    **dict.fromkeys(("batches", "queries"), 1),
    **dict.fromkeys(("kv_heads", "depth", "columns"), 2),
    **dict.fromkeys(("k_view", "v_view"), (0, 0, 2, 4)),
    "heads": 4,
    "keys": 6,
    "q_view": (0, 0, 2, 8),
    "y_view": (0, 2, 8),
    "shape": (1, 1, 8),
}

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "argmax": {"axis": 3},
    "attention": {
        "batches": 1,
        "heads": 4,
        "kv_heads": 4,
        "queries": 36,
        "keys": 36,
        "depth": 2,
        "columns": 2,
        **dict.fromkeys(("q_view", "k_view", "v_view"), (0, 288, 2, 8)),
        "y_view": (288, 2, 8),
        "shape": IMAGE,
    },
    "attention_ring": ATTENTION_RING,
    "attention_ring_int4": ATTENTION_RING,
    "average_sums": {"count": 36},
    "concat": {"axis": 3},
    "delay_line": {"frames": 12},
    "group_norm": {"groups": 4},
    "leaky_relu": {"alpha": 0.1},
    "linear_attention": {"heads": 2},
    "matmul": {"transpose_b": True},
    "max_pool2d": {"kernel": (2, 2), "strides": (2, 2)},
    "avg_pool2d": {"kernel": (2, 2), "strides": (2, 2)},
    "mean": {"axes": (1, 2), "keepdims": True},
    "power": {"exponent": 2.0},
    "pad": {"pads": ((0, 0), (1, 1), (1, 1), (0, 0))},
    "reshape": {"shape": (1, 36, 8)},
    "position": {"window": 6},
    "resize_nearest": {"out_h": 12, "out_w": 12},
    "ring": RING,
    "ring_int4": RING,
    "rotary": {"axis": 1, "steps": (1 << 29, 1 << 27, 1 << 25, 1 << 23)},
    "slice": {"begin": (0, 0, 0, 0), "end": (1, 3, 6, 8), "strides": (1, 1, 1, 1)},
    "table": {"table": tuple(range(127, -129, -1))},
    "transpose": {"perm": (0, 3, 1, 2)},
}
"""What an operator must be told. One without an entry gets an image and its own defaults."""

WEIGHTS = {"conv2d": (16, 3, 3, 8), "depthwise_conv2d": (3, 3, 8), "dense": (16, 8)}
RECURRENT = {"gru": 3, "litert_lstm": 4, "lstm": 4, "rnn": 1}
"""Gates."""
TWO_INPUTS = ("add", "sub", "mul", "concat", "matmul")
INTEGER_OUTPUT = ("argmax", "position", "sum_pixels")
SAME_QUANTIZATION = Quantization.per_tensor(2.0**-4, -3)
"""Of inputs and outputs: legal for every operator, those that keep it among them."""
FIXED_OUTPUT = {
    "gru": Quantization.per_tensor(2.0**-7, 0),
    "lstm": Quantization.per_tensor(2.0**-7, 0),
    "erf": Quantization.per_tensor(2.0**-7, 0),
    "softmax": Quantization.per_tensor(2.0**-8, -128),
    "sigmoid": Quantization.per_tensor(2.0**-8, -128),
    "tanh": Quantization.per_tensor(2.0**-7, 0),
}


def sample_inputs(row: Operator) -> list[Value | None]:
    """Quantized inputs of a legal shape."""
    image = Value("x", TensorType(IMAGE, DType.INT8, SAME_QUANTIZATION))
    if row.name in WEIGHTS:
        shape = WEIGHTS[row.name]
        axis = row.weight_axis % len(shape)
        channels = shape[axis]
        scales = Quantization((2.0**-6,) * channels, (0,) * channels, axis)
        sums = Quantization((2.0**-10,) * channels, (0,) * channels, 0)
        return [
            image,
            _constant("w", np.arange(np.prod(shape)).reshape(shape) % 255 - 127, DType.INT8, scales),
            _constant("b", np.arange(channels) * 100, DType.INT32, sums),
        ]
    if row.name in TWO_INPUTS:
        return [image, Value("y", TensorType(IMAGE, DType.INT8, SAME_QUANTIZATION))]
    if row.name == "attention":
        return [Value(name, TensorType(IMAGE, DType.INT8, SAME_QUANTIZATION)) for name in "qkv"]
    if row.name == "sum_pixels":
        return [image, Value("before", TensorType((1, 1, 1, 8), DType.INT32))]
    if row.name == "position" or "ring" in row.name.split("_"):
        return _of_a_decoder(row.name)
    if row.name == "average_sums":
        return [Value("sums", TensorType((1, 1, 1, 8), DType.INT32))]
    if row.name in RECURRENT:
        shapes = [(RECURRENT[row.name] * 4, 8), (RECURRENT[row.name] * 4, 4), *[(RECURRENT[row.name] * 4,)] * 2]
        frames = Value("x", TensorType((1, 6, 8), DType.INT8, SAME_QUANTIZATION))
        return [frames, *(_constant(f"c{i}", np.ones(s), DType.INT16, SAME_QUANTIZATION) for i, s in enumerate(shapes))]
    if row.name == "linear_attention":
        return [Value(n, TensorType((1, 6, 8), DType.INT8, SAME_QUANTIZATION)) for n in ("queries", "keys", "values")]
    if row.name == "gather":
        table = _constant("table", np.arange(40).reshape(5, 8), DType.INT8, SAME_QUANTIZATION)
        return [table, Value("places", TensorType((1, 6), DType.INT32))]
    if row.name == "sound_features":
        return [Value("samples", TensorType((1, 800), DType.INT16, Quantization.per_tensor(2.0**-15, 0)))]
    if row.name == "delay_line":
        return [image, _constant("first", np.full((1, 1, 6, 8), -3), DType.INT8, SAME_QUANTIZATION)]
    if row.name in ("layer_norm", "group_norm"):
        return [image, *(_constant(n, np.arange(8) + 1, DType.INT16, SAME_QUANTIZATION) for n in ("gain", "offset"))]
    return [image]


def _of_a_decoder(name: str) -> list[Value | None]:
    """Rings of 6 slots for two heads of two elements each, which are two bytes in four bits too."""
    position = Value("position", TensorType((1, 1), DType.INT32))
    if name == "position":
        return [Value("x", TensorType((1, 1, 8), DType.INT8)), Value("p", position.type, np.full((1, 1), -1, np.int32))]
    x = Value("x", TensorType((1, 1, 8), DType.INT8, SAME_QUANTIZATION))
    ring = Value("ring", TensorType((1, 6, 4), DType.INT8, SAME_QUANTIZATION))
    first = _constant("first", np.zeros((1, 1, 4)), DType.INT8, SAME_QUANTIZATION)
    return [x, ring, ring, position] if name.startswith("attention") else [x, first, position]


def _constant(name: str, data: Array, dtype: DType, quantization: Quantization) -> Value:
    array = np.asarray(data).astype(dtype.numpy)
    return Value(name, TensorType(tuple(array.shape), dtype, quantization), array)


def sample_node(row: Operator, inputs: Sequence[Value | None] | None = None) -> Node:
    """A lowered node of an operator that has an integer form."""
    integers = row.name in INTEGER_OUTPUT
    node = make_node(
        row.name,
        f"sample_{row.name}",
        sample_inputs(row) if inputs is None else inputs,
        ATTRIBUTES.get(row.name),
        output_names=["out"],
        dtype=DType.INT32 if integers else DType.INT8,
        quantizations=[None if integers else FIXED_OUTPUT.get(row.name, SAME_QUANTIZATION)],
    )
    node.params = row.lower(node)
    return node


def sample_levels_node(row: Operator) -> Node:
    """A lowered node of an operator that accumulates and ends in thresholds: binary inputs, weights and outputs."""
    unit = Quantization.per_tensor(1.0, 0)
    shape = WEIGHTS[row.name]
    channels = shape[row.weight_axis]
    signs = np.where(np.arange(np.prod(shape)) % 3 == 0, -1, 1).reshape(shape)
    inputs = [
        Value("x", TensorType(IMAGE, DType.INT8, unit, "a1", packed=True)),
        _constant("w", signs, DType.INT8, Quantization((1.0,) * channels, (0,) * channels, row.weight_axis)),
        None,
        Value("t", TensorType((channels, 1), DType.INT32), np.zeros((channels, 1), np.int32)),
    ]
    attrs = {"level_low": -1, "level_step": 2}
    names = {"output_names": ["out"], "dtype": DType.INT8, "quantizations": [unit]}
    node = make_node(row.name, f"sample_{row.name}_levels", inputs, attrs, **names)
    node.output.type = TensorType(node.output.shape, DType.INT8, unit, "a1", packed=True)
    node.params = row.lower(node)
    node.params |= storage_params(node)
    return node


def sample_grouped_node(row: Operator, base: str) -> Node:
    """A lowered node of an operator whose weights lie in groups of 32 of the format `base`, all factors 3."""
    unit = Quantization.per_tensor(1.0, 0)
    shape = WEIGHTS[row.name]
    form = group_format(f"{base}g32")
    groups = len(form.lengths(int(np.prod(shape[1:]))))
    scales = Quantization((2.0**-9,) * shape[0], (0,) * shape[0], 0)
    inputs = [
        Value("x", TensorType(IMAGE, DType.INT8, unit)),
        _constant("w", np.full(shape, 3 * form.planes), DType.INT16, scales),
        None,
        None,
        Value(
            "f",
            TensorType((shape[0], groups, form.planes), DType.INT32),
            np.full((shape[0], groups, form.planes), 3, np.int32),
        ),
    ]
    names = {"output_names": ["out"], "dtype": DType.INT8, "quantizations": [unit]}
    node = make_node(row.name, f"sample_{row.name}_{base}g", inputs, {"weight_format": form.name}, **names)
    node.params = row.lower(node)
    return node


def sample_for(kernel: Kernel, row: Operator) -> Node:
    """A lowered node of the operator with the parameters that kernels such as this one read."""
    if kernel.descriptor_type.endswith("_grouped_t"):
        return sample_grouped_node(row, str(kernel.parts.grouped))
    if is_wide(kernel) and runs_wide(kernel, row):
        return sample_wide_node(row, kernel)
    return sample_levels_node(row) if kernel.epilogue == "levels" else sample_node(row)


def is_wide(kernel: Kernel) -> bool:
    """Whether the kernel's input or output is int16."""
    return kernel.output_bits == 16 or f"edgeq_{kernel.op}_a16_" in kernel.name  # names may be wrong on purpose


def runs_wide(kernel: Kernel, row: Operator) -> bool:
    """Whether an operator of the kernel's family has an int16 form that this kernel runs."""
    only_scales = kernel.parts.activations == "a16" and kernel.op == "lookup"
    return row.gives_wide and (not only_scales or (row.name == "requantize") == (kernel.when == "linear"))


def sample_wide_node(row: Operator, kernel: Kernel) -> Node:
    """A lowered node with int16 where the kernel has it."""
    inputs, wide = sample_inputs(row), Quantization.per_tensor(2.0**-12, 0)
    if kernel.parts.activations == "a16":
        for value in (v for v in inputs[: 2 if row.equal_widths else 1] if v is not None):
            value.type = TensorType(value.shape, DType.INT16, wide)
    dtype, quantization = DType.INT8, FIXED_OUTPUT.get(row.name, SAME_QUANTIZATION)
    if kernel.output_bits == 16:
        natural = row.wide_natural_output
        dtype, quantization = DType.INT16, wide if natural is None else Quantization.per_tensor(*natural)
    names = {"output_names": ["out"], "dtype": dtype, "quantizations": [quantization]}
    node = make_node(row.name, f"sample_{row.name}_wide", inputs, ATTRIBUTES.get(row.name), **names)
    node.params = row.lower(node)
    return node
