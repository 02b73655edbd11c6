"""Ternary weights -1, 0, +1 in three layouts: two bit-planes, 5 trits per byte, 3 trits per table index."""

from __future__ import annotations

from edgeq.formats.base import Format
from edgeq.formats.packing import Planes, Trits
from edgeq.formats.registry import register

_BITNET = "BitNet b1.58 (Ma et al., 2024)"

register(
    Format(
        name="wt",
        summary="ternary weights, a plane of +1 and a plane of -1",
        role="weights",
        # Bit 0 says +1, bit 1 says -1; both at once says nothing.
        values=(0, 1, -1, None),
        neutral=0,
        tail="The padding is zeros, set in neither plane; sum(a * w) = sum(a where plus) - sum(a where minus).",
        packing=Planes(2),
        header="edgeq/edgeq_unpack_wt.h",
        c_value="edgeq_unpack_wt(row, count, i)",
        source=_BITNET,
    ),
    Format(
        name="wt5",
        summary="ternary weights, 5 per byte in base 3",
        role="weights",
        values=(-1, 0, 1),
        neutral=1,
        tail=(
            "The padding is digit 1, weight 0. A kernel that sums digits, sum(a * digit) - sum(a), must sum the same "
            "elements twice: both with the padding, or both without."
        ),
        packing=Trits(count=5, bits=8),
        header="edgeq/edgeq_unpack_wt5.h",
        c_value="edgeq_unpack_wt5(row, i)",
        source=_BITNET,
    ),
    Format(
        name="wt3",
        summary="ternary weights, 3 per 5-bit index into a table of 27 sums",
        role="weights",
        values=(-1, 0, 1),
        neutral=1,
        tail=(
            "The padding is digit 1, weight 0; index 13 is three of them. The last group may reach past the row's "
            "end, where the table must be made with activations of 0 or of any value that exists."
        ),
        packing=Trits(count=3, bits=5),
        header="edgeq/edgeq_unpack_wt3.h",
        c_value="edgeq_unpack_wt3(row, i)",
        source=f"{_BITNET}; tables of sums: T-MAC (Wei et al., 2024)",
    ),
)
