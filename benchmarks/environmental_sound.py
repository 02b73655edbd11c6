"""What the example of environmental sound costs and how much it hears: examples/sound on emulated cores.

`python -m benchmarks.environmental_sound` measures anew: it pushes every test clip, as samples, on each core, compares
all scores with the integer reference, and writes environmental_sound.json beside it and the tables of the example's
README and docs/sound.md. A test compares a fresh measurement of some clips with the file.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, rewrite
from edgeq.boards import load_board
from edgeq.emulate import render_main, runner_for
from edgeq.emulate.harness import output_bytes
from edgeq.errors import VerificationError
from edgeq.ir.graph import Graph
from edgeq.ir.serialize import load_graph
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer
from edgeq.ops.sound_reference import real_features
from edgeq.originals import run_original
from edgeq.pipeline import Result, compile_model
from edgeq.sound import read_settings
from edgeq.toolchain import build_program

EXAMPLE = ROOT / "examples" / "sound"
sys.path.insert(0, str(EXAMPLE))
from sounds import CALIBRATION_SEED, EVERY, HOP, clips, stream  # noqa: E402

FILE = Path(__file__).with_suffix(".json")
PAGES = (EXAMPLE / "README.md", ROOT / "docs" / "sound.md")
BOARDS = {"cortex-m4": "Cortex-M4", "riscv": "RV32IMC"}
SETTINGS = read_settings(EXAMPLE / "mel.toml")
SCORE = EVERY * HOP
"""Samples from one score to the next."""
TEST_SEED, TEST_CLIPS = 2, 50
"""As train.py has them: clips of each class."""
PUSH = Path(__file__).parent / "sound_push"
FRONT_END = ("sound_features", "delay_line")
"""Operators before the network."""


def convert(board: str, folder: Path) -> Result:
    """As the example's README says."""
    sounds = {"inputs": clips(6, CALIBRATION_SEED)[0]}
    options: dict[str, Any] = {"features": EXAMPLE / "mel.toml", "every": EVERY, "optimize": "speed"}
    return compile_model(EXAMPLE / "sound.onnx", board, out=folder, calibrate=sounds, **options)


def heard(result: Result, sounds: Array) -> Array:
    """Scores of the emulated core that is pushed all clips, in pieces of 333 samples: [clips, scores, classes].

    Raises VerificationError when a bit differs.
    """
    split = stream(sounds)
    manifest, board = result.manifest, load_board(result.manifest["board"])
    size = output_bytes(manifest)
    pushed = {
        "name": "pushed",
        "state_bytes": manifest["state_bytes"],
        "inputs": [{"bytes": 2 * SCORE}],
        "outputs": [{"bytes": size}],
        "steps": [{"outputs": []}],
    }
    with tempfile.TemporaryDirectory() as work:
        program = build_program(
            [PUSH / "pushed.c", *(result.dir / source for source in manifest["sources"])],
            [PUSH, *(result.dir / folder for folder in manifest["include_dirs"])],
            board,
            optimize=manifest["optimize"],
            main=render_main(pushed, "emulator"),
            work_dir=Path(work),
        )
        samples = [score.astype("<i2").tobytes() for score in split.reshape(-1, SCORE)]
        run = runner_for(board).run(program, samples, output_bytes=size, timeout=3600)
    scores = np.frombuffer(b"".join(run.outputs), np.int8).reshape(-1, size)
    if not np.array_equal(scores, expected(result, split)):
        raise VerificationError("the scores of the emulated core are not the reference's", where=board.name)
    return scores.reshape(*split.shape[:2], size)


