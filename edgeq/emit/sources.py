"""Which files of the runtime a model needs: its kernels, and what they include, found by following #include."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from edgeq import resources
from edgeq.errors import InternalError

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def runtime_files(sources: Iterable[str], headers: Iterable[str]) -> list[str]:
    """Paths relative to runtime/, sorted: the kernels' `sources`, the public `headers`, and all they include."""
    root = resources.runtime_dir()
    found: set[str] = set()
    pending = [*sources, *(f"include/{h}" for h in headers)]
    while pending:
        path = pending.pop()
        if path in found:
            continue
        found.add(path)
        for included in _INCLUDE.findall((root / path).read_text("utf-8")):
            pending.append(_resolve(root, path, included))
    return sorted(found)


def _resolve(root: Path, source: str, included: str) -> str:
    for candidate in (PurePosixPath(source).parent / included, PurePosixPath("include") / included):
        if (root / candidate).is_file():
            return str(candidate)
    raise InternalError(f"{source} includes {included!r}, which is not in the runtime")
