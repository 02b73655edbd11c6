"""Methods of quantization: what each promises, on small networks, and against oracles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.calibrate import calibrated_graph
from edgeq.errors import UsageError
from edgeq.formats.levels import Levels
from edgeq.ir.graph import Graph
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer, run_real
from edgeq.passes.pipeline import to_integer
from edgeq.pipeline import compile_model
from edgeq.quant.apply import Settings, apply_methods, settings_of
from edgeq.quant.methods.gptq import gptq
from edgeq.quant.methods.lorc import low_rank
from edgeq.quant.methods.registry import PRESETS, chosen_methods, methods
from edgeq.quant.methods.rotate import hadamard
from edgeq.quant.observe import observe_ranges
from edgeq.quant.pairs import scalable_pairs
from edgeq.quant.plan import parse_plan
from edgeq.quant.quality import Fidelity, divergence
from edgeq.quant.schemes import parse_scheme
from edgeq.quant.walk import on_grid
from edgeq.quant.weights import round_rows
from edgeq.quant.work import Work, held_back, weighted
from tests.tools import need
from tests.unit.small_network import SCHEMES, net, plan_of, samples

ROOT = Path(__file__).resolve().parents[2]
OTHERS = ("bias", "keys")
"""Rewrites with nothing to rewrite here: biases stay, and there is no attention (test_onnx_attention_forms.py)."""


def work_of(scheme: str = "int3", steps: int = 40, correct: bool = False) -> Work:
    graph, given = net(), samples()
    plan = plan_of(graph, scheme)
    return Work(graph, given, lambda g: observe_ranges(g, given), plan, steps=steps, correct=correct)


def outputs(graph: Graph) -> Array:
    return run_real(graph, samples())["classes"]


def test_sets_and_names_are_read_in_the_order_in_which_methods_run() -> None:
    assert [m.name for m in chosen_methods("gptq, bias")] == ["bias", "gptq"]
    assert {name for names in PRESETS.values() for name in names} <= set(methods())
    assert chosen_methods("none") == [] and [m.name for m in chosen_methods(("auto",))] == ["bias"]
    with pytest.raises(UsageError, match="'gptp' is not a method") as caught:
        chosen_methods("auto,gptp")
    assert "gptq" in str(caught.value.hint)


def test_a_plan_may_name_the_methods_and_the_caller_overrules_it() -> None:
    plan = parse_plan('[methods]\nmethods = ["gptq", "bias"]\ncalibration = "mse"\nsteps = 3\n')
    assert settings_of(plan) == Settings(("gptq", "bias"), "mse", steps=3)
    assert settings_of(plan, "none", "entropy", 5) == Settings("none", "entropy", 5, 3)
    for text in ('[methods]\nmethod = "gptq"\n', "[methods]\nseed = -1\n", '[methods]\ncalibration = "max"\n'):
        with pytest.raises(UsageError):
            settings_of(parse_plan(text))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_levels_are_those_of_the_format(scheme: str) -> None:
    """Rounding to the nearest level is what the rounding of the format does, and no level is nearer."""
    rows = np.random.default_rng(3).normal(size=(5, 20))
    rounded = round_rows(rows, parse_scheme(scheme))
    levels = rounded.levels
    np.testing.assert_allclose(levels.real(levels.nearest(rows)), rounded.reals, atol=1e-9)
    every = levels.units[:, levels.group_of(20)] * levels.scale[:, np.newaxis, np.newaxis]
    least = np.abs(rows[:, :, np.newaxis] - every).min(axis=2)
    np.testing.assert_allclose(np.abs(rows - rounded.reals), least, atol=1e-9)
    assert levels.is_even == (not scheme.startswith("trit"))


@pytest.mark.parametrize("name", [m.name for m in methods().values() if m.stage == 0 and m.name not in OTHERS])
def test_rewritten_networks_compute_the_same(name: str) -> None:
    work = work_of()
    methods()[name].apply(work)
    assert any(
        (a.input(1).constant != b.input(1).constant).any()
        for a, b in zip(weighted(work.real), weighted(net()), strict=True)
    )
    np.testing.assert_allclose(outputs(work.real), outputs(net()), rtol=1e-4, atol=1e-6)


def test_equalized_channels_have_equal_ranges() -> None:
    work = work_of()
    methods()["equalize"].apply(work)
    pairs = list(scalable_pairs(work.real))
    assert [(p.first.name, p.second.name) for p in pairs] == [
        ("first", "depthwise"),
        ("depthwise", "inner"),
        ("inner", "middle"),
        ("middle", "last"),
    ]
    for pair in pairs:
        made = np.abs(work.rows(pair.first)).max(axis=1)
        np.testing.assert_allclose(made, pair.read_magnitudes(), rtol=0.02)


def test_rotations_are_orthogonal() -> None:
    for channels in (2, 12, 64, 7):
        mix = hadamard(channels)
        np.testing.assert_allclose(mix @ mix.T, np.eye(channels), atol=1e-12)
    assert np.abs(hadamard(64)).max() == pytest.approx(1 / 8)


def output_error(rows: Array, x: Array, integers: Array, levels: Levels) -> float:
    return float(np.square((rows - levels.real(integers)) @ x.T).sum())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_gptq_lies_between_the_best_of_all_roundings_and_the_nearest(seed: int) -> None:
    """Every rounding of a short row is tried; inputs are as correlated as neighbouring pixels."""
    rng = np.random.default_rng(seed)
    rows, x = rng.normal(size=(1, 5)), rng.normal(size=(40, 5)).cumsum(axis=1) + 1.0
    levels = round_rows(rows, parse_scheme("int2")).levels
    every = np.stack(np.meshgrid(*[levels.units[0, 0]] * 5, indexing="ij"), axis=-1).reshape(-1, 5)
    best = min(output_error(rows, x, integers[np.newaxis], levels) for integers in every)
    found = output_error(rows, x, gptq(rows, levels, (x.T @ x / 40)[np.newaxis]), levels)
    assert best <= found * (1 + 1e-9)


def test_gptq_beats_the_nearest_rounding_on_correlated_inputs() -> None:
    rng = np.random.default_rng(0)
    rows, x = rng.normal(size=(30, 16)), rng.normal(size=(200, 16)).cumsum(axis=1)
    for scheme in SCHEMES:
        rounded = round_rows(rows, parse_scheme(scheme))
        found = gptq(rows, rounded.levels, (x.T @ x / 200)[np.newaxis])
        ours = output_error(rows, x, found, rounded.levels)
        assert ours < 0.6 * output_error(rows, x, rounded.integers, rounded.levels), scheme
        units = rounded.levels.units[:, rounded.levels.group_of(16)]
        assert (units == found[:, :, np.newaxis]).any(axis=2).all(), "every weight lies on a level"


def test_gptq_does_not_mind_inputs_that_are_always_zero() -> None:
    x = np.zeros((10, 4))
    rows = np.array([[0.3, -0.2, 0.9, 0.1]])
    levels = round_rows(rows, parse_scheme("int4")).levels
    assert (gptq(rows, levels, (x.T @ x)[np.newaxis]) == levels.nearest(rows)).all()


@pytest.mark.parametrize(("name", "deviation"), [("bias", False), ("batch-norm", True)])
def test_corrections_restore_the_statistics_of_each_channel(name: str, deviation: bool) -> None:
    def statistics(work: Work) -> tuple[float, float]:
        """Errors of mean and deviation of the last layer's sums, relative to their deviation."""
        found: dict[str, Array] = {}
        graph = work.quantized()
        real = run_real(work.real, samples(), lambda v, x: found.update({v.name: x}))
        assert real
        to_integer(graph)
        x = graph.inputs[0]
        ours: dict[str, Array] = {}
        run_integer(
            graph,
            {"x": x.quantization.quantize(samples()["x"], x.type.dtype)},
            lambda v, q: ours.update({v.name: v.quantization.dequantize(q)}),
        )
        a, b = found["last"], ours["last"]
        size = float(a.std())
        return float(np.abs(a.mean(0) - b.mean(0)).max()) / size, float(np.abs(a.std(0) - b.std(0)).max()) / size

    before = statistics(work_of("int2"))
    work = work_of("int2")
    methods()[name].apply(work)
    after = statistics(work)
    assert after[0] < 0.35 * before[0]
    if deviation:
        assert after[0] < 0.1 and after[1] < 0.25 * before[1]


