"""A folder that edgeq converted, or combined of several models, as the files and the manifest in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeq.errors import ModelFileError


@dataclass(frozen=True)
class Converted:
    """The files of a folder by path, and its manifest. A folder of several models lists them in `models`."""

    where: str
    manifest: Mapping[str, Any]
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    def models(self) -> list[tuple[str, Mapping[str, Any]]]:
        """(folder inside this one, manifest) of every model; the folder of a single model is "."."""
        if "models" not in self.manifest:
            return [(".", self.manifest)]
        folders = [str(entry["folder"]) for entry in self.manifest["models"]]
        return [(folder, json.loads(self.files[f"{folder}/{folder}.json"])) for folder in folders]


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder of one model or of several. Raises ModelFileError when there is none."""
    for file in sorted(folder.glob("*.json")):
        try:
            manifest = json.loads(file.read_text("utf-8"))
            if manifest["name"] == file.stem and isinstance(manifest.get("models", manifest.get("steps")), list):
                return dict(manifest)
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            continue
    raise ModelFileError(
        "this folder does not hold a converted model", where=str(folder), hint="make one with edgeq convert"
    )


def read_converted(folder: Path) -> Converted:
    """All that edgeq put into `folder`. Raises ModelFileError when it holds no converted model."""
    manifest = read_manifest(folder)
    names = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in (".o", ".a")]
    return Converted(str(folder), manifest, {path.relative_to(folder).as_posix(): path.read_bytes() for path in names})
