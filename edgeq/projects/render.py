"""A converted folder and a row -> all files of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from edgeq import resources
from edgeq.boards import Board
from edgeq.projects.converted import Converted
from edgeq.projects.layout import flat
from edgeq.projects.rows import ProjectRow
from edgeq.templates import environment

_C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t", "uint32": "uint32_t"}
_ELEMENT_BYTES = {"int8": 1, "uint8": 1, "int16": 2, "int32": 4, "uint32": 4}
_COLUMNS = 20

Sample = tuple[Sequence[bytes], Sequence[bytes]]
"""The bytes of every input, and those that every output must have."""


@dataclass(frozen=True)
class Project:
    """The files of a project by path.

    folder: where the converted folder lies in it; models: where its models lie. generated: paths not
    to be edited.
    """

    row: ProjectRow
    name: str
    board: str
    folder: str
    models: Sequence[str]
    files: Mapping[str, bytes]
    generated: frozenset[str]


def render_project(folder: Converted, row: ProjectRow, board: Board, samples: Mapping[str, Sample]) -> Project:
    """The project `row` around the models of `folder`. samples: by the name of the model, what the example runs.

    Raises BoardError when the project is for other boards.
    """
    target = row.target(board)
    placed = flat(folder) if row.layout == "flat" else folder
    place = row.model.replace("NAME", folder.name)
    prefix = "" if place == "." else f"{place}/"
    files = {prefix + path: content for path, content in placed.files.items() if path not in row.leave_out}
    models = [_model(inner, manifest) for inner, manifest in placed.models()]
    for model in models:
        page = environment().get_template("sample.h.j2").render(model=model, sample=_tables(samples[model["name"]]))
        files[prefix + model["sample_header"]] = page.encode()
    generated = frozenset(files)
    several = "models" in folder.manifest
    context = {
        "name": folder.name,
        "upper": folder.name.upper(),
        "header": f"{folder.name}.h",
        "version": placed.manifest["edgeq"],
        "place": place,
        "sources": placed.manifest["sources"],
        "include_dirs": placed.manifest["include_dirs"],
        "models": models,
        "several": several,
        "board": board,
        "optimize": {"size": "-Os", "balanced": "-O2", "speed": "-O3"}[placed.manifest["optimize"]],
        "target": target.values,
        "is_board": target.is_board(board),
    }
    for path, template in sorted(_tree(row).items()):
        files[path.replace("NAME", folder.name)] = template(context)
    inner = [prefix.rstrip("/") or "." if f == "." else prefix + f for f, _ in placed.models()]
    return Project(row, folder.name, board.name, place, inner, files, generated - _rendered(row, folder.name))


def _rendered(row: ProjectRow, name: str) -> set[str]:
    return {path.replace("NAME", name) for path in _tree(row)}


def _tree(row: ProjectRow) -> dict[str, Any]:
    """Path in the project -> function from the context to the file's bytes."""
    found: dict[str, Any] = {}
    for file in sorted(row.folder.rglob("*")):
        if not file.is_file():
            continue
        path = file.relative_to(row.folder)
        if path.suffix == ".j2":
            found[path.with_suffix("").as_posix()] = _renderer(file.relative_to(resources.codegen_dir()).as_posix())
        else:
            found[path.as_posix()] = _copier(file.read_bytes())
    return found


def _renderer(template: str) -> Any:
    return lambda context: environment().get_template(template).render(context).encode()


def _copier(content: bytes) -> Any:
    return lambda context: content


def _model(folder: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What templates know of one model. Headers are relative to the include path of the whole."""
    name = str(manifest["name"])
    inside = PurePosixPath(folder)
    return {
        "name": name,
        "upper": name.upper(),
        "header": str(inside / f"{name}.h"),
        "sample_header": str(inside / f"{name}_sample.h"),
        "source_file": manifest["source"]["file"],
        "arena_bytes": manifest["arena_bytes"],
        "state_bytes": manifest.get("state_bytes", 0),
        "weights_bytes": manifest["weights_bytes"],
        "inputs": [_endpoint(i, e) for i, e in enumerate(manifest["inputs"])],
        "outputs": [_endpoint(i, e) for i, e in enumerate(manifest["outputs"])],
    }


def _endpoint(index: int, endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Packed tensors are bytes to whoever prints them."""
    dtype = "uint8" if endpoint["packed"] else endpoint["dtype"]
    return {
        "index": index,
        "name": endpoint["source_name"],
        "bytes": endpoint["bytes"],
        "shape": " x ".join(map(str, endpoint["shape"])),
        "c_type": _C_TYPES[dtype],
        "count": endpoint["bytes"] // _ELEMENT_BYTES[dtype],
    }


def _tables(sample: Sample) -> dict[str, list[list[str]]]:
    inputs, outputs = sample
    return {"inputs": [_lines(raw) for raw in inputs], "outputs": [_lines(raw) for raw in outputs]}


def _lines(raw: bytes) -> list[str]:
    return [", ".join(map(str, raw[i : i + _COLUMNS])) for i in range(0, len(raw), _COLUMNS)]
