"""Several converted models in one folder: the runtime's sources once, one arena for all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeq.contract import ARENA_ALIGN
from edgeq.errors import UsageError
from edgeq.projects.converted import Converted
from edgeq.projects.layout import manifest_bytes, nested
from edgeq.templates import environment

_RUNTIME = "edgeq/"


@dataclass(frozen=True)
class _Model:
    """One model: its own files by path, and those of the runtime that it brought along."""

    where: str
    manifest: Mapping[str, Any]
    files: dict[str, bytes]
    runtime: dict[str, bytes]

    @property
    def name(self) -> str:
        return str(self.manifest["name"])


def combine_folders(parts: Sequence[Converted], name: str) -> Converted:
    """One folder `name` of all models in `parts`, each in a folder of its own beside one copy of the runtime.

    Nothing of the models changes: verify and bench take their folders as before. Raises UsageError when the models
    do not go together: equal names, other boards, or kernels of different versions of edgeq.
    """
    models = [model for part in parts for model in _models(nested(part))]
    _check_names(models, name)
    _check_versions(models)
    runtime = _one_runtime(models)
    sources = sorted(path for path in runtime if path.endswith(".c"))
    files = dict(runtime)
    for model in models:
        own = [f"{model.name}.c", f"{model.name}_weights.c"]
        manifest = {
            **model.manifest,
            "sources": [*own, *(f"../{s}" for s in model.manifest["sources"] if s not in own)],
            "include_dirs": [".", f"../{_RUNTIME}include"],
        }
        files.update({f"{model.name}/{path}": content for path, content in model.files.items()})
        files[f"{model.name}/{model.name}.json"] = manifest_bytes(manifest)
    manifest = _manifest(models, name, sources)
    page = {"model": {"name": name, "upper": name.upper()}, "manifest": manifest, "align": ARENA_ALIGN}
    for template, path in (
        ("combined.h.j2", f"{name}.h"),
        ("CMakeLists.txt.j2", "CMakeLists.txt"),
        ("Makefile.j2", "Makefile"),
    ):
        files[path] = environment().get_template(template).render(page).encode()
    files[f"{name}.json"] = manifest_bytes(manifest)
    return Converted(name, manifest, dict(sorted(files.items())))


def _manifest(models: Sequence[_Model], name: str, runtime_sources: Sequence[str]) -> dict[str, Any]:
    first = models[0].manifest
    goals = {model.manifest["optimize"] for model in models}
    return {
        "edgeq": first["edgeq"],
        "abi": first["abi"],
        "name": name,
        "board": first["board"],
        "optimize": goals.pop() if len(goals) == 1 else "balanced",
        "arena_bytes": max(max(model.manifest["arena_bytes"], 1) for model in models),
        "models": [
            {"name": m.name, "folder": m.name, "source": m.manifest["source"], "arena_bytes": m.manifest["arena_bytes"]}
            for m in models
        ],
        "sources": [
            *(f"{m.name}/{m.name}{end}" for m in models for end in (".c", "_weights.c")),
            *runtime_sources,
        ],
        "include_dirs": [".", f"{_RUNTIME}include"],
    }


def _models(part: Converted) -> Iterator[_Model]:
    runtime = {path: content for path, content in part.files.items() if path.startswith(_RUNTIME)}
    for folder, manifest in part.models():
        name = manifest["name"]
        prefix = "" if folder == "." else f"{folder}/"
        # Paths as in a folder of one model, whichever kind this is.
        plain = {**manifest, "sources": [source.removeprefix("../") for source in manifest["sources"]]}
        own = (f"{name}.h", f"{name}.c", f"{name}_weights.h", f"{name}_weights.c", f"{name}_report.txt")
        files = {
            path.removeprefix(prefix): content
            for path, content in part.files.items()
            if path.startswith(f"{prefix}verify/") or path in {prefix + file for file in own}
        }
        yield _Model(f"{part.where}/{prefix}".rstrip("/"), plain, files, runtime)


def _file_stems(name: str) -> set[str]:
    """Names of files and C symbols that a model takes; macros are in capitals, so letter case does not tell apart."""
    return {name.lower() + end for end in ("", "_weights", "_sample")}


def _check_names(models: Sequence[_Model], name: str) -> None:
    for one, two in itertools.combinations(models, 2):
        if shared := sorted(_file_stems(one.name) & _file_stems(two.name)):
            raise UsageError(
                f"two models take the name {shared[0]!r}: {one.where} and {two.where}",
                hint="convert one of them again with another --name",
            )
    for model in models:
        if name.lower() in _file_stems(model.name):
            raise UsageError(
                f"the name {name!r} of the whole is taken by a model: {model.where}", hint="choose another with --name"
            )


def _check_versions(models: Sequence[_Model]) -> None:
    first = models[0]
    for model in models[1:]:
        for key, what, hint in (
            ("abi", "another edgeq runtime", "convert all models with the same version of edgeq"),
            ("edgeq", "another version of edgeq", "convert all models with the same version of edgeq"),
            ("board", "another board", "convert all models for the same --board"),
        ):
            if model.manifest[key] != first.manifest[key]:
                raise UsageError(
                    f"converted for {what}: {model.manifest[key]}, and {first.where} for {first.manifest[key]}",
                    where=model.where,
                    hint=hint,
                )
        if model.files.get("verify/board.toml") != first.files.get("verify/board.toml"):
            raise UsageError(
                f"the board file is not that of {first.where}", where=model.where, hint="convert both for the same file"
            )


def _one_runtime(models: Sequence[_Model]) -> dict[str, bytes]:
    """The runtime's files of all models, each once."""
    found: dict[str, tuple[str, bytes]] = {}
    for model in models:
        for path, content in model.runtime.items():
            where, known = found.setdefault(path, (model.where, content))
            if known != content:
                raise UsageError(
                    f"{path} is not the same file as in {where}",
                    where=model.where,
                    hint="one of the two is of another version of edgeq, or was edited: convert both models again",
                )
    return {path: content for path, (_, content) in sorted(found.items())}
