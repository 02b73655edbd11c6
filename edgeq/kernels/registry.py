"""Reads runtime/kernels.toml, the one list of kernels."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from edgeq import resources
from edgeq.errors import InternalError
from edgeq.kernels.expressions import evaluate
from edgeq.kernels.features import NO_MULTIPLIER
from edgeq.kernels.names import ANY_ACTIVATIONS, PLAIN_ACTIVATIONS, KernelName, parse_kernel_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


MULTIPLY_CALL = 110
"""Instructions of a product that the compiler's library makes by shifting and adding: what the ternary network of
examples/digits_low_bits took beyond its rows' costs on RV32EC, per multiply-accumulate (zig 0.17)."""


@dataclass(frozen=True)
class Kernel:
    """One row. Expressions are over the facts of the operator; see docs/architecture.md, section 3."""

    name: str
    op: str
    source: str
    header: str
    cost: str | Mapping[str, str]
    code_bytes: int
    isa: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    when: str = "1"
    layout: str = "plain"
    scratch: str = "0"
    in_place: tuple[int, ...] = ()
    in_place_when: str = "1"
    overlap: str = ""
    over_read: int = 0
    alignment: int = 1
    epilogue: str = "requantize"
    descriptor: str = ""
    saves_alone: str | Mapping[str, str] = "0"
    alone_code: float = 1.0
    output_bits: int = 8
    any_width: bool = False

    @property
    def parts(self) -> KernelName:
        """What the name says. Raises ValueError."""
        return parse_kernel_name(self.name)

    @property
    def descriptor_type(self) -> str:
        """The C type of its layers."""
        return self.descriptor or f"edgeq_{self.op}_t"

    def runs_on(self, features: frozenset[str]) -> bool:
        """Whether a core with these features has what the kernel needs (and nothing that it is wrong for)."""
        return features.issuperset(self.isa) and features.isdisjoint(self.avoid)

    def accepts(self, facts: Mapping[str, int]) -> bool:
        """Whether the kernel computes a node with these facts."""
        return bool(evaluate(self.when, facts))

    def in_place_inputs(self, facts: Mapping[str, int]) -> tuple[int, ...]:
        """Inputs whose bytes the output of a node with these facts may take over."""
        return self.in_place if evaluate(self.in_place_when, facts) else ()

    def overlap_bytes(self, facts: Mapping[str, int]) -> int | None:
        """How many bytes before input 0 the output must start at least to share memory with it; None: it must not."""
        return int(evaluate(self.overlap, facts)) if self.overlap else None

    def scratch_bytes(self, facts: Mapping[str, int]) -> int:
        return int(evaluate(self.scratch, facts))

    def instructions(self, facts: Mapping[str, int], features: frozenset[str]) -> float:
        """Estimated executed instructions on a core with these features."""
        calls = facts.get("macs", 0) if NO_MULTIPLIER in features and self._multiplies else 0
        return float(evaluate(_on_core(self.cost, features), facts)) + MULTIPLY_CALL * calls

    def saved_alone(self, facts: Mapping[str, int], features: frozenset[str]) -> int:
        """Instructions that a copy compiled for a layer with these facts saves; 0 where no saving is known."""
        known = {**facts, "cost": round(self.instructions(facts, features))}
        return int(evaluate(_on_core(self.saves_alone, features), known))

    @property
    def _multiplies(self) -> bool:
        """Whether each multiply-accumulate is one: packed activations go by bits, tables hold the products;
        kernels of powers of two shift, and say themselves what they multiply."""
        parts = self.parts
        return parts.activations in (PLAIN_ACTIVATIONS, ANY_ACTIVATIONS) and parts.shape not in ("table", "log2")


def _on_core(text: str | Mapping[str, str], features: frozenset[str]) -> str:
    """The expression for a core: that of the first feature listed which it has, else the default."""
    if isinstance(text, str):
        return text
    return next((t for feature, t in text.items() if feature in features), text["default"])


def parse_kernels(text: str, where: str) -> list[Kernel]:
    """Rows from TOML text. Raises InternalError naming the row and the field."""
    known = {f.name for f in fields(Kernel)}
    rows = []
    for entry in tomllib.loads(text).get("kernel", []):
        name = entry.get("name", "?")
        if unknown := set(entry) - known:
            raise InternalError(f"unknown fields {sorted(unknown)}", where=f"{where}, kernel {name}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
        try:
            rows.append(Kernel(**values))
        except TypeError as error:
            raise InternalError(str(error), where=f"{where}, kernel {name}") from None
    names = [k.name for k in rows]
    if twice := {n for n in names if names.count(n) > 1}:
        raise InternalError(f"kernels listed twice: {sorted(twice)}", where=where)
    return rows


@cache
def kernels(path: Path | None = None) -> tuple[Kernel, ...]:
    """Every row, in the file's order."""
    file = path or resources.runtime_dir() / "kernels.toml"
    return tuple(parse_kernels(file.read_text("utf-8"), file.name))


def kernels_for(op: str) -> list[Kernel]:
    """The rows of one kernel family."""
    return [k for k in kernels() if k.op == op]
