"""Methods that learn: never worse than what they start from, on the levels of every format, the same for a seed."""
# ruff: noqa: E402

from __future__ import annotations

import numpy as np
import pytest

from tests.tools import need

need("torch")

import torch

from edgeq.calibrate import calibrated_graph
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.nn.fake import ActivationGrid, FakeActivation, FakeWeights, LevelTable, TrainedLayer
from edgeq.nn.network import run_nodes
from edgeq.nn.reconstruct import learn_rounding
from edgeq.ops.execute import run_real
from edgeq.quant.apply import Settings
from edgeq.quant.methods.blocks import blocks, border
from edgeq.quant.methods.registry import methods
from edgeq.quant.observe import observe_ranges
from edgeq.quant.plan import LayerPlan, Plan
from edgeq.quant.quantize import Layer
from edgeq.quant.schemes import parse_scheme
from edgeq.quant.walk import Step, layer_sums
from edgeq.quant.weights import round_rows
from edgeq.quant.work import Work, weighted
from tests.unit.small_network import SCHEMES, net, plan_of, samples


def test_the_torch_network_computes_what_the_reference_does() -> None:
    graph = net()
    found: dict[str, Array] = {}
    run_real(graph, samples(), lambda v, x: found.update({v.name: x}))
    ours = run_nodes(graph.nodes, {"x": torch.as_tensor(samples()["x"], dtype=torch.float32)})
    for name, x in found.items():
        np.testing.assert_allclose(ours[name].numpy(), x, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_torch_rounds_to_the_levels_that_numpy_does(scheme: str) -> None:
    rows = np.random.default_rng(0).normal(size=(6, 20))
    levels = round_rows(rows, parse_scheme(scheme)).levels
    table = LevelTable(levels, 20)
    ratios = torch.as_tensor(rows / levels.scale[:, None], dtype=torch.float32)
    np.testing.assert_array_equal(table.nearest(ratios).numpy(), levels.nearest(rows))
    lower, upper = table.at(table.lower(ratios)), table.at((table.lower(ratios) + 1).clamp(max=table.count - 1))
    nearest = torch.minimum((ratios - lower).abs(), (ratios - upper).abs())
    np.testing.assert_allclose(nearest.numpy(), (ratios - table.nearest(ratios)).abs().numpy(), atol=1e-4)


def dense_layer(rows: Array, scheme: str) -> TrainedLayer:
    graph = net()
    node = next(n for n in graph.nodes if n.name == "middle")
    return TrainedLayer(node, rows, round_rows(rows, parse_scheme(scheme)).levels, None, np.full(len(rows), 1e-9))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_learned_rounding_is_never_worse_than_the_nearest_in_its_objective(scheme: str) -> None:
    """The inputs are correlated, so rounding each weight for itself is not best; one step learns nothing useful."""
    rng = np.random.default_rng(1)
    rows, x = rng.normal(size=(32, 32)), rng.normal(size=(150, 32)).cumsum(axis=1)
    layer = dense_layer(rows, scheme)
    start = layer.levels.nearest(rows)
    wanted = x @ rows.T

    def error(integers: Array) -> float:
        return float(np.square(x @ layer.levels.real(integers).T - wanted).sum())

    for steps, better in ((1, False), (150, True)):
        found = learn_rounding(layer, start, x, wanted, steps, seed=0)
        assert error(found) <= error(start) * (1 + 1e-5)
        assert not better or error(found) < 0.9 * error(start)
        units = layer.levels.units[:, layer.levels.group_of(32)]
        assert (units == found[:, :, None]).any(axis=2).all()
    np.testing.assert_array_equal(found, learn_rounding(layer, start, x, wanted, 150, seed=0))


def test_gradients_are_those_of_learned_steps() -> None:
    """Inside the levels a weight's gradient passes, outside it does not; the step's is that of LSQ (Esser et al.)."""
    rows = np.array([[-9.0, -0.3, 0.4, 5.0]])
    levels = round_rows(rows, parse_scheme("int4")).levels.with_scale(np.array([1.0]))
    node = weighted(net())[0]
    fake = FakeWeights(TrainedLayer(node, rows, levels, None, np.array([1e-9])))
    fake().sum().backward()
    assert fake.rows.grad is not None and fake.rows.grad.tolist() == [[0, 1, 1, 1]]
    expected = (-8) + (0 + 0.3) + (0 - 0.4) + 0
    assert fake.log_scale.grad is not None and fake.log_scale.grad.item() == pytest.approx(expected, abs=1e-5)


def test_activations_take_the_integers_of_their_format() -> None:
    x = torch.linspace(-3, 3, 13)
    assert set(FakeActivation(ActivationGrid(0.5, 0, 0, 3))(x).tolist()) == {0.0, 0.5, 1.0, 1.5}
    assert set(FakeActivation(ActivationGrid(0.5, 0, -1, 1, has_zero=False))(x).tolist()) == {-0.5, 0.5}


def test_blocks_overlap_and_end_before_the_softmax() -> None:
    graph = net()
    found = [[n.name for n in nodes] for nodes in blocks(graph)]
    assert found == [
        ["first", "depthwise", "inner", "mean"],
        ["depthwise", "inner", "mean", "middle"],
        ["inner", "mean", "middle", "last"],
    ]
    assert border(graph, graph.nodes[1:4]) == ({"first"}, {"mean"})


@pytest.mark.parametrize(
    ("names", "steps", "least"), [("bias,adaround", 200, 0.3), ("bias,blocks", 200, 1.0), ("best", 100, 3.0)]
)
def test_learning_brings_a_network_nearer_and_a_seed_gives_one_result(names: str, steps: int, least: float) -> None:
    results = []
    for seed in (3, 3):
        graph = calibrated_graph(
            net(2), samples(160), plan_of(net(2), "int2"), Settings(names, seed=seed, steps=steps), lambda *_: None
        )
        results.append(graph)
    found = results[0].meta["quantization"]
    assert found["seed"] == 3 and found["methods"][-1]["kept"]
    effect = found["methods"][-1]
    assert effect["after_db"] > effect["before_db"] + least and effect["after_nats"] < effect["before_nats"]
    for a, b in zip(weighted(results[0]), weighted(results[1]), strict=True):
        np.testing.assert_array_equal(a.input(1).constant, b.input(1).constant)
        assert a.input(1).quantization == b.input(1).quantization
        assert set(np.unique(a.input(1).constant)) <= {-2, -1, 0, 1}


@pytest.mark.parametrize("scheme", ["ternary:g8", "trit-planes:g8", "binary"])
def test_distillation_keeps_to_every_format(scheme: str) -> None:
    plan = plan_of(net(), scheme)
    graph = calibrated_graph(net(), samples(), plan, Settings("best", steps=15))
    for node in weighted(graph):
        if node.optional(4) is None:
            continue
        units = node.input(1).constant.reshape(node.input(1).shape[0], -1)
        factors = node.input(4).constant
        for column in range(units.shape[1]):
            group = factors[:, column // 8]
            sums = {
                tuple(group[r]): {int(a @ group[r]) for a in _signs(scheme, group.shape[1])} for r in range(len(group))
            }
            assert all(int(units[r, column]) in sums[tuple(group[r])] for r in range(len(group)))


def test_a_layer_with_one_scale_keeps_one() -> None:
    """Whatever sets scales: batch norm's statistics anew, equalization, and what learns them."""
    work = Work(net(), samples(), lambda g: observe_ranges(g, samples()), plan_of(net(), "int3:tensor"), steps=5)
    for name in ("equalize", "gptq", "batch-norm", "adaround", "blocks", "distill"):
        before = {name: layer.weights.levels.scale[0] for name, layer in work.layers.items()}
        methods()[name].apply(work)
        scales = {name: layer.weights.levels.scale for name, layer in work.layers.items()}
        assert all(len(set(scale)) == 1 for scale in scales.values()), name
        assert name in ("gptq", "adaround") or any(scale[0] != before[n] for n, scale in scales.items()), name
    for node in weighted(work.quantized()):
        assert set(np.unique(node.input(1).constant)) <= set(range(-4, 4))


def _signs(scheme: str, planes: int) -> list[Array]:
    values = (-1, 1) if scheme == "binary" else (-1, 0, 1)
    return [np.array(v) for v in np.stack(np.meshgrid(*[values] * planes, indexing="ij"), -1).reshape(-1, planes)]


def test_distillation_learns_activations_below_eight_bits() -> None:
    names = [node.name for node in weighted(net())]
    plan = Plan(
        {name: LayerPlan(parse_scheme("int4"), "au4" if name in ("first", "inner") else "a8") for name in names}
    )
    found = calibrated_graph(net(), samples(), plan, Settings("best", steps=80)).meta["quantization"]["methods"][-1]
    assert found["kept"] and found["after_db"] > found["before_db"]


def test_sums_of_a_step_are_those_of_the_layer() -> None:
    node: Node = weighted(net())[-1]
    x = np.random.default_rng(0).normal(size=(4, 32))
    rounded = round_rows(node.input(1).constant.astype(float), parse_scheme("int8"))
    step = Step(node, x, x, x @ node.input(1).constant.T)
    np.testing.assert_allclose(step.sums(Layer(rounded, None)), layer_sums(node, Layer(rounded, None), x))
    np.testing.assert_allclose(step.sums(Layer(rounded, None)), step.real_sums, atol=0.2)
