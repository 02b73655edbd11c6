"""The memory plan: live buffers lie apart or share as allowed, the bound is a bound, and small plans are minimal."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.kernels.registry import kernels
from edgeq.kernels.select import Choice, select_kernels
from edgeq.passes.lower import lower
from edgeq.plan import plan_memory
from edgeq.plan.exact import improve
from edgeq.plan.packing import Buffer, first_fit, lower_bound, pack
from tests.unit.test_constant_channels import Net, some


@st.composite
def buffer_lists(draw: st.DrawFn, most: int = 12) -> list[Buffer]:
    count = draw(st.integers(1, most))
    result = []
    for index in range(count):
        first = draw(st.integers(-1, 8))
        result.append(Buffer(f"b{index}", 4 * draw(st.integers(1, 40)), first, first + draw(st.integers(0, 5))))
    for step in range(-1, 9):  # at most one pair of a step shares: its output and an input that ends there
        outputs, inputs = ([b for b in result if key(b) == step] for key in (lambda b: b.first, lambda b: b.last))
        if outputs and inputs and outputs[0] is not inputs[0] and draw(st.booleans()):
            outputs[0].shares[inputs[0]] = 4 * draw(st.integers(0, 45))
    return result


def assert_sound(buffers: list[Buffer], total: int) -> None:
    assert total >= lower_bound(buffers)[0]
    for i, a in enumerate(buffers):
        assert a.offset >= 0 and a.offset % a.alignment == 0 and a.offset + a.bytes <= total
        for b in buffers[i + 1 :]:
            if a.meets(b):
                apart = a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset
                below = b in a.shares and a.offset + a.shares[b] <= b.offset
                above = a in b.shares and b.offset + b.shares[a] <= a.offset
                assert apart or below or above


@settings(deadline=None)
@given(buffer_lists())
def test_live_buffers_overlap_as_far_as_they_may_share(buffers: list[Buffer]) -> None:
    total = pack(buffers)
    assert_sound(buffers, total)
    better, _ = improve(buffers, total, lower_bound(buffers)[0])
    assert better <= total
    assert_sound(buffers, better)


@settings(deadline=None, max_examples=60)
@given(buffer_lists(most=6))
def test_small_cases_are_as_good_as_any_first_fit_order_and_proved(buffers: list[Buffer]) -> None:
    best = min(first_fit(order)[0] for order in permutations(buffers))
    bound = lower_bound(buffers)[0]
    assert bound <= best
    worst = sum(b.bytes for b in buffers)
    for i, b in enumerate(buffers):
        b.offset = sum(a.bytes for a in buffers[:i])
    assert improve(buffers, worst, bound) == (best, True)
    assert pack(buffers) == best


def test_the_search_says_when_it_gave_up(monkeypatch: pytest.MonkeyPatch) -> None:
    buffers = [Buffer(f"b{i}", 4 * (i * 7 % 13 + 1), i % 7, i % 7 + i % 3) for i in range(40)]
    packed = pack(buffers)
    assert improve(buffers, packed, 0) == (packed, True)
    monkeypatch.setattr("edgeq.plan.exact.NODES", 0)
    assert improve(buffers, packed, 0) == (packed, False)
    assert improve(buffers, packed, packed) == (packed, True)


def test_a_chain_needs_the_two_largest_neighbours() -> None:
    chain = [Buffer("in", 640, -1, 0), Buffer("a", 128, 0, 1), Buffer("b", 128, 1, 2), Buffer("out", 640, 2, 3)]
    assert pack(chain) == lower_bound(chain)[0] == 768


def test_a_chain_that_shares_moves_down_step_by_step() -> None:
    chain = [Buffer(f"b{i}", 800, i - 1, i) for i in range(4)]
    for x, y in pairwise(chain):
        y.shares[x] = 100
    assert lower_bound(chain) == (900, 0)
    assert pack(chain) == 1100
    assert improve(chain, 1100, 900) == (1100, True)
    assert [b.offset for b in chain] == [300, 200, 100, 0]


def test_the_plan_is_the_same_every_time() -> None:
    def plan() -> list[int]:
        buffers = [Buffer(f"b{i}", 4 * (i * 7 % 13 + 1), i % 5, i % 5 + i % 3) for i in range(20)]
        pack(buffers)
        return [b.offset for b in buffers]

    assert plan() == plan()


def separable() -> tuple[Net, int]:
    """A depthwise and a 1x1 layer of 64 channels on 10 x 10; bytes of one activation."""
    net = Net(10, 10, 64)
    net.layer("depthwise_conv2d", some(3, 3, 64), pads=(1, 1, 1, 1))
    net.layer("conv2d", some(64, 1, 1, 64))
    return net, 6400


def test_outputs_reach_into_inputs_that_end_there() -> None:
    net, size = separable()
    graph = net.builder.finish([net.last])
    lower(graph)
    choices = select_kernels(graph.nodes, frozenset(), "speed")
    assert all(c.overlap is not None for c in choices.values())
    lead = choices[id(graph.nodes[0])].overlap
    assert lead == 11 * 64
    plan = plan_memory(graph, choices)
    x, middle, y = (plan.offset(v) for v in (graph.inputs[0], *(n.output for n in graph.nodes)))
    assert x - middle >= lead and middle - y >= 0
    assert plan.proved and plan.arena_bytes == size + lead
    apart = {key: replace(c, overlap=None) for key, c in choices.items()}
    assert plan_memory(graph, apart).arena_bytes == 2 * size


def test_an_input_that_is_read_again_is_left_whole() -> None:
    net, size = separable()
    first = net.builder.graph.nodes[0].output
    graph = net.builder.finish([net.last, first])
    lower(graph)
    choices = select_kernels(graph.nodes, frozenset(), "speed")
    plan = plan_memory(graph, choices)
    kept, y = plan.offset(first), plan.offset(net.last)
    assert kept + size <= y or y + size <= kept


def test_rows_that_share_memory_have_one_input_that_counts() -> None:
    """`overlap` speaks of input 0: kernels of several activations must not have it."""
    single = ("conv2d", "depthwise_conv2d", "max_pool2d", "avg_pool2d", "strided_copy")
    assert all(k.op in single for k in kernels() if k.overlap)
    assert Choice(kernels()[0], "", 0, 0, None, (), None).overlap is None
