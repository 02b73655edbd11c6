"""The grammar of kernel names, which says what a kernel takes: edgeq_<op>_a<format>[_w<format>][_<shape>]__<isa>."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from edgeq.formats import Format, number_formats

ANY_ACTIVATIONS = "ax"
PLAIN_ACTIVATIONS = "a8"
PLAIN_WEIGHTS = "w8"
_WIDE = ("a16", "a32")
"""Plain int16 and int32, which need no row of their own."""
_GROUPED = re.compile(r"(?P<base>w[a-z0-9]+?)(?P<planes>x2)?g")


@dataclass(frozen=True)
class KernelName:
    """The parts of a name. weights: None for operators without; `grouped` ones have factors per group."""

    op: str
    activations: str
    weights: str | None
    shape: str | None
    isa: str

    @property
    def formats(self) -> str:
        """Activations and weights as they stand in the name: a8_w8, a8_wt5."""
        return self.activations + (f"_{self.weights}" if self.weights else "")

    @property
    def grouped(self) -> str | None:
        """The base format, and the number of planes if there are two, of weights with factors: w4, wtx2; or None."""
        match = _GROUPED.fullmatch(self.weights or "")
        return None if match is None else match["base"] + (match["planes"] or "")


@cache
def _pattern() -> re.Pattern[str]:
    def longest_first(names: set[str]) -> str:
        return "|".join(sorted(names, key=lambda n: (-len(n), n)))

    activations = {f.name for f in number_formats() if f.role == "activations"} | {ANY_ACTIVATIONS, *_WIDE}
    weights = {f.name for f in number_formats() if f.role == "weights"}
    return re.compile(
        rf"edgeq_(?P<op>[a-z][a-z0-9_]*?)_(?P<activations>{longest_first(activations)})"
        rf"(?:_(?P<weights>(?:{longest_first(weights)})(?:(?:x2)?g)?))?"
        r"(?:_(?P<shape>(?!w[0-9t])[a-z0-9]+(?:_[a-z0-9]+)*?))?__(?P<isa>[a-z0-9]+)"
    )


@cache
def parse_kernel_name(name: str) -> KernelName:
    """Raises ValueError for a name that does not follow the grammar or names a format that is not registered."""
    match = _pattern().fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} does not read edgeq_<op>_a<format>[_w<format>][_<shape>]__<isa>")
    return KernelName(match["op"], match["activations"], match["weights"], match["shape"], match["isa"])


def holds(storage: Format, low: int, high: int, has_zero: bool) -> bool:
    """Whether a format has every integer of [low, high], 0 only if asked."""
    return storage.low <= low and high <= storage.high and (storage.has_zero or not has_zero)
