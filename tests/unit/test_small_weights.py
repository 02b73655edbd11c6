"""Weights below eight bits from float models: scales, spellings, layers, errors, and the whole way to verified C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.cli import run
from edgeq.errors import UsageError
from edgeq.formats import number_format
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array, DType, TensorType
from edgeq.ops.build import GraphBuilder
from edgeq.ops.execute import run_integer, run_real
from edgeq.passes.check import check_graph, check_quantized
from edgeq.passes.lower import lower
from edgeq.pipeline import compile_model
from edgeq.quant.observe import observe_ranges
from edgeq.quant.plan import Plan
from edgeq.quant.quality import sqnr_db
from edgeq.quant.quantize import quantize_graph
from edgeq.quant.scales import mean_magnitudes, nearest, optimal_scales
from edgeq.quant.schemes import NAMES, WeightScheme, parse_scheme, plan_weights
from edgeq.quant.weights import quantize_weights, round_rows
from tests.tools import need, shared
from tests.unit.onnx_models import make_model, node

RANGES = [(-8, 7), (-4, 3), (-2, 1), (-1, 1), (-3, 0)]


def squared_error(w: Array, scale: float, low: int, high: int) -> float:
    return float(((w - scale * np.clip(np.rint(w / scale), low, high)) ** 2).sum())


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_no_scale_of_a_fine_search_is_better(low: int, high: int) -> None:
    rng = np.random.default_rng(3)
    for n in (1, 2, 5, 17, 40):
        for w in (rng.normal(size=n), rng.exponential(size=n) - 0.3, rng.standard_t(2, n)):
            (scale,) = optimal_scales(w[np.newaxis], low, high)
            tried = np.abs(w).max() * np.geomspace(0.02, 3, 4000)
            least = min(min(squared_error(w, s, low, high) for s in tried), float((w**2).sum()))
            assert squared_error(w, scale, low, high) <= least * (1 + 1e-9) + 1e-30 if scale else least >= (w**2).sum()


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6), st.sampled_from([(-2, 1), (-1, 1)]))
def test_no_integers_with_their_best_scale_are_better(values: list[float], limits: tuple[int, int]) -> None:
    """Every assignment of integers to a short row is tried, each with the scale of least squares."""
    w = np.array(values)
    low, high = limits
    grid = np.stack(np.meshgrid(*[np.arange(low, high + 1)] * len(w), indexing="ij"), axis=-1).reshape(-1, len(w))
    products, squares = grid @ w, (grid**2).sum(axis=1)
    gain = float((np.maximum(products, 0) ** 2 / np.maximum(squares, 1)).max())
    (scale,) = optimal_scales(w[np.newaxis], low, high)
    error = squared_error(w, scale, low, high) if scale > 0 else float((w**2).sum())
    assert error == pytest.approx(float((w**2).sum()) - gain, abs=1e-9)


def test_scales_follow_the_size_of_a_row_and_rows_do_not_meet() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 50))
    sizes = np.array([[1e-200], [1.0], [1e200]])
    np.testing.assert_allclose(optimal_scales(rows * sizes, -8, 7), optimal_scales(rows, -8, 7) * sizes[:, 0])
    assert optimal_scales(np.zeros((2, 4)), -8, 7).tolist() == [0, 0]
    assert mean_magnitudes(np.array([[1.0, -3.0]])).tolist() == [2.0]


def test_nearest_integers() -> None:
    rows, scales = np.array([[-9.0, 0.5, 1.5, 2.4], [1.0, -1.0, 0.0, -0.0]]), np.array([1.0, 0.0])
    assert nearest(rows, scales, -8, 7, True).tolist() == [[-8, 0, 2, 2], [0, 0, 0, 0]]
    assert nearest(rows[1:], np.array([2.0]), -1, 1, False).tolist() == [[1, -1, 1, 1]]


@pytest.mark.parametrize("name", NAMES)
def test_spellings(name: str) -> None:
    assert str(parse_scheme(name)) == (f"{name}:g128" if name == "trit-planes" else name)
    scheme = WeightScheme(name)
    storage = number_format(scheme.base)
    if scheme.low >= -8:
        assert parse_scheme(f"{name}:g32") == WeightScheme(name, 32)
        assert storage.low <= scheme.low and scheme.high <= storage.high and storage.has_zero == scheme.has_zero
    else:
        with pytest.raises(UsageError, match="up to four bits"):
            parse_scheme(f"{name}:g32")


@pytest.mark.parametrize("name", ["int8", "int4", "ternary", "binary"])
def test_one_scale_for_a_layer_is_that_of_least_squares_over_all_its_weights(name: str) -> None:
    rows = np.random.default_rng(4).normal(size=(5, 12)) * np.arange(1, 6)[:, np.newaxis]
    scheme = parse_scheme(f"{name}:tensor")
    assert str(scheme) == f"{name}:tensor" != str(parse_scheme(name)) and not scheme.group
    ours = round_rows(rows, scheme)
    alone = round_rows(rows.reshape(1, -1), parse_scheme(name))
    np.testing.assert_array_equal(ours.integers.ravel(), alone.integers[0])
    assert set(ours.levels.scale) == set(alone.levels.scale)
    assert set(round_rows(rows, scheme, np.array([0, 2.0**40, 0, 0, 0])).levels.scale) == {2.0**40}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("int9", "not a way of storing weights"),
        ("int1", "not a way of storing weights"),
        ("INT4", "not a way of storing weights"),
        ("int4g32", "not a way of storing weights"),
        ("int4:32", "not a way of storing weights"),
        ("int4:g", "not a way of storing weights"),
        ("int4:g-1", "not a way of storing weights"),
        ("", "not a way of storing weights"),
        ("int4:g0", "at least one weight"),
        ("trit-planes:g0", "at least one weight"),
        ("trit-planes:tensor", "factors by group"),
        ("int4:layer", "not a way of storing weights"),
    ],
)
def test_other_spellings_are_refused_with_a_hint(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        parse_scheme(text)
    assert caught.value.hint


def quantized(real: Array, text: str, floor: Array | float = 1e-12) -> tuple[Array, Array, Array | None, str]:
    """(real values of the integers, integers, factors or None, format)"""
    value = Value("w", TensorType(tuple(real.shape), DType.FLOAT32), real.astype(np.float32))
    small = quantize_weights(value, 0, "layer", parse_scheme(text), floor)
    integers = small.weights.constant
    factors = None if small.factors is None else small.factors.constant
    return small.weights.quantization.dequantize(integers), integers, factors, small.format


@pytest.mark.parametrize("text", ["int5", "int4", "int3", "int2", "ternary", "binary"])
def test_integers_belong_to_the_format(text: str) -> None:
    real = np.random.default_rng(1).normal(size=(6, 3, 3, 5))
    near, integers, factors, form = quantized(real, text)
    scheme = parse_scheme(text)
    assert factors is None and form == "" and integers.dtype == np.int8
    assert integers.min() == scheme.low and integers.max() == scheme.high
    assert scheme.has_zero == bool((integers == 0).any())
    assert np.sum((near - real) ** 2) < np.sum(real**2)


def test_finer_ways_are_nearer() -> None:
    real = np.random.default_rng(2).standard_t(4, size=(8, 256))
    noise = [
        sqnr_db(real, quantized(real, text)[0]) or 0.0 for text in ("binary", "ternary", "int2", "int3", "int4", "int6")
    ]
    assert noise == sorted(noise) and noise[-1] > 25
    for coarse, fine in (("int4", "int4:g32"), ("ternary", "ternary:g16"), ("ternary:g64", "trit-planes:g64")):
        assert (sqnr_db(real, quantized(real, coarse)[0]) or 0) < (sqnr_db(real, quantized(real, fine)[0]) or 0)


@settings(max_examples=40)
@given(
    st.integers(0, 1000),
    st.integers(1, 70),
    st.sampled_from(["int4:g32", "int3:g5", "int2:g16", "ternary:g8", "binary:g7", "trit-planes:g16"]),
    st.sampled_from([1.0, 1e-8, 1e8]),
)
def test_groups_are_products_of_values_and_factors(seed: int, taps: int, text: str, size: float) -> None:
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(3, taps)) * size
    real[:, : rng.integers(0, taps + 1)] *= rng.choice([0.0, 1e-3, 1.0])
    near, products, factors, form = quantized(real, text)
    scheme = parse_scheme(text)
    assert factors is not None and products.dtype == np.int16
    groups = -(-taps // scheme.group)
    planes = 2 if scheme.name == "trit-planes" else 1
    assert factors.shape == (3, groups, planes) and factors.min() >= 0 and factors.max() <= 255
    assert form == f"{scheme.base}{'x2' if planes == 2 else ''}g{scheme.group}"
    spread = factors[:, np.arange(taps) // scheme.group]
    if planes == 1:
        values = products // np.maximum(spread[..., 0], 1)
        assert np.array_equal(values * spread[..., 0], products)
        assert values.min() >= scheme.low and values.max() <= scheme.high
    assert np.sum((near - real) ** 2) <= np.sum(real**2) * (1 + 1e-6)


@pytest.mark.parametrize("text", ["int4", "binary", "int4:g32", "trit-planes"])
def test_no_scale_falls_below_the_floor(text: str) -> None:
    real = np.stack([np.zeros(64), np.full(64, 1e-7), np.linspace(-1, 1, 64)])
    value = Value("w", TensorType((3, 64), DType.FLOAT32), real.astype(np.float32))
    small = quantize_weights(value, 0, "layer", parse_scheme(text), np.array([0.25, 0.25, 1e-9]))
    scales = np.array(small.weights.quantization.scale)
    assert scales[0] == scales[1] == 0.25 != scales[2]
    if text != "binary":
        assert not small.weights.constant[:2].any()


def net(depthwise: bool = True) -> Graph:
    """conv, depthwise, pointwise, pointwise, mean, dense."""
    rng = np.random.default_rng(4)
    builder = GraphBuilder("net")

    def constant(name: str, *shape: int) -> Value:
        return builder.constant(name, rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1))

    y = builder.input("x", (1, 6, 6, 3))
    pads = {"pads": (1, 1, 1, 1), "clamp_min": 0.0}
    y = builder.add("conv2d", [y, constant("w0", 40, 3, 3, 3), constant("b0", 40)], pads, name="first")
    if depthwise:
        y = builder.add("depthwise_conv2d", [y, constant("w1", 3, 3, 40), constant("b1", 40)], pads, name="depthwise")
    y = builder.add("conv2d", [y, constant("w2", 36, 1, 1, 40), None], {"clamp_min": 0.0}, name="inner")
    y = builder.add("conv2d", [y, constant("w3", 20, 3, 3, 36), constant("b3", 20)], pads, name="wide")
    y = builder.add("mean", [y], {"axes": (1, 2), "keepdims": False}, name="mean")
    y = builder.add("dense", [y, constant("w4", 5, 20), constant("b4", 5)], name="last")
    return builder.finish([y])


def test_which_layer_gets_what() -> None:
    plan = plan_weights(net(), parse_scheme("int4:g40"), None)
    assert {name: str(s) for name, s in plan.items()} == {
        "first": "int8",
        "depthwise": "int8",
        "inner": "int4",  # 40 taps are one group
        "wide": "int4:g40",
        "last": "int8",
    }
    plan = plan_weights(net(), parse_scheme("ternary"), parse_scheme("trit-planes"))
    assert [str(s) for s in plan.values()] == ["trit-planes:g128", "int4", "ternary", "ternary", "trit-planes:g128"]


def test_weights_that_no_layer_would_have_are_an_error() -> None:
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 8))
    graph = builder.finish([builder.add("dense", [x, builder.constant("w", np.ones((2, 8))), None], name="only")])
    assert plan_weights(graph, WeightScheme()) == {"only": WeightScheme()}
    with pytest.raises(UsageError, match="none would have int4") as caught:
        plan_weights(graph, parse_scheme("int4"))
    assert "--weights-edges int4" in str(caught.value.hint)
    assert str(plan_weights(graph, parse_scheme("int4"), parse_scheme("int2"))["only"]) == "int2"


@pytest.mark.parametrize(
    ("text", "least"), [("int8", 30.0), ("int6", 26.0), ("int4", 15.0), ("int4:g32", 16.0), ("trit-planes:g16", 12.0)]
)
def test_a_network_follows_the_real_one(text: str, least: float) -> None:
    graph = net()
    samples = np.random.default_rng(5).normal(size=(64, 6, 6, 3))
    plan = Plan.of_weights(plan_weights(graph, parse_scheme(text), parse_scheme(text)))
    integer = quantize_graph(graph, observe_ranges(graph, {"x": samples}), plan)
    check_graph(integer, "quantize")
    check_quantized(integer)
    lower(integer)
    x = integer.inputs[0]
    out = run_integer(integer, {"x": x.quantization.quantize(samples, x.type.dtype)})["last"]
    noise = sqnr_db(run_real(graph, {"x": samples})["last"], integer.outputs[0].quantization.dequantize(out))
    assert noise is not None and noise > least, noise


def test_the_bias_makes_up_for_the_mean_of_rounding() -> None:
    """Inputs of mean 1: two-bit weights shift the outputs, and a bias takes the shift back, though there was none."""
    rng = np.random.default_rng(6)
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 64))
    graph = builder.finish(
        [builder.add("dense", [x, builder.constant("w", rng.normal(size=(16, 64))), None], name="y")]
    )
    samples = rng.normal(1.0, 0.2, size=(200, 64))
    integer = quantize_graph(graph, observe_ranges(graph, {"x": samples}), Plan.of_weights({"y": parse_scheme("int2")}))
    node = integer.nodes[0]
    weights = node.input(1).quantization.dequantize(node.input(1).constant)
    bias = node.input(2).quantization.dequantize(node.input(2).constant)
    real = run_real(graph, {"x": samples})["y"].mean(axis=0)
    shift = np.abs((samples @ weights.T).mean(axis=0) - real)
    assert np.abs((samples @ weights.T + bias).mean(axis=0) - real).max() < 0.02 < shift.max() / 10


@pytest.mark.parametrize("text", ["int4:g32", "binary:g16", "trit-planes:g32", "int2:tensor"])
def test_from_onnx_to_verified_c(text: str, tmp_path: Path) -> None:
    need("cc", "zig", "unicorn")
    rng = np.random.default_rng(7)
    shapes = [(24, 70), (50, 24), (6, 50)]
    constants = {f"w{i}": rng.normal(size=s).astype(np.float32) for i, s in enumerate(shapes)}
    constants |= {f"b{i}": rng.normal(size=s[0]).astype(np.float32) for i, s in enumerate(shapes)}
    nodes = [
        node("Gemm", ["x", "w0", "b0"], "y0", transB=1),
        node("Relu", ["y0"], "r0"),
        node("Gemm", ["r0", "w1", "b1"], "y1", transB=1),
        node("Relu", ["y1"], "r1"),
        node("Gemm", ["r1", "w2", "b2"], "y2", transB=1),
    ]
    file = tmp_path / "net.onnx"
    file.write_bytes(make_model(nodes, {"x": (1, 70)}, ["y2"], constants))
    samples = rng.normal(size=(40, 70)).astype(np.float32)
    result = compile_model(
        file, "riscv", out=tmp_path / "out", calibrate={"x": samples}, weights=text, weights_edges="int4:g16"
    )
    formats = [s["formats"] for s in result.manifest["steps"] if s["op"] == "dense"]
    grouped = {"int4:g32": "a8 w4", "binary:g16": "a8 w1g16", "trit-planes:g32": "a8 wtx2g32"}.get(text, "a8 w2")
    if text == "int2:tensor":  # 50 rows of 6 bytes, 50 biases, one multiplier and its shift
        assert result.manifest["steps"][1]["weights_bytes"] == 50 * 6 + 50 * 4 + 8
    assert formats == ["a8 w4g16", grouped, "a8 w4g16"]
    assert result.manifest["float_weights_bytes"] == 4 * sum(a.size for a in constants.values())
    proof = result.verify(inputs={"x": samples})
    assert proof.bit_exact and proof.first_mismatch is None


def test_a_quantized_model_and_a_wrong_spelling_are_usage_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need("shared")
    file = shared() / "models" / "tflm" / "hello_world_int8.tflite"
    arguments = ["convert", str(file), "--board", "riscv", "-o", str(tmp_path / "out")]
    assert run([*arguments, "--weights", "int4"]) == UsageError.exit_code
    assert "quantized already" in capsys.readouterr().err
    assert run([*arguments, "--weights-edges", "int4"]) == UsageError.exit_code
    assert "quantized already" in capsys.readouterr().err
    assert run([*arguments, "--weights", "int4:g0"]) == UsageError.exit_code
    assert "at least one weight" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
