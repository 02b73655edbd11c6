"""Gathers everything that a model has and edgeq cannot convert, so that one error lists all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgeq.errors import UnsupportedError

LISTED = 100
"""Problems that one error spells out; a corrupt file may have thousands."""


@dataclass
class Problems:
    """Problems of one model in the order they were met; a repeated one is kept once."""

    lines: dict[str, None] = field(default_factory=dict)

    def add(self, where: str, message: str, hint: str | None = None) -> None:
        """Notes that `where` (a node or tensor name) cannot be converted, and what to do about it."""
        line = f"{where}: {message}" + (f" ({hint})" if hint else "")
        self.lines.setdefault(line)

    @contextmanager
    def collect(self, where: str) -> Iterator[None]:
        """Notes an UnsupportedError raised inside, so that the caller can go on to the next node."""
        try:
            yield
        except UnsupportedError as error:
            for line in error.problems:
                self.add(where, line)
            if not error.problems:
                self.add(error.where or where, error.message, error.hint)

    def __bool__(self) -> bool:
        return bool(self.lines)

    def raise_if_any(self, model: str, hint: str | None = None) -> None:
        """Raises one UnsupportedError with every problem; does nothing when there is none."""
        if not self.lines:
            return
        count = len(self.lines)
        listed = list(self.lines)[:LISTED]
        if count > LISTED:
            listed.append(f"and {count - LISTED} more")
        raise UnsupportedError(
            f"{count} thing{'s' if count > 1 else ''} in this model cannot be converted",
            where=model,
            hint=hint,
            problems=listed,
        )