def test_low_rank_is_the_best_of_its_rank() -> None:
    rng = np.random.default_rng(0)
    error, x = rng.normal(size=(64, 64)), rng.normal(size=(500, 64)).cumsum(axis=1)
    u, v = low_rank(error, x.T @ x)
    assert u.shape == (64, 4)
    left = np.square((error - u @ v) @ x.T).sum()
    best = np.square(np.linalg.svd(error @ x.T, compute_uv=False)[4:]).sum()
    assert best <= left < 1.02 * best


def test_low_rank_layers_stand_beside_a_layer_and_bring_the_network_nearer() -> None:
    work = work_of("int2", correct=True)
    before, _ = work.fidelity()
    methods()["lorc"].apply(work)
    after, _ = work.fidelity()
    for name, level in before.items():
        assert level is not None and (after[name] or 0) > level, name
    names = [node.name for node in work.quantized().nodes]
    at = names.index("middle")
    assert names[at : at + 4] == ["middle", "middle.down", "middle.up", "middle.sum"]
    assert work.plan.layer("middle.down").is_default and str(work.plan.layer("middle").weights) == "int2"


def test_a_method_that_brings_nothing_is_undone() -> None:
    work = work_of("int4")
    before = work.quantized()
    for name in methods():
        assert methods()[name].name == name
    graph = apply_methods(work, Settings("smooth,adadim"))
    effects = graph.meta["quantization"]["methods"]
    assert [e["method"] for e in effects] == ["smooth", "adadim"]
    level = effects[0]["before_nats"]
    for effect in effects:
        assert effect["kept"] == (effect["after_nats"] <= effect["before_nats"]) and effect["before_nats"] == level
        level = effect["after_nats"] if effect["kept"] else level
    if not any(effect["kept"] for effect in effects):
        assert all(
            (a.input(1).constant == b.input(1).constant).all()
            for a, b in zip(weighted(graph), weighted(before), strict=True)
        )


