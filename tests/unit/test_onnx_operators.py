"""Every ONNX operator of the frontend, imported and simplified, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tools import need
from tests.unit.onnx_models import array, assert_same, loaded, make_model, node, simplified

I64 = np.int64
X = {"x": (1, 4, 9, 8)}
S = {"x": (1, 3, 11)}
V = {"x": (2, 6)}


def ints(*values: int) -> np.ndarray[Any, Any]:
    return np.array(values, dtype=I64)


def one(op: str, inputs: dict[str, Any], consts: dict[str, Any] | None = None, opset: int = 13, **attrs: Any) -> bytes:
    """A model of one node with output y."""
    consts = consts or {}
    given = {name: data for name, data in consts.items() if name}  # "": an operand left out
    operands = [*inputs, *consts]
    if inputs.get("") == ():  # a constant comes first
        operands = [next(iter(consts)), *(name for name in inputs if name), *[*consts][1:]]
        inputs = {name: shape for name, shape in inputs.items() if name}
    return make_model([node(op, operands, "y", **attrs)], inputs, ["y"], given, opset=opset)


R = {"x": (5, 1, 3)}


def rows(gates: int, directions: int = 1) -> dict[str, Any]:
    """Weights of a recurrent layer of 4 units over 3 inputs."""
    return {
        "w": array(directions, 4 * gates, 3),
        "r": array(directions, 4 * gates, 4),
        "b": array(directions, 8 * gates),
    }


W = {"w": array(6, 4, 3, 3), "b": array(6)}
CASES: dict[str, bytes] = {
    "conv": one("Conv", X, W, pads=[1, 1, 1, 1]),
    "conv_asymmetric": one("Conv", X, W, pads=[2, 0, 1, 1], strides=[2, 1], dilations=[1, 2]),
    "conv_same_upper": one("Conv", X, W, auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv_same_lower": one("Conv", X, W, auto_pad="SAME_LOWER", strides=[2, 3]),
    "conv_valid": one("Conv", X, W, auto_pad="VALID"),
    "conv_groups": one("Conv", X, {"w": array(6, 2, 3, 3)}, group=2),
    "conv_depthwise": one("Conv", X, {"w": array(8, 1, 3, 3), "b": array(8)}, group=4),
    "conv_1d": one("Conv", S, {"w": array(5, 3, 4), "b": array(5)}, pads=[1, 2], strides=[2]),
    "conv_1d_depthwise": one("Conv", S, {"w": array(3, 1, 3)}, group=3, dilations=[2]),
    "gemm": one("Gemm", V, {"w": array(6, 5), "b": array(5)}),
    "gemm_trans_b": one("Gemm", V, {"w": array(5, 6), "b": array(5)}, transB=1, alpha=0.5, beta=2.0),
    "gemm_trans_a": one("Gemm", V, {"w": array(2, 5), "b": array(1, 5)}, transA=1),
    "gemm_column_bias": one("Gemm", V, {"w": array(6, 5), "b": array(2, 1)}),
    "gemm_scalar_bias": one("Gemm", V, {"w": array(6, 5), "b": array(1)}),
    "matmul": one("MatMul", {"x": (1, 3, 6)}, {"w": array(6, 5)}),
    "div_computed": one("Div", {"x": (2, 6), "z": (2, 6)}),
    "erf": one("Erf", V),
    "pow": one("Pow", V, {"e": np.float32(3.0)}),
    "gru": one("GRU", R, rows(3), hidden_size=4, linear_before_reset=1),
    "gru_both_ways": one("GRU", R, rows(3, 2), hidden_size=4, linear_before_reset=1, direction="bidirectional"),
    "lstm": one("LSTM", R, rows(4), hidden_size=4),
    "lstm_backwards": one(
        "LSTM", R, {k: v for k, v in rows(4).items() if k != "b"}, hidden_size=4, direction="reverse"
    ),
    "rnn": one("RNN", R, rows(1), hidden_size=4),
    "rnn_relu_both_ways": one(
        "RNN", R, rows(1, 2), hidden_size=4, direction="bidirectional", activations=["Relu", "Tanh"]
    ),
    "rnn_initial": one("RNN", R, {**rows(1), "": [], "h": array(1, 1, 4)}, hidden_size=4, activations=["Relu"]),
    "lstm_initial": one(
        "LSTM", R, {**rows(4), "": [], "h": array(1, 1, 4), "c": array(1, 1, 4, seed=3)}, hidden_size=4
    ),
    "matmul_computed": one("MatMul", {"x": (1, 2, 3, 6), "z": (1, 2, 6, 4)}),
    "matmul_shared": one("MatMul", {"x": (1, 2, 3, 6), "z": (6, 4)}),
    "layer_norm": one("LayerNormalization", S, {"g": array(11), "b": array(11)}, opset=17, epsilon=1e-3),
    "layer_norm_two_axes": one("LayerNormalization", X, {"g": array(9, 8)}, opset=17, axis=-2),
    "instance_norm": one("InstanceNormalization", X, {"g": array(4), "b": array(4, seed=2)}, epsilon=1e-3),
    "instance_norm_1d": one("InstanceNormalization", S, {"g": array(3), "b": array(3, seed=2)}),
    "group_norm_18": one("GroupNormalization", X, {"g": array(2), "b": array(2, seed=2)}, opset=18, num_groups=2),
    "group_norm_21": one("GroupNormalization", X, {"g": array(4), "b": array(4, seed=2)}, opset=21, num_groups=2),
    "max_pool": one("MaxPool", X, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    "max_pool_ceil": one("MaxPool", X, kernel_shape=[3, 3], strides=[2, 3], ceil_mode=1),
    "max_pool_1d": one("MaxPool", S, kernel_shape=[2], strides=[2]),
    "average_pool": one("AveragePool", X, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "average_pool_include": one("AveragePool", X, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    "average_pool_ceil": one("AveragePool", X, kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),
    "average_pool_1d": one("AveragePool", S, kernel_shape=[3], strides=[1], pads=[1, 1]),
    "global_average": one("GlobalAveragePool", X),
    "global_average_1d": one("GlobalAveragePool", S),
    "global_max": one("GlobalMaxPool", X),
    "global_max_1d": one("GlobalMaxPool", S),
    "add_channel": one("Add", X, {"c": array(4, 1, 1)}),
    "sub_scalar": one("Sub", X, {"c": np.float32(1.5)}),
    "mul_row": one("Mul", X, {"c": array(8)}),
    "div": one("Div", X, {"c": array(1, 4, 1, 1) + 3}),
    "neg": one("Neg", X),
    "relu": one("Relu", X),
    "clip_6": one("Clip", X, {"a": np.float32(-0.5), "b": np.float32(0.5)}),
    "clip_old": one("Clip", X, opset=7, min=0.0, max=6.0),
    "leaky_relu": one("LeakyRelu", X, alpha=0.2),
    "prelu": one("PRelu", X, {"s": np.full((4, 1, 1), 0.3, dtype=np.float32)}),
    "sigmoid": one("Sigmoid", X),
    "tanh": one("Tanh", X),
    "exp": one("Exp", X),
    "softplus": one("Softplus", X),
    "mish": one("Mish", X, opset=18),
    "abs": one("Abs", X),
    "elu": one("Elu", X, alpha=1.5),
    "hard_sigmoid": one("HardSigmoid", X, alpha=0.25, beta=0.4),
    "hard_swish": one("HardSwish", X, opset=14),
    "gelu": one("Gelu", X, opset=20, approximate="tanh"),
    "softmax": one("Softmax", V),
    "softmax_channel": one("Softmax", X, axis=1),
    "softmax_old": one("Softmax", X, opset=11, axis=2),
    "pad": one("Pad", X, {"p": ints(0, 1, 2, 0, 0, 0, 1, 3), "v": np.float32(0.5)}),
    "pad_old": one("Pad", X, opset=9, pads=[0, 0, 1, 1, 0, 0, 2, 0], value=-1.0),
    "pad_crop": one("Pad", X, {"p": ints(0, 0, -1, 2, 0, 0, -2, -1)}),
    "slice": one("Slice", X, {"s": ints(1, -1), "e": ints(100, -9), "a": ints(2, 3), "t": ints(2, -2)}),
    "slice_old": one("Slice", X, opset=9, starts=[1, 0], ends=[3, -1], axes=[1, 2]),
    "reshape": one("Reshape", X, {"s": ints(0, -1, 6)}),
    "flatten": one("Flatten", X, axis=2),
    "squeeze": one("Squeeze", {"x": (1, 3, 1, 5)}, {"a": ints(2)}),
    "squeeze_old": one("Squeeze", {"x": (1, 3, 1, 5)}, opset=11, axes=[2]),
    "unsqueeze": one("Unsqueeze", V, {"a": ints(0, -1)}),
    "transpose": one("Transpose", X, perm=[0, 3, 1, 2]),
    "gather": one("Gather", X, {"i": ints(3, 2, 1)}, axis=1),
    "gather_one": one("Gather", X, {"i": np.array(-1)}, axis=2),
    "gather_irregular": one("Gather", X, {"i": ints(3, 0, 1, 2, 0, -1)}, axis=1),
    "gather_table": one("Gather", X, {"i": np.array([[0, 1, 2], [7, 7, 3]])}, axis=3),
    "expand": one("Expand", {"x": (1, 3, 1)}, {"s": ints(2, 1, 3, 4)}),
    "tile": one("Tile", {"x": (1, 3, 2)}, {"r": ints(1, 2, 3)}),
    "where_constant": one("Where", {"": (), "x": (1, 3, 4)}, {"c": array(3, 1) > 0, "o": array(1, 1, 4)}),
    "where_zero": one("Where", {"": (), "x": (1, 3, 4)}, {"c": array(3, 1) > 0, "o": np.float32(0.0)}),
    "where_mask": one("Where", {"": (), "x": (1, 3, 4)}, {"c": array(1, 1, 4) > 0, "o": np.float32(-1e9)}),
    "where_computed": one("Where", {"": (), "x": (1, 3, 4), "z": (1, 1, 4)}, {"c": array(1, 3, 4) > 0}),
    "where_always": one("Where", {"": (), "x": (1, 3, 1), "z": (1, 3, 4)}, {"c": np.ones((1, 1, 4), np.bool_)}),
    "reduce_l2": one("ReduceL2", V, axes=[1], keepdims=0),
    "reduce_sum": one("ReduceSum", X, {"a": ints(1, -1)}, keepdims=0),
    "einsum_transpose": one("Einsum", X, equation="nchw->nhcw"),
    "einsum_sum": one("Einsum", X, equation="nchw->wn"),
    "einsum_implicit": one("Einsum", {"x": (1, 3, 4), "z": (4, 5)}, equation="bij,jk"),
    "einsum_scores": one("Einsum", {"x": (1, 6, 2, 3), "z": (1, 5, 2, 3)}, equation="bihd,bjhd->bhij"),
    "einsum_values": one("Einsum", {"x": (1, 2, 5, 6), "z": (1, 6, 2, 3)}, equation="bhij,bjhd->bihd"),
    "einsum_weights": one("Einsum", {"x": (1, 5, 6)}, {"w": array(6, 2, 4)}, equation="bid,dhk->bhik"),
    "einsum_weights_first": one("Einsum", {"": (), "x": (1, 5, 6)}, {"w": array(4, 6)}, equation="kd,bid->bki"),
    "einsum_heads": one("Einsum", {"x": (1, 2, 5, 6)}, {"w": array(2, 6, 4)}, equation="bhid,hdk->bihk"),
    "einsum_products": one("Einsum", {"x": (1, 3, 4), "z": (1, 4)}, equation="bij,bj->bij"),
    "einsum_outer": one("Einsum", {"x": (1, 3), "z": (1, 4)}, equation="bi,bj->bij"),
    "einsum_summed_alone": one("Einsum", {"x": (1, 3, 4), "z": (1, 4, 5)}, equation="bij,bjk->bk"),
    "einsum_ellipsis": one("Einsum", {"x": (1, 2, 3, 4), "z": (1, 2, 5, 4)}, equation="...id,...jd->...ij"),
    "einsum_three": one("Einsum", {"x": (1, 3, 4), "z": (1, 4, 5)}, {"w": array(5, 2)}, equation="bij,bjk,kl->bil"),
    "upsample": one("Upsample", X, {"s": np.array([1, 1, 2, 3], dtype=np.float32)}, opset=9, mode="nearest"),
    "reduce_mean": one("ReduceMean", X, axes=[2, 3], keepdims=0),
    "reduce_mean_18": one("ReduceMean", X, {"a": ints(1)}, opset=18),
    "batch_norm": one(
        "BatchNormalization", X, {"g": array(4), "o": array(4), "m": array(4), "v": array(4) ** 2 + 0.1}, epsilon=1e-3
    ),
    "batch_norm_rank_2": one(
        "BatchNormalization", V, {"g": array(6), "o": array(6), "m": array(6), "v": array(6) ** 2 + 0.1}
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_one_operator_gives_what_onnxruntime_gives(name: str) -> None:
    need("onnxruntime")
    assert_same(CASES[name], loaded(CASES[name]))
    assert_same(CASES[name], simplified(CASES[name]))


@pytest.mark.parametrize("opset", [9, 11, 13, 18])
def test_constants_are_folded_by_the_rules_of_the_models_opset(opset: int) -> None:
    need("onnxruntime")
    old = opset < 13
    axes = {"axes": [0]} if old else {}
    extra = [] if old else ["zero"]
    nodes = [
        node("Unsqueeze", ["c", *extra], "u", **axes),
        node("Squeeze", ["u", *extra], "s", **axes),
        node("ReduceSum", ["s", *extra], "r", keepdims=0, **axes),
        node("Slice", ["r"], "part", starts=[0], ends=[2])
        if opset < 10
        else node("Slice", ["r", "zero", "two"], "part"),
        node("Split", ["part"], "a,b", **({"num_outputs": 2} if opset >= 18 else {})),
        node("Clip", ["a"], "k", min=-0.5, max=0.5) if opset < 11 else node("Clip", ["a", "lo", "hi"], "k"),
        node("Add", ["x", "k"], "y"),
    ]
    numbers = {"c": array(3, 4), "zero": ints(0), "two": ints(2), "lo": np.float32(-0.5), "hi": np.float32(0.5)}
    data = make_model(nodes, {"x": (1, 3)}, ["y"], numbers, opset=opset)
    graph = simplified(data)
    assert [n.op for n in graph.nodes] == ["add"]
    assert_same(data, graph)


RESIZES = [
    ("asymmetric", "floor"),
    ("asymmetric", "round_prefer_ceil"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "ceil"),
    ("pytorch_half_pixel", "floor"),
    ("align_corners", "round_prefer_floor"),
]


@pytest.mark.parametrize("where,rounding", RESIZES)
@pytest.mark.parametrize("size", [(18, 16), (5, 4), (13, 11)])
def test_every_nearest_rule_picks_the_pixels_that_onnxruntime_picks(
    where: str, rounding: str, size: tuple[int, int]
) -> None:
    need("onnxruntime")
    attrs = {"mode": "nearest", "coordinate_transformation_mode": where, "nearest_mode": rounding}
    nodes = [node("Resize", ["x", "", "", "s"], "y", **attrs)]
    data = make_model(nodes, X, ["y"], {"s": ints(1, 4, *size)})
    assert_same(data, simplified(data))


def test_concat_split_sum_argmax_and_shape_arithmetic() -> None:
    need("onnxruntime")
    nodes = [
        node("Split", ["x", "parts"], "a,b", axis=1),
        node("Relu", ["a"], "ra"),
        node("Concat", ["b", "ra"], "c", axis=1),
        node("Sum", ["c", "x", "x"], "s"),
        node("Shape", ["s"], "shape"),
        node("Gather", ["shape", "zero"], "batch"),
        node("Unsqueeze", ["batch", "zeros"], "batch1"),
        node("Concat", ["batch1", "rest"], "target", axis=0),
        node("Reshape", ["s", "target"], "flat"),
        node("ArgMax", ["flat"], "y", axis=1, keepdims=0),
    ]
    constants = {"parts": ints(1, 3), "zero": np.array(0), "zeros": ints(0), "rest": ints(-1)}
    data = make_model(nodes, X, ["y", "s"], constants, types={"y": 7})
    graph = simplified(data)
    assert_same(data, graph)
    assert graph.meta["outputs"]["y"]["source_dtype"] == "int64"
