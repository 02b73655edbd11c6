"""Integers of any width from 1 to 8 bits as bit-planes: a product of planes is an AND and a popcount.

sum(a * w) = sum over planes p, q of weight(p) * weight(q) * popcount(a_p & w_q); weight(p) is 2^p, and -2^(bits - 1)
for the top plane of signed numbers. One signed bit is 0 and -1; binary weights (+1, -1) are `w1`.
"""

from __future__ import annotations

from edgeq.formats.base import Format
from edgeq.formats.integers import twos_complement
from edgeq.formats.packing import Planes
from edgeq.formats.registry import register

_TAIL = "The padding is clear bits, which no AND counts."
_SOURCE = "DoReFa-Net (Zhou et al., 2016)"

for _bits in range(1, 9):
    register(
        Format(
            name=f"wp{_bits}",
            summary=f"{_bits}-bit weights in two's complement as bit-planes",
            role="weights",
            values=twos_complement(_bits),
            neutral=0,
            tail=_TAIL,
            packing=Planes(_bits),
            header="edgeq/edgeq_unpack_wp.h",
            c_value=f"edgeq_unpack_wp(row, {_bits}, count, i)",
            source=_SOURCE,
        ),
        Format(
            name=f"ap{_bits}",
            summary=f"{_bits}-bit unsigned activations as bit-planes",
            role="activations",
            values=tuple(range(1 << _bits)),
            neutral=0,
            tail=_TAIL,
            packing=Planes(_bits),
            header="edgeq/edgeq_unpack_ap.h",
            c_value=f"edgeq_unpack_ap(row, {_bits}, count, i)",
            source=_SOURCE,
        ),
    )
