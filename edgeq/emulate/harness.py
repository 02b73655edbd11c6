"""The harness main of a model: C text rendered from the manifest, and what the runner must know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeq.errors import InternalError
from edgeq.templates import environment

KINDS = ("emulator", "host")

Region = tuple[int, int]
"""(offset, bytes) of one tensor in the arena or the state."""


def step_regions(manifest: Mapping[str, Any]) -> list[list[Region]]:
    """The regions of arena and state that each step writes: what a trace holds, step after step."""
    return [[(int(out["offset"]), int(out["bytes"])) for out in step["outputs"]] for step in manifest["steps"]]


def output_bytes(manifest: Mapping[str, Any]) -> int:
    """Bytes of all outputs of one sample, back to back."""
    return sum(int(output["bytes"]) for output in manifest["outputs"])


def render_main(manifest: Mapping[str, Any], kind: str) -> str:
    """The C text of a program that runs the model on samples (docs/architecture.md, section 6).

    kind: "emulator" for the bare-metal program, "host" for this computer.
    """
    if kind not in KINDS:
        raise InternalError(f"no harness of kind {kind!r}; there are {', '.join(KINDS)}")
    name = str(manifest["name"])
    steps = manifest["steps"]
    return (
        environment()
        .get_template("mains/harness.c.j2")
        .render(
            kind=kind,
            name=name,
            upper=name.upper(),
            state_bytes=int(manifest["state_bytes"]),
            counts=max(len(steps) + 2, 3),  # the harness calibrates itself with three
            input_bytes=_sizes(manifest["inputs"]),
            output_bytes=_sizes(manifest["outputs"]),
            regions=[
                {"step": i, "in_state": int(out["in_state"]), "offset": int(out["offset"]), "bytes": int(out["bytes"])}
                for i, step in enumerate(steps)
                for out in step["outputs"]
            ]
            or [{"step": 0, "in_state": 0, "offset": 0, "bytes": 0}],  # C has no empty tables
        )
    )


def _sizes(tensors: Sequence[Mapping[str, Any]]) -> list[int]:
    return [int(tensor["bytes"]) for tensor in tensors]
