"""Channels that never change or that nothing reads go, and every bit that is left stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array, DType, Quantization
from edgeq.kernels.registry import kernels_for
from edgeq.narrow import Removed, narrow
from edgeq.ops.build import GraphBuilder
from edgeq.ops.execute import run_integer
from edgeq.passes.constant_channels import KEPT, needed_channels, remove_channels
from edgeq.passes.known_elements import known_elements
from edgeq.passes.lower import lower
from tests.unit.dead_networks import networks

RNG = np.random.default_rng(7)


def every_value(graph: Graph, x: Array) -> dict[str, Array]:
    found: dict[str, Array] = {}
    run_integer(graph, {graph.inputs[0].name: x}, lambda value, array: found.update({value.name: array}))
    return found


def assert_same_bits(before: Graph, after: Graph) -> None:
    """Outputs are whole and equal; so are, on the channels left, all values between."""
    assert [o.shape for o in after.outputs] == [o.shape for o in before.outputs]
    kind = before.inputs[0].type
    x = RNG.integers(-128, 128, (6, *kind.shape[1:])).astype(np.int8)
    x[0], x[1] = -128, 127
    wanted, found = every_value(before, x), every_value(after, x)
    for name, array in found.items():
        channels = after.meta.get(KEPT, {}).get(name, slice(None))
        np.testing.assert_array_equal(wanted[name][..., channels] if array.ndim else wanted[name], array, err_msg=name)


@settings(max_examples=150, deadline=None)
@given(networks(), st.data())
def test_narrowed_networks_give_the_same_bits(graph: Graph, data: st.DataObject) -> None:
    after = graph.copy()
    channels = needed_channels(after)
    if data.draw(st.booleans()):  # whatever is kept besides, the rest stays right
        value = data.draw(st.sampled_from([n.output for n in after.nodes]))
        channels.keep(value, data.draw(st.integers(0, value.shape[-1] - 1)))
    remove_channels(after, channels)
    assert_same_bits(graph, after)
    again = needed_channels(after)
    assert sum(int(m.sum()) for m in again.kept.values()) <= sum(int(m.sum()) for m in channels.kept.values())


@settings(max_examples=80, deadline=None)
@given(networks())
def test_known_elements_are_the_same_for_every_input(graph: Graph) -> None:
    integers, known = known_elements(graph)
    x = RNG.integers(-128, 128, (5, *graph.inputs[0].shape[1:])).astype(np.int8)

    def check(value: Value, array: Array) -> None:
        mask = known[id(value)]
        for one in array.reshape(-1, *value.shape):
            np.testing.assert_array_equal(one[mask], integers[id(value)][mask], err_msg=value.name)

    run_integer(graph, {graph.inputs[0].name: x}, check)


class Net:
    """A chain of int8 layers with integer weights. Values have scale 1; the zero point is -128 after a clamp at 0."""

    def __init__(self, *shape: int) -> None:
        self.builder = GraphBuilder("net")
        self.x = self.builder.input("x", (1, *shape), DType.INT8, Quantization.per_tensor(1.0, 3))
        self.last = self.x

    def constant(self, array: Any, dtype: Any) -> Value:
        q = Quantization.per_tensor(0.01, 0) if dtype == np.int8 else None
        return self.builder.constant(f"c{len(self.builder.graph.nodes)}_{np.dtype(dtype)}", np.asarray(array, dtype), q)

    def layer(self, op: str, weights: Any, bias: Any = None, *, x: Value | None = None, **attrs: Any) -> Value:
        name = f"{op}{len(self.builder.graph.nodes)}"
        inputs = [x or self.last, self.constant(weights, np.int8)]
        inputs.append(None if bias is None else self.constant(bias, np.int32))
        kind = Quantization.per_tensor(1.0, -128)
        shape = {"clamp_min": 0.0, **attrs}
        self.last = self.builder.add(op, inputs, shape, name=name, dtype=DType.INT8, quantizations=[kind])
        return self.last

    def narrowed(self, *outputs: Value) -> dict[str, int]:
        """Channels of every value after the pass, which must keep all bits."""
        before = self.builder.finish(outputs or [self.last])
        lower(before)
        after = before.copy()
        remove_channels(after, needed_channels(after))
        assert_same_bits(before, after)
        return {v.name: v.shape[-1] for v in after.values() if not v.is_constant}


def some(*shape: int, dead: tuple[int, ...] = (), axis: int = 0) -> Array:
    """Weights without a zero, but for the channels `dead` on `axis`."""
    w = RNG.integers(1, 100, shape) * RNG.choice([-1, 1], shape)
    np.moveaxis(w, axis, 0)[list(dead)] = 0
    return w


BIAS = [900, -900, 1500, -200]
"""In units of 0.01: a channel of zeros becomes 9, 0, 15 or 0 above the zero point."""


@pytest.mark.parametrize("dead, pads, left", [((1, 3), 1, 2), ((0, 2), 1, 4), ((0, 2), 0, 2), ((0, 1, 2, 3), 0, 1)])
def test_a_constant_goes_into_the_bias_unless_padding_makes_it_vary(dead: Any, pads: int, left: int) -> None:
    net = Net(4, 4, 2)
    first = net.layer("conv2d", some(4, 1, 1, 2, dead=dead), BIAS)
    net.layer("conv2d", some(3, 3, 3, 4), pads=(pads,) * 4)
    assert net.narrowed()[first.name] == left


def test_what_no_sum_weighs_is_not_computed() -> None:
    net = Net(4, 4, 2)
    first = net.layer("conv2d", some(4, 1, 1, 2), BIAS)
    second = net.layer("depthwise_conv2d", some(3, 3, 4), BIAS, pads=(1, 1, 1, 1))
    net.layer("conv2d", some(3, 1, 1, 4, dead=(0, 3), axis=3))
    channels = net.narrowed()
    assert channels[first.name] == channels[second.name] == 2


def test_a_reader_that_goes_takes_what_it_alone_read_along() -> None:
    net = Net(4, 4, 2)
    first = net.layer("conv2d", some(4, 1, 1, 2))
    readers = some(2, 1, 1, 4, dead=(1, 2), axis=3)
    readers[1] = [[[0, 5, 6, 0]]]  # the second output alone reads channels 1 and 2, and the end does not read it
    net.layer("conv2d", readers)
    net.layer("conv2d", some(3, 1, 1, 2, dead=(1,), axis=3))
    assert net.narrowed()[first.name] == 2


@pytest.mark.parametrize("bias, left", [(-900, 3), (900, 4)])
def test_padding_around_a_constant_is_seen_by_the_depthwise_layer(bias: int, left: int) -> None:
    """The zero point stays constant; 9 above it, the border of the depthwise layer's output differs."""
    net = Net(4, 4, 2)
    first = net.layer("conv2d", some(4, 1, 1, 2, dead=(2,)), [0, 0, bias, 0])
    second = net.layer("depthwise_conv2d", np.abs(some(3, 3, 4)), pads=(1, 1, 1, 1))
    net.layer("conv2d", some(3, 1, 1, 4))
    channels = net.narrowed()
    assert channels[first.name] == channels[second.name] == left


