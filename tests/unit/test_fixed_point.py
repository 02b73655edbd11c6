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
    round_shift_right,
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
