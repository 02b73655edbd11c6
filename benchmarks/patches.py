"""What a smaller arena costs: the MLPerf Tiny models under `--max-ram`, by slower kernels and then in patches.

`python -m benchmarks.patches [BOARD|MODEL...]` (or `make bench`) measures them anew, writes patches.json beside it
and the table of docs/memory.md; words limit it to boards or models, the others keep their figures. A test compares a
fresh measurement with the file. It needs ../shared.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.mlperf_tiny import MODELS, ROOT, models_dir, rewrite

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "memory.md"
LIMITS: dict[str, tuple[int, ...]] = {
    "vww": (36_864, 34_000, 32_000, 30_000),
    "ic": (33_312, 28_000, 24_000, 20_000, 17_500),
    "kws": (9_536, 7_000, 5_000, 4_000),
}
"""Bytes of the arena, from what slower kernels reach alone down to nearly the least in patches."""
BOARDS = ("cortex-m4", "riscv")
FREE = "none"
"""Key of the figures without a limit."""


def measure(model: str, board: str, limit: int | None) -> dict[str, Any]:
    """One fresh measurement, optimized for speed, with the default compiler."""
    from edgeq.pipeline import compile_model

    with tempfile.TemporaryDirectory() as folder:
        file = models_dir() / MODELS[model]
        result = compile_model(file, board, out=Path(folder) / "m", name=model, optimize="speed", max_ram=limit)
        bench = result.bench().to_json()
        patches = result.manifest["patches"]
    kept = ("count", "rows", "overlap", "extra_macs")
    return {
        **{key: bench[key] for key in ("arena_bytes", "instructions", "text_bytes", "rodata_bytes")},
        "patches": None if patches is None else {**{k: patches[k] for k in kept}, "layers": len(patches["layers"])},
    }


def recorded() -> dict[str, Any]:
    """The checked-in measurements: board -> model -> limit -> figures."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown table of docs/memory.md."""
    head = ("model", "board", "`--max-ram`", "arena", "instructions", "code and constants", "first stage")
    text = "| " + " | ".join(head) + " |\n|---|---|---:|---:|---:|---:|---|\n"
    for model, limits in LIMITS.items():
        for board in BOARDS:
            whole = figures[board][model][FREE]
            for limit in (FREE, *map(str, limits)):
                figure = figures[board][model][limit]
                more = 100 * (figure["instructions"] / whole["instructions"] - 1)
                size = figure["text_bytes"] + figure["rodata_bytes"]
                cells = (
                    model,
                    f"`{board}`",
                    "-" if limit == FREE else f"{int(limit):,}",
                    f"{figure['arena_bytes']:,}",
                    f"{figure['instructions']:,}" + ("" if limit == FREE else f" ({more:+.1f} %)"),
                    f"{size:,}",
                    _how(figure["patches"]),
                )
                text += "| " + " | ".join(cells) + " |\n"
    return {"patches": text}


def _how(patches: dict[str, Any] | None) -> str:
    if patches is None:
        return "in one piece"
    rows = "1 row" if patches["rows"] == 1 else f"{patches['rows']} rows"
    return f"{patches['count']} patches of {rows}, {patches['layers']} layers, overlap {patches['overlap']}"


def main(words: list[str]) -> None:
    """Measures, records, and rewrites docs/memory.md; words limit it to boards or models, the others keep theirs."""
    if not models_dir().is_dir():
        sys.exit(f"the models are not at {models_dir()}: set EDGEQ_SHARED")
    figures = recorded() if FILE.is_file() else {}
    for board in BOARDS:
        for model, limits in LIMITS.items():
            if words and not any(word in (board, model) for word in words):
                continue
            for limit in (None, *limits):
                figure = measure(model, board, limit)
                figures.setdefault(board, {}).setdefault(model, {})[FREE if limit is None else str(limit)] = figure
                print(f"{board:10} {model:4} {limit or 0:>7,} {figure['arena_bytes']:>7,} B", end=" ")
                print(f"{figure['instructions']:>12,} {_how(figure['patches'])}", flush=True)
            FILE.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
