"""Writes a project so that nothing of the user's is lost: what they edited stays, and is named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import edgeq
from edgeq.errors import UsageError
from edgeq.projects.marker import MARKER, read_marker
from edgeq.projects.render import Project

NEW, EDITED = ".new", ".edited"
"""Endings of what edgeq would have written over an edited file, and of an edited file that had to make way."""


@dataclass
class Update:
    """What became of a project's files. Paths are relative to the project.

    kept: edited by the user and left alone; where edgeq has a newer version, it lies beside as `PATH.new`.
    moved: generated files that the user had edited, now `PATH.edited`. deleted: by the user, and not written again.
    """

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """One sentence per file that was not simply replaced."""
        kept = [f"{path} is yours now and stays; edgeq's version is {path}{NEW}" for path in self.kept]
        moved = [f"{path} was edited; your version is now {path}{EDITED}" for path in self.moved]
        return kept + moved + [f"{path} was deleted and stays so" for path in self.deleted]


def update_project(project: Project, out: Path) -> Update:
    """Writes `project` into the new or empty folder `out`, or over what edgeq wrote there before.

    A file that differs from what edgeq last wrote is the user's: in the project it stays, with edgeq's version beside
    it; among the generated files, which must fit each other, it is renamed. Files that edgeq never wrote are not
    touched, except that one in the way counts as edited. Raises UsageError when `out` holds something else.
    """
    old = _known_files(project, out)
    done = Update()
    for path in sorted(old.keys() - project.files.keys()):
        _retire(out, path, old[path], done)
    for path, content in sorted(project.files.items()):
        _place(out, path, content, old.get(path), path in project.generated, done)
    marker = {
        "edgeq": edgeq.__version__,
        "project": project.row.name,
        "name": project.name,
        "board": project.board,
        "folder": project.folder,
        "models": list(project.models),
        "files": {path: _digest(content) for path, content in sorted(project.files.items())},
    }
    (out / MARKER).write_text(json.dumps(marker, indent=1) + "\n", "utf-8", newline="\n")
    return done


def _known_files(project: Project, out: Path) -> Mapping[str, str]:
    """SHA-256 of what edgeq wrote into `out` earlier, by path."""
    if out.exists() and not out.is_dir():
        raise UsageError("the output path is a file", where=str(out), hint="choose another folder with -o")
    if not out.exists() or not any(out.iterdir()):
        return {}
    marker: dict[str, Any] | None = read_marker(out)
    if marker is None:
        raise UsageError(
            "the output folder holds other files", where=str(out), hint="choose an empty or new folder with -o"
        )
    if (marker["project"], marker["name"]) != (project.row.name, project.name):
        raise UsageError(
            f"the output folder holds a {marker['project']} project of {marker['name']}, "
            f"not a {project.row.name} project of {project.name}",
            where=str(out),
            hint="choose an empty or new folder with -o",
        )
    return {str(path): str(digest) for path, digest in marker["files"].items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _present(file: Path) -> str | None:
    return _digest(file.read_bytes()) if file.is_file() else None


def _write(file: Path, content: bytes) -> None:
    """All of the content or the old file: never half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.part")
    half.write_bytes(content)
    half.replace(file)


def _aside(file: Path) -> None:
    """Renames an edited file; earlier ones of the same name stay too."""
    place, count = file.with_name(file.name + EDITED), 1
    while place.exists():
        count += 1
        place = file.with_name(f"{file.name}{EDITED}{count}")
    file.rename(place)


def _place(out: Path, path: str, content: bytes, known: str | None, generated: bool, done: Update) -> None:
    file = out / path
    present, fresh = _present(file), _digest(content)
    if present == fresh:
        return
    if present is None and known is not None and not generated:
        done.deleted.append(path)
    elif present is None or present == known:
        _write(file, content)
        done.written.append(path)
    elif generated:
        _aside(file)
        _write(file, content)
        done.moved.append(path)
    elif known != fresh:
        _write(file.with_name(file.name + NEW), content)
        done.kept.append(path)


def _retire(out: Path, path: str, known: str, done: Update) -> None:
    """A file that the project no longer has: gone if untouched. Edited sources might be compiled, so they move."""
    file = out / path
    present = _present(file)
    if present is None:
        return
    if present == known:
        file.unlink()
        done.removed.append(path)
    elif file.suffix in (".c", ".h"):
        _aside(file)
        done.moved.append(path)
