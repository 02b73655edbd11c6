"""Proves that every build of a converted model computes the bits of its integer reference."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.boards import Board, load_board
from edgeq.build import build_folder
from edgeq.device.session import Line, open_device
from edgeq.device.session import step_regions as device_regions
from edgeq.emulate import RunResult, runner_for
from edgeq.emulate.harness import output_bytes, step_regions
from edgeq.errors import UsageError
from edgeq.ir.graph import Graph, Value
from edgeq.ir.serialize import load_graph
from edgeq.ir.types import Array
from edgeq.npz import (
    SampleSet,
    from_bytes,
    from_source_type,
    in_source_layout,
    load_samples,
    random_samples,
    to_bytes,
    to_internal,
    to_original,
    to_reals,
    to_source_type,
)
from edgeq.ops.execute import run_integer, run_real
from edgeq.ops.registry import operator
from edgeq.originals import by_position, first_window, newest, run_original, windows
from edgeq.quant.quality import sqnr_db
from edgeq.sound import heard_windows

PLACES = ("host", "emulator")
"""Where a model is verified unless told otherwise."""
ALL_PLACES = (*PLACES, "unicorn", "qemu", "rtl", "device")
"""`emulator` is the board's best emulator that is installed; the other names insist on one. `rtl:CORE` names a core.
`device` is a board on a line, which runs firmware of the very folder (docs/device.md)."""
BESIDE = 0.01
"""Units of the grid by which the float arithmetic of a QONNX original may miss a point."""
CHUNK = 64
"""Samples per evaluation of the reference: bounds the memory."""


@dataclass
class Verification:
    """What `verify` found. `to_json()` has the documented keys.

    mismatches: output elements that differ, summed over places and samples. first_mismatch: runner, sample, and the
    first step whose output differs, with its name, op and tensor. reference: figures against the original model.
    accuracy: top-1 by place, when the samples have labels.
    """

    on: list[str]
    samples: int
    bit_exact: bool
    mismatches: int
    first_mismatch: dict[str, Any] | None
    reference: dict[str, Any] | None
    accuracy: dict[str, float] | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Means:
    """What it takes to run: a compiler, a line to a board."""

    compiler: str
    line: Line


def verify_folder(
    folder: Path,
    manifest: Mapping[str, Any],
    *,
    on: Sequence[str] = PLACES,
    inputs: Path | str | Mapping[str, Any] | None = None,
    samples: int = 20,
    reference: str | None = None,
    compiler: str = "auto",
    line: Line | None = None,
) -> Verification:
    """Runs the samples (random ones when none are given) through the reference and every place, and compares all bits.

    line: how to reach the place `device`. Raises UsageError, CalibrationError, ToolchainError, EmulationError, and for
    a device what `open_device` and its session raise.
    """
    means = _Means(compiler, line or Line())
    if unknown := [place for place in on if place.partition(":")[0] not in ALL_PLACES]:
        raise UsageError(f"cannot verify on {unknown[0]!r}", hint=f"use one of: {', '.join(ALL_PLACES)}")
    if reference not in (None, "original"):
        raise UsageError(f"unknown reference {reference!r}", hint="the reference can be: original")
    specs = manifest["inputs"]
    given = random_samples(specs, samples) if inputs is None else load_samples(inputs, specs)
    if reference == "original":
        _check_comparable(manifest["stream"], given.count)
    graph = load_graph(folder / "verify" / "graph.npz")
    internal = {spec["name"]: to_internal(spec, given.inputs[spec["name"]]) for spec in specs}
    expected = _reference_outputs(_whole(folder) or graph, internal)
    blobs = [b"".join(to_bytes(spec, internal[spec["name"]][i]) for spec in specs) for i in range(given.count)]
    found = Verification(list(on), given.count, True, 0, None, None, None)
    accuracy: dict[str, float] = {}
    for place in on:
        outputs = _run(folder, manifest, place, blobs, means, trace=False).outputs
        _compare(found, folder, manifest, place, graph, internal, blobs, expected, outputs, means)
        if given.labels is not None:
            got = np.stack([_first_output(manifest, raw) for raw in outputs])
            accuracy[place] = _top1(got, given.labels)
    if reference == "original":
        found.reference, original = _against_original(folder, manifest, graph, given, expected)
        if given.labels is not None:
            accuracy["original"] = _top1(original.reshape(given.count, -1), given.labels)
    found.accuracy = accuracy or None
    return found


def _check_comparable(stream: Mapping[str, Any] | None, samples: int) -> None:
    """Refuses what no window of the original says: of endless streams, all but the positions of the first window."""
    if not stream or not stream["endless"]:
        return
    most = stream["window"] // stream["frames"]
    if None in stream["outputs"] or samples > most:
        raise UsageError(
            "the original starts anew with every window, this stream never does",
            hint="compare the conversion without --stream with its original"
            if None in stream["outputs"]
            else f"give at most {most} samples: the first window, position by position",
        )


def _whole(folder: Path) -> Graph | None:
    """The network in one piece, which says what is right, where the C runs it in patches."""
    file = folder / "verify" / "whole.npz"
    return load_graph(file) if file.is_file() else None


def _reference_outputs(graph: Graph, internal: Mapping[str, Array]) -> dict[str, Array]:
    count = len(next(iter(internal.values())))
    chunk = count if _remembers(graph) else CHUNK
    parts = [
        run_integer(graph, {name: array[start : start + chunk] for name, array in internal.items()})
        for start in range(0, count, max(chunk, 1))
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _remembers(graph: Graph) -> bool:
    """Whether samples are frames of one stream: what one gives depends on those before it."""
    return any(operator(n.op).keeps_state or operator(n.op).keeps_scratch(n) for n in graph.nodes)


def _board_of(manifest: Mapping[str, Any], folder: Path, place: str) -> Board:
    if place == "host":
        return load_board("host")
    own = folder / "verify" / "board.toml"
    return load_board(own if own.is_file() else manifest["board"])


def _run(
    folder: Path, manifest: Mapping[str, Any], place: str, blobs: list[bytes], means: _Means, *, trace: bool
) -> RunResult:
    board = _board_of(manifest, folder, place)
    if place == "device":
        return _run_device(folder, manifest, board, blobs, means, trace=trace)
    with tempfile.TemporaryDirectory(prefix="edgeq-") as work:
        program = build_folder(
            folder,
            manifest,
            board,
            Path(work),
            compiler="auto" if board.is_host else means.compiler,
            profile=trace,
            sanitize=board.is_host,
        )
        runner = runner_for(board, prefer=None if place in PLACES else place)
        return runner.run(
            program, blobs, output_bytes=output_bytes(manifest), step_regions=step_regions(manifest), trace=trace
        )


def _run_device(
    folder: Path, manifest: Mapping[str, Any], board: Board, blobs: list[bytes], means: _Means, *, trace: bool
) -> RunResult:
    with open_device(means.line, folder, board, compiler=means.compiler) as device:
        index = device.select(folder, manifest)
        outputs, steps = [], None
        if not trace:
            outputs = device.run(index, blobs, means.line.on_sample)
        elif device.hello.has_steps:
            steps = [device.trace(index, blobs, device_regions(manifest))]
        return RunResult(outputs, steps, None, None, None, "device")


def _compare(
    found: Verification,
    folder: Path,
    manifest: Mapping[str, Any],
    place: str,
    graph: Graph,
    internal: Mapping[str, Array],
    blobs: list[bytes],
    expected: Mapping[str, Array],
    outputs: list[bytes],
    means: _Means,
) -> None:
    wrong = []
    for sample, raw in enumerate(outputs):
        want = b"".join(v.type.stored(expected[v.name][sample]) for v in graph.outputs)
        if want != raw:
            wrong.append(sample)
            a, b = np.frombuffer(want, np.uint8), np.frombuffer(raw, np.uint8)
            found.mismatches += int((a != b).sum()) if len(a) == len(b) else max(len(a), len(b))
    if not wrong:
        return
    found.bit_exact = False
    if found.first_mismatch is None:
        sample = wrong[0]
        first = 0 if _remembers(graph) else sample
        one = {name: array[first : sample + 1] for name, array in internal.items()}
        trace = _run(folder, manifest, place, blobs[first : sample + 1], means, trace=True)
        found.first_mismatch = {"runner": place, "sample": sample, **_first_step(manifest, graph, one, trace)}


def _first_step(
    manifest: Mapping[str, Any], graph: Graph, one: Mapping[str, Array], trace: RunResult
) -> dict[str, Any]:
    """The first step of a traced run whose output, for the last sample, is not the reference's."""
    values: dict[str, bytes] = {}

    def observe(value: Value, array: Array) -> None:
        values[value.name] = value.type.stored(array[-value.shape[0] :])

    run_integer(graph, one, observe)
    if trace.step_outputs is None:
        return {
            "step": None,
            "name": "a layer unknown: the firmware has no step hook",
            "op": None,
            "kernel": None,
            "tensor": None,
        }
    for step, raw in zip(manifest["steps"], trace.step_outputs[-1], strict=True):
        if raw != b"".join(values[out["name"]] for out in step["outputs"]):
            return {
                "step": step["index"],
                "name": step["name"],
                "op": step["op"],
                "kernel": step["kernel"],
                "tensor": step["outputs"][0]["name"],
            }
    return {"step": None, "name": "after the last step", "op": None, "kernel": None, "tensor": None}


