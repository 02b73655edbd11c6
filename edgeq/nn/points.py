"""What a value of the traced network is, for the one question of the export: may the next layer read it?"""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.nn.grids import Grid


@dataclass(frozen=True)
class Raw:
    """The model's input before any quantizer, reshaped or normalized at most."""


@dataclass(frozen=True)
class Quantized:
    """step * an integer of the grid."""

    step: float
    grid: Grid


@dataclass(frozen=True)
class Sums:
    """Real affine functions of integer sums: needs an Activation before the next layer with weights."""


Point = Raw | Quantized | Sums
