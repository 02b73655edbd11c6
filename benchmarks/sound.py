"""What a frame of sound features costs: executed instructions, stack and bytes, on emulated cores.

`python -m benchmarks.sound` measures anew, writes sound.json beside it and the table of docs/sound.md. A test compares
a fresh measurement of one front end on every core with the file, and its features with the reference.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, rewrite
from edgeq import resources
from edgeq.boards import load_board
from edgeq.build import model_bytes
from edgeq.emulate import render_main, runner_for
from edgeq.errors import VerificationError
from edgeq.sound import Settings, features, make_tables, write_front_end
from edgeq.toolchain import build_program

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "sound.md"
FRAME = Path(__file__).parent / "sound_frame"
BOARDS = ("cortex-m4", "cortex-m0plus", "riscv")
FRONT_ENDS = {
    "40 log-Mel, 30 ms": Settings(),
    "10 MFCC of 40 bands, 40 ms": Settings(window=640, hop=320, mfcc=10),
    "32 log-Mel, 32 ms at 8 kHz": Settings(rate=8000, window=256, hop=128, mels=32),
}


def measure(settings: Settings, board_name: str, frames: Sequence[np.ndarray[Any, Any]]) -> dict[str, int]:
    """Figures of a frame, the first of `frames`. Raises VerificationError when a bit of any differs."""
    tables, board = make_tables(settings), load_board(board_name)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "ears"
        front = write_front_end(tables, folder, "ears")
        size = front["features_bytes"]
        manifest = {
            "name": "heard",
            "state_bytes": 0,
            "inputs": [{"bytes": 2 * settings.window}],
            "outputs": [{"bytes": size}],
            "steps": [{"outputs": []}],
        }
        program = build_program(
            [FRAME / "heard.c", *(folder / source for source in front["sources"])],
            [FRAME, folder, resources.runtime_dir() / "include"],
            board,
            optimize="speed",
            defines={"EDGEQ_PROFILE": "1"},
            main=render_main(manifest, "emulator"),
            work_dir=Path(temporary) / "build",
        )
        samples = [np.ascontiguousarray(frame, "<i2").tobytes() for frame in frames]
        result = runner_for(board, "unicorn").run(program, samples, output_bytes=size)
        code, _ = model_bytes(program)
    expected = [features(tables, frame).tobytes() for frame in frames]
    if result.outputs != expected:
        raise VerificationError("the features of the emulated core are not the reference's", where=board_name)
    assert result.instructions is not None and result.stack_bytes is not None
    return {
        "instructions": result.instructions,
        "code_bytes": code,
        "tables_bytes": front["tables_bytes"],
        "ram_bytes": front["frame_bytes"] + front["scratch_bytes"],
        "stack_bytes": result.stack_bytes,
    }


def sounds(settings: Settings) -> list[np.ndarray[Any, Any]]:
    """A frame of noise, one of silence, one of a clipped tone."""
    t = np.arange(settings.window)
    noise = np.random.RandomState(5).normal(0, 3000, settings.window)
    return [np.clip(real, -32768, 32767).astype(np.int16) for real in (noise, 0 * t, 1e5 * np.sin(t / 9))]


def recorded() -> dict[str, Any]:
    """The checked-in measurements: front end -> board -> figures."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown table of docs/sound.md."""
    text = "| front end | board | instructions per frame | million per second | code | tables | RAM | stack |\n"
    text += "|---|---|---:|---:|---:|---:|---:|---:|\n"
    for name, boards in figures.items():
        settings = FRONT_ENDS[name]
        for board, figure in boards.items():
            second = figure["instructions"] * settings.rate / settings.hop / 1e6
            sizes = " | ".join(f"{figure[key]:,}" for key in ("code_bytes", "tables_bytes", "ram_bytes", "stack_bytes"))
            text += f"| {name} | `{board}` | {figure['instructions']:,} | {second:.1f} | {sizes} |\n"
    return {"sound": text}


def main() -> None:
    """Measures all and writes file and page."""
    figures = {name: {b: measure(s, b, sounds(s)) for b in BOARDS} for name, s in FRONT_ENDS.items()}
    FILE.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main()
