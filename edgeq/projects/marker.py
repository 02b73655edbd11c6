"""The file by which edgeq knows a project again: what it wrote there, and where the models are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgeq.contract import PROJECT_MARKER
from edgeq.errors import ModelFileError
from edgeq.projects.converted import read_manifest

MARKER = PROJECT_MARKER


def read_marker(folder: Path) -> dict[str, Any] | None:
    """What edgeq wrote of a project; None when `folder` is no project or the marker is damaged.

    Keys: `edgeq` (version), `project`, `name`, `board`, `folder` (where the converted folder lies), `models` (where its
    models lie; the same folder for a single one), `files` (SHA-256 by path).
    """
    try:
        marker = json.loads((folder / MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    wanted = {"project": str, "name": str, "folder": str, "models": list, "files": dict}
    whole = isinstance(marker, dict) and all(isinstance(marker.get(key), kind) for key, kind in wanted.items())
    return marker if whole else None


def model_folders(folder: Path) -> list[Path]:
    """The folders of the models in a project or in a combined folder; `folder` itself when it is neither."""
    marker = read_marker(folder)
    if marker is not None:
        return [folder / path for path in marker["models"]]
    try:
        manifest = read_manifest(folder)
    except ModelFileError:
        return [folder]
    return [folder / entry["folder"] for entry in manifest["models"]] if "models" in manifest else [folder]
