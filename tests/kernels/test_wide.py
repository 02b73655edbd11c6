"""Kernels with int16 inputs or outputs: the reference's bits under sanitizers, and the reference near real numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.kernels import Kernel, kernels, kernels_for
from edgeq.kernels.matching import takes
from edgeq.ops import operator, operators
from edgeq.ops.build import make_node
from tests.meta.sample_nodes import is_wide, runs_wide
from tests.tools import need
from tests.unit.random_nodes import LAYERS as RANDOM_LAYERS
from tests.unit.test_kernels_elementwise import main_text, message, program, run, ways

ROWS = [k for k in kernels() if is_wide(k) and any(r.kernels == k.op and runs_wide(k, r) for r in operators())]
OTHER_COMPILER = [k for k in ROWS if k.name in ("edgeq_dense_a16_w8_to16__c", "edgeq_layer_norm_a16_to16__c")]
"""Those that together have all the arithmetic of cores without long products."""
LAYERS = 4
"""Random layers per kernel and operator."""
COMPUTING = {k.op for k in kernels() if k.output_bits == 16}
OPERATORS = sorted(r.name for r in operators() if r.kernels in COMPUTING and r.gives_wide and not r.keeps_quantization)
MOVERS = ("concat", "pad", "resize_nearest", "slice", "transpose")
"""Operators whose kernels copy elements of any width."""
WIDTHS = [(DType.INT8, DType.INT16), (DType.INT16, DType.INT8), (DType.INT16, DType.INT16)]
UNITS = {"layer_norm": 3.0, "softmax": 3.0}
"""By how many units a result may differ from the real one, where rounding makes more than one unit and a bit."""
GATES = {"gru": 3, "lstm": 4, "rnn": 1}
"""Of recurrent layers."""
DRIFT = 0.004
"""By how much tables and sums in Q3.12 may put a recurrent layer off: under half a unit of int8."""
CURVATURE = {"gelu": 0.8, "silu": 0.5, "tanh": 0.77, "sigmoid": 0.1, "elu": 1.0}
"""A bound of the second derivative, by which straight lines are off."""


def scale_of(rng: np.random.Generator, dtype: DType, reach: float) -> Quantization:
    """Of a tensor whose reals reach about so far."""
    if dtype is DType.INT16:
        return Quantization.per_tensor(float(np.float32(reach / 2**15)), 0)
    return Quantization.per_tensor(float(np.float32(reach / 2**7)), int(rng.integers(-100, 100)))


def shapes_of(op: str, rng: np.random.Generator) -> tuple[list[tuple[int, ...]], dict[str, object]]:
    """(shapes of the inputs, attributes)"""
    h, w, c, o = (int(n) for n in rng.integers(1, 10, 4))
    if op == "conv2d":
        kernel = tuple(int(k) for k in rng.integers(1, 4, 2))
        return [(1, h + 2, w + 2, c), (o, *kernel, c)], {"pads": (1, 0, 0, 1), "strides": (2, 1)}
    if op == "depthwise_conv2d":
        return [(1, h + 2, w + 2, c), (3, 2, c * int(rng.integers(1, 3)))], {"pads": (1, 1, 0, 0)}
    if op == "dense":
        return [(1, h, c), (o, c)], {"clamp_min": 0.0} if rng.integers(2) else {}
    if op == "matmul":
        swapped = bool(rng.integers(2))
        return [(1, h, w, c), (1, (1, h)[rng.integers(2)], *((o, c) if swapped else (c, o)))], {"transpose_b": swapped}
    if op == "mean":
        return [(1, h, w, c)], {"axes": [(1, 2), (3,)][rng.integers(2)], "keepdims": True}
    if op in ("add", "mul"):
        return [(1, h, w, c), [(1, h, w, c), (c,), (1, 1, 1, c), (1, h, 1, c)][rng.integers(4)]], {}
    if op in GATES:
        rows = GATES[op] * o
        attrs: dict[str, object] = {"activation": ("tanh", "relu")[rng.integers(2)]} if op == "rnn" else {}
        return [(1, h, c), (rows, c), (rows, o), (rows,), (rows,), *[(o,)] * int(rng.integers(2))], attrs
    if op == "layer_norm":
        return [(1, h, c + 1), (c + 1,), (c + 1,)], {"centred": bool(rng.integers(2))}
    return [(1, h, w, c)], {}


def layer(op: str, dtype: DType, output: DType, rng: np.random.Generator) -> Node:
    """A lowered node with random shapes, scales and constants."""
    row = operator(op)
    shapes, attrs = shapes_of(op, rng)
    reach = float(np.exp(rng.uniform(-1, 2)))
    inputs: list[Value | None] = []
    scale = 1.0
    for index, shape in enumerate(shapes):
        if row.accumulates and index:
            count = shape[row.weight_axis]
            scales = Quantization(tuple(np.exp(rng.uniform(-6, -4, count))), (0,) * count, row.weight_axis)
            data = rng.integers(-127, 128, shape).astype(np.int8)
            inputs.append(Value("w", TensorType(shape, DType.INT8, scales), data))
            sums = Quantization(tuple(s * scale for s in scales.scale), (0,) * count, 0)
            bias = rng.integers(-3000, 3000, count).astype(np.int32)
            inputs.append(Value("b", TensorType((count,), DType.INT32, sums), bias))
        elif row.folds_operands and index:
            kind = TensorType(shape, DType.INT16, Quantization.per_tensor(2.0**-15 if op in GATES else 2.0**-14, 0))
            drawn = rng.integers(-(2**15), 2**15, shape)
            if op in GATES and len(shape) == 2:  # of inputs, or a quarter as large of the state; exact in 8 bits
                drawn = rng.integers(-127, 128, shape) * (256 if index == 1 else 64)
                drawn[:, 0] = 127 * (256 if index == 1 else 64)
            inputs.append(Value(f"c{index}", kind, drawn.astype(np.int16)))
        else:
            own = dtype if index == 0 or row.equal_widths else DType.INT8
            quantization = scale_of(rng, own, reach)
            scale = quantization.tensor_scale
            inputs.append(Value(f"x{index}", TensorType(shape, own, quantization)))
    node = make_node(op, op, inputs, attrs, output_names=["y"], dtype=output, quantizations=[None])
    natural = row.wide_natural_output if output is DType.INT16 else row.natural_output
    given_range = scale_of(rng, output, 1.0) if natural is None else Quantization.per_tensor(*natural)
    if natural is None:  # what the inputs bring, or a little less, so that some results saturate
        (real,) = row.compute(node, [dequantized(v, a) for v, a in zip(inputs, arrays_of(node, rng), strict=True)])
        given_range = scale_of(rng, output, max(float(np.abs(real).max()), 1e-3) * float(rng.uniform(0.8, 2)))
    node.output.type = TensorType(node.output.shape, output, given_range)
    node.params = row.lower(node)
    return node


def arrays_of(node: Node, rng: np.random.Generator) -> list[Array]:
    """Its constants, and random integers for the rest, the ends of their range among them."""
    found = []
    for value in node.inputs:
        assert value is not None
        low, high = value.type.bounds
        drawn = rng.integers(low, high + 1, value.shape)
        drawn = np.where(rng.random(value.shape) < 0.1, rng.choice([low, high], value.shape), drawn)
        found.append(value.data if value.data is not None else drawn.astype(value.type.dtype.numpy))
    return found


def dequantized(value: Value | None, array: Array) -> Array:
    assert value is not None
    return value.quantization.dequantize(array)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wide")


def check_bits(kernel: Kernel, compiler: str, folder: Path) -> None:
    dtype = DType.INT16 if kernel.parts.activations == "a16" else DType.INT8
    output = DType.INT16 if kernel.output_bits == 16 else DType.INT8
    for row in (r for r in operators() if r.kernels == kernel.op and runs_wide(kernel, r) and not r.keeps_quantization):
        for seed in range(LAYERS):
            rng = np.random.default_rng(seed)
            node = layer(row.name, dtype, output, rng)
            assert takes(kernel, node) and kernel.accepts(row.facts(node))
            arrays = arrays_of(node, rng)
            expected = row.compute_integer(node, arrays)[0].tobytes()
            binary = program(kernel, compiler, int(compiler == "gcc"), main_text(kernel, node), folder)
            own = arrays[:1] if row.accumulates else arrays
            for overwritten in ways(kernel, node):
                assert run(binary, message(kernel, node, own, overwritten)) == expected, (row.name, seed)


@pytest.mark.tools
@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_kernel_gives_the_reference_bits(kernel: Kernel, folder: Path) -> None:
    need("gcc")
    check_bits(kernel, "gcc", folder)


@pytest.mark.tools
@pytest.mark.parametrize("kernel", OTHER_COMPILER, ids=lambda k: k.name)
def test_without_long_products(kernel: Kernel, folder: Path) -> None:
    need("clang")
    check_bits(kernel, "clang", folder)


def wide_twin(node: Node) -> Node:
    """The same node over int16; what it pads with is 0."""
    numbers = Quantization.per_tensor(2.0**-12, 0)
    inputs = [Value(v.name, TensorType(v.shape, DType.INT16, numbers)) for v in node.inputs if v is not None]
    attrs = {**node.attrs, **({"value": 0.0} if node.op == "pad" else {})}
    twin = make_node(node.op, node.name, inputs, attrs, output_names=["y"], dtype=DType.INT16, quantizations=[numbers])
    twin.params = operator(node.op).lower(twin)
    return twin


@pytest.mark.tools
@pytest.mark.parametrize("op", MOVERS)
def test_elements_of_two_bytes_go_where_those_of_one_go(op: str, folder: Path) -> None:
    """Both bytes of an element follow the int8 reference, in all kernels."""
    need("gcc")
    for seed in range(12):
        rng = np.random.default_rng([60, seed])  # as the int8 kernels' tests draw: all fit the loops
        narrow = RANDOM_LAYERS[op](rng)
        node = wide_twin(narrow)
        narrow.params |= {"value": 0} if op == "pad" else {}
        arrays = arrays_of(node, rng)
        halves = [[np.ascontiguousarray(a).view(np.int8)[..., half::2] for a in arrays] for half in range(2)]
        low, high = (operator(op).compute_integer(narrow, half)[0] for half in halves)
        expected = np.stack([low, high], axis=-1).tobytes()
        assert operator(op).compute_integer(node, arrays)[0].tobytes() == expected
        able = [k for k in kernels_for(operator(op).kernels) if takes(k, node) and k.accepts(operator(op).facts(node))]
        assert able and all(k.any_width for k in able)
        for kernel in able:
            binary = program(kernel, "gcc", 1, main_text(kernel, node), folder)
            assert run(binary, message(kernel, node, arrays, -1)) == expected, (kernel.name, seed)


@pytest.mark.parametrize("op", OPERATORS)
@given(seed=st.integers(0, 2**32 - 1), widths=st.sampled_from(WIDTHS))
@settings(max_examples=12, deadline=None)
def test_reference_is_near_the_reals(op: str, seed: int, widths: tuple[DType, DType]) -> None:
    """Real arithmetic in double precision on the same integers, limited to the output's range."""
    dtype, output = widths
    row = operator(op)
    if dtype is DType.INT16 and op == "softmax":
        return
    rng = np.random.default_rng(seed)
    if row.equal_widths:
        dtype = DType.INT16
    node = layer(op, dtype, output, rng)
    assume(node.attrs.get("activation") != "relu")  # its state saturates, and stays off
    arrays = arrays_of(node, rng)
    (real,) = row.compute(node, [dequantized(v, a) for v, a in zip(node.inputs, arrays, strict=True)])
    low, high = (node.output.quantization.dequantize(np.array(end)) for end in node.output.type.bounds)
    (ours,) = row.compute_integer(node, arrays)
    off = np.abs(node.output.quantization.dequantize(ours) - np.clip(real, low, high))
    step = node.input(0).scale * 128 if dtype is DType.INT16 else 0.0
    assert ours.dtype == output.numpy
    more = DRIFT if op in GATES else CURVATURE.get(op, 0.0) * step**2 / 8
    assert off.max() <= UNITS.get(op, 1.01) * node.output.scale + more


def test_what_has_no_kernel_is_refused() -> None:
    wide = Quantization.per_tensor(2.0**-12, 0)
    x = Value("x", TensorType((1, 4, 4, 2), DType.INT16, wide))
    attrs = {"kernel": (2, 2), "strides": (2, 2)}
    node = make_node("avg_pool2d", "pool", [x], attrs, output_names=["y"], dtype=DType.INT16, quantizations=[wide])
    with pytest.raises(UnsupportedError, match="avg_pool2d of int16 has no integer kernel"):
        operator("avg_pool2d").lower(node)
    padded = make_node(
        "pad",
        "pad",
        [x],
        {"pads": ((0, 0),) * 4, "value": 1.0},
        output_names=["y"],
        dtype=DType.INT16,
        quantizations=[wide],
    )
    with pytest.raises(UnsupportedError, match="pad of int16 has no integer kernel"):
        operator("pad").lower(padded)
    skewed = Value("x", TensorType((1, 4), DType.INT16, Quantization.per_tensor(1.0, 3)))
    node = make_node("gelu", "gelu", [skewed], output_names=["y"], dtype=DType.INT16, quantizations=[wide])
    with pytest.raises(UnsupportedError, match="zero point 3"):
        operator("gelu").lower(node)
