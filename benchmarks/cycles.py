"""Cycles of the MLPerf Tiny int8 models: exact on the RTL of RISC-V cores, estimated on Cortex-M.

`python -m benchmarks.cycles [WORD...]` measures them anew, writes cycles.json beside this file and the tables of
docs/cycles.md; WORDs limit the measurement to these models, and to cores whose name contains one, the others keep
their figures. A test compares a sample of fresh measurements with the file. It needs ../shared, Verilator and the
extra `rtl`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.mlperf_tiny import MODELS, PEER, ROOT, models_dir, rewrite

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "cycles.md"
MEASURED = ("ad", "kws", "ic", "vww")
RTL = ("ibex-max", "ibex-small", "cv32e40p", "picorv32", "vexriscv")
ESTIMATED = ("cortex-m0plus", "cortex-m3", "cortex-m4")

PUBLISHED: dict[str, tuple[tuple[str, dict[str, float]], ...]] = {
    "cortex-m4": (
        ("X-CUBE-AI 10.2, 120 MHz", {"ic": 1.59, "kws": 1.96, "vww": 10.7}),
        ("Plumerai 2023.05, 120 MHz", {"ic": 1.61, "kws": 2.16, "vww": 11.9}),
        ("microTVM with CMSIS-NN, 120 MHz", {"ic": 3.74, "kws": 4.5, "vww": 36.1}),
    ),
    "cortex-m0plus": (("Bosch HALE, 64 MHz", {"ic": 7.8, "kws": 11.4, "vww": 90.5}),),
}
"""MLPerf Tiny, closed division, on hardware: cycles per MAC, for vww million cycles."""
PEER_ON_HARDWARE = "microTVM with CMSIS-NN, 120 MHz"


def measure(model: str, core: str) -> dict[str, Any]:
    """One fresh measurement, optimized for speed, with the default compiler."""
    from edgeq.pipeline import compile_model

    board, on = ("riscv", f"rtl:{core}") if core in RTL else (core, None)
    with tempfile.TemporaryDirectory() as folder:
        file = models_dir() / MODELS[model]
        result = compile_model(file, board, out=Path(folder) / "m", name=model, optimize="speed")
        bench = result.bench(on=on).to_json()
    return {key: bench[key] for key in ("cycles", "instructions", "macs")}


def recorded() -> dict[str, Any]:
    """The checked-in measurements: core -> model -> figures."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown tables of docs/cycles.md, by name."""
    return {"rtl": _cores(figures, RTL), "estimates": _cores(figures, ESTIMATED), "published": _published(figures)}


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _cores(figures: dict[str, Any], cores: tuple[str, ...]) -> str:
    text = _row("core", *MEASURED) + _row("---", *["---:"] * len(MEASURED))
    for core in cores:
        found = [figures[core][model] for model in MEASURED]
        text += _row(f"`{core}`", *(f"{f['cycles']:,} ({_per_mac(f):.2f}/MAC)" for f in found))
    return text


def _per_mac(figure: dict[str, Any]) -> float:
    return float(figure["cycles"] / figure["macs"])


def _published(figures: dict[str, Any]) -> str:
    text = _row("core", "software", "ic", "kws", "vww") + _row("---", "---", "---:", "---:", "---:")
    for core, rows in PUBLISHED.items():
        ours = figures[core]
        cells = (f"{_per_mac(ours['ic']):.2f}", f"{_per_mac(ours['kws']):.2f}", f"{ours['vww']['cycles'] / 1e6:.1f} M")
        text += _row(f"`{core}`", "edgeq, estimated", *cells)
        for name, row in rows:
            text += _row(
                f"`{core}`", f"{name}, hardware", f"{row['ic']:.2f}", f"{row['kws']:.2f}", f"{row['vww']:.1f} M"
            )
            if name == PEER_ON_HARDWARE:
                parts = [_estimated_peer(figures, core, model, row[model]) for model in ("ic", "kws", "vww")]
                text += _row(f"`{core}`", "CMSIS-NN called directly, estimated", *parts)
    return text


def _estimated_peer(figures: dict[str, Any], core: str, model: str, hardware: float) -> str:
    """CMSIS-NN's counted instructions, each taking what those of edgeq's kernels for the model take on average."""
    ours, instructions = figures[core][model], PEER["instructions"][core][model]
    cycles = instructions * ours["cycles"] / ours["instructions"]
    value = cycles / 1e6 if model == "vww" else cycles / ours["macs"]
    unit = " M" if model == "vww" else ""
    return f"{value:.{1 if unit else 2}f}{unit} ({100 * (value / hardware - 1):+.0f} %)"


def main(words: list[str]) -> None:
    """Measures what the words choose, records it model by model, and rewrites docs/cycles.md."""
    figures = recorded() if FILE.is_file() else {}
    names = [word for word in words if word not in MEASURED]
    for core in (*RTL, *ESTIMATED):
        if not names or any(name in core for name in names):
            for model in [m for m in MEASURED if m in words] or MEASURED:
                figure = figures.setdefault(core, {})[model] = measure(model, core)
                print(f"{core:14} {model:4} {figure['cycles']:>12,} {_per_mac(figure):6.2f}/MAC", flush=True)
                FILE.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
