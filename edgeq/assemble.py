"""Folders of C made of converted models: projects for build systems, and several models in one firmware."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeq.boards import Board, load_board
from edgeq.emit import check_name, default_name, staged_folder
from edgeq.errors import ModelFileError, UsageError
from edgeq.pipeline import Result, compile_model
from edgeq.projects import (
    Converted,
    Update,
    combine_folders,
    load_project,
    model_folders,
    read_converted,
    read_manifest,
    read_marker,
    render_project,
    update_project,
)
from edgeq.selftest import selftest_vectors

__all__ = ["combine", "compile_project", "write_project"]


def compile_project(
    model: str | Path, board: str | Board, project: str, *, out: Path | str | None = None, **options: Any
) -> tuple[Result, Update]:
    """Converts `model` as `compile_model` does and writes the project around it into `out`.

    project: a kind (docs/projects.md). out: ./<name>_<project> unless given. Raises EdgeqError.
    Returns the model's result, whose folder lies in the project, and what became of the project's files.
    """
    row = load_project(project)
    target = board if isinstance(board, Board) else load_board(board)
    row.target(target)  # before the conversion, which may take long
    with tempfile.TemporaryDirectory(prefix="edgeq-") as work:
        name = options.pop("name", None) or default_name(Path(model))
        result = compile_model(model, board, out=Path(work) / check_name(name), name=name, **options)
        place = Path(out) if out is not None else Path(f"{name}_{project}")
        update = write_project([result.dir], project, place)
    (folder,) = model_folders(place)
    return Result(folder, result.manifest), update


def write_project(folders: Sequence[str | Path], project: str, out: Path | str, name: str | None = None) -> Update:
    """Writes a project around converted models into `out`; those of several folders share one arena.

    name: of the whole, when there are several. Raises EdgeqError.
    """
    row = load_project(project)
    parts = [_whole(folder) for folder in folders]
    place = Path(out)
    whole = parts[0] if len(parts) == 1 and name in (None, parts[0].name) else _combined(parts, place, name)
    with tempfile.TemporaryDirectory(prefix="edgeq-") as work:
        _write(whole, Path(work))
        samples = {
            manifest["name"]: selftest_vectors(Path(work) / inner, manifest)[0] for inner, manifest in whole.models()
        }
        own = next((p for p in sorted(Path(work).rglob("verify/board.toml"))), None)
        name = whole.manifest["board"]
        board = load_board(name) if own is None else replace(load_board(own), name=name)
    return update_project(render_project(whole, row, board, samples), place)


def combine(folders: Sequence[str | Path], out: Path | str, name: str | None = None) -> Converted:
    """Writes one folder of all models in `folders` into `out`: one copy of the runtime, one arena for all.

    name: of the whole; that of `out` unless given. An earlier combined folder is replaced. Raises EdgeqError.
    """
    place = Path(out)
    whole = _combined([_whole(folder) for folder in folders], place, name)
    with staged_folder(place, replaces=_is_combined) as staging:
        _write(whole, staging)
    return whole


def _whole(folder: str | Path) -> Converted:
    """What the user names: a converted or combined folder, or the project around one."""
    place = Path(folder)
    marker = read_marker(place)
    return read_converted(place if marker is None else place / marker["folder"])


def _is_combined(folder: Path) -> bool:
    try:
        return "models" in read_manifest(folder)
    except ModelFileError:
        return False


def _combined(parts: Sequence[Converted], out: Path, name: str | None) -> Converted:
    if sum(len(part.models()) for part in parts) < 2:
        raise UsageError("a single model needs no combining", hint="give the folders of two models or more")
    return combine_folders(parts, check_name(name) if name else default_name(out))


def _write(folder: Converted, out: Path) -> None:
    for path, content in folder.files.items():
        file = out / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
