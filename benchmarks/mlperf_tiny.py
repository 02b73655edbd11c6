"""Costs of the MLPerf Tiny int8 models on every core, from the emulators; exact, so they can be compared.

`python -m benchmarks.mlperf_tiny [BOARD|MODEL...]` (or `make bench`) measures them anew, writes mlperf_tiny.json beside
this file and the tables of README.md. A test compares a sample of fresh measurements with the file. It needs ../shared.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FILE = Path(__file__).with_suffix(".json")
MODELS = {
    "ad": "ad_autoencoder_int8.tflite",
    "kws": "kws_dscnn_int8.tflite",
    "ic": "ic_resnet8_int8.tflite",
    "vww": "vww_mobilenet_int8.tflite",
    "sww": "sww_conv1d_int8.tflite",
}
BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "riscv", "riscv-rvv")
GOALS = ("speed", "size")
DEAD = ("vww",)
"""Models with channels that never change or that nothing reads: measured for speed without them too."""
NARROWED = "speed, narrowed"
"""Key of those figures. All others are measured with --keep-dead, so that peers do the same work."""
TOLERANCE = 0.01
"""A measured cost may exceed its recorded one by this share before a test fails."""

PEER: dict[str, dict[str, Any]] = {
    "instructions": {
        "cortex-m0plus": {"ad": 1_758_768, "kws": 23_582_599, "ic": 97_553_471, "vww": 70_145_334},
        "cortex-m3": {"ad": 940_974, "kws": 10_021_361, "ic": 37_615_407, "vww": 30_374_579},
        "cortex-m4": {"ad": 546_148, "kws": 7_093_700, "ic": 27_125_886, "vww": 22_264_310},
        "cortex-m7": {"ad": 570_183, "kws": 7_210_209, "ic": 28_460_781, "vww": 22_644_340},
        "cortex-m55": {"ad": 61_277, "kws": 1_726_879, "ic": 4_584_172, "vww": 6_255_185},
    },
    "text_bytes": {
        "cortex-m0plus": {"ad": 3_382, "kws": 13_756, "ic": 13_082, "vww": 15_244},
        "cortex-m4": {"ad": 2_750, "kws": 13_816, "ic": 14_212, "vww": 15_264},
    },
    "arena_bytes": {"ad": 768, "kws": 16_000, "ic": 49_728, "vww": 55_296},
}
"""CMSIS-NN called directly, no interpreter: the best of gcc 12.2 and clang 22 at any -O level; code at -Os."""


def models_dir() -> Path:
    """The published models: $EDGEQ_SHARED or ../shared."""
    return Path(os.environ.get("EDGEQ_SHARED", ROOT.parent / "shared")) / "models" / "mlperf_tiny"


def measure(model: str, board: str, goal: str) -> dict[str, Any]:
    """One fresh measurement with the default compiler. goal: of GOALS, or NARROWED."""
    from edgeq.pipeline import compile_model

    with tempfile.TemporaryDirectory() as folder:
        result = compile_model(
            models_dir() / MODELS[model],
            board,
            out=Path(folder) / "m",
            name=model,
            optimize="speed" if goal == NARROWED else goal,
            keep_dead=goal != NARROWED,
        )
        bench = result.bench().to_json()
    keys = ("instructions", "macs", "text_bytes", "rodata_bytes", "arena_bytes", "stack_bytes", "compiler")
    return {key: bench[key] for key in keys}


def recorded() -> dict[str, Any]:
    """The checked-in measurements: board -> model -> goal -> figures."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown tables that README.md shows, by name."""
    return {"instructions": _instructions(figures), "sizes": _sizes(figures)}


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _instructions(figures: dict[str, Any]) -> str:
    titles = [*MODELS, *(f"{m} without dead channels" for m in DEAD)]
    text = _row(["core", *titles]) + _row(["---", *["---:"] * len(titles)])
    for board in BOARDS:
        cells = []
        for model in MODELS:
            ours = figures[board][model]["speed"]
            per_mac = ours["instructions"] / ours["macs"]
            peer = PEER["instructions"].get(board, {}).get(model)
            share = f", {ours['instructions'] / peer:.2f} of CMSIS-NN" if peer else ""
            cells.append(f"{ours['instructions']:,} ({per_mac:.2f}/MAC{share})")
        for model in DEAD:
            ours, whole = figures[board][model][NARROWED], figures[board][model]["speed"]
            cells.append(f"{ours['instructions']:,} ({ours['instructions'] / whole['instructions']:.2f} of {model})")
        text += _row([f"`{board}`", *cells])
    return text


def _sizes(figures: dict[str, Any]) -> str:
    text = _row(
        ["model", "code, M0+", "CMSIS-NN", "code, M4", "CMSIS-NN", "code, RV32IMC", "constants", "arena", "CMSIS-NN"]
    )
    text += _row(["---", *["---:"] * 8])
    for model in MODELS:
        size = {b: figures[b][model]["size"] for b in BOARDS}

        def peer(key: str, board: str | None = None, model: str = model) -> str:
            row = PEER[key] if board is None else PEER[key][board]
            return f"{row[model]:,}" if model in row else ""

        text += _row(
            [
                model,
                f"{size['cortex-m0plus']['text_bytes']:,}",
                peer("text_bytes", "cortex-m0plus"),
                f"{size['cortex-m4']['text_bytes']:,}",
                peer("text_bytes", "cortex-m4"),
                f"{size['riscv']['text_bytes']:,}",
                f"{size['riscv']['rodata_bytes']:,}",
                f"{size['riscv']['arena_bytes']:,}",
                peer("arena_bytes"),
            ]
        )
    return text


def rewrite(page: str, fresh: dict[str, str]) -> str:
    """`page` with every `<!-- figures:NAME -->` place filled anew."""
    for name, table in fresh.items():
        place = re.compile(rf"<!-- figures:{name} -->\n.*?<!-- /figures:{name} -->", re.DOTALL)
        page = place.sub(lambda _, n=name, t=table: f"<!-- figures:{n} -->\n{t}<!-- /figures:{n} -->", page)
    return page


def main(words: list[str]) -> None:
    """Measures, records, and rewrites README.md; words limit it to boards or models, the others keep their figures."""
    if not models_dir().is_dir():
        sys.exit(f"the models are not at {models_dir()}: set EDGEQ_SHARED")
    figures = recorded() if FILE.is_file() else {}
    for board in BOARDS:
        for model in MODELS:
            if words and not any(word in (board, model) for word in words):
                continue
            for goal in (*GOALS, NARROWED) if model in DEAD else GOALS:
                figure = measure(model, board, goal)
                figures.setdefault(board, {}).setdefault(model, {})[goal] = figure
                per_mac = f"{figure['instructions']:>12,} {figure['instructions'] / figure['macs']:6.2f}/MAC"
                print(f"{board:14} {model:4} {goal:15} {per_mac} {figure['text_bytes']:>6,} B", flush=True)
            # After every model, so that an interruption loses nothing.
            FILE.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", "utf-8")
    readme = ROOT / "README.md"
    readme.write_text(rewrite(readme.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