def _first_output(manifest: Mapping[str, Any], raw: bytes) -> Array:
    spec = manifest["outputs"][0]
    return to_reals(spec, in_source_layout(spec, from_bytes(spec, raw[: spec["bytes"]])))


def _top1(outputs: Array, labels: Array) -> float:
    """Share of samples whose largest output is the label's; an output of one element is the class itself."""
    flat = outputs.reshape(len(outputs), -1)
    guesses = flat[:, 0] if flat.shape[1] == 1 else flat.argmax(axis=1)
    return float((guesses == labels).mean())


def _against_original(
    folder: Path, manifest: Mapping[str, Any], graph: Graph, given: SampleSet, expected: Mapping[str, Array]
) -> tuple[dict[str, Any], Array]:
    original = next(p for p in sorted((folder / "verify").iterdir()) if p.stem == "original")
    feeds = [to_original(spec, given.inputs[spec["name"]]) for spec in manifest["inputs"]]
    if manifest.get("sound"):
        feeds = [heard_windows(manifest["sound"], feeds[0])]
    elif manifest["stream"]:
        cut = first_window if manifest["stream"]["endless"] else windows
        feeds = [cut(manifest["stream"], manifest["inputs"][0], feeds[0])]
    runtime, outputs = run_original(original, feeds)
    result: dict[str, Any] = {"runtime": runtime, "exact": None, "mismatches": None}
    specs = manifest["outputs"]
    ours = [
        to_source_type(s, np.stack([in_source_layout(s, o) for o in expected[v.name]]))
        for v, s in zip(graph.outputs, specs, strict=True)
    ]
    axes = manifest["stream"]["outputs"] if manifest["stream"] else [None] * len(ours)
    part = by_position if manifest["stream"] and manifest["stream"]["endless"] else newest
    theirs = [part(t, o, axis).reshape(o.shape) for t, o, axis in zip(outputs, ours, axes, strict=True)]
    if manifest["source"]["format"] == "qonnx":
        wrong = [_off_grid(s, o, t) for s, o, t in zip(specs, ours, theirs, strict=True) if not s["left_out"]]
    else:
        alike = [o.dtype == t.dtype and o.dtype.kind in "iu" for o, t in zip(ours, theirs, strict=True)]
        wrong = [int((o != t).sum()) for o, t in zip(ours, theirs, strict=True)] if alike[0] else []
    if wrong:
        result["mismatches"], result["exact"] = sum(wrong), sum(wrong) == 0
    spec, first = specs[0], theirs[0]
    real = to_reals(spec, from_source_type(spec, ours[0]))
    if spec["left_out"] == "softmax":
        result["left_out"] = "softmax"
        real = np.exp(real - real.max(axis=-1, keepdims=True))
        real /= real.sum(axis=-1, keepdims=True)
    their_real = first if first.dtype.kind == "f" else to_reals(spec, from_source_type(spec, first))
    result["sqnr_db"] = sqnr_db(their_real.astype(np.float64), real)
    classes = [a.reshape(given.count, -1).argmax(axis=1) for a in (real, first)]
    result["top1_agreement"] = float((classes[0] == classes[1]).mean())
    result["layers"] = _layer_sqnr(folder, graph, manifest, given)
    return result, first


