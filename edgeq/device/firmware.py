"""The firmware that serves converted models over the device link: its main, its identity, its build."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeq import resources
from edgeq.boards import Board
from edgeq.contract import ARENA_ALIGN
from edgeq.device.protocol import MIN_FRAME_BYTES, About, pack_about
from edgeq.errors import ModelFileError, UsageError
from edgeq.templates import environment
from edgeq.toolchain import Port, Program, build_program, device_port

_MAX_FRAME_BYTES = 1024
_CORE_COUNTERS = ("systick", "mcycle")
"""Tick drivers that count the processor's own clock."""
_HOST_TICKS_HZ = 1_000_000_000


def model_hash(folder: Path, manifest: Mapping[str, Any]) -> bytes:
    """SHA-256 of what a firmware is made of: a folder's manifest and the sources that it names, wherever they lie.

    Two firmwares with the same hash compute the same bits, in the same places of the arena.
    """
    facts = {key: value for key, value in manifest.items() if key not in ("sources", "include_dirs")}
    total = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for path in sorted(map(Path, manifest["sources"]), key=lambda path: path.name):
        content = (folder / path).read_bytes()
        total.update(f"{path.name} {len(content)}\n".encode() + content)
    return total.digest()


def about_model(folder: Path, manifest: Mapping[str, Any]) -> About:
    """What a device that holds this model says of it."""
    return About(
        sha256=model_hash(folder, manifest),
        arena_bytes=int(manifest["arena_bytes"]),
        input_bytes=sum(_sizes(manifest["inputs"])),
        output_bytes=sum(_sizes(manifest["outputs"])),
        state_bytes=int(manifest.get("state_bytes", 0)),
        steps=len(manifest["steps"]),
        name=str(manifest["name"]),
    )


def build_firmware(
    folders: Sequence[Path],
    board: Board,
    work_dir: Path,
    compiler: str = "auto",
    *,
    profile: bool = True,
    sanitize: bool = False,
    frame_bytes: int | None = None,
) -> Program:
    """Links the models of converted folders with the device link and the board's own start-up code.

    For the host: a process that speaks the link on its standard input and output. profile: with the step hook, which
    ticks per layer and stopping after a layer need. frame_bytes: of the link's buffer; by the board's RAM unless given.
    Raises UsageError, ModelFileError, BoardError, ToolchainError, CapacityError.
    """
    manifests = [_manifest(folder) for folder in folders]
    size = frame_bytes if frame_bytes is not None else default_frame_bytes(board)
    own = device_port(board) if not board.is_host else _host_port()
    link = resources.runtime_dir() / "port" / "link"
    port = replace(
        own,
        sources=(*own.sources, link / "frames.c", link / "link.c", *(() if board.is_host else (link / "stack.c",))),
        include_dirs=(*own.include_dirs, link),
        macros={**own.macros, "EDGEQ_LINK_FRAME_BYTES": str(size)},
    )
    return build_program(
        _sources(folders, manifests),
        [folder / include for folder, m in zip(folders, manifests, strict=True) for include in m["include_dirs"]],
        board,
        main=render_device(folders, manifests, board),
        work_dir=work_dir,
        compiler=compiler,
        optimize=manifests[0]["optimize"],
        defines={"EDGEQ_PROFILE": "1"} if profile else {},
        sanitize=sanitize,
        port=port,
    )


def default_frame_bytes(board: Board) -> int:
    """A sixty-fourth of the RAM, within bounds: 64 bytes of 2 KB, 256 of 16 KB."""
    if board.ram is None:
        return _MAX_FRAME_BYTES
    return min(max(board.ram.bytes // 64, MIN_FRAME_BYTES), _MAX_FRAME_BYTES)


def render_device(folders: Sequence[Path], manifests: Sequence[Mapping[str, Any]], board: Board) -> str:
    """The C text of the firmware's main."""
    ticks = board.ticks
    return (
        environment()
        .get_template("mains/device.c.j2")
        .render(
            board=board.name,
            on_board=not board.is_host,
            clock_hz=ticks.hz if ticks is not None and ticks.driver in _CORE_COUNTERS else 0,
            arena_align=ARENA_ALIGN,
            arena_bytes=max(1, *(int(m["arena_bytes"]) for m in manifests)),
            models=[_model(folder, manifest) for folder, manifest in zip(folders, manifests, strict=True)],
        )
    )


def _model(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    about = pack_about(about_model(folder, manifest))
    return {
        "name": manifest["name"],
        "upper": manifest["name"].upper(),
        "state_bytes": int(manifest.get("state_bytes", 0)),
        "input_bytes": _sizes(manifest["inputs"]),
        "output_bytes": _sizes(manifest["outputs"]),
        "about": ["".join(f"{byte:#04x}, " for byte in about[i : i + 16]).rstrip() for i in range(0, len(about), 16)],
    }


def _sizes(tensors: Sequence[Mapping[str, Any]]) -> list[int]:
    return [int(tensor["bytes"]) for tensor in tensors]


def _host_port() -> Port:
    port = resources.runtime_dir() / "port"
    includes = (port / "serial", port / "host" / "simd")
    return Port((port / "link" / "host.c",), (), includes, {"EDGEQ_TICKS_HZ": str(_HOST_TICKS_HZ)})


def _manifest(folder: Path) -> dict[str, Any]:
    for file in sorted(folder.glob("*.json")):
        manifest: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if manifest.get("name") == file.stem:
            return manifest
    raise ModelFileError(
        "this folder does not hold a converted model", where=str(folder), hint="edgeq convert makes one"
    )


def _sources(folders: Sequence[Path], manifests: Sequence[Mapping[str, Any]]) -> list[Path]:
    """All sources, each once: models that use the same kernel bring a copy each."""
    if not folders or len(folders) > 254:
        raise UsageError(f"a firmware holds 1 to 254 models, not {len(folders)}")
    found: dict[str, Path] = {}
    for folder, manifest in zip(folders, manifests, strict=True):
        for source in manifest["sources"]:
            path = folder / source
            if source not in found:
                found[source] = path
            elif source == f"{manifest['name']}.c":
                raise UsageError(
                    f"two models have the name {manifest['name']!r}", hint="convert one of them with another --name"
                )
            elif found[source].read_bytes() != path.read_bytes():
                raise UsageError(
                    f"{source} differs between the folders", where=str(folder), hint="convert all models with one edgeq"
                )
    return list(found.values())
