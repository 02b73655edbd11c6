"""The registry of operators: every module of this package registers its rows when first asked for."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from edgeq.errors import InternalError
from edgeq.ops.base import Operator

_rows: dict[str, Operator] = {}


def register(cls: type[Operator]) -> type[Operator]:
    """Class decorator: adds one row."""
    if cls.name in _rows:
        raise InternalError(f"operator {cls.name!r} is registered twice")
    _rows[cls.name] = cls()
    return cls


@cache
def _load_all() -> None:
    import edgeq.ops

    for module in pkgutil.iter_modules(edgeq.ops.__path__):
        importlib.import_module(f"edgeq.ops.{module.name}")


def operator(name: str) -> Operator:
    """The row of that name; an internal error when there is none."""
    _load_all()
    try:
        return _rows[name]
    except KeyError:
        raise InternalError(f"no operator {name!r} is registered") from None


def operators() -> list[Operator]:
    """Every row, by name."""
    _load_all()
    return [_rows[name] for name in sorted(_rows)]
