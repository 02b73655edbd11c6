"""The registry of number formats: every module of this package registers its rows when first asked for."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from edgeq.errors import InternalError
from edgeq.formats.base import Format

_rows: dict[str, Format] = {}


def register(*rows: Format) -> None:
    """Adds rows."""
    for row in rows:
        if row.name in _rows:
            raise InternalError(f"format {row.name!r} is registered twice")
        _rows[row.name] = row


@cache
def _load_all() -> None:
    import edgeq.formats

    for module in pkgutil.iter_modules(edgeq.formats.__path__):
        importlib.import_module(f"edgeq.formats.{module.name}")


def number_format(name: str) -> Format:
    """The row of that name; an internal error when there is none."""
    _load_all()
    try:
        return _rows[name]
    except KeyError:
        raise InternalError(f"no number format {name!r} is registered") from None


def number_formats() -> list[Format]:
    """Every row, by name."""
    _load_all()
    return [_rows[name] for name in sorted(_rows)]
