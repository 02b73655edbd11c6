"""How an error is laid out for a person: what, where, each problem on its own lines, and what to do."""

from __future__ import annotations

from edgeq.errors import EdgeqError, UnsupportedError
from edgeq.report.layout import WIDTH, paragraph


def render_error(error: EdgeqError) -> str:
    """`error: where: what`, then the problems and the hint, wrapped."""
    what, *more = error.message.split("\n")
    lines = _wrapped(f"{error.where}: {what}" if error.where else what, "error: ", 7)
    lines += more
    if isinstance(error, UnsupportedError):
        for problem in error.problems:
            lines += _wrapped(problem, "  - ", 4)
    if error.hint:
        lines += _wrapped(error.hint, "  hint: ", 8)
    return "\n".join(lines) + "\n"


def _wrapped(text: str, first: str, indent: int) -> list[str]:
    return paragraph(text, first=first, indent=indent, width=WIDTH) or [first.rstrip()]
