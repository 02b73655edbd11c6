"""Writes a front end as a folder of C: its tables, the runtime that reads them, a Makefile and a CMakeLists.txt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import edgeq
from edgeq import resources
from edgeq.contract import ABI_VERSION
from edgeq.emit.folder import staged_folder
from edgeq.emit.literals import C_TYPES, integer, table_lines
from edgeq.emit.names import check_name
from edgeq.emit.sources import runtime_files
from edgeq.ops.sound_tables import TABLES, Tables
from edgeq.templates import environment

_SOURCES = ("src/sound_features/edgeq_sound_features_a16__c.c", "src/sound/edgeq_sound_stream.c")
_HEADERS = ("edgeq/edgeq_contract.h", "edgeq/edgeq_sound.h")


def build_manifest(tables: Tables, name: str) -> dict[str, Any]:
    """What later steps must know of the folder, as plain JSON."""
    s = tables.settings
    arrays = [getattr(tables, table) for table in TABLES]
    return {
        "edgeq": edgeq.__version__,
        "abi": ABI_VERSION,
        "name": name,
        "front_end": asdict(s),
        "features": s.features,
        "features_bytes": s.features * tables.output.bits // 8,
        "scale": tables.output.scale,
        "zero_point": tables.output.zero_point,
        "frame_bytes": 2 * s.window,
        "scratch_bytes": 4 * (s.fft + s.mels),
        "tables_bytes": sum(array.nbytes for array in arrays),
    }


def render_files(tables: Tables, name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """(text by path in the folder, manifest). Raises UsageError for a bad name."""
    check_name(name)
    manifest = build_manifest(tables, name)
    s = tables.settings
    fields: dict[str, Any] = {"frames": 1, **tables.descriptor}
    arrays = {key: array for key, array in fields.items() if isinstance(array, np.ndarray) and array.size}
    page: Mapping[str, Any] = {
        "name": name,
        "upper": name.upper(),
        "manifest": manifest,
        "model": {"name": name},
        "kind": f"{s.mfcc} MFCC" if s.mfcc else "log-Mel features",
        "type": C_TYPES[f"int{tables.output.bits}"],
        "s": s,
        "scratch_words": s.fft + s.mels,
        "tables": [
            {"name": table, "type": C_TYPES[array.dtype.name], "count": array.size, "lines": table_lines(array)}
            for table, array in arrays.items()
        ],
        "fields": [(key, _text(name, key, value)) for key, value in fields.items()],
    }
    root = resources.runtime_dir()
    paths = runtime_files(_SOURCES, _HEADERS)
    files = {f"edgeq/{path}": (root / path).read_text("utf-8") for path in paths}
    manifest["sources"] = [f"{name}.c", *sorted(path for path in files if path.endswith(".c"))]
    manifest["include_dirs"] = [".", "edgeq/include"]
    for template, path in (
        ("sound.h.j2", f"{name}.h"),
        ("sound.c.j2", f"{name}.c"),
        ("CMakeLists.txt.j2", "CMakeLists.txt"),
        ("Makefile.j2", "Makefile"),
    ):
        files[path] = environment().get_template(template).render(page)
    return files, manifest


def _text(name: str, key: str, value: Any) -> str:
    """A field of the descriptor as C."""
    if isinstance(value, np.ndarray):
        return f"{name}_{key}" if value.size else "0"
    return integer(int(value))


def _is_front_end(folder: Path) -> bool:
    for file in folder.glob("*.json"):
        try:
            return "front_end" in json.loads(file.read_text("utf-8"))
        except (ValueError, OSError):
            continue
    return False


def write_front_end(tables: Tables, out: Path, name: str) -> dict[str, Any]:
    """Writes the folder, replacing that of an earlier call; returns the manifest. Raises UsageError."""
    files, manifest = render_files(tables, name)
    with staged_folder(out, _is_front_end) as folder:
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8", newline="\n")
        (folder / f"{name}.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return manifest
