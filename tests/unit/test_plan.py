"""Quantization plans: the file, what it is refused for, and activations below eight bits in float models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.cli import run
from edgeq.errors import UsageError
from edgeq.frontends.detect import load_model
from edgeq.ir.graph import Graph, Node
from edgeq.ops.build import GraphBuilder
from edgeq.ops.execute import run_integer
from edgeq.ops.registry import operator
from edgeq.passes.check import check_graph
from edgeq.passes.pipeline import prepare, to_integer
from edgeq.pipeline import compile_model
from edgeq.quant.observe import Range, observe_ranges
from edgeq.quant.plan import ACTIVATIONS, LayerPlan, Plan, check_plan, parse_plan, plan_text
from edgeq.quant.quantize import activation_quantization, quantize_graph
from edgeq.quant.schemes import NAMES, WeightScheme, parse_scheme
from tests.tools import need
from tests.unit.onnx_models import make_model, node

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)
layers = st.builds(LayerPlan, st.sampled_from(NAMES).map(parse_scheme), st.sampled_from(ACTIVATIONS))
settings_ = st.one_of(st.booleans(), st.integers(-9, 9), names, st.lists(names, max_size=2), st.floats(0, 1))


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(names, layers, max_size=3), st.dictionaries(names, settings_, max_size=3), names, names)
def test_a_plan_is_read_as_it_was_written(
    chosen: dict[str, LayerPlan], methods: dict[str, object], model: str, comment: str
) -> None:
    plan = Plan(chosen, methods, model)
    assert parse_plan(plan_text(plan, comment)) == plan


def test_a_plan_is_short_to_read() -> None:
    plan = Plan({"conv1": LayerPlan(WeightScheme("int4", 32)), "fc/MatMul": LayerPlan(activations="au4")}, {"x": True})
    assert plan_text(plan, "Made for riscv.") == (
        "# Made for riscv.\n\n[methods]\nx = true\n\n"
        '[layers.conv1]\nweights = "int4:g32"\n\n[layers."fc/MatMul"]\nactivations = "au4"\n'
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("layers = 3", "`layers` is a table"),
        ("layer = {}", "unknown key 'layer'"),
        ("[layers.a]\nweight = 'int4'", "layer 'a': unknown key 'weight'"),
        ("[layers.a]\nweights = 4", "layer 'a': `weights` is a format's name"),
        ("[layers.a]\nweights = 'int9'", "layer 'a': 'int9' is not a way"),
        ("[layers.a]\nactivations = 'u4'", "layer 'a': 'u4' is not a format"),
        ("[layers]\na = 1", "layer 'a': a layer is a table"),
        ("model = 1", "SHA-256"),
        ("[", "not a TOML file"),
    ],
)
def test_a_wrong_plan_is_named(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match="plan") as caught:
        parse_plan(text)
    assert complaint in str(caught.value)


def net(seed: int = 1, height: int = 5) -> Graph:
    """conv, max pooling, conv, a residual addition, mean, dense."""
    rng = np.random.default_rng(seed)
    builder = GraphBuilder("net")

    def constant(name: str, *shape: int) -> object:
        return builder.constant(name, rng.normal(size=shape) / np.sqrt(np.prod(shape[1:])))

    relu = {"clamp_min": 0.0}
    pads = {"pads": (1, 1, 1, 1)}
    x = builder.input("x", (1, 2 * height, 2 * height, 3))
    y = builder.add("conv2d", [x, constant("w0", 32, 3, 3, 3), constant("b0", 32)], {**pads, **relu}, name="c0")
    y = builder.add("max_pool2d", [y], {"kernel": (2, 2), "strides": (2, 2)}, name="pool")
    y = builder.add("conv2d", [y, constant("w1", 32, 1, 1, 32), constant("b1", 32)], relu, name="c1")
    z = builder.add("conv2d", [y, constant("w2", 32, 3, 3, 32), None], pads, name="c2")
    y = builder.add("add", [y, z], relu, name="sum")
    y = builder.add("mean", [y], {"axes": (1, 2), "keepdims": False}, name="mean")
    y = builder.add("dense", [y, constant("w3", 5, 32), constant("b3", 5)], name="last")
    return builder.finish([y])


@pytest.mark.parametrize(
    ("layer", "chosen", "complaint"),
    [
        ("c3", LayerPlan(), "did you mean"),
        ("q", LayerPlan(), "its layers are: c0, c1, c2, sum, last"),
        ("mean", LayerPlan(activations="au4"), "keeps the format of its input, or eight bits"),
        ("sum", LayerPlan(WeightScheme("int4")), "has no weights"),
        ("sum", LayerPlan(activations="a1"), "use au1"),
        ("c0", LayerPlan(activations="a1"), "never negative"),
        ("c1", LayerPlan(WeightScheme("int4", 8), "au4"), "without groups"),
    ],
)
def test_a_plan_that_does_not_fit_is_named(layer: str, chosen: LayerPlan, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_plan(Plan({layer: chosen}), net())
    assert complaint in str(caught.value)


def test_a_plan_of_another_model_is_named() -> None:
    check_plan(Plan(), net(), "b")
    check_plan(Plan(model="a"), net(), "a")
    with pytest.raises(UsageError, match="another model"):
        check_plan(Plan(model="a"), net(), "b")


@pytest.mark.parametrize("form", ACTIVATIONS)
def test_zero_is_exact_in_every_format(form: str) -> None:
    for low, high in ((0.0, 6.0), (-3.0, 0.0), (-1.0, 2.0), (0.0, 0.0)):
        quantization = activation_quantization(Range(low, high), form)
        assert quantization.dequantize(np.array([quantization.tensor_zero_point]))[0] == 0
        if form == "a1":
            assert quantization.tensor_scale == max(high, -low, 2 * (low == high)) / 2


@pytest.mark.parametrize("form", ["au4", "a4", "au2", "a2", "au1", "a1"])
def test_levels_are_the_nearest_ones(form: str) -> None:
    """Every output of a layer is the level that rounding its exact real gives; the storage changes nothing."""
    first = LayerPlan(parse_scheme("int4"), "au1" if form == "a1" else form)
    plan = Plan({"c0": first, "c2": LayerPlan(activations=form)})
    graph = net(2)
    samples = np.random.default_rng(3).normal(size=(8, 10, 10, 3))
    integer = quantize_graph(graph, observe_ranges(graph, {"x": samples}), plan)
    to_integer(integer)
    check_graph(integer, "test")
    x = integer.inputs[0]
    seen: dict[str, np.ndarray] = {}
    q = x.quantization.quantize(samples, x.type.dtype)
    run_integer(integer, {"x": q}, lambda value, array: seen.__setitem__(value.name, array))
    for name in ("c0", "c2"):
        layer = next(n for n in integer.nodes if n.name == name)
        source, weights, bias = (layer.input(i) if layer.optional(i) else None for i in range(3))
        reals = source.quantization.dequantize(seen[source.name])
        linear = next(n for n in net(2).nodes if n.name == name)
        linear.inputs = [source, weights, bias]
        exact = [v.quantization.dequantize(v.constant) if v else None for v in (weights, bias)]
        (wanted,) = run_linear(linear, [reals, *exact])
        y = layer.output
        low, high = y.type.bounds
        if form == "a1" and name == "c2":
            expected = np.where(wanted >= 0, 1, -1)
        else:
            expected = np.clip(np.floor(wanted / y.scale + 0.5) + y.zero_point, low, high)
        assert len(np.unique(expected)) > 1
        np.testing.assert_array_equal(seen[y.name], expected)


def run_linear(layer: Node, inputs: list[np.ndarray | None]) -> list[np.ndarray]:
    return operator(layer.op).compute(layer, inputs)


def test_from_onnx_and_a_plan_to_verified_c(tmp_path: Path) -> None:
    """Convolutions in several formats, through max pooling and a residual addition; packed where kernels are."""
    need("cc", "zig", "unicorn")
    rng = np.random.default_rng(7)
    shapes = [(32, 2, 3, 3), (32, 32, 1, 1), (32, 32, 3, 3), (32, 32, 3, 3), (5, 32)]
    constants = {f"w{i}": rng.normal(size=s).astype(np.float32) / 9 for i, s in enumerate(shapes)}
    constants |= {f"b{i}": rng.normal(size=s[0]).astype(np.float32) / 9 for i, s in enumerate(shapes)}
    pads = {"pads": [1, 1, 1, 1]}
    nodes = [
        node("Conv", ["x", "w0", "b0"], "y0", **pads),
        node("Relu", ["y0"], "r0"),
        node("MaxPool", ["r0"], "p0", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["p0", "w1", "b1"], "y1"),
        node("Conv", ["y1", "w2", "b2"], "y2", **pads),
        node("Conv", ["y2", "w3", "b3"], "y3", **pads),
        node("Add", ["y3", "y1"], "sum"),
        node("GlobalAveragePool", ["sum"], "g"),
        node("Flatten", ["g"], "f"),
        node("Gemm", ["f", "w4", "b4"], "y4", transB=1),
    ]
    file = tmp_path / "net.onnx"
    file.write_bytes(make_model(nodes, {"x": (1, 2, 6, 6)}, ["y4"], constants))
    samples = rng.normal(size=(20, 2, 6, 6)).astype(np.float32)
    formats = [("int4", "au4"), ("ternary", "a4"), ("int2", "a1"), ("binary", "au2")]
    graph = load_model(file)
    prepare(graph)
    convs = [n.name for n in graph.nodes if operator(n.op).accumulates]
    chosen = {name: LayerPlan(parse_scheme(w), a) for name, (w, a) in zip(convs, formats, strict=False)}
    total = next(n.name for n in graph.nodes if n.op == "add")
    plan = tmp_path / "plan.toml"
    plan.write_text(plan_text(Plan(chosen | {total: LayerPlan(activations="au4")})), "utf-8")
    result = compile_model(file, "riscv", out=tmp_path / "out", calibrate={"x": samples}, plan=plan)
    stored = {s["name"]: s["formats"] for s in result.manifest["steps"]}
    assert [stored[name] for name in convs] == ["a8 w4", "au4 wp2", "a8 w2", "a1 w1", "a8 w8"]
    proof = result.verify(inputs={"x": samples})
    assert proof.bit_exact and proof.first_mismatch is None
    wrong = plan.read_text("utf-8").replace(f"[layers.{convs[0]}]", "[layers.nowhere]")
    plan.write_text(wrong, "utf-8")
    options = ["--board", "riscv", "--calibrate", "x.npz", "-o", str(tmp_path / "no")]
    assert run(["convert", str(file), *options, "--plan", str(plan)]) == UsageError.exit_code
    assert run(["convert", str(file), *options, "--plan", str(plan), "--weights", "int4"]) == UsageError.exit_code
    assert not (tmp_path / "no").exists()
