"""The memory plan: no two live buffers overlap, the bound is a bound, and small cases are optimal."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.plan.packing import Buffer, _first_fit, lower_bound, pack


@st.composite
def buffer_lists(draw: st.DrawFn, most: int = 12) -> list[Buffer]:
    count = draw(st.integers(1, most))
    result = []
    for index in range(count):
        first = draw(st.integers(-1, 8))
        result.append(Buffer(f"b{index}", 4 * draw(st.integers(1, 40)), first, first + draw(st.integers(0, 5))))
    return result


@settings(deadline=None)
@given(buffer_lists())
def test_live_buffers_never_overlap(buffers: list[Buffer]) -> None:
    total = pack(buffers)
    assert total >= lower_bound(buffers)[0]
    for i, a in enumerate(buffers):
        assert a.offset >= 0 and a.offset % a.alignment == 0 and a.offset + a.bytes <= total
        for b in buffers[i + 1 :]:
            if a.meets(b):
                assert a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset


@settings(deadline=None, max_examples=30)
@given(buffer_lists(most=5))
def test_small_cases_are_as_good_as_any_first_fit_order(buffers: list[Buffer]) -> None:
    best = min(_first_fit(order)[0] for order in permutations(buffers))
    assert pack(buffers) == best


def test_a_chain_needs_the_two_largest_neighbours() -> None:
    chain = [Buffer("in", 640, -1, 0), Buffer("a", 128, 0, 1), Buffer("b", 128, 1, 2), Buffer("out", 640, 2, 3)]
    assert pack(chain) == lower_bound(chain)[0] == 768


def test_the_plan_is_the_same_every_time() -> None:
    def plan() -> list[int]:
        buffers = [Buffer(f"b{i}", 4 * (i * 7 % 13 + 1), i % 5, i % 5 + i % 3) for i in range(20)]
        pack(buffers)
        return [b.offset for b in buffers]

    assert plan() == plan()
