"""Which integers a quantizer gives: the grid behind a name such as "binary", "ternary", "int4" or "uint2"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgeq.errors import UsageError


@dataclass(frozen=True)
class Grid:
    """Integers from low to high; `bipolar` are -1 and +1 alone, without the 0 between them."""

    bits: int
    signed: bool
    narrow: bool = False
    bipolar: bool = False

    @property
    def low(self) -> int:
        """Smallest integer."""
        if self.bipolar:
            return -1
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def high(self) -> int:
        """Greatest integer."""
        if self.bipolar:
            return 1
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1 - self.narrow

    def holds(self, integer: float) -> bool:
        """Whether the number is one of the integers."""
        return abs(integer) == 1 if self.bipolar else integer == int(integer) and self.low <= integer <= self.high


BIPOLAR = Grid(bits=1, signed=True, bipolar=True)
TERNARY = Grid(bits=2, signed=True, narrow=True)


def integer_grid(name: str, narrow: bool) -> Grid | None:
    """The grid of "int2" to "int8" and "uint1" to "uint8"; None when the name is none of these.

    narrow: leave the end out that has no counterpart, so that int4 runs from -7 to 7 (Brevitas' and QONNX's word).
    """
    match = re.fullmatch(r"(u?)int([1-8])", name)
    if match is None or name == "int1":
        return None
    return Grid(bits=int(match[2]), signed=not match[1], narrow=narrow)


def unknown(what: str, name: str, choices: str) -> UsageError:
    """The error for a name that no quantizer has."""
    return UsageError(f"{what} {name!r} are not known", hint=f"choose {choices}")
