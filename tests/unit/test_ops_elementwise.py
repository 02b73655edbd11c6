"""Operators with one or two operands: real arithmetic against the published formulas, tables, shapes, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from edgeq.errors import ModelDataError, UnsupportedError
from edgeq.ir.graph import Value
from edgeq.ir.types import Array, DType, TensorType
from edgeq.ops import operator
from edgeq.ops.build import make_node
from tests.unit.quantized_nodes import EVERY_INT8, integers, lowered, random_arrays, reals, tensor

X = np.linspace(-9, 9, 181)


def real_value(name: str, array: Array) -> Value:
    return Value(name, TensorType(array.shape, DType.FLOAT32))


def compute(op: str, arrays: list[Array], **attrs: Any) -> Array:
    node = make_node(op, op, [real_value(f"x{i}", a) for i, a in enumerate(arrays)], attrs, output_names=["y"])
    (result,) = operator(op).compute(node, arrays)
    assert result.shape == node.output.shape
    return result


def onnx_reference(op: str, arrays: list[Array], **attrs: Any) -> Array:
    """ONNX's own numpy evaluation of one operator, in double precision."""
    names = [f"x{i}" for i in range(len(arrays))]
    kinds = [
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.DOUBLE, a.shape)
        for n, a in zip(names, arrays, strict=True)
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, names, ["y"], **attrs)],
        op,
        kinds,
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)])
    (result,) = ReferenceEvaluator(model).run(None, dict(zip(names, arrays, strict=True)))
    return np.asarray(result)


@pytest.mark.parametrize(
    ("op", "attrs", "onnx_op", "onnx_attrs"),
    [
        ("relu", {}, "Relu", {}),
        ("leaky_relu", {"alpha": 0.3}, "LeakyRelu", {"alpha": 0.3}),
        ("hard_swish", {}, "HardSwish", {}),
        ("hard_sigmoid", {"alpha": 0.25, "beta": 0.4}, "HardSigmoid", {"alpha": 0.25, "beta": 0.4}),
        ("sigmoid", {}, "Sigmoid", {}),
        ("tanh", {}, "Tanh", {}),
        ("elu", {"alpha": 1.5}, "Elu", {"alpha": 1.5}),
        ("gelu", {}, "Gelu", {}),
        ("gelu", {"approximate": True}, "Gelu", {"approximate": "tanh"}),
    ],
)
def test_real_functions_are_onnx(op: str, attrs: dict[str, Any], onnx_op: str, onnx_attrs: dict[str, Any]) -> None:
    want = onnx_reference(onnx_op, [X], **onnx_attrs)
    np.testing.assert_allclose(compute(op, [X], **attrs), want, rtol=1e-6, atol=1e-7)


def test_real_functions_without_an_onnx_twin() -> None:
    np.testing.assert_allclose(compute("silu", [X]), X / (1 + np.exp(-X)), rtol=1e-12)
    np.testing.assert_array_equal(compute("relu6", [X]), np.clip(X, 0, 6))
    np.testing.assert_array_equal(compute("clip", [X], clamp_min=-1.0), np.maximum(X, -1))
    np.testing.assert_array_equal(compute("clip", [X], clamp_max=2.0), np.minimum(X, 2))
    assert np.isfinite(compute("sigmoid", [np.array([-1e4, 1e4])])).all()


TABLES: list[tuple[str, dict[str, Any]]] = [
    ("relu", {}),
    ("relu6", {}),
    ("clip", {"clamp_min": -0.3, "clamp_max": 2.5}),
    ("leaky_relu", {"alpha": 0.1}),
    ("leaky_relu", {"alpha": -0.2}),
    ("hard_swish", {}),
    ("hard_sigmoid", {"alpha": 0.2, "beta": 0.5}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("elu", {"alpha": 1.0}),
    ("gelu", {"approximate": False}),
    ("silu", {}),
    ("exp", {}),
    ("softplus", {}),
    ("mish", {}),
    ("abs", {}),
    ("requantize", {}),
]


@pytest.mark.parametrize(("op", "attrs"), TABLES, ids=[row[0] for row in TABLES])
@settings(max_examples=50, deadline=None)
@given(in_scale=st.floats(0.002, 0.2), out_scale=st.floats(0.002, 0.2), zeros=st.tuples(*[st.integers(-128, 127)] * 2))
def test_tables_are_the_rounded_function(
    op: str, attrs: dict[str, Any], in_scale: float, out_scale: float, zeros: tuple[int, int]
) -> None:
    """At most one unit off; hard_swish, in 16 bits, may be two. Exact where no integer algorithm is prescribed."""
    if op == "hard_swish" and out_scale < in_scale / 64:
        return
    node = lowered(op, [tensor((256,), (in_scale, zeros[0]))], (out_scale, zeros[1]), **attrs)
    exact = np.clip(reals(node, [EVERY_INT8]), -128, 127)
    error = np.abs(integers(node, [EVERY_INT8]) - exact).max()
    tolerance = {
        "hard_swish": 2.0,
        **dict.fromkeys(("silu", "hard_sigmoid", "exp", "softplus", "mish", "abs"), 0.5),
    }.get(op, 1.0)
    assert error <= tolerance + 1e-6


def test_half_units_are_rounded_away_from_zero() -> None:
    node = lowered("hard_sigmoid", [tensor((256,), (1.0, 0))], (1 / 8, 0), alpha=1 / 16, beta=0.5)
    got = integers(node, [EVERY_INT8])[128:134]  # x = 0..5: 4, 4.5, 5, 5.5, ...
    assert got.tolist() == [4, 5, 5, 6, 6, 7]


def test_a_dead_output_saturates_instead_of_overflowing() -> None:
    """A layer that was 0 on all calibration data has a tiny output scale."""
    for op in ("relu", "requantize", "clip", "silu"):
        node = lowered(op, [tensor((256,), (1.0, 0))], (1e-12, -128))
        assert integers(node, [EVERY_INT8])[128] == -128
        assert integers(node, [EVERY_INT8])[-1] == 127


def test_hard_swish_refuses_what_its_16_bits_cannot_hold() -> None:
    with pytest.raises(UnsupportedError, match="hard_swish with an output scale"):
        lowered("hard_swish", [tensor((4,), (1.0, 0))], (1 / 200, 0))


@pytest.mark.parametrize("shapes", [((1, 2, 3), (2, 3)), ((1, 4, 1), (1, 1, 5)), ((3,), (1, 2, 3)), ((1, 2), (1, 2))])
def test_real_pairs_broadcast(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=s) for s in shapes)
    np.testing.assert_array_equal(compute("add", [a, b]), a + b)
    np.testing.assert_array_equal(compute("sub", [a, b]), a - b)
    np.testing.assert_array_equal(compute("mul", [a, b], clamp_min=0.0, clamp_max=0.5), np.clip(a * b, 0, 0.5))


