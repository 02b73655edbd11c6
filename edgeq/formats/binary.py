"""+1 and -1 in one bit: weights and activations of binary networks.

A set bit is -1: the sign bit that two's complement would have. There is no 0, so the padding cannot add nothing by
itself; `tail` says why it does all the same. Zero padding of an image is another matter: +1 (bit 0) is not 0, and a
convolution must leave such taps out or correct for them.
"""

from __future__ import annotations

from edgeq.formats.base import Format
from edgeq.formats.packing import Fields
from edgeq.formats.registry import register

_TAIL = (
    "The padding is bit 0, which reads as +1. Count set bits and it disappears: sum(a * w) = n - 2 * popcount(a ^ w) "
    "for binary a, sum(a * w) = sum(a) - 2 * sum(a where the bit is set) for others, with n and sum(a) of the true "
    "row, not of the padded one."
)


def _binary(name: str, role: str) -> Format:
    return Format(
        name=name,
        summary=f"binary {role}, +1 and -1",
        role="weights" if role == "weights" else "activations",
        values=(1, -1),
        neutral=0,
        tail=_TAIL,
        packing=Fields(1),
        header="edgeq/edgeq_unpack_w1.h",
        c_value="edgeq_unpack_w1(row, i)",
        source="XNOR-Net (Rastegari et al., 2016)",
    )


register(_binary("w1", "weights"), _binary("a1", "activations"))
