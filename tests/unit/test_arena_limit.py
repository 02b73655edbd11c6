"""`--max-ram`: slower kernels where the arena must be small, fast ones where it still fits."""

from __future__ import annotations

import pytest

from edgeq.arena_limit import plan_within
from edgeq.errors import CapacityError
from edgeq.ir.graph import Graph
from edgeq.passes.lower import lower
from tests.unit.test_constant_channels import Net, some

DSP = frozenset({"mla", "dsp"})


def tall() -> Graph:
    """Two depthwise layers of 64 channels, taller than wide: the fastest kernel goes by columns and cannot share."""
    net = Net(25, 5, 64)
    for _ in range(2):
        net.layer("depthwise_conv2d", some(3, 3, 64), pads=(1, 1, 1, 1))
        net.layer("conv2d", some(64, 1, 1, 64))
    graph = net.builder.finish([net.last])
    lower(graph)
    return graph


def test_without_a_limit_the_fastest_kernels_are_taken() -> None:
    graph = tall()
    fast = plan_within(graph, DSP, "speed", None)
    assert fast.plan.arena_bytes > 9_600 and fast.facts() is None
    assert plan_within(graph, DSP, "speed", fast.plan.arena_bytes).choices == fast.choices
    assert all(c.runner_up is None or "max-ram" not in c.reason for c in fast.choices.values())


@pytest.fixture
def in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slower kernels may cost what they like before patches are tried."""
    monkeypatch.setattr("edgeq.arena_limit.MUCH", float("inf"))


def test_slower_kernels_that_cost_much_are_compared_with_patches() -> None:
    graph = tall()
    fast = plan_within(graph, DSP, "speed", None)
    found = plan_within(graph, DSP, "speed", 9_000)
    assert found.plan.arena_bytes <= 9_000 and found.patched is not None
    assert fast.instructions < found.instructions < 1.2 * fast.instructions


def test_a_limit_takes_the_kernel_that_needs_less_and_says_why(in_one_piece: None) -> None:
    graph = tall()
    fast = plan_within(graph, DSP, "speed", None).choices
    small = plan_within(graph, DSP, "speed", 9_000)
    choices = small.choices
    assert small.plan.arena_bytes <= 9_000 and small.graph is graph
    slower = [key for key in choices if choices[key].kernel is not fast[key].kernel]
    assert {id(n) for n in graph.nodes if n.op == "depthwise_conv2d"} == set(slower)
    for key in slower:
        assert choices[key].reason == f"--max-ram: takes less memory than {fast[key].kernel.name}"
        assert choices[key].estimate > fast[key].estimate


def test_layers_that_fit_keep_their_fast_kernels(in_one_piece: None) -> None:
    net = Net(25, 5, 64)
    net.layer("depthwise_conv2d", some(3, 3, 64), pads=(1, 1, 1, 1))
    net.layer("conv2d", some(8, 1, 1, 64))
    net.layer("depthwise_conv2d", some(3, 3, 8), pads=(1, 1, 1, 1))
    graph = net.builder.finish([net.last])
    lower(graph)
    fast = plan_within(graph, DSP, "speed", None)
    choices = plan_within(graph, DSP, "speed", fast.plan.arena_bytes - 500).choices
    assert [choices[id(n)].kernel is fast.choices[id(n)].kernel for n in graph.nodes] == [False, True, True]


def test_what_does_not_fit_is_refused_with_the_bytes_needed() -> None:
    with pytest.raises(CapacityError, match=r"the arena takes 8,\d{3} bytes .* --max-ram is 8,000"):
        plan_within(tall(), DSP, "speed", 8_000)