def test_addition_keeps_a_channel_as_long_as_one_side_needs_it() -> None:
    net = Net(4, 4, 2)
    a = net.layer("conv2d", some(4, 1, 1, 2, dead=(0, 1)), BIAS, x=net.x)
    b = net.layer("conv2d", some(4, 1, 1, 2, dead=(1, 2)), BIAS, x=net.x)
    kind = Quantization.per_tensor(1.0, -128)
    net.last = net.builder.add("add", [a, b], {}, name="sum", dtype=DType.INT8, quantizations=[kind])
    net.layer("conv2d", some(3, 1, 1, 4))
    channels = net.narrowed()
    assert channels[a.name] == channels[b.name] == channels["sum"] == 3


def test_outputs_keep_their_constants_and_what_else_reads_them_does_too() -> None:
    net = Net(4, 4, 2)
    first = net.layer("conv2d", some(4, 1, 1, 2, dead=(0, 1)), BIAS)
    net.layer("conv2d", some(3, 1, 1, 4, dead=(2,)))
    assert net.narrowed(first, net.last) == {"x": 2, first.name: 4, net.last.name: 3}


def test_flattened_channels_go_at_every_position() -> None:
    net = Net(2, 3, 2)
    first = net.layer("conv2d", some(4, 1, 1, 2, dead=(0,)), BIAS)
    kind = first.type.quantization
    net.last = net.builder.add("reshape", [first], {"shape": (1, 24)}, name="f", dtype=DType.INT8, quantizations=[kind])
    net.layer("dense", some(3, 24))
    channels = net.narrowed()
    assert (channels[first.name], channels["f"]) == (3, 18)


