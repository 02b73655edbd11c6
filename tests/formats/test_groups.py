"""Groups and trit-planes over every weight format of the registry."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeq.errors import InternalError, ModelDataError
from edgeq.formats import number_format, number_formats
from edgeq.formats.groups import Grouped, group_format
from edgeq.formats.trit_planes import TritPlanes

WEIGHTS = [form for form in number_formats() if form.role == "weights"]
TERNARY = [form for form in WEIGHTS if (form.low, form.high, form.has_zero) == (-1, 1, True)]
FACTORS: tuple[Literal["q8", "q31"], ...] = ("q8", "q31")
GROUPED = [Grouped(form, size, factor) for form in WEIGHTS for size, factor in ((5, "q8"), (32, "q31"))]
GROUPED += [TritPlanes(form, size, factor) for form in TERNARY for size, factor in ((7, "q8"), (16, "q31"))]

every_grouping = pytest.mark.parametrize("form", GROUPED, ids=lambda form: form.name)
few = settings(max_examples=15)


@st.composite
def matrices(draw: st.DrawFn) -> NDArray[np.float64]:
    """[1..3, 1..100], of any size of numbers, some groups and rows of zeros."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 100)))
    scales = 10.0 ** rng.integers(-300, 300, (shape[0], 1))
    matrix = rng.normal(size=shape) * scales
    matrix[:, draw(st.integers(0, shape[1])) :] *= draw(st.sampled_from([0.0, 1.0]))
    matrix[rng.integers(shape[0])] *= draw(st.sampled_from([0.0, 1.0]))
    return matrix


def test_the_names() -> None:
    for form in GROUPED:
        assert group_format(form.name) == form
    assert {f.name for f in TERNARY} >= {"wt", "wt3", "wt5"}
    for name in ("w4", "w4g", "g32", "a4g32", "w4g32x"):
        with pytest.raises(InternalError):
            group_format(name)


@every_grouping
@few
@given(matrix=matrices())
def test_groups_survive_packing(form: Grouped, matrix: NDArray[np.float64]) -> None:
    n = matrix.shape[1]
    rows = form.encode(matrix)
    packed = form.pack(rows)
    assert packed.dtype == np.uint8 and packed.shape == (len(matrix), form.row_bytes(n))
    again = form.unpack(packed, n, rows.scale)
    assert np.array_equal(again.codes, rows.codes) and np.array_equal(again.factors, rows.factors)
    assert np.array_equal(form.decode(again), form.decode(rows)) and np.array_equal(again.scale, rows.scale)
    assert np.all(rows.scale > 0) and np.isfinite(rows.scale).all()


