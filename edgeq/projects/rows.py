"""The projects that edgeq can write: one row per folder of codegen/projects with a project.toml."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from edgeq import resources
from edgeq.boards import Board, list_boards
from edgeq.errors import BoardError, InternalError, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LAYOUTS = ("nested", "flat")
"""nested: the model's folder as converted. flat: headers and sources under one include path, for build systems that
have no other."""


@dataclass(frozen=True)
class Target:
    """A board as the project's ecosystem calls it.

    id: its name there. arch: "arm", "riscv", "host" or "any". cpu: its core, where the target stands for all boards
    with that core. features: what its core has; code converted for a board with no others runs on it. boards: patterns
    of edgeq's names for just this board. values: for the templates.
    """

    id: str
    arch: str
    cpu: str
    features: frozenset[str]
    boards: tuple[str, ...]
    values: Mapping[str, Any]

    def is_board(self, board: Board) -> bool:
        """Whether the board is this very one."""
        return self.runs(board) and any(
            fnmatchcase(name, pattern) for name in (board.name, *board.aliases) for pattern in self.boards
        )

    def runs(self, board: Board) -> bool:
        """Whether code for the board runs here too."""
        return self.arch in ("any", board.arch) and (self.arch == "any" or board.features <= self.features)


@dataclass(frozen=True)
class ProjectRow:
    """One kind of project.

    tool: what builds it. model: where the model's folder lies in it; NAME stands for the model's name. layout: one of
    LAYOUTS. leave_out: files of the model's folder that the project has no use for. checked: how far the skeleton is
    tested, for the documentation. only: who it is for, when a board does not fit.
    """

    name: str
    folder: Path
    summary: str
    tool: str
    model: str
    layout: str
    leave_out: tuple[str, ...]
    checked: str
    only: str
    targets: tuple[Target, ...]

    def fits(self, board: Board) -> Target | None:
        """The target for a board: the very one, else one with its core, else the first that runs its code, or None.

        A board with a chip of its own (one that says what its serial port is) must be in the list or run
        anywhere: an ESP-IDF project for another vendor's RISC-V would build, and start nowhere.
        """
        exact = next((target for target in self.targets if target.is_board(board)), None)
        if exact is not None:
            return exact
        fitting = [t for t in self.targets if t.runs(board) and (board.serial is None or t.arch == "any")]
        return next((t for t in fitting if t.cpu == board.cpu), next(iter(fitting), None))

    def target(self, board: Board) -> Target:
        """As `fits`. Raises BoardError that names the boards for which the project can be written."""
        found = self.fits(board)
        if found is None:
            fitting = ", ".join(other.name for other in list_boards() if self.fits(other) is not None)
            raise BoardError(
                f"no {self.name} project for board {board.name}: {self.only}", hint=f"boards that fit: {fitting}"
            )
        return found


def _target(data: Mapping[str, Any]) -> Target:
    return Target(
        id=data["id"],
        arch=data["arch"],
        cpu=data.get("cpu", ""),
        features=frozenset(data.get("features", ())),
        boards=tuple(data.get("boards", ())),
        values={key: value for key, value in data.items() if key not in ("arch", "cpu", "features", "boards")},
    )


def _read(file: Path) -> ProjectRow:
    data = tomllib.loads(file.read_text("utf-8"))
    row = ProjectRow(
        name=file.parent.name,
        folder=file.parent / "tree",
        summary=data.pop("summary"),
        tool=data.pop("tool"),
        model=data.pop("model"),
        layout=data.pop("layout", "nested"),
        leave_out=tuple(data.pop("leave_out", ())),
        checked=data.pop("checked"),
        only=data.pop("only", ""),
        targets=tuple(_target(entry) for entry in data.pop("target")),
    )
    if data or row.layout not in LAYOUTS:
        raise InternalError(f"{file}: unknown {', '.join(data) or row.layout}")
    return row


@cache
def projects() -> tuple[ProjectRow, ...]:
    """All kinds, by name."""
    folder = resources.codegen_dir() / "projects"
    return tuple(_read(folder / name / "project.toml") for name in resources.project_names())


def load_project(name: str) -> ProjectRow:
    """The kind of that name. Raises UsageError that lists all."""
    for row in projects():
        if row.name == name:
            return row
    raise UsageError(f"there is no project {name!r}", hint=f"projects: {', '.join(resources.project_names())}")
