"""Exact quantization, rule by rule: each case on the smallest network that shows it, compared with qonnx."""

from __future__ import annotations

import numpy as np
import pytest

from edgeq.errors import UnsupportedError
from edgeq.ir.types import Array
from edgeq.passes.exact_levels import find_thresholds, shared_row
from tests.unit.qonnx_models import Net, by_edgeq, dense_net, disagreements, folded, layer, normal, whole

pytestmark = pytest.mark.filterwarnings("ignore")


# thresholds


def test_thresholds_are_those_of_brute_force() -> None:
    gains = np.array([0.37, -0.21, 0.0, 1.9])[:, np.newaxis]
    offsets = np.array([0.5, -3.2, 1.0, 0.0])[:, np.newaxis]

    def function(n: Array) -> Array:
        return np.asarray(np.clip(np.rint(n * gains + offsets), -4, 3).astype(np.int64))

    low, high = np.full(4, -30), np.full(4, 30)
    found = find_thresholds(function, np.arange(-3, 4), low, high, "here")
    assert found.falling.tolist() == [False, True, False, False]
    n = np.tile(np.arange(-30, 31), (4, 1))
    told = -4 + (found.rows[:, np.newaxis, :] <= np.where(found.falling[:, np.newaxis], -n, n)[..., np.newaxis]).sum(2)
    assert np.array_equal(told, function(n))


def test_functions_that_rise_and_fall_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="rises and falls in channel 1"):
        find_thresholds(
            lambda n: np.where(np.arange(2)[:, np.newaxis] == 1, abs(n), n), np.arange(1, 4), *ends(2), where="quant"
        )


def ends(channels: int) -> tuple[Array, Array]:
    return np.full(channels, -9), np.full(channels, 9)


