"""Which rows of its inputs an operator reads for a row of its output: what running a layer in stripes needs to know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RowWindow:
    """Output row r reads `span` rows of every input that is not constant, from row `r * stride - before` on.

    Rows before the first and after the last are padding.
    """

    span: int = 1
    stride: int = 1
    before: int = 0

    def read(self, first: int, end: int) -> tuple[int, int]:
        """The rows [first, end) of the output -> rows of the input, padding included."""
        start = first * self.stride - self.before
        return start, start + (end - first - 1) * self.stride + self.span


EACH_ROW = RowWindow()
"""Of operators that go element by element."""