def test_classes_are_judged_by_their_probabilities_and_other_outputs_by_their_noise() -> None:
    quieter, surer = Fidelity(20.0, 0.3), Fidelity(10.0, 0.1)
    assert quieter.is_worse_than(surer) and not surer.is_worse_than(quieter) and not surer.is_worse_than(surer)
    assert Fidelity(10.0).is_worse_than(Fidelity(20.0)) and Fidelity(10.0).is_worse_than(Fidelity(None))
    assert not Fidelity(None).is_worse_than(Fidelity(10.0)) and not Fidelity(20.0).is_worse_than(Fidelity(10.0))
    scores = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    p, q = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (scores, scores[:, ::-1]))
    assert divergence(scores, scores[:, ::-1] + 7.0) == pytest.approx((p * np.log(p / q)).sum(axis=1).mean())


def test_a_method_that_brings_less_noise_and_worse_classes_is_undone() -> None:
    """The softmax is what makes a network one of classes."""
    for name, kept in (("classes", False), ("last", True)):
        work = work_of("int3")
        if name == "last":
            work.target.outputs = [next(n for n in work.target.nodes if n.name == "last").output]
        (before, worse), real = (Fidelity(20.0, 0.1), Fidelity(21.0, 0.2)), work.fidelity()[1]
        assert (real.divergence is None) == kept
        found = iter([before, worse] if name == "classes" else [Fidelity(20.0), Fidelity(21.0)])
        work.fidelity = lambda found=found: ({}, next(found))  # type: ignore[method-assign]
        effects = apply_methods(work, Settings("smooth")).meta["quantization"]["methods"]
        assert [effect["kept"] for effect in effects] == [kept]


def test_methods_are_judged_by_samples_that_they_do_not_see() -> None:
    for count, held in ((8, 8), (48, 12), (100, 25), (256, 32)):
        seen, judged = held_back({"x": np.arange(count), "y": -np.arange(count)})
        assert len(judged["x"]) == held and (judged["x"] == -judged["y"]).all()
        assert count < 16 or sorted([*seen["x"], *judged["x"]]) == list(range(count))


def test_eight_bits_throughout_need_no_method_and_are_not_measured() -> None:
    graph = calibrated_graph(net(), samples(), None, Settings("better"))
    assert graph.meta["quantization"]["methods"] == [] == graph.meta["quantization"]["layers"]


@pytest.mark.parametrize("scheme", ["int3", "int2", "ternary:g8"])
def test_numpy_alone_brings_a_network_nearer(scheme: str) -> None:
    graph = calibrated_graph(net(), samples(), plan_of(net(), scheme), Settings("better"))
    found = graph.meta["quantization"]
    assert found["methods"][-1]["after_db"] > found["methods"][0]["before_db"] + 3
    assert found["seed"] is None and len(found["layers"]) == 5


def test_values_on_a_grid_are_what_integers_stand_for() -> None:
    work = work_of()
    kind = work.activation_types()["first"]
    x = np.linspace(-1, 30, 500)
    assert kind.quantization is not None
    np.testing.assert_allclose(
        on_grid(x, kind), kind.quantization.dequantize(kind.quantization.quantize(x, kind.dtype))
    )


@pytest.mark.tools
def test_what_methods_chose_is_computed_bit_for_bit(tmp_path: Path) -> None:
    """Rewritten layers, other integers, other scales, and added layers, in C on the host."""
    need("cc")
    digits = ROOT / "examples" / "digits"
    result = compile_model(
        digits / "digits.onnx",
        "host",
        out=tmp_path / "c",
        calibrate=digits / "digits_calibration.npz",
        weights="int2",
        weights_edges="int2",
        methods="smooth,bias,gptq,lorc,batch-norm",
        calibration="percentile",
    )
    found = result.manifest["quantization"]
    assert [e["method"] for e in found["methods"] if e["kept"]][-2:] == ["lorc", "batch-norm"]
    assert any(step["name"].endswith(".sum") for step in result.manifest["steps"])
    assert result.verify(on=["host"], samples=10).bit_exact
    assert "Signal to noise of each layer's output" in result.report and "percentile" in result.report
