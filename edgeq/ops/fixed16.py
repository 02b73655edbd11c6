"""Sigmoid and tanh of 16-bit fixed point, as gemmlowp publishes them; LiteRT's int8 LSTM is built on both.

Arguments have `integer_bits` bits before the point, results are Q0.15. Products round half up and saturate, shifts to
the right round half away from zero, sums wrap or saturate as they do there. `fixed_exp` is the same in 32 bits, and
runtime/include/edgeq/edgeq_fixed16.h the twin in C. The constants are derived here from what they stand for.

Source: gemmlowp's documented fixed-point functions: a Taylor polynomial of exp around -1/8, factors exp(-2**k) for the
bits of the rest of the exponent, and three Newton steps for the reciprocal.
"""

from __future__ import annotations

import math

import numpy as np

from edgeq.ir.types import Array
from edgeq.ops.fixed_point import round_shift_right

ONE = 2**15 - 1
"""What stands for 1 in Q0.15."""
ONE_Q2 = 1 << 13
MOST_EXPONENT = 4
"""Of the factors exp(-2**k)."""
MOST_INTEGER_BITS = 6


def constant(value: float, fraction_bits: int) -> int:
    """A number as gemmlowp has it in 16 bits: rounded to 32 bits first."""
    wide = np.asarray(math.floor(math.ldexp(value, fraction_bits + 16) + 0.5), np.int64)
    return int(round_shift_right(wide, 16))


EIGHTH, THIRD = constant(math.exp(-1 / 8), 15), constant(1 / 3, 15)
FACTORS = tuple((k, constant(math.exp(-(2.0**k)), 15)) for k in range(-2, MOST_EXPONENT + 1))
START, SLOPE = constant(48 / 17, 13), constant(-32 / 17, 13)


def wrapped(x: Array) -> Array:
    """Modulo 2**16, as two's complement."""
    return np.asarray(((x + 2**15) & (2**16 - 1)) - 2**15)


def saturated16(x: Array) -> Array:
    """Limited to int16."""
    return np.clip(x, -(2**15), 2**15 - 1)


def multiply(a: Array, b: Array | int) -> Array:
    """a * b / 2**15, half up, saturated."""
    product = a.astype(np.int64) * np.asarray(b, dtype=np.int64)
    return saturated16((product + (1 << 14)) >> 15)


def _exp_quarter(x: Array) -> Array:
    """exp of Q0.15 numbers in [-1/4, 0)."""
    t: Array = x + (1 << 12)
    t2 = multiply(t, t)
    t3, t4 = multiply(t2, t), multiply(t2, t2)
    tail = multiply(round_shift_right(t4, 2) + t3, THIRD) + t2
    return saturated16(EIGHTH + multiply(t + round_shift_right(tail, 1), EIGHTH))


def exp_negative(x: Array, integer_bits: int) -> Array:
    """exp(x) for x <= 0, Q0.15; 0 gives the largest number."""
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    fraction = (x & (quarter - 1)) - quarter
    result = _exp_quarter(fraction << integer_bits)
    rest = fraction - x
    for exponent, factor in FACTORS:
        if exponent < integer_bits:
            bit = 1 << (fraction_bits + exponent)
            result = np.where(rest & bit, multiply(result, factor), result)
    if integer_bits > MOST_EXPONENT + 1:
        result = np.where(x < -(1 << (fraction_bits + MOST_EXPONENT + 1)), 0, result)
    return np.where(x == 0, ONE, result)


def _reciprocal(x: Array) -> Array:
    """2 / (1 + x) for x in [0, 1), as Q2.13."""
    half = (x + ONE + 1) >> 1
    d = START + multiply(half, SLOPE)
    for _ in range(3):
        error = ONE_Q2 - multiply(half, d)
        d = wrapped(d + saturated16(multiply(d, error) << 2))
    return np.asarray(d)


def logistic16(x: Array) -> Array:
    """1 / (1 + exp(-x)) of Q3.12 numbers."""
    beyond = saturated16(_reciprocal(exp_negative(wrapped(-np.abs(x)), 3)) << 1)
    return np.where(x == 0, 1 << 14, np.where(x > 0, beyond, ONE - beyond))


def tanh16(x: Array, integer_bits: int) -> Array:
    """tanh of numbers with so many bits before the point, 0 to MOST_INTEGER_BITS."""
    size = saturated16((_reciprocal(exp_negative(wrapped(-np.abs(x)), integer_bits + 1)) - ONE_Q2) << 2)
    return np.where(x == 0, 0, np.where(x < 0, -size, size))
