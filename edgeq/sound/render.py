"""Writes a front end as a folder of C: its tables, the runtime that reads them, a Makefile and a CMakeLists.txt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import edgeq
from edgeq import resources
from edgeq.contract import ABI_VERSION
from edgeq.emit.folder import staged_folder
from edgeq.emit.literals import C_TYPES, integer, table_lines
from edgeq.emit.names import check_name
from edgeq.emit.sources import runtime_files
from edgeq.errors import UsageError
from edgeq.sound.network import Listener
from edgeq.sound.tables import Tables
from edgeq.templates import environment

TABLES = ("shape", "twiddles", "edges", "weights", "offsets", "logs", "cosines")
_SOURCES = ("features", "spectrum", "stream")
_HEADERS = ("edgeq/edgeq_contract.h", "edgeq/edgeq_status.h", "edgeq/edgeq_sound.h")


def fields(tables: Tables) -> dict[str, int]:
    """The numbers of `edgeq_sound_t`; its pointers are `TABLES`."""
    s = tables.settings
    return {
        "window": s.window,
        "hop": s.hop,
        "fft_bits": tables.fft_bits,
        "mels": s.mels,
        "mfcc": s.mfcc,
        "floor": tables.floor,
        "offset": tables.offset,
        "multiplier": tables.multiplier,
        "shift": tables.shift,
        "zero_point": tables.output.zero_point,
        "output_bits": tables.output.bits,
    }


def build_manifest(tables: Tables, name: str, listener: Listener | None) -> dict[str, Any]:
    """What later steps must know of the folder, as plain JSON."""
    s = tables.settings
    arrays = [getattr(tables, table) for table in TABLES]
    manifest: dict[str, Any] = {
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
    if listener is not None:
        manifest["network"] = {"name": listener.name, "frames": listener.frames, "kept": listener.kept}
    return manifest


def render_files(tables: Tables, name: str, listener: Listener | None) -> tuple[dict[str, str], dict[str, Any]]:
    """(text by path in the folder, manifest). Raises UsageError for a bad name."""
    check_name(name)
    if listener is not None and listener.name == name:
        raise UsageError(f"the front end cannot have its network's name, {name!r}", hint="choose another with --name")
    manifest = build_manifest(tables, name, listener)
    s = tables.settings
    arrays = {table: getattr(tables, table) for table in TABLES}
    filled = {table: array for table, array in arrays.items() if array.size}
    frames = 1 if listener is None else listener.frames
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
            for table, array in filled.items()
        ],
        "fields": [(key, integer(value)) for key, value in fields(tables).items()]
        + [(table, f"{name}_{table}" if table in filled else "0") for table in TABLES],
        "network": None if listener is None else listener.name,
        "frames": frames,
        "kept": 0 if listener is None else listener.kept,
        "history_bytes": frames * s.features if frames > 1 else 0,
    }
    root = resources.runtime_dir()
    paths = runtime_files([f"src/sound/edgeq_sound_{source}.c" for source in _SOURCES], _HEADERS)
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


def _is_front_end(folder: Path) -> bool:
    for file in folder.glob("*.json"):
        try:
            return "front_end" in json.loads(file.read_text("utf-8"))
        except (ValueError, OSError):
            continue
    return False


def write_front_end(tables: Tables, out: Path, name: str, listener: Listener | None = None) -> dict[str, Any]:
    """Writes the folder, replacing that of an earlier call; returns the manifest. Raises UsageError."""
    files, manifest = render_files(tables, name, listener)
    with staged_folder(out, _is_front_end) as folder:
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8", newline="\n")
        (folder / f"{name}.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return manifest
