"""Texts of `edgeq boards` and `edgeq ops`, from plain dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeq.report.layout import Column, count, paragraph, table


def render_boards(boards: Sequence[Mapping[str, Any]]) -> str:
    """One line per board."""
    columns = [
        Column("board"),
        Column("also"),
        Column("CPU"),
        Column("flash", right=True),
        Column("RAM", right=True),
        Column("emulator"),
        Column("features", wrap=True),
    ]
    rows = [
        [
            board["name"],
            ", ".join(board["aliases"]),
            board["cpu"],
            _kilobytes(board["flash_bytes"]),
            _kilobytes(board["ram_bytes"]),
            ", ".join(board["emulators"]) or "-",
            " ".join(board["features"]),
        ]
        for board in boards
    ]
    hint = "A board of your own is a file: edgeq convert MODEL --board my_board.toml (docs/boards.md)."
    return "\n".join([*table(columns, rows, indent=0), "", *paragraph(hint, indent=0)]) + "\n"


def _kilobytes(size: int | None) -> str:
    return "-" if size is None else f"{size // 1024:,} KB"


def render_ops(registries: Mapping[str, Any]) -> str:
    """Operators with the formats and instruction sets of their kernels, then what the words mean."""
    columns = [Column("operator"), Column("what", wrap=True), Column("formats"), Column("kernels")]
    rows = [
        [row["name"], row["summary"], " ".join(row["formats"]) or "-", " ".join(row["isas"]) or row["without_kernel"]]
        for row in registries["operators"]
    ]
    kernels = registries["kernels"]
    lines = [*table(columns, rows, indent=0), ""]
    lines += paragraph(
        f"{count(len(rows), 'operator')}, {count(len(kernels), 'kernel')}. Formats: a8_w8 has 8-bit activations and "
        "8-bit weights. Kernels: c is portable C99, other names are instruction sets that have a kernel of their own.",
        indent=0,
    )
    return "\n".join(lines) + "\n"
