"""The two layouts of a converted folder: with an include folder of its own, and flat under a single include path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgeq.projects.converted import Converted

_NESTED, _FLAT = "edgeq/include/edgeq/", "edgeq/"


def flat(folder: Converted) -> Converted:
    """The same folder where its own path is the only one that the compiler needs to know."""
    return _moved(folder, _NESTED, _FLAT, {".": ["."], "inner": [".", ".."]})


def nested(folder: Converted) -> Converted:
    """The folder as a conversion writes it."""
    if "edgeq/include" in folder.manifest["include_dirs"]:
        return folder
    return _moved(folder, _FLAT, _NESTED, {".": [".", "edgeq/include"], "inner": [".", "../edgeq/include"]})


def _moved(folder: Converted, old: str, new: str, include_dirs: dict[str, list[str]]) -> Converted:
    files = {}
    for path, content in folder.files.items():
        inside = path.removeprefix(old)
        header = path.startswith(old) and "/" not in inside and inside.endswith(".h")
        files[new + inside if header else path] = content
    manifest = {**folder.manifest, "include_dirs": include_dirs["."]}
    files[f"{folder.name}.json"] = manifest_bytes(manifest)
    for name, model in folder.models():
        if name != ".":
            files[f"{name}/{name}.json"] = manifest_bytes({**model, "include_dirs": include_dirs["inner"]})
    return replace(folder, manifest=manifest, files=files)


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as a conversion writes it."""
    return (json.dumps(manifest, indent=1) + "\n").encode()
