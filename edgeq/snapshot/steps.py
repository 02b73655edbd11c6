"""Takes snapshots and checks them: builds, runs, compares."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from edgeq.boards import load_board
from edgeq.build import build_folder, model_bytes
from edgeq.emulate import output_bytes, runner_for, step_regions
from edgeq.errors import RegressionError, UsageError
from edgeq.npz import SampleSet, load_samples, random_samples, to_bytes, to_internal
from edgeq.snapshot.compare import Check, compare
from edgeq.snapshot.content import Layer, Snapshot
from edgeq.snapshot.files import MOST_SAMPLES, read_snapshot, snapshot_text

DEFAULT_SAMPLES = 4
WRITTEN_OUT = 1024
"""Bytes up to which random vectors, all together, are written out; larger ones are named by their seed."""

LARGEST_VECTORS = 64 * 1024
"""Bytes of given vectors, all together, that a snapshot may hold."""

HASH_DIGITS = 16
"""Hexadecimal digits kept of a layer's hash; outputs keep all 64."""


class Converted(Protocol):
    """What this room needs of `edgeq.pipeline.Result`."""

    @property
    def dir(self) -> Path:
        """The folder."""
        ...

    @property
    def manifest(self) -> dict[str, Any]:
        """Its manifest."""
        ...


def default_file(result: Converted) -> Path:
    """`<folder>.snapshot.toml` beside the folder: a new conversion replaces the folder and all that is in it."""
    folder = result.dir if result.dir.name not in ("", "..") else result.dir.resolve()
    return folder.parent / f"{folder.name}.snapshot.toml"


def take(
    result: Converted,
    file: str | Path | None = None,
    *,
    inputs: str | Path | Mapping[str, Any] | None = None,
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    compiler: str = "auto",
) -> Path:
    """Measures and writes a snapshot; returns its path. The tolerances of a snapshot that is replaced are kept.

    inputs: an npz file or arrays, of which the first `samples` are stored; random ones from `seed` otherwise.
    """
    if not 1 <= samples <= MOST_SAMPLES:
        raise UsageError(f"a snapshot cannot have {samples} samples", hint=f"1 to {MOST_SAMPLES}")
    path = Path(file) if file is not None else default_file(result)
    earlier = read_snapshot(path) if path.exists() else None
    specs = result.manifest["inputs"]
    if inputs is None:
        vectors = _vectors(specs, random_samples(specs, samples, seed))
    else:
        vectors = _vectors(specs, load_samples(inputs, specs).first(samples))
    total = sum(map(len, vectors))
    if inputs is not None and total > LARGEST_VECTORS:
        raise UsageError(
            f"{len(vectors)} samples of {len(vectors[0]):,} bytes do not fit a small text file",
            hint="store fewer with --samples; or leave --inputs out: random samples are stored as a seed",
        )
    snapshot = measure(result, vectors, compiler)
    snapshot.seed = seed
    snapshot.vectors = vectors if inputs is not None or total <= WRITTEN_OUT else None
    if earlier is not None:
        snapshot.tolerance = earlier.tolerance
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(snapshot_text(snapshot), "utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"cannot write there: {error.strerror}", where=str(path)) from None
    return path


def check(result: Converted, file: str | Path | None = None, *, strict: bool = False, compiler: str = "auto") -> Check:
    """Builds again, runs the snapshot's samples again and compares. strict: another compiler is a violation."""
    path = Path(file) if file is not None else default_file(result)
    was = read_snapshot(path)
    manifest = result.manifest
    if was.board != manifest["board"]:
        raise UsageError(
            f"the snapshot is of board {was.board}, the folder is for {manifest['board']}",
            where=str(path),
            hint="keep one snapshot per board",
        )
    specs = manifest["inputs"]
    vectors = was.vectors or _vectors(specs, random_samples(specs, len(was.outputs), was.seed))
    takes = sum(int(spec["bytes"]) for spec in specs)
    if wrong := [vector for vector in vectors if len(vector) != takes]:
        raise RegressionError(
            f"the inputs of the model changed: it takes {takes:,} bytes, the snapshot has {len(wrong[0]):,}",
            where=str(path),
            hint="take a new snapshot",
        )
    return compare(was, measure(result, vectors, compiler), str(path), strict=strict)


def measure(result: Converted, vectors: Sequence[bytes], compiler: str = "auto") -> Snapshot:
    """Builds with the harness and runs: the outputs of all vectors, the layers and costs of the first."""
    manifest, folder = result.manifest, result.dir
    own = folder / "verify" / "board.toml"
    board = load_board(own if own.is_file() else manifest["board"])
    regions, size = step_regions(manifest), output_bytes(manifest)
    with tempfile.TemporaryDirectory(prefix="edgeq-") as work:
        program = build_folder(folder, manifest, board, Path(work), compiler=compiler, profile=True)
        runner = runner_for(board)
        plain = runner.run(program, list(vectors), output_bytes=size, step_regions=regions, trace=False)
        traced = runner.run(program, list(vectors[:1]), output_bytes=size, step_regions=regions, trace=True)
        text, rodata = model_bytes(program)
    steps = manifest["steps"]
    counts: Sequence[int | None] = plain.step_instructions or [None] * len(steps)
    assert traced.step_outputs is not None
    sizes = {"text_bytes": text, "rodata_bytes": rodata, "arena_bytes": int(manifest["arena_bytes"])}
    return Snapshot(
        edgeq=str(manifest["edgeq"]),
        name=str(manifest["name"]),
        model=str(manifest["source"]["sha256"]),
        board=str(manifest["board"]),
        optimize=str(manifest["optimize"]),
        compiler=program.compiler,
        outputs=[sha256(output).hexdigest() for output in plain.outputs],
        instructions=plain.instructions,
        sizes={**sizes, "stack_bytes": plain.stack_bytes},
        layers=[
            Layer(step["name"], step["op"], step["kernel"] or "", count, sha256(content).hexdigest()[:HASH_DIGITS])
            for step, count, content in zip(steps, counts, traced.step_outputs[0], strict=True)
        ],
    )


def _vectors(specs: Sequence[Mapping[str, Any]], samples: SampleSet) -> list[bytes]:
    """Per sample, all inputs back to back as the C takes them."""
    arrays = [to_internal(spec, samples.inputs[spec["name"]]) for spec in specs]
    pairs = list(zip(specs, arrays, strict=True))
    return [b"".join(to_bytes(spec, array[k]) for spec, array in pairs) for k in range(samples.count)]
