"""The text of `edgeq check`, from the check's JSON form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeq.report.layout import Column, count, number, paragraph, table


def render_check(found: Mapping[str, Any]) -> str:
    """Verdict, violations, improvements and notes."""
    subject = f"{found['name']} on {found['board']}, built with {found['compiler']}"
    if found["violations"]:
        verdict = f"FAILED: {count(len(found['violations']), 'change')} against {found['file']}"
    else:
        costs = "bits and costs" if found["costs_compared"] else "bits"
        verdict = f"holds: {costs} of {count(found['samples'], 'sample')} are as in {found['file']}"
    lines = [subject, verdict]
    if found["violations"]:
        lines += ["", *_changes(found["violations"])]
    if found["improvements"]:
        lines += ["", "better than the snapshot by more than the tolerance (take a new one to keep it):", ""]
        lines += _changes(found["improvements"])
    if found["notes"]:
        lines += ["", *(line for note in found["notes"] for line in paragraph(note, indent=4, first="  - "))]
    return "\n".join(lines) + "\n"


def _changes(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    columns = [
        Column("layer", flex=True),
        Column("what", flex=True),
        Column("was", right=True),
        Column("now", right=True),
        Column("change", right=True),
    ]
    rows = [
        [
            change["layer"] or "(model)",
            change["what"],
            _value(change["was"]),
            _value(change["now"]),
            "" if change["percent"] is None else f"{change['percent']:+.2f} %",
        ]
        for change in changes
    ]
    return table(columns, rows)


def _value(value: int | str | None) -> str:
    return value if isinstance(value, str) else number(value)
