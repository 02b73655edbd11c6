"""Names of generated symbols: a bad one is an error, never silently changed."""

from __future__ import annotations

import re
from pathlib import Path

from edgeq.errors import UsageError

_WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main asm bool
class new delete namespace template this try catch throw private public protected virtual using operator friend
explicit export typename mutable true false nullptr memcpy memset memmove memcmp
int8_t uint8_t int16_t uint16_t int32_t uint32_t int64_t uint64_t size_t
"""
_KEYWORDS = frozenset(word for line in _WORDS.splitlines() for word in line.split(" "))


def check_name(name: str) -> str:
    """`name` when it can prefix C symbols. Raises UsageError otherwise."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise UsageError(f"{name!r} cannot be a C name", hint="letters, digits and _, starting with a letter")
    if name.lower() in _KEYWORDS:
        raise UsageError(f"{name!r} is a word of C or C++", hint="choose another with --name")
    if name.lower().startswith("edgeq"):
        raise UsageError(f"{name!r} collides with the runtime's own names", hint="choose another with --name")
    return name


def default_name(model: Path) -> str:
    """The file's stem when it is a C name. Raises UsageError that asks for --name otherwise."""
    stem = model.stem.replace("-", "_").replace(".", "_").replace(" ", "_")
    return check_name(stem if stem[:1].isalpha() else f"model_{stem}")
