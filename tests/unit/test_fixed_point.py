"""The requantization rule against an independent formulation in Python's unbounded integers and fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.errors import ModelDataError
from edgeq.ops.fixed_point import (
    check_accumulator,
    clamp_bounds,
    high_multiply,
    quantize_multiplier,
    requantize,
    requantize_once,
    round_shift_right,
    untied_multiplier,
)

INT32 = st.integers(-(2**31), 2**31 - 1)


def floor_half_up(x: Fraction) -> int:
    return (x + Fraction(1, 2)).__floor__()


def half_away(x: Fraction) -> int:
    return floor_half_up(x) if x >= 0 else -floor_half_up(-x)


@given(INT32, st.integers(2**30, 2**31 - 1))
def test_high_multiply_rounds_half_up(x: int, multiplier: int) -> None:
    assert int(high_multiply(np.array([x]), multiplier)[0]) == floor_half_up(Fraction(x * multiplier, 2**31))


@given(INT32, st.integers(0, 31))
def test_shift_rounds_half_away_from_zero(x: int, exponent: int) -> None:
    assert int(round_shift_right(np.array([x]), exponent)[0]) == half_away(Fraction(x, 2**exponent))


@given(st.integers(-(2**22), 2**22), st.floats(1e-6, 100))
def test_requantize_is_within_one_of_the_real_product(x: int, factor: float) -> None:
    multiplier, shift = quantize_multiplier(factor)
    assert abs(int(requantize(np.array([x]), multiplier, shift)[0]) - x * factor) <= 1.01


@given(st.floats(1e-9, 1e9))
def test_quantize_multiplier_is_normalized_and_close(factor: float) -> None:
    multiplier, shift = quantize_multiplier(factor)
    assert 2**30 <= multiplier < 2**31
    assert multiplier * 2.0 ** (shift - 31) == pytest.approx(factor, rel=1e-9)


def test_edges_of_quantize_multiplier() -> None:
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(2.0**-40) == (0, 0)
    assert quantize_multiplier(1 - 2.0**-40) == (2**30, 1)
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ModelDataError):
            quantize_multiplier(bad)


def test_accumulators_that_do_not_fit_are_refused() -> None:
    check_accumulator(2**31 - 1, 0, "layer")
    with pytest.raises(ModelDataError, match="layer"):
        check_accumulator(2**31 - 1, 1, "layer")


def test_clamp_bounds_saturate_and_follow_the_zero_point() -> None:
    assert clamp_bounds(0.1, -128, 0.0, 6.0, (-128, 127)) == (-128, -68)
    assert clamp_bounds(0.01, 0, None, None, (-128, 127)) == (-128, 127)
    assert clamp_bounds(0.01, 0, 0.0, float("inf"), (-128, 127)) == (0, 127)


@pytest.mark.parametrize("multiplier", [2**30, 3 * 2**29, 2**30 + 2**26, 2**31 - 1, 5 * 2**28 + 2**21])
@pytest.mark.parametrize("shift", [-1, -3, -9])
@pytest.mark.parametrize("bound", [1, 40, 2**15])
def test_an_untied_multiplier_rounds_half_up_to_the_same(multiplier: int, shift: int, bound: int) -> None:
    x = np.arange(-bound, bound + 1)
    expected = requantize_once(x, multiplier, shift)
    visible = np.abs(expected) < 256

    def half_up(m: int) -> np.ndarray:
        return (x * m + (1 << (30 - shift))) >> (31 - shift)

    found = untied_multiplier(multiplier, shift, bound)
    if found is None:
        assert not np.array_equal(half_up(multiplier)[visible], expected[visible])
        assert not np.array_equal(half_up(multiplier + 1)[visible], expected[visible])
    else:
        np.testing.assert_array_equal(half_up(found)[visible], expected[visible])