@every_grouping
@few
@given(matrix=matrices())
def test_groups_of_zeros_are_exactly_zero(form: Grouped, matrix: NDArray[np.float64]) -> None:
    rows = form.encode(matrix)
    decoded = form.decode(rows)
    for start in range(0, matrix.shape[1], form.size):
        group = slice(start, start + form.size)
        zero = ~matrix[:, group].any(axis=1)
        assert not decoded[zero, group].any()
        assert not rows.factors[zero, start // form.size].any()
        assert np.all(rows.codes[:, zero, group] == form.base.neutral)


@every_grouping
@few
@given(matrix=matrices())
def test_decoding_is_exact(form: Grouped, matrix: NDArray[np.float64]) -> None:
    """Integers for q8; element by element, by hand."""
    rows = form.encode(matrix)
    decoded = form.decode(rows)
    values = form.base.decode(rows.codes).astype(int)
    for r, i in np.ndindex(decoded.shape):
        factors = rows.factors[r, i // form.size]
        if form.factor == "q8":
            assert decoded[r, i] == sum(int(f[0]) * values[p, r, i] for p, f in enumerate(factors))
        else:
            wanted = sum(int(f[0]) * 2.0 ** int(f[1] - 31) * values[p, r, i] for p, f in enumerate(factors))
            assert decoded[r, i] == wanted


@pytest.mark.parametrize("factor", FACTORS)
@few
@given(matrix=matrices())
def test_integers_in_groups_lose_half_a_step(factor: Literal["q8", "q31"], matrix: NDArray[np.float64]) -> None:
    form = Grouped(number_format("w8"), 16, factor)
    rows = form.encode(matrix)
    step = form.ratios(rows.factors)[:, np.arange(matrix.shape[1]) // 16, 0] * rows.scale[:, np.newaxis]
    # A factor of a byte is itself off by half its step, 1/510 of the row's largest scale, times values up to 128.
    slack = 64 * rows.scale[:, np.newaxis] if factor == "q8" else 1e-6 * step
    error = np.abs(form.decode(rows) * rows.scale[:, np.newaxis] - matrix)
    assert np.all(error <= step / 2 + 1.01 * slack + 1e-9 * np.abs(matrix).max())


def test_a_group_far_below_the_others_becomes_zero() -> None:
    for name in ("w1g2", "w1g2m", "w4g2", "wtg2m", "wtx2g2", "wt5x2g2m"):
        form = group_format(name)
        rows = form.encode([[1.0, -1.0, 1e-12, -1e-12]])
        assert form.decode(rows)[0, 0] > 0 and form.decode(rows)[0, 2:].tolist() == [0, 0]
        assert form.factor == "q31" or np.all(rows.codes[:, 0, 2:] == form.base.neutral)


def test_a_wide_factor_that_rounds_up_to_a_power_of_two_stays_legal() -> None:
    form = group_format("w8g1m")
    rows = form.encode([[1.0, 1.0 - 2.0**-40]])
    assert rows.factors[0, :, 0].tolist() == [[1 << 30, 1], [1 << 30, 1]]


@pytest.mark.parametrize("factor", FACTORS)
def test_two_planes_find_the_nine_levels(factor: Literal["q8", "q31"]) -> None:
    rng = np.random.default_rng(5)
    t1, t2 = rng.integers(-1, 2, (2, 4, 64))
    for a1, a2 in ((1.0, 0.4), (3e-5, 1e-5), (2e200, 0.7e200)):
        form = TritPlanes(number_format("wt"), 64, factor)
        matrix = a1 * t1 + a2 * t2
        rows = form.encode(matrix)
        error = np.abs(form.decode(rows) * rows.scale[:, np.newaxis] - matrix)
        assert error.max() <= a1 * (1 / 255 if factor == "q8" else 1e-5)
        assert np.all(rows.factors[..., 0, 0] > 0)


def test_two_planes_are_closer_than_one() -> None:
    matrix = np.random.default_rng(6).normal(size=(16, 256))
    errors = []
    for form in (group_format("wt5g128"), group_format("wt5x2g128")):
        rows = form.encode(matrix)
        errors.append(((form.decode(rows) * rows.scale[:, np.newaxis] - matrix) ** 2).mean())
    # One plane leaves about a quarter of the variance, two about a thirtieth.
    assert errors[1] < errors[0] / 5 and errors[1] < 0.04


@every_grouping
@few
@given(data=st.data())
def test_any_bytes_are_read_or_refused(form: Grouped, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 40))
    size = form.row_bytes(n)
    row = np.frombuffer(data.draw(st.binary(min_size=size, max_size=size)), np.uint8)[np.newaxis]
    try:
        rows = form.unpack(row, n)
    except ModelDataError:
        return
    assert np.array_equal(form.pack(rows), row)


def test_wrong_bytes_are_named() -> None:
    form = group_format("w8g4m")
    packed = form.pack(form.encode([[1.0, 2.0]]))
    for at, byte in ((5, 0x00), (5, 0x80), (6, 0x02), (6, 0xE0)):
        wrong = packed.copy()
        wrong[0, at] = byte
        with pytest.raises(ModelDataError, match="multiplier outside"):
            form.unpack(wrong, 2)
    for shape in ((1, 6), (7,)):
        with pytest.raises(ModelDataError, match="a row of 2"):
            form.unpack(np.zeros(shape, np.uint8), 2)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ModelDataError, match="at least one element"):
        Grouped(number_format("w4"), 0)
    with pytest.raises(InternalError, match="groups are for weights"):
        Grouped(number_format("a4"), 32)
    for name in ("w1", "w2"):
        with pytest.raises(InternalError, match="trit-planes are ternary"):
            TritPlanes(number_format(name), 32)
    form = group_format("w4g4")
    with pytest.raises(ModelDataError, match="NaN"):
        form.encode([[np.nan]])
    with pytest.raises(InternalError, match=r"\[rows, n\]"):
        form.encode([1.0])
    with pytest.raises(ModelDataError, match="at least one element"):
        form.row_bytes(0)


@every_grouping
@pytest.mark.parametrize("n", [1, 31, 32, 100])
def test_bits_per_weight_counts_factors(form: Grouped, n: int) -> None:
    packed = form.pack(form.encode(np.ones((3, n))))
    assert form.bits_per_weight((3, n), scales=3) * 3 * n == pytest.approx(8 * (packed.size + 15))
    groups = -(-n // form.size) * form.planes * (1 if form.factor == "q8" else 5)
    codes = form.planes * sum(form.base.row_bytes(m) for m in form.lengths(n))
    assert packed.shape[1] == codes + groups