def test_rows_that_are_shifts_of_one_another_are_shared() -> None:
    def function(n: Array) -> Array:
        return np.asarray(np.clip((n + np.array([[0], [5], [-200]])) // 4, 0, 7).astype(np.int64))

    found = find_thresholds(function, np.arange(1, 8), np.full(3, -40), np.full(3, 40), "here")
    shared = shared_row(found)
    assert shared is not None
    row, shift = shared
    for n in range(-40, 41):
        told = (row <= (n + shift)[:, np.newaxis]).sum(axis=1)
        assert told.tolist() == function(np.full((3, 1), n))[:, 0].tolist()


def test_rows_of_different_gains_are_not_shared() -> None:
    found = find_thresholds(lambda n: n // np.array([[4], [5]]), np.arange(1, 4), *ends(2), where="here")
    assert shared_row(found) is None


@pytest.mark.parametrize("rounding", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
def test_ties_go_where_qonnx_puts_them(rounding: str) -> None:
    """Half of all sums lie between two levels."""
    net, sums = dense_net(whole(8, 5, low=-3, high=3), bits=3)
    y = net.quant(net.add("Div", sums, net.constant(6.0)), 4, 0.5, rounding=rounding)
    assert disagreements(net.model(y), whole(40, 8, low=-4, high=3)) == 0


def test_divisions_round_once() -> None:
    """1 / 6 in float32 times 3 is more than 0.5; 3 / 6 is a tie."""
    net, sums = dense_net(np.eye(4, dtype=np.float32) * 3, bits=3)
    y = net.quant(net.add("Div", sums, net.constant(6.0)), 4)
    assert disagreements(net.model(y), whole(30, 4, low=-4, high=3)) == 0


def test_every_step_rounds_to_float32() -> None:
    """3 c - float32(3 c) is 0 after float32's product, and less than 0 after an exact one."""
    factors = np.linspace(0.1, 0.9, 60).astype(np.float32)
    factors = factors[(factors * np.float32(3)).astype(np.float64) > factors.astype(np.float64) * 3][:8]
    assert len(factors) == 8
    net, sums = dense_net(np.ones((2, 8), dtype=np.float32))
    scaled = net.add("Mul", sums, net.constant(factors))
    y = net.bipolar(net.add("Sub", scaled, net.constant(factors * np.float32(3))))
    assert disagreements(net.model(y), whole(40, 2, low=-3, high=4)) == 0


def test_integer_means_of_batch_norms_meet_the_edge_of_sign() -> None:
    net, sums = dense_net(whole(9, 6, low=-3, high=3), bits=2)
    mean, zero = np.arange(-2, 4), np.zeros(6)
    normed = net.norm(sums, [1.3, -0.7, 2.1, 0.9, -1.1, 0.2], zero, mean, np.linspace(0.3, 9, 6))
    assert disagreements(net.model(net.bipolar(normed, 0.5)), whole(80, 9, low=-2, high=1)) == 0


def test_falling_channels_negate_their_weights() -> None:
    net, sums = dense_net(np.array([[3.0, 3.0], [-2.0, -2.0]]))
    graph = folded(net.model(net.quant(net.add("Mul", sums, net.constant([1.0, -1.0])), 2)))
    assert layer(graph, "dense").input(1).constant.tolist() == [[3, -2], [-3, 2]]


def test_falling_channels_with_weights_of_minus_128() -> None:
    """+128 does not fit: the levels are turned around behind the layer."""
    net, sums = dense_net(np.array([[-128.0, -128.0, 5.0], [127.0, 127.0, -7.0]]), weight_bits=8)
    for bits, signed in ((1, 1), (2, 1), (4, 0), (8, 1)):
        scaled = net.add("Mul", sums, net.constant([0.01, -0.01, -0.3]))
        data = net.model(net.quant(scaled, bits, signed=signed))
        assert disagreements(data, whole(60, 2, low=-8, high=7)) == 0
        graph = folded(data)
        assert any(n.op == "depthwise_conv2d" for n in graph.nodes)
        assert layer(graph, "dense").input(1).constant.min() == -128


def test_two_levels_take_one_threshold_per_channel() -> None:
    net, sums = dense_net(whole(16, 8, low=-1, high=1), bits=1)
    graph = folded(net.model(net.bipolar(net.norm(sums, normal(8), normal(8), normal(8), np.ones(8)))))
    node = layer(graph, "dense")
    assert node.input(3).shape == (8, 1)
    assert node.optional(2) is None
    assert graph.outputs[0].type.format == "a1"


def test_many_levels_take_a_factor_where_it_is_exact() -> None:
    """A bias on the sums' own grid and no ties: nine bytes per channel instead of 254 thresholds."""
    net, sums = dense_net(whole(16, 4, low=-7, high=7), bits=4)
    biased = net.add("Add", sums, net.constant([3.0, -5.0, 0.0, 11.0]))
    data = net.model(net.quant(biased, 8, 3.7, signed=0))
    assert layer(folded(data), "dense").optional(3) is None
    assert disagreements(data, whole(60, 16, low=-8, high=7)) == 0


def test_many_levels_share_thresholds_where_ties_forbid_a_factor() -> None:
    net, sums = dense_net(whole(16, 4, low=-7, high=7), bits=4)
    data = net.model(net.quant(net.add("Add", sums, net.constant([3.0, -5.0, 0.0, 11.0])), 6, 4.0))
    node = layer(folded(data), "dense")
    assert node.input(3).shape == (1, 63)
    assert disagreements(data, whole(60, 16, low=-8, high=7)) == 0


def test_channels_that_never_change_take_a_factor_too() -> None:
    weights = whole(6, 3, low=-7, high=7)
    weights[:, 1] = 0
    net, sums = dense_net(weights)
    data = net.model(net.quant(net.add("Add", sums, net.constant([0.0, 9.0, -4.0])), 7, 1.3))
    assert layer(folded(data), "dense").optional(3) is None
    assert disagreements(data, whole(40, 6, low=-8, high=7)) == 0


# formats


@pytest.mark.parametrize(
    ("bits", "signed", "narrow", "name", "bounds"),
    [
        (1, 1, 0, "a1", (-1, 1)),
        (1, 0, 0, "au1", (0, 1)),
        (2, 1, 1, "a2", (-1, 1)),
        (2, 0, 0, "au2", (0, 3)),
        (3, 0, 0, "au4", (0, 7)),
        (4, 1, 0, "a4", (-8, 7)),
        (5, 0, 0, "", (0, 31)),
        (8, 0, 0, "", (-128, 127)),
    ],
)
def test_activations_have_the_narrowest_format(
    bits: int, signed: int, narrow: int, name: str, bounds: tuple[int, int]
) -> None:
    net = Net(1, 4)
    x = net.quant("x", bits, 0.25, signed=signed, narrow=narrow)
    graph = folded(net.model(net.add("MatMul", x, net.quant(net.constant(normal(4, 2)), 2))))
    rule = graph.meta["inputs"]["x"]["quantizer"]
    assert graph.inputs[0].type.format == name
    assert (rule["low"], rule["high"]) == bounds


def test_a_dense_layer_reads_packed_rows_that_end_inside_bytes_as_an_image() -> None:
    net = Net(1, 3, 4, 4)
    x = net.quant("x", 2)
    conv = net.add("Conv", x, net.quant(net.constant(normal(5, 3, 3, 3)), 2))
    flat = net.add("Flatten", net.quant(conv, 2))
    data = net.model(net.add("MatMul", flat, net.quant(net.constant(normal(20, 6)), 2)))
    graph = folded(data)
    assert [n.op for n in graph.nodes] == ["conv2d", "conv2d", "reshape"]
    assert disagreements(data, normal(12, 3, 4, 4)) == 0


# between grids


def test_chains_on_a_grid_become_one_table() -> None:
    net = Net(1, 6)
    x = net.quant("x", 5)
    y = net.add("Sigmoid", net.add("Mul", x, net.constant(0.3)))
    z = net.quant(net.add("Add", y, net.constant(-0.1)), 4, 0.07)
    data = net.model(z)
    assert [n.op for n in folded(data).nodes] == ["table"]
    assert disagreements(data, normal(20, 6, scale=9)) == 0


def test_chains_per_channel_on_a_grid_become_thresholds() -> None:
    net = Net(1, 3, 2, 2)
    x = net.quant("x", 5)
    conv = net.add(
        "Conv",
        net.quant(net.norm(x, normal(3), normal(3), normal(3), np.ones(3)), 3),
        net.quant(net.constant(normal(2, 3, 1, 1)), 3),
    )
    data = net.model(conv)
    assert layer(folded(data), "depthwise_conv2d").input(3).shape == (3, 7)
    assert disagreements(data, normal(20, 3, 2, 2, scale=9)) == 0


@pytest.mark.parametrize("op", ["Add", "Sub"])
@pytest.mark.parametrize(("bits", "signed"), [(3, 0), (7, 1), (8, 0), (8, 1)])
def test_sums_of_grids(op: str, bits: int, signed: int) -> None:
    net = Net(1, 2, 3, 3)
    parts = [net.quant("x", 8, 0.5), net.quant("x", 8, 0.5)]
    a, b = (
        net.quant(net.add("Mul", p, net.constant(f)), bits, 0.5, signed=signed)
        for p, f in zip(parts, (1.0, -0.7), strict=True)
    )
    data = net.model(net.quant(net.add(op, a, b), 6, 1.5))
    assert disagreements(data, normal(20, 2, 3, 3, scale=40)) == 0


def test_grids_of_related_scales_are_added() -> None:
    net = Net(1, 2, 3, 3)
    x = net.quant("x", 8, 0.5)
    a, b = net.quant(x, 5, 1.5), net.quant(x, 4, 0.5, signed=0)
    data = net.model(net.quant(net.add("Add", a, b), 5, 0.75))
    assert disagreements(data, normal(20, 2, 3, 3, scale=9)) == 0


def test_rectified_grids_stay_on_their_grid() -> None:
    net = Net(1, 6)
    x = net.add("Relu", net.quant("x", 4, 0.5))
    data = net.model(net.add("MatMul", x, net.quant(net.constant(normal(6, 2)), 3)))
    assert [n.op for n in folded(data).nodes] == ["table", "dense"]
    assert disagreements(data, normal(20, 6, scale=3)) == 0


def moved(net: Net, x: str, how: str) -> str:
    """Some elements of x [1, 2, 4, 4]."""
    if how == "Pad":
        return net.add("Pad", x, net.constant([0, 0, 1, 1, 0, 0, 1, 0], np.int64))
    if how == "Slice":
        return net.add("Slice", x, *(net.constant(v, np.int64) for v in ([1], [4], [2])))
    if how == "Resize":
        sizes = net.constant([1, 2, 8, 8], np.int64)
        return net.add("Resize", x, "", "", sizes, mode="nearest", coordinate_transformation_mode="asymmetric")
    if how == "Transpose":
        return net.add("Transpose", x, perm=[0, 1, 3, 2])
    return net.add("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


@pytest.mark.parametrize("how", ["Pad", "Slice", "Resize", "Transpose", "MaxPool"])
@pytest.mark.parametrize(("bits", "signed"), [(1, 1), (2, 0), (4, 1), (8, 0)])
def test_movers_keep_the_grid(how: str, bits: int, signed: int) -> None:
    net = Net(1, 2, 4, 4)
    y = moved(net, net.quant("x", bits, 0.5, signed=signed), how)
    z = net.quant(net.add("Relu", y), 3, 0.5, signed=0)
    assert disagreements(net.model(z), normal(20, 2, 4, 4, scale=3)) == 0
    assert disagreements(net.model(y), normal(20, 2, 4, 4, scale=3)) == 0


@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1]])
def test_averages_then_quantization(pads: list[int]) -> None:
    net = Net(1, 2, 6, 6)
    x = net.quant("x", 4, 0.5, signed=0)
    y = net.add("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=pads, count_include_pad=1)
    data = net.model(net.quant(y, 4, 0.25, signed=0))
    assert disagreements(data, normal(20, 2, 6, 6, scale=5)) == 0


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("rounding", ["FLOOR", "ROUND"])
def test_trunc(second: bool, rounding: str) -> None:
    net = Net(1, 2, 4, 4)
    x = net.quant("x", 4, 0.5, signed=0)
    pooled = net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    total = net.add("Mul", pooled, net.constant(4.0))
    if second:
        operands = [net.constant(v) for v in (0.5, 0.0, 6.0, 2.0, 4.0)]
        y = net.add("Trunc", total, *operands, domain=net.domain, rounding_mode=rounding, signed=0)
    else:
        operands = [net.constant(v) for v in (0.5, 0.0, 6.0, 4.0)]
        y = net.add("Trunc", total, *operands, domain=net.domain, rounding_mode=rounding)
    data = net.model(y)
    if second:  # the executor takes the first version, which has one input less
        assert layer(folded(data), "depthwise_conv2d").input(3).shape[1] == 15
        return
    assert disagreements(data, normal(20, 2, 4, 4, scale=5)) == 0


def test_the_maximum_of_sums_is_the_maximum_of_levels() -> None:
    net = Net(1, 2, 4, 4)
    conv = net.add("Conv", net.quant("x", 3), net.quant(net.constant(normal(3, 2, 1, 1)), 3))
    pooled = net.add("MaxPool", net.norm(conv, [-1.0, 2.0, 0.5], normal(3), normal(3), np.ones(3)), kernel_shape=[2, 2])
    data = net.model(net.quant(net.add("Relu", pooled), 3, 0.5))
    assert disagreements(data, normal(20, 2, 4, 4, scale=3)) == 0


def test_outputs_are_those_of_the_samples() -> None:
    """The comparison with qonnx sees a wrong integer."""
    net, sums = dense_net(whole(6, 3, low=-7, high=7))
    data = net.model(net.quant(sums, 4, 9.0))
    samples = whole(20, 6, low=-8, high=7)
    graph = folded(data)
    node = layer(graph, "dense")
    node.params["thresholds"] = node.params["thresholds"] + 3
    (ours,) = by_edgeq(graph, samples).values()
    (right,) = by_edgeq(folded(data), samples).values()
    assert not np.array_equal(ours, right)
