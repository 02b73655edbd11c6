"""Reads one table of a board file; every complaint names the file and the key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeq.errors import BoardError


class Table:
    """Keys are taken one by one; what is left at the end is unknown."""

    def __init__(self, data: Mapping[str, Any], file: Path, prefix: str = "") -> None:
        self._data = dict(data)
        self._file = file
        self._prefix = prefix

    def fail(self, key: str, problem: str, hint: str | None = None) -> BoardError:
        return BoardError(f"{self._prefix}{key}: {problem}", where=str(self._file), hint=hint)

    def has(self, key: str) -> bool:
        return key in self._data

    def take(self, key: str, kind: type | tuple[type, ...], what: str, default: Any = ...) -> Any:
        if key not in self._data:
            if default is ...:
                raise self.fail(key, f"missing; it must be {what}")
            return default
        value = self._data.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fail(key, f"must be {what}, not {value!r}")
        return value

    def text(self, key: str, default: Any = ...) -> Any:
        return self.take(key, str, "a text", default)

    def integer(self, key: str, default: Any = ...) -> int:
        value: int = self.take(key, int, "an integer", default)
        if not 0 <= value < 2**32:
            raise self.fail(key, f"must be from 0 to 2^32-1, not {value}")
        return value

    def positive(self, key: str) -> int:
        value = self.integer(key)
        if not value:
            raise self.fail(key, "must not be zero")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, "a list of texts", [])
        if not all(isinstance(value, str) for value in values):
            raise self.fail(key, f"must be a list of texts, not {values!r}")
        return tuple(values)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = str(self.text(key))
        if value not in choices:
            raise self.fail(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def sub(self, key: str) -> Table | None:
        data = self.take(key, dict, "a table", None)
        return None if data is None else Table(data, self._file, f"{self._prefix}{key}.")

    def subs(self, key: str) -> list[Table]:
        """The tables of a list of tables."""
        rows = self.take(key, list, "a list of tables", [])
        if not all(isinstance(row, dict) for row in rows):
            raise self.fail(key, f"must be a list of tables, not {rows!r}")
        return [Table(row, self._file, f"{self._prefix}{key}[{i}].") for i, row in enumerate(rows)]

    def integers(self) -> tuple[tuple[str, int], ...]:
        """All keys that are left with their integers."""
        return tuple((key, self.integer(key)) for key in sorted(self._data))

    def scalars(self) -> tuple[tuple[str, str | int], ...]:
        """All keys that are left, each a text or an integer."""
        return tuple((key, self.take(key, (str, int), "a text or an integer")) for key in sorted(self._data))

    def done(self, known: str) -> None:
        for key in self._data:
            raise self.fail(key, "unknown key", f"keys here: {known} (docs/boards.md)")
