"""Plain-text tables and paragraphs that fit a given width."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 100
"""Columns of every report."""

_GAP = "  "
_NARROWEST = 12


@dataclass(frozen=True)
class Column:
    """A table column, narrowed when the table is too wide: flex leaves out the middle of texts, wrap breaks lines."""

    title: str
    right: bool = False
    flex: bool = False
    wrap: bool = False


def number(value: float | None) -> str:
    """12,345; `-` where there is no number."""
    return "-" if value is None else f"{value:,}"


def ratio(part: float, whole: float, digits: int = 2) -> str:
    """part / whole with fixed decimals, `-` when there is no whole."""
    return f"{part / whole:.{digits}f}" if whole else "-"


def percent(part: float, whole: float) -> str:
    """`12.3 %`, `-` when there is no whole."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def count(number_of: int, noun: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{number_of:,} {noun}{'' if number_of == 1 else 's'}"


def shape(dims: Sequence[int]) -> str:
    """`1x49x10x1`."""
    return "x".join(map(str, dims)) or "scalar"


def elide(text: str, width: int) -> str:
    """At most `width` characters; the end, which tells layers apart, keeps more than the beginning."""
    if len(text) <= width:
        return text
    tail = (width - 2) * 2 // 3
    return f"{text[: width - 2 - tail]}..{text[len(text) - tail :]}"


def heading(text: str) -> list[str]:
    """A section's title, underlined, after a blank line."""
    return ["", text, "-" * len(text)]


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, indent: int = 2, width: int = WIDTH
) -> list[str]:
    """Aligned lines under a header line."""
    widths = [max([len(c.title), *(len(row[i]) for row in rows)]) for i, c in enumerate(columns)]
    _narrow(columns, widths, indent, width)
    lines = [_row([c.title for c in columns], columns, widths, indent)]
    lines.append(" " * indent + _GAP.join("-" * w for w in widths))
    for row in rows:
        broken = [
            textwrap.wrap(cell, w, break_on_hyphens=False) if c.wrap else [cell]
            for cell, c, w in zip(row, columns, widths, strict=True)
        ]
        for line in range(max(map(len, broken), default=0) or 1):
            lines.append(_row([part[line] if line < len(part) else "" for part in broken], columns, widths, indent))
    return lines


def _narrow(columns: Sequence[Column], widths: list[int], indent: int, width: int) -> None:
    while indent + sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        candidates = [
            i for i, c in enumerate(columns) if (c.flex or c.wrap) and widths[i] > max(_NARROWEST, len(c.title))
        ]
        if not candidates:
            return
        widths[max(candidates, key=lambda i: widths[i])] -= 1


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], indent: int) -> str:
    texts = (
        elide(cell, w).rjust(w) if column.right else elide(cell, w).ljust(w)
        for cell, column, w in zip(cells, columns, widths, strict=True)
    )
    return (" " * indent + _GAP.join(texts)).rstrip()


def facts(pairs: Sequence[tuple[str, str]], *, indent: int = 2, width: int = WIDTH) -> list[str]:
    """`label   value` lines; long values wrap under themselves."""
    label = max(len(name) for name, _ in pairs)
    margin = indent + label + len(_GAP)
    lines = []
    for name, value in pairs:
        first = " " * indent + name.ljust(label) + _GAP
        lines += paragraph(value, indent=margin, width=width, first=first) or [first.rstrip()]
    return lines


def paragraph(text: str, *, indent: int = 2, width: int = WIDTH, first: str | None = None) -> list[str]:
    """Wrapped lines; long words such as hashes are kept whole."""
    margin = " " * indent
    return textwrap.wrap(
        text,
        width,
        initial_indent=margin if first is None else first,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
