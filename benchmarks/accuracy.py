"""What the methods of quantization keep of a float network's accuracy: keyword spotting, DS-CNN, at 4, 3 and 2 bits.

`python -m benchmarks.accuracy kws` converts the network with all weights, edges and depthwise layers too, at each width
and with each set of methods, calibrated on the first 256 utterances without their labels, scores the integer graph on
the other 744, writes accuracy.json beside this file after every row and the table of docs/quantization.md. Methods that
learn run with three seeds. Rows that are recorded are kept; `--fresh` measures them anew. It needs ../shared and torch.

`python -m benchmarks.accuracy settings` compares sets of methods at four bits without any label and without the 744:
each sees 192 of the 256 utterances, and the divergence of its class probabilities from the float network's is measured
on the other 64, for two parts. It writes accuracy_settings.json; the set that wins is compared with the target.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, models_dir, rewrite
from benchmarks.ptq import BOARD, MODEL, VERIFIED, utterances
from edgeq.errors import VerificationError
from edgeq.ir.graph import Graph
from edgeq.ir.serialize import load_graph
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer, run_real
from edgeq.pipeline import compile_model
from edgeq.quant.plan import Plan
from edgeq.quant.schemes import parse_scheme
from edgeq.quant.work import weighted
from edgeq.tune.subject import evaluate, load_subject

FILE = Path(__file__).with_suffix(".json")
SETTINGS_FILE = Path(__file__).with_name("accuracy_settings.json")
PAGE = ROOT / "docs" / "quantization.md"
CALIBRATION = 256
BATCH = 124
SEEDS = (0, 1, 2)
WIDTHS = ("int4", "int3", "int2")
TARGETS = {"int4": 0.905, "int3": 0.88, "int2": 0.75}
REACHES = {"int4": "best", "int3": "best", "int2": "best"}
"""The methods that are compared with the targets; at four bits those that win without labels."""
METHODS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("none", (0,)),
    ("auto", (0,)),
    ("better", (0,)),
    ("better --calibration mse", (0,)),
    ("best", SEEDS),
)
"""What is given to --method (and --calibration) at every width, and the seeds."""
ALONE = tuple(
    f"bias,{name}"
    for name in ("equalize", "smooth", "rotate", "awq", "adadim", "gptq", "batch-norm", "lorc", "adaround", "blocks")
)
"""What each method brings by itself, at one width."""
ALONE_AT = "int3"
SETTINGS = ("better", "best")
"""Sets of methods that are compared without labels."""
PARTS = (0, 3)
"""Quarters of the calibration samples that are held out, one after the other; also the seed."""


def wanted() -> list[tuple[str, str, int]]:
    """(weights, methods, seed) of every row, those without learning first."""
    rows = [(w, m, s) for m, seeds in METHODS for w in WIDTHS for s in seeds]
    return rows + [(ALONE_AT, methods, 0) for methods in ALONE]


def score(graph: Graph, run: Any, inputs: Array) -> Array:
    """Classes that a graph gives."""
    name = graph.inputs[0].name
    parts = [run(graph, {name: inputs[i : i + BATCH]}) for i in range(0, len(inputs), BATCH)]
    return np.concatenate([next(iter(part.values())) for part in parts]).argmax(axis=1)


def measure(weights: str, methods: str, seed: int) -> dict[str, Any]:
    """One fresh row. Raises VerificationError when the emulated C gives other bits than the reference."""
    real, labels = utterances()
    names, _, calibration = methods.partition(" --calibration ")
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        result = compile_model(
            models_dir() / MODEL,
            BOARD,
            out=Path(folder) / "m",
            name="kws",
            calibrate={"inputs": real[:CALIBRATION]},
            weights=weights,
            weights_edges=weights,
            methods=names,
            calibration=calibration or None,
            seed=seed,
        )
        seconds = time.process_time() - begin
        proof = result.verify(on=["emulator"], inputs={"inputs": real[CALIBRATION : CALIBRATION + VERIFIED]})
        if not proof.bit_exact:
            raise VerificationError(f"{weights} {methods}: {proof.first_mismatch}")
        integer = load_graph(result.dir / "verify" / "graph.npz")
        x = integer.inputs[0]
        given = real[CALIBRATION:].reshape(-1, *x.shape[1:]).astype(np.float64)
        ours = score(integer, run_integer, x.quantization.quantize(given, x.type.dtype))
        theirs = score(load_graph(result.dir / "verify" / "real.npz"), run_real, given)
        effects = result.manifest["quantization"]["methods"]
    return {
        "weights": weights,
        "methods": methods,
        "seed": seed,
        "accuracy": float((ours == labels[CALIBRATION:]).mean()),
        "agreement": float((ours == theirs).mean()),
        "float_accuracy": float((theirs == labels[CALIBRATION:]).mean()),
        "weights_bytes": result.manifest["weights_bytes"],
        "effects": effects,
        "seconds": round(seconds, 1),
    }


def compare_setting(methods: str, part: int) -> dict[str, Any]:
    """One row: how near a network of four bits is to the float one on calibration samples that it has not seen."""
    real, _ = utterances()
    quarter = CALIBRATION // 4
    held = np.arange(CALIBRATION) // quarter == part
    fit, test = {"inputs": real[:CALIBRATION][~held]}, {"inputs": real[:CALIBRATION][held]}
    subject = load_subject(models_dir() / MODEL, fit, None, None, test)
    layers = Plan.of_weights({n.name: parse_scheme("int4") for n in weighted(subject.graph)}).layers
    quality = evaluate(subject, Plan(layers, {"methods": methods, "seed": part}))
    return {"methods": methods, "part": part, "nats": quality.kl, "agreement": quality.agreement}


def measure_settings() -> None:
    """Writes the file of settings."""
    rows = []
    for methods in SETTINGS:
        for part in PARTS:
            rows.append(compare_setting(methods, part))
            print(json.dumps(rows[-1]), flush=True)
    SETTINGS_FILE.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), {"settings": table_settings()}), "utf-8")


def recorded() -> list[dict[str, Any]]:
    """The checked-in rows."""
    rows: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else []
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of every width as Markdown: one line per set of methods, with the least and the most over the seeds."""
    text = "| all weights | `--method` | accuracy | seeds | same as float | SQNR | target | CPU seconds |\n"
    text += f"| --- | --- |{' ---: |' * 6}\n"
    for weights in WIDTHS:
        for methods, _ in METHODS:
            found = [r for r in rows if (r["weights"], r["methods"]) == (weights, methods)]
            if not found:
                continue
            scores = [r["accuracy"] for r in found]
            spread = f"{len(found)}: {min(scores):.1%} to {max(scores):.1%}" if len(found) > 1 else ""
            target = f"{TARGETS[weights]:.1%}" if methods == REACHES[weights] else ""
            levels = [level for level in map(_level, found) if level is not None]
            cells = [
                f"`{weights}`",
                f"`{methods}`",
                f"{np.mean(scores):.1%}",
                spread,
                f"{np.mean([r['agreement'] for r in found]):.1%}",
                f"{np.mean(levels):.1f} dB" if levels else "",
                target,
                f"{np.mean([r['seconds'] for r in found]):.0f}",
            ]
            text += f"| {' | '.join(cells)} |\n"
    return text


