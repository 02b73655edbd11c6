"""Front ends as TOML: the parameters of `Settings` by their names, lengths of time as "30ms", "0.03s" or samples."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from edgeq.errors import UsageError
from edgeq.ops.sound_settings import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TIMES = ("window", "hop")
_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}


def samples_of(duration: str | int, rate: int) -> int:
    """Samples in "30ms", "0.03s" or 480 (samples). Raises UsageError for anything else."""
    text = str(duration).strip()
    suffix, factor = next((s, f) for s, f in (("ms", rate / 1000), ("s", float(rate)), ("", 1.0)) if text.endswith(s))
    try:
        count = float(text.removesuffix(suffix)) * factor
    except ValueError:
        count = 0.0
    if not 0 < count < 2**31:
        raise UsageError(f"{text!r} is not a length of time", hint="such as 30ms; or of samples, such as 480")
    return round(count)


def read_settings(file: Path | str) -> Settings:
    """The front end that a TOML file describes; what it leaves out has its default. Raises UsageError."""
    path = Path(file)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"the features cannot be read: {error}", where=str(path)) from None
    try:
        return Settings(**_checked(table))
    except UsageError as error:
        error.where = error.where or str(path)
        raise


def _checked(table: dict[str, Any]) -> dict[str, Any]:
    known = {field.name: str(field.type) for field in fields(Settings)}
    rate = table.get("rate", Settings.rate)
    found = {}
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"features have no {key!r}", hint=f"there are {', '.join(known)}")
        if key in TIMES and isinstance(rate, int):
            value = samples_of(value, rate)
        if isinstance(value, bool) or not isinstance(value, _KINDS[known[key]]):
            raise UsageError(f"{key} = {value!r} is not of type {known[key]}")
        found[key] = value
    return found