@pytest.mark.parametrize("op", ["add", "sub", "mul"])
def test_integer_pairs_follow_the_real_ones(op: str) -> None:
    rng = np.random.default_rng(0)
    output = (0.3, -10) if op != "mul" else (3.0, -10)
    node = lowered(op, [tensor((1, 8, 8, 16), (0.1, 4)), tensor((16,), (0.21, -30))], output)
    arrays = random_arrays(node, rng)
    assert np.abs(integers(node, arrays) - np.clip(reals(node, arrays), -128, 127)).max() <= 0.51


def test_shapes_that_do_not_broadcast_are_named() -> None:
    with pytest.raises(UnsupportedError, match=r"add: shapes \[1, 4\] and \[1, 3\] do not broadcast"):
        lowered("add", [tensor((1, 4)), tensor((1, 3))])


def test_an_absurd_output_scale_is_refused() -> None:
    with pytest.raises(ModelDataError, match="output scale"):
        lowered("add", [tensor((4,), (1.0, 0)), tensor((4,), (1.0, 0))], (1e-12, 0))
    with pytest.raises(ModelDataError, match="accumulator"):
        lowered("mul", [tensor((4,), (1.0, 0)), tensor((4,), (1.0, 0))], (1e-12, 0))


def test_broadcasting_in_more_loops_than_the_kernel_has_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="4 loops"):
        lowered("add", [tensor((2, 1, 3, 1)), tensor((1, 4, 1, 5))])


def test_other_integers_are_refused() -> None:
    for op in ("add", "relu", "softmax", "mean", "max_pool2d", "pad", "resize_nearest"):
        value = tensor((1, 4, 4, 2))
        value.type = TensorType(value.shape, DType.UINT8, value.type.quantization)
        attrs: dict[str, Any] = {
            "mean": {"axes": (1,)},
            "max_pool2d": {"kernel": (1, 1)},
            "pad": {"pads": ((0, 0),) * 4},
            "resize_nearest": {"out_h": 2, "out_w": 2},
        }.get(op, {})
        inputs = [value, tensor((1, 4, 4, 2))] if op == "add" else [value]
        with pytest.raises(UnsupportedError, match="uint8"):
            lowered(op, inputs, **attrs)


@pytest.mark.parametrize("scale", [0.01, 0.1, 1.0])
def test_softmax_follows_the_real_one(scale: float) -> None:
    rng = np.random.default_rng(0)
    node = lowered("softmax", [tensor((50, 12), (scale, 7))], (1 / 256, -128))
    arrays = random_arrays(node, rng)
    assert np.abs(integers(node, arrays) - np.clip(reals(node, arrays), -128, 127)).max() <= 0.55
    x = rng.normal(size=(2, 3, 4))
    np.testing.assert_allclose(compute("softmax", [x], axis=1), onnx_reference("Softmax", [x], axis=1), rtol=1e-12)


def test_softmax_table_ends_after_the_last_exponential_that_counts() -> None:
    for scale, length in ((1.0, 14), (0.1, 139), (0.01, 256), (100.0, 1)):
        table = lowered("softmax", [tensor((1, 3), (scale, 0))], (1 / 256, -128)).params["exponentials"]
        assert len(table) == length and table[0] == 2**31 - 1
        assert math.isclose(table[-1] / 2**31, math.exp(-scale * (length - 1)), rel_tol=1e-3)


@pytest.mark.parametrize(
    ("shape", "numbers", "attrs", "message"),
    [
        ((1, 3), (1 / 255, -128), {}, "output scale"),
        ((1, 3), (1 / 256, 0), {}, "zero point"),
        ((1, 4096), (1 / 256, -128), {}, "at most 4095"),
        ((1, 3, 2), (1 / 256, -128), {"axis": 1}, "axis 1"),
        ((1, 3), (1 / 256, -128), {"beta": -1.0}, "beta"),
    ],
)
def test_softmax_refusals(
    shape: tuple[int, ...], numbers: tuple[float, int], attrs: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnsupportedError, match=message):
        lowered("softmax", [tensor(shape)], numbers, **attrs)