def table_alone(rows: list[dict[str, Any]]) -> str:
    """What each method alone brings, as Markdown."""
    text = f"| `{ALONE_AT}`, `--method` | accuracy | SQNR before | after | kept | did |\n"
    text += f"| --- |{' ---: |' * 3} --- | --- |\n"
    by_methods = {r["methods"]: r for r in rows if r["weights"] == ALONE_AT}
    for methods in ALONE:
        row = by_methods.get(methods)
        if row is None:
            continue
        name = methods.split(",")[1]
        effect = next(e for e in row["effects"] if e["method"] == name)
        levels = f"{effect['before_db']:.1f} dB | {effect['after_db']:.1f} dB"
        kept = "yes" if effect["kept"] else "undone"
        text += f"| `{methods}` | {row['accuracy']:.1%} | {levels} | {kept} | {effect['did']} |\n"
    return text


def table_settings() -> str:
    """The sets of methods that were compared without labels, as Markdown."""
    rows: list[dict[str, Any]] = json.loads(SETTINGS_FILE.read_text("utf-8"))
    text = "| `int4`, `--method` | divergence, nats | least and most | same as float |\n| --- |" + " ---: |" * 3 + "\n"
    for methods in SETTINGS:
        found = [row for row in rows if row["methods"] == methods]
        nats, same = ([row[key] for row in found] for key in ("nats", "agreement"))
        text += f"| `{methods}` | {np.mean(nats):.4f} | {min(nats):.4f} to {max(nats):.4f} | {np.mean(same):.1%} |\n"
    return text


def _level(row: dict[str, Any]) -> float | None:
    """The network's SQNR on calibration samples after the last method that was kept."""
    kept = [effect["after_db"] for effect in row["effects"] if effect["kept"]]
    return kept[-1] if kept else None


def figures(rows: list[dict[str, Any]]) -> dict[str, str]:
    """The tables of the page, by name."""
    return {"accuracy": table(rows), "methods": table_alone(rows), "settings": table_settings()}


def main() -> None:
    """Measures what is not recorded, records it, and rewrites the page."""
    if sys.argv[1:2] not in (["kws"], ["settings"]):
        sys.exit("usage: python -m benchmarks.accuracy kws [--fresh] | settings")
    if not models_dir().is_dir():
        sys.exit(f"the models are not at {models_dir()}: set EDGEQ_SHARED")
    if sys.argv[1] == "settings":
        measure_settings()
        return
    rows = [] if "--fresh" in sys.argv else recorded()
    there = {(r["weights"], r["methods"], r["seed"]) for r in rows}
    for row in wanted():
        if row not in there:
            rows.append(measure(*row))
            print(json.dumps(rows[-1]), flush=True)
            FILE.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), figures(rows)), "utf-8")


if __name__ == "__main__":
    main()
