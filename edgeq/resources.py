"""Finds codegen/, runtime/ and boards/: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from edgeq.errors import InternalError

_PACKAGE = Path(__file__).resolve().parent


@cache
def _find(folder: str) -> Path:
    for candidate in (_PACKAGE / "data" / folder, _PACKAGE.parent / folder):
        if candidate.is_dir():
            return candidate
    raise InternalError(f"the folder {folder!r} is missing from this installation", hint="reinstall edgeq")


def codegen_dir() -> Path:
    """The Jinja templates."""
    return _find("codegen")


def runtime_dir() -> Path:
    """The C runtime: include/, src/, port/ and kernels.toml."""
    return _find("runtime")


def boards_dir() -> Path:
    """The board files."""
    return _find("boards")


def project_names() -> list[str]:
    """The kinds of projects under codegen/projects, without reading them."""
    return sorted(file.parent.name for file in codegen_dir().glob("projects/*/project.toml"))
