"""Sums over packed rows, tails included: each format's formula gives the dot product of the true row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeq.formats import Format, number_format

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(1, 100)


def draw(form: Format, n: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """n values of a format."""
    return rng.choice([v for v in form.values if v is not None], n).astype(np.int32)


def packed(form: Format, values: NDArray[np.int32]) -> NDArray[np.uint8]:
    return form.pack(form.to_codes(values))


def bits(row: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.unpackbits(row, bitorder="little")


def padded(x: NDArray[np.int32], n: int) -> NDArray[np.int32]:
    return np.pad(x, (0, n - len(x)))


@given(n=lengths, seed=seeds)
def test_binary_by_binary_counts_the_true_length(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, w = (draw(number_format(name), n, rng) for name in ("a1", "w1"))
    differing = bits(packed(number_format("a1"), a) ^ packed(number_format("w1"), w)).sum(dtype=int)
    assert n - 2 * differing == (a * w).sum()


@given(n=lengths, seed=seeds)
def test_bytes_by_binary_sum_the_true_row(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-128, 128, n, dtype=np.int32), draw(number_format("w1"), n, rng)
    negative = bits(packed(number_format("w1"), w))
    # What stands in memory past the input does not count, because the padding's bits are clear.
    behind = np.concatenate([x, rng.integers(-128, 128, len(negative) - n, dtype=np.int32)])
    assert x.sum() - 2 * (behind * negative).sum() == (x * w).sum()


@given(n=lengths, seed=seeds)
def test_ternary_planes_ignore_what_is_behind_the_row(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-128, 128, n, dtype=np.int32), draw(number_format("wt"), n, rng)
    plus, minus = packed(number_format("wt"), w).reshape(2, -1)
    behind = np.concatenate([x, rng.integers(-128, 128, len(plus) * 8 - n, dtype=np.int32)])
    assert behind[bits(plus) == 1].sum() - behind[bits(minus) == 1].sum() == (x * w).sum()


@given(n=lengths, seed=seeds)
def test_base_3_digits_less_the_sum(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-128, 128, n, dtype=np.int32), draw(number_format("wt5"), n, rng)
    digits = np.array([int(byte) // 3**k % 3 for byte in packed(number_format("wt5"), w) for k in range(5)])
    behind = np.concatenate([x, rng.integers(-128, 128, len(digits) - n, dtype=np.int32)])
    assert (behind * digits).sum() - behind.sum() == (x * w).sum()


@given(n=lengths, seed=seeds)
def test_tables_of_27_sums(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-128, 128, n, dtype=np.int32), draw(number_format("wt3"), n, rng)
    stream = int.from_bytes(packed(number_format("wt3"), w).tobytes(), "little")
    total = 0
    for group, three in enumerate(padded(x, -(-n // 3) * 3).reshape(-1, 3)):
        table = [sum((index // 3**k % 3 - 1) * int(three[k]) for k in range(3)) for index in range(27)]
        total += table[stream >> 5 * group & 31]
    assert total == (x * w).sum()


@pytest.mark.parametrize("w_bits", [1, 2, 3, 8])
@pytest.mark.parametrize("a_bits", [1, 2, 7])
@settings(max_examples=30)
@given(n=lengths, seed=seeds)
def test_planes_by_planes(a_bits: int, w_bits: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a_form, w_form = number_format(f"ap{a_bits}"), number_format(f"wp{w_bits}")
    a, w = draw(a_form, n, rng), draw(w_form, n, rng)
    total = 0
    for p, plane in enumerate(packed(a_form, a).reshape(a_bits, -1)):
        for q, other in enumerate(packed(w_form, w).reshape(w_bits, -1)):
            weight = -(1 << q) if q == w_bits - 1 else 1 << q
            total += (1 << p) * weight * int(bits(plane & other).sum())
    assert total == (a * w).sum()
