"""What 16-bit activations bring and cost: published transformers with int8, chosen and int16 activations.

`python -m benchmarks.widths [MODEL|BOARD...]` measures them anew, writes widths.json beside it and the table of
docs/quantization.md; words limit it to models or boards, the others keep their figures. Ranges and the choice come
from 32 of a model's 64 samples, signal to noise from the other 32. A test compares a fresh measurement with the file.
It needs ../shared and ONNX Runtime.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, rewrite

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "quantization.md"
MODELS = {"CCT": "CCT_FP32_CCT_1_16_16_8", "TinyViT": "TinyViT_Demo"}
BOARDS = ("cortex-m4", "riscv")
ACTIVATIONS = ("int8", "mixed:30", "mixed", "int16")
CALIBRATED = 32


def transformers_dir() -> Path:
    """Where the float networks and their samples are."""
    shared = Path(os.environ.get("EDGEQ_SHARED", ROOT.parent / "shared"))
    return shared / "models" / "transformers"


def measure(model: str, board: str, activations: str) -> dict[str, Any]:
    """One fresh measurement, verified bit by bit on host and emulator."""
    from edgeq.pipeline import compile_model

    source = transformers_dir() / MODELS[model]
    with np.load(source / "inputs.npz") as archive:
        samples = archive["inputs"]
    seen, others = {"inputs": samples[:CALIBRATED]}, {"inputs": samples[CALIBRATED:]}
    with tempfile.TemporaryDirectory() as folder:
        result = compile_model(
            source / "network.onnx", board, out=Path(folder) / "m", name="m", calibrate=seen, activations=activations
        )
        proof = result.verify(inputs=others, reference="original")
        assert proof.bit_exact and proof.reference is not None
        bench = result.bench().to_json()
    choice = result.manifest["quantization"]["widths"]
    return {
        "sqnr_db": proof.reference["sqnr_db"],
        "wide": 0 if choice is None else len(choice["tensors"]),
        **{key: bench[key] for key in ("arena_bytes", "instructions", "text_bytes", "rodata_bytes")},
    }


def recorded() -> dict[str, Any]:
    """The checked-in measurements: model -> board -> activations -> figures."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown table of docs/quantization.md."""
    head = ("model", "board", "`--activations`", "in 16 bits", "SQNR", "arena", "instructions", "code and constants")
    text = "| " + " | ".join(head) + " |\n|---|---|---|---:|---:|---:|---:|---:|\n"
    for model in MODELS:
        for board in BOARDS:
            for activations in ACTIVATIONS:
                figure, base = figures[model][board][activations], figures[model][board][ACTIVATIONS[0]]
                more = 100 * (figure["instructions"] / base["instructions"] - 1)
                cells = (
                    model,
                    f"`{board}`",
                    f"`{activations}`",
                    str(figure["wide"]),
                    f"{figure['sqnr_db']:.1f} dB",
                    f"{figure['arena_bytes']:,}",
                    f"{figure['instructions']:,}" + ("" if figure is base else f" ({more:+.1f} %)"),
                    f"{figure['text_bytes'] + figure['rodata_bytes']:,}",
                )
                text += "| " + " | ".join(cells) + " |\n"
    return {"widths": text}


def main(words: list[str]) -> None:
    """Measures, records, and rewrites the page; words limit it to models or boards, the others keep theirs."""
    if not transformers_dir().is_dir():
        sys.exit(f"the models are not at {transformers_dir()}: set EDGEQ_SHARED")
    figures = recorded() if FILE.is_file() else {}
    for model in MODELS:
        for board in BOARDS:
            if words and not any(word in (model, board) for word in words):
                continue
            for activations in ACTIVATIONS:
                figure = measure(model, board, activations)
                figures.setdefault(model, {}).setdefault(board, {})[activations] = figure
                print(f"{model:8} {board:10} {activations:9} {figure}", flush=True)
            FILE.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
