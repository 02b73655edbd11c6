"""Composes the rooms: model file in, folder of verified C out."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeq.arena_limit import plan_within
from edgeq.bench import Bench, bench_folder
from edgeq.boards import Board, load_board
from edgeq.build import build_folder, model_bytes
from edgeq.calibrate import calibrated_graph, input_specs, real_samples
from edgeq.device.session import Line
from edgeq.emit import check_name, default_name, render_files, staged_folder, write_folder
from edgeq.errors import CapacityError, ModelFileError, UnsupportedError, UsageError
from edgeq.frontends.detect import load_model
from edgeq.inspect import inspect_model
from edgeq.ir.graph import Graph
from edgeq.kernels.features import kernel_features
from edgeq.kernels.select import GOALS
from edgeq.kernels.specialise import specialise
from edgeq.kernels.storage import choose_storage
from edgeq.narrow import narrow
from edgeq.passes.exact_quant import exact_quant
from edgeq.passes.listen import listen, window_frames
from edgeq.passes.pipeline import is_quantized, prepare, to_integer
from edgeq.passes.simplify import is_fake_quantized
from edgeq.passes.stream import stream as over_time
from edgeq.plan.tiles import attention_facts
from edgeq.projects import model_folders
from edgeq.quant.apply import settings_of
from edgeq.quant.mixed import Wanted, parse_activations
from edgeq.quant.plan import Plan, check_plan, read_plan
from edgeq.quant.schemes import WeightScheme, parse_scheme, plan_weights
from edgeq.report.capacity import check_capacity
from edgeq.report.text import render_report
from edgeq.samples import Progress
from edgeq.sound import Settings as SoundSettings
from edgeq.sound import heard_samples, is_sound, read_settings
from edgeq.toolchain import available_compilers, can_read_programs
from edgeq.verify import PLACES, Verification, verify_folder

RINGS = ("int8", "int4")
"""How keys and values of a stream are kept."""

__all__ = ["Result", "compile_model", "inspect_model", "open_result"]


@dataclass(frozen=True)
class Result:
    """A converted model on disk: its folder and its manifest."""

    dir: Path
    manifest: dict[str, Any]

    @property
    def report(self) -> str:
        """The text of the report."""
        return (self.dir / f"{self.manifest['name']}_report.txt").read_text("utf-8")

    def verify(
        self,
        on: Sequence[str] = PLACES,
        inputs: Path | str | Mapping[str, Any] | None = None,
        samples: int = 20,
        reference: str | None = None,
        compiler: str = "auto",
        line: Line | None = None,
    ) -> Verification:
        """Compares every output bit of host and emulated builds, or of a board, with the integer reference.

        See `verify_folder`.
        """
        return verify_folder(
            self.dir,
            self.manifest,
            on=on,
            inputs=inputs,
            samples=samples,
            reference=reference,
            compiler=compiler,
            line=line,
        )

    def bench(self, compiler: str = "auto", on: str | None = None, line: Line | None = None) -> Bench:
        """Exact instruction counts and sizes from the board's emulator, and cycles or a board's ticks.

        See `bench_folder`.
        """
        return bench_folder(self.dir, self.manifest, compiler=compiler, on=on, line=line)


def compile_model(
    model: str | Path,
    board: str | Board,
    *,
    out: Path | str | None = None,
    name: str | None = None,
    calibrate: Any = None,
    weights: str | None = None,
    weights_edges: str | None = None,
    activations: str | None = None,
    plan: Path | str | Plan | None = None,
    methods: str | Sequence[str] | None = None,
    calibration: str | None = None,
    seed: int | None = None,
    progress: Progress = lambda what, done, total: None,
    optimize: str = "balanced",
    require_int: bool = False,
    keep_dead: bool = False,
    attention: str = "fused",
    max_ram: int | None = None,
    stream: bool = False,
    ring: str = "int8",
    features: Path | str | SoundSettings | None = None,
    every: int | None = None,
    dimensions: Mapping[str, int] | None = None,
    compiler: str = "auto",
) -> Result:
    """Converts `model` for `board` into the folder `out` (default: ./<name>_<board>).

    calibrate: samples for float models: an npz file, a folder of npy, wav or png files, arrays by input name, or an
    iterable (or a function that gives one) of samples. weights, weights_edges: how the weights of
    a float model are stored, and those of its first, last and depthwise layers (docs/quantization.md); None: int8.
    activations: "int8" (None), "mixed" or "mixed:30", by sensitivity and to 30 dB, "int16" where there are kernels.
    plan: the same layer by layer, and for activations, as a file or an object (docs/tune.md). methods, calibration,
    seed: how a float model is quantized (docs/quantization.md); None: as the plan says, else "auto", the format's
    default, 0. require_int: refuse
    models with float operators instead of quantizing them. keep_dead: compute channels too that never change or that
    nothing reads. attention: how a float model's is computed: as one operator (fused), with probabilities that are
    powers of two (log2), or as products and a softmax with a matrix of scores (split). max_ram: the most bytes that the
    arena may take, with slower kernels if need be. stream: of a network over a window of time, take only the newest
    frames per call and keep what is still needed of older ones. ring: in how many bits keys and values of causal
    attention are then kept, "int8" or "int4". features: what a network that listens was trained on,
    as a TOML file or an object: the C takes samples of sound, and computes the features too (docs/sound.md);
    `calibrate` may then hold sounds. every: frames of features from one score to the next. dimensions: values for
    dynamic dimensions by name.
    Raises EdgeqError; then `out` is as it was.
    """
    path = Path(model)
    if optimize not in GOALS:
        raise UsageError(f"{optimize!r} is not an optimization goal", hint=f"use one of: {', '.join(GOALS)}")
    if ring not in RINGS or (ring != "int8" and (not stream or features is not None)):
        raise UsageError(f"--ring {ring}", hint=f"one of {', '.join(RINGS)}, with --stream of a network over tokens")
    given = _given_plan(plan, weights, weights_edges)
    wanted = parse_activations(activations)
    target = board if isinstance(board, Board) else load_board(board)
    c_name = check_name(name) if name else default_name(path)
    graph = load_model(path, dimensions=dimensions)
    prepare(graph, attention)
    hears = _given_features(features, every)
    if hears is not None and is_sound(calibrate):
        calibrate = _heard_calibration(graph, calibrate, hears)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    said = methods, calibration, seed
    integer, real = _integer_graph(graph, calibrate, require_int, given, wanted, digest, said, progress)
    if hears is not None:
        integer, real = listen(integer, hears, every=every, stream=stream), None
    elif stream:
        integer, real = over_time(integer, ring=ring), None  # the float network is still one over the whole window
    to_integer(integer)
    core = kernel_features(target)
    removed = None if keep_dead else asdict(narrow(integer, core, optimize))
    choose_storage(integer, core)
    fitted = plan_within(integer, core, optimize, max_ram)
    facts = {
        "name": c_name,
        "board": target.name,
        "optimize": optimize,
        "removed": removed,
        "stream": integer.meta.get("stream"),
        "sound": integer.meta.get("sound"),
        "patches": fitted.facts(),
        "attention": attention_facts(fitted.graph, fitted.choices),
        "source": {
            "file": path.name,
            "sha256": digest,
            "format": graph.meta.get("format"),
            "quantized_by": "model" if real is None else "edgeq",
        },
    }
    choices = specialise(fitted.plan.steps, fitted.choices, core, optimize)
    files, manifest = render_files(fitted.graph, fitted.plan, choices, facts)
    folder = Path(out) if out is not None else Path(f"{c_name}_{target.name}")
    with staged_folder(folder) as staging:
        whole = integer if fitted.patched else None
        write_folder(staging, files, manifest, fitted.graph, real=real, whole=whole, original=path)
        if isinstance(board, str) and board.endswith(".toml"):
            shutil.copyfile(board, staging / "verify" / "board.toml")
        sizes = _fit(staging, manifest, target, compiler)
        report = render_report(manifest, sizes)
        (staging / f"{c_name}_report.txt").write_text(report, "utf-8", newline="\n")
    return Result(folder, manifest)


def open_result(folder: str | Path) -> Result:
    """The result of an earlier conversion, which may lie in a project. Raises ModelFileError when there is none."""
    places = model_folders(Path(folder))
    if len(places) > 1:
        raise ModelFileError(
            "this folder holds several models", where=str(folder), hint=f"name one: {', '.join(map(str, places))}"
        )
    directory = places[0]
    if not (directory / "verify" / "graph.npz").is_file():
        raise ModelFileError(
            "this folder does not hold a converted model", where=str(folder), hint="make one with edgeq convert"
        )
    for file in sorted(directory.glob("*.json")):
        try:
            manifest = json.loads(file.read_text("utf-8"))
            if manifest["name"] == file.stem and manifest["steps"] is not None:
                return Result(directory, manifest)
        except (ValueError, KeyError, TypeError, OSError):
            continue
    raise ModelFileError("the manifest is missing or damaged", where=str(folder), hint="convert the model again")


def _given_features(features: Path | str | SoundSettings | None, every: int | None) -> SoundSettings | None:
    if features is None and every is not None:
        raise UsageError("--every counts frames of sound features", hint="say with --features which")
    return read_settings(features) if isinstance(features, (str, Path)) else features


def _heard_calibration(graph: Graph, sounds: Any, settings: SoundSettings) -> Callable[[], Iterator[dict[str, Any]]]:
    """What the real network hears of sounds, as calibration samples."""
    frames, spec = window_frames(graph.inputs[0], settings), input_specs(graph)[0]
    return lambda: heard_samples(sounds, settings, frames, spec)


Given = Plan | tuple[WeightScheme, WeightScheme | None] | None
"""What was said of how a float model is stored: a plan; the weights of most layers and of the edges; or nothing."""


def _given_plan(plan: Path | str | Plan | None, weights: str | None, edges: str | None) -> Given:
    if plan is None:
        if weights is None and edges is None:
            return None
        most = WeightScheme() if weights is None else parse_scheme(weights)
        return most, None if edges is None else parse_scheme(edges)
    if weights is not None or edges is not None:
        raise UsageError("--plan says already how each layer is stored", hint="leave --weights and --weights-edges out")
    return plan if isinstance(plan, Plan) else read_plan(plan)


def _integer_graph(
    graph: Graph,
    calibrate: Any,
    require_int: bool,
    given: Given,
    wanted: Wanted | None,
    sha256: str,
    said: tuple[str | Sequence[str] | None, str | None, int | None],
    progress: Progress,
) -> tuple[Graph, Graph | None]:
    """(quantized graph, the real graph it was made from or None). sha256: of the model's file; said: methods,
    calibration and seed.
    """
    option = "--plan" if isinstance(given, Plan) else "--weights"
    if any(part is not None for part in said) and (is_quantized(graph) or is_fake_quantized(graph)):
        raise UsageError(
            "the model is quantized already: there is nothing for methods to do",
            hint="leave --method, --calibration and --seed out",
        )
    if wanted is not None and (is_quantized(graph) or is_fake_quantized(graph)):
        raise UsageError(
            "the model is quantized already: its activations stay as they are",
            hint="leave --activations out, or give the float model that it was made from",
        )
    if is_quantized(graph):
        if given is not None:
            raise UsageError(
                "the model is quantized already: its weights stay as they are",
                hint=f"leave {option} out, or give the float model that it was made from",
            )
        return graph, None
    if is_fake_quantized(graph):
        if given is not None:
            raise UsageError("a QONNX network says itself how its weights are quantized", hint=f"leave {option} out")
        return exact_quant(graph, None if calibrate is None else real_samples(graph, calibrate)), None
    if require_int:
        floats = [f"{n.name} ({n.op})" for n in graph.nodes if any(o.type.dtype.is_float for o in n.outputs)]
        raise UnsupportedError(
            "--require-int is set and these operators are float",
            problems=floats,
            hint="give a quantized model, or leave --require-int out and give --calibrate",
        )
    if isinstance(given, tuple):
        given = Plan.of_weights(plan_weights(graph, *given))
    elif given is not None:
        check_plan(given, graph, sha256)
    return calibrated_graph(graph, calibrate, given, settings_of(given or Plan(), *said), progress, wanted), graph


def _fit(folder: Path, manifest: Mapping[str, Any], board: Board, compiler: str) -> dict[str, Any] | None:
    """What the report says of the build, when a compiler is there. Raises CapacityError when the board is too small."""
    if board.flash is None or board.ram is None:
        return None
    if compiler == "auto" and not (available_compilers(board) and can_read_programs()):
        check_capacity(board, manifest, {})
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="edgeq-") as work:
            program = build_folder(folder, manifest, board, Path(work), compiler=compiler)
            text, rodata = model_bytes(program)
    except CapacityError:
        check_capacity(board, manifest, {})
        raise
    sizes = {"text_bytes": text, "rodata_bytes": rodata}
    check_capacity(board, manifest, sizes)
    memories = {"flash_bytes": board.flash.bytes, "ram_bytes": board.ram.bytes}
    return {**sizes, **memories, "compiler": program.compiler}