def test_a_dense_layer_keeps_the_multipliers_of_all_its_weights() -> None:
    """They depend on how far its sums reach; with another multiplier a tie may round to another side."""
    net = Net(1, 1, 2)
    net.layer("conv2d", some(4, 1, 1, 2, dead=(0, 1)), BIAS)
    kind = net.last.type.quantization
    net.last = net.builder.add(
        "reshape", [net.last], {"shape": (1, 4)}, name="f", dtype=DType.INT8, quantizations=[kind]
    )
    net.layer("dense", some(3, 4))
    graph = net.builder.finish([net.last])
    lower(graph)
    graph.nodes[-1].params["multiplier"] = whole = np.array([2**30 + 1, 2**30 + 2, 2**30 + 3], dtype=np.int32)
    remove_channels(graph, needed_channels(graph))
    assert graph.nodes[-1].params["weights"].shape == (3, 2)
    np.testing.assert_array_equal(graph.nodes[-1].params["multiplier"], whole)


@pytest.mark.parametrize("rows", [1, 5])
def test_layers_that_end_in_thresholds(rows: int) -> None:
    """A constant input moves the thresholds or the bias; an output of zeros is a constant level."""
    builder = GraphBuilder("levels")
    kind = Quantization.per_tensor(1.0, 0)
    x = builder.input("x", (1, 4, 4, 2), DType.INT8, kind)

    def levels(name: str, x: Value, weights: Array, rows: int) -> Value:
        thresholds = np.sort(RNG.integers(-500, 500, (rows, 3)), axis=1)
        thresholds[0] = [-10, -5, 700]
        inputs = [
            x,
            builder.constant(f"{name}_w", weights.astype(np.int8), kind),
            builder.constant(f"{name}_b", RNG.integers(-50, 50, weights.shape[0]).astype(np.int32)),
            builder.constant(f"{name}_t", thresholds.astype(np.int32)),
        ]
        attrs = {"level_low": -1}
        return builder.add("conv2d", inputs, attrs, name=name, dtype=DType.INT8, quantizations=[kind])

    first = levels("first", x, some(5, 1, 1, 2, dead=(0, 2)), rows)
    y = levels("second", first, some(4, 1, 1, 5), min(rows, 4))
    before = builder.finish([y])
    lower(before)
    after = before.copy()
    remove_channels(after, needed_channels(after))
    assert_same_bits(before, after)
    assert after.nodes[0].output.shape[-1] == 3


def dead_half(channels: int, dead: int) -> Graph:
    net = Net(6, 6, 3)
    net.layer("conv2d", some(channels, 1, 1, 3, dead=tuple(range(dead))), [-900] * channels)
    net.layer("depthwise_conv2d", some(3, 3, channels), [50] * channels, pads=(1, 1, 1, 1))
    net.layer("conv2d", some(16, 1, 1, channels))
    graph = net.builder.finish([net.last])
    lower(graph)
    return graph


def test_spare_channels_fill_a_block_where_that_is_faster() -> None:
    """The quick depthwise kernels take four channels; 31 of 32 would be slower than 32, but one is dead."""
    fours = [k for k in kernels_for("depthwise_conv2d") if "in_c % 4 == 0" in k.when and not k.isa]
    assert fours
    graph = dead_half(40, 9)
    removed = narrow(graph, frozenset({"mla"}), "speed")
    assert graph.nodes[1].output.shape[-1] == 32
    assert removed == Removed(16, 36 * 8 * (3 + 9 + 16))
    small = dead_half(40, 9)
    narrow(small, frozenset({"mla"}), "size")
    assert small.nodes[1].output.shape[-1] == 31


def test_a_network_without_dead_channels_is_left_alone() -> None:
    graph = dead_half(8, 0)
    assert narrow(graph, frozenset(), "speed") == Removed(0, 0)
    assert KEPT not in graph.meta