def expected(result: Result, split: Array) -> Array:
    """The integer reference: the front end on every frame, the network where there is a score."""
    graph = load_graph(result.dir / "verify" / "graph.npz")
    name = result.manifest["sound"]["features"]["name"]
    place = next(i for i, node in enumerate(graph.nodes, 1) if node.output.name == name)
    window = graph.nodes[place - 1].output
    front = Graph("front", graph.inputs, [window], graph.nodes[:place])
    (windows,) = run_integer(front, {graph.inputs[0].name: split.reshape(-1, HOP)}).values()
    network = Graph("network", [window], graph.outputs, graph.nodes[place:])
    (scores,) = run_integer(network, {name: windows[EVERY - 1 :: EVERY]}).values()
    return np.asarray(scores.reshape(len(scores), -1))


def accuracy(result: Result, sounds: Array, labels: Array) -> float:
    """Share of the clips that the emulated core names, at the score that has heard all of one."""
    return float((heard(result, sounds)[:, -1].argmax(1) == labels).mean())


def float_accuracy(sounds: Array, labels: Array) -> float:
    """The same in floating point throughout: float64 features, onnxruntime."""
    reals = np.stack([real_features(SETTINGS, sound / 32768) for sound in sounds]).astype(np.float32)
    _, (scores,) = run_original(EXAMPLE / "sound.onnx", [reals[:, None]])
    return float((scores.reshape(len(sounds), -1).argmax(1) == labels).mean())


def measure(board: str, sounds: Array, labels: Array) -> dict[str, Any]:
    """Figures of one core."""
    with tempfile.TemporaryDirectory() as temporary:
        result = convert(board, Path(temporary) / "sound")
        bench = result.bench()
        front = sum(layer["instructions"] for layer in bench.layers if layer["op"] in FRONT_END)
        assert bench.instructions is not None and bench.stack_bytes is not None
        return {
            "front_end_instructions": front,
            "network_instructions": bench.instructions - front,
            "macs": bench.macs,
            "text_bytes": bench.text_bytes,
            "rodata_bytes": bench.rodata_bytes,
            "arena_bytes": bench.arena_bytes,
            "state_bytes": bench.state_bytes,
            "stack_bytes": bench.stack_bytes,
            "accuracy": accuracy(result, sounds, labels),
        }


def recorded() -> dict[str, Any]:
    """The checked-in measurements: clips, accuracy in float, board -> figures."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown table of both pages."""
    boards: dict[str, Any] = figures["boards"]
    frames, scores = SETTINGS.rate / HOP, SETTINGS.rate / SCORE

    def row(title: str, *cells: str) -> str:
        return f"| {title} | {' | '.join(cells)} |\n"

    def million(key: str, per_second: float) -> list[str]:
        return [f"{f[key] * per_second / 1e6:.1f} million" for f in boards.values()]

    memory = {b: f["arena_bytes"] + f["state_bytes"] + f["stack_bytes"] for b, f in boards.items()}
    text = row("", *(BOARDS[b] for b in boards)) + row("---", *["---:"] * len(boards))
    text += row(
        f"clips named, of {figures['clips']} (float: {figures['float_accuracy']:.1%})",
        *(f"{f['accuracy']:.1%}" for f in boards.values()),
    )
    text += row("flash, bytes", *(f"{f['text_bytes'] + f['rodata_bytes']:,}" for f in boards.values()))
    text += row("RAM with stack, bytes", *(f"{total:,}" for total in memory.values()))
    text += row(
        "arena + state + stack",
        *(f"{f['arena_bytes']:,} + {f['state_bytes']:,} + {f['stack_bytes']:,}" for f in boards.values()),
    )
    text += row(f"instructions per second: {frames:g} frames of features", *million("front_end_instructions", frames))
    text += row(f"and {scores:.1f} scores of the network", *million("network_instructions", scores))
    return {"environmental_sound": text}


def main() -> None:
    """Measures all and writes file and pages."""
    sounds, labels = clips(TEST_CLIPS, TEST_SEED)
    figures: dict[str, Any] = {"clips": len(labels), "float_accuracy": float_accuracy(sounds, labels)}
    figures["boards"] = {board: measure(board, sounds, labels) for board in BOARDS}
    FILE.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    for page in PAGES:
        page.write_text(rewrite(page.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main()
