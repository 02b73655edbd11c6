"""Integers of 8, 4, 2 and 1 bits in fields beside each other: weights, signed and unsigned activations.

Signed codes are two's complement, so a set top bit is a negative number here as in every other format. All codes are
values: -128, -8 and -2 exist, and whoever wants symmetric weights chooses the scale so that they do not occur.
"""

from __future__ import annotations

from typing import Literal

from edgeq.formats.base import Format
from edgeq.formats.packing import Fields
from edgeq.formats.registry import register

_ZERO = "The padding is zeros, which add nothing."


def twos_complement(bits: int) -> tuple[int, ...]:
    """Values by code."""
    half = 1 << (bits - 1)
    return (*range(half), *range(-half, 0))


def _signed(prefix: str, role: Literal["weights", "activations"], bits: int) -> Format:
    what = "weights" if role == "weights" else "signed activations"
    return Format(
        name=f"{prefix}{bits}",
        summary=f"{bits}-bit {what}, two's complement",
        role=role,
        values=twos_complement(bits),
        neutral=0,
        tail=_ZERO,
        packing=Fields(bits),
        header=f"edgeq/edgeq_unpack_w{bits}.h",
        c_value=f"edgeq_unpack_w{bits}(row, i)",
    )


def _unsigned(bits: int) -> Format:
    return Format(
        name=f"au{bits}",
        summary=f"{bits}-bit unsigned activations",
        role="activations",
        values=tuple(range(1 << bits)),
        neutral=0,
        tail=_ZERO,
        packing=Fields(bits),
        header="edgeq/edgeq_unpack_au.h",
        c_value=f"edgeq_unpack_au(row, {bits}, i)",
    )


register(*(_signed("w", "weights", bits) for bits in (2, 4, 8)))
register(*(_signed("a", "activations", bits) for bits in (2, 4, 8)))
register(*(_unsigned(bits) for bits in (1, 2, 4, 8)))