def _off_grid(spec: Mapping[str, Any], ours: Array, theirs: Array) -> int:
    """How many of the original's reals do not have our integer as the nearest one.

    In float, the original puts its results a little beside the points of the grid that they stand for.
    """
    unit = to_reals(spec, np.ones_like(ours)) - to_reals(spec, np.zeros_like(ours))
    return int((np.abs(theirs - to_reals(spec, ours)) > BESIDE * unit).sum())


def _real_input(value: Value, integers: Array) -> Array:
    """What integers of an input stand for; tokens stand for themselves."""
    return integers if value.type.quantization is None else value.quantization.dequantize(integers)


def _layer_sqnr(
    folder: Path, graph: Graph, manifest: Mapping[str, Any], given: SampleSet
) -> list[dict[str, Any]] | None:
    """SQNR of every step's output against the float network, where edgeq quantized it itself."""
    file = folder / "verify" / "real.npz"
    if not file.is_file():
        return None
    few = given.first(CHUNK)
    specs = manifest["inputs"]
    ints = {s["name"]: to_internal(s, few.inputs[s["name"]]) for s in specs}
    by_name = {v.name: v for v in graph.inputs}
    reals = {
        s["name"]: _real_input(by_name[s["name"]], ints[s["name"]])
        if few.inputs[s["name"]].dtype.kind != "f"
        else to_internal({**s, "dtype": "float32"}, few.inputs[s["name"]])
        for s in specs
    }
    quantized: dict[str, Array] = {}
    real: dict[str, Array] = {}

    def keep_integer(value: Value, array: Array) -> None:
        if value.type.quantization is not None:
            quantized[value.name] = value.quantization.dequantize(array)

    kept = graph.meta.get("kept_channels", {})

    def keep_real(value: Value, array: Array) -> None:
        real[value.name] = array[..., kept[value.name]] if value.name in kept else array

    run_integer(graph, ints, keep_integer)
    run_real(load_graph(file), reals, keep_real)
    layers = []
    for step in manifest["steps"]:
        name = step["outputs"][0]["name"]
        if name in quantized and name in real:
            layers.append({"name": step["name"], "sqnr_db": sqnr_db(real[name], quantized[name])})
    return layers
