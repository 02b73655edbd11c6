"""What quantization below eight bits without training costs in accuracy and saves in flash: keyword spotting, DS-CNN.

`python -m benchmarks.ptq` converts the float network with every way of storing weights, calibrated on the first 100
utterances without their labels, scores it on the other 900, writes ptq.json beside this file and the table of
docs/quantization.md. Scores come from the integer reference, which equals the emulated C bit for bit (16 utterances are
verified per row); instructions are measured in emulation. It needs ../shared.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, models_dir, rewrite
from edgeq.errors import VerificationError
from edgeq.ir.graph import Graph
from edgeq.ir.serialize import load_graph
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer, run_real
from edgeq.pipeline import Result, compile_model
from edgeq.quant.quality import sqnr_db

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "quantization.md"
MODEL = "kws_dscnn_float.onnx"
BOARD = "riscv"
CALIBRATION = 100
VERIFIED = 16
BATCH = 100
WAYS: tuple[tuple[str, str], ...] = (
    ("int8", "int8"),
    ("int6", "int8"),
    ("int4", "int8"),
    ("int4:g32", "int8"),
    ("int4", "int4"),
    ("trit-planes:g32", "int8"),
    ("trit-planes", "int8"),
    ("int3", "int8"),
    ("int3:g16", "int8"),
    ("int2", "int8"),
    ("int2:g16", "int8"),
    ("ternary", "int8"),
    ("ternary:g16", "int8"),
    ("binary", "int8"),
    ("binary:g16", "int8"),
)
"""Pairs of --weights and --weights-edges."""


def utterances() -> tuple[Array, Array]:
    """(features as the float model takes them, labels) of 1,000 utterances."""
    with np.load(models_dir().parents[1] / "data" / "kws01.npz") as data:
        real = (data["inputs"].astype(np.float32) - 83) * 0.5847029089927673
        return real.astype(np.float32), data["labels"]


def convert(weights: str, edges: str, out: Path) -> Result:
    """The float network with these weights, calibrated on the first utterances."""
    samples = {"inputs": utterances()[0][:CALIBRATION]}
    file = models_dir() / MODEL
    return compile_model(file, BOARD, out=out, name="kws", calibrate=samples, weights=weights, weights_edges=edges)


def scores(result: Result) -> tuple[Array, Array]:
    """(integer, real) class scores before the softmax, as reals, of the utterances that were not calibrated on."""
    integer = load_graph(result.dir / "verify" / "graph.npz")
    real = load_graph(result.dir / "verify" / "real.npz")
    x = integer.inputs[0]
    given = utterances()[0][CALIBRATION:].reshape(-1, *x.shape[1:]).astype(np.float64)
    quantized = x.quantization.quantize(given, x.type.dtype)
    q = _before_softmax(integer, run_integer, quantized)
    logits = next(n for n in integer.nodes if n.op == "softmax").input(0)
    return logits.quantization.dequantize(q), _before_softmax(real, run_real, given)


def _before_softmax(graph: Graph, run: Any, inputs: Array) -> Array:
    wanted = next(n for n in graph.nodes if n.op == "softmax").input(0).name
    found: list[Array] = []

    def keep(value: Any, array: Array) -> None:
        if value.name == wanted:
            found.append(array)

    for start in range(0, len(inputs), BATCH):
        run(graph, {graph.inputs[0].name: inputs[start : start + BATCH]}, keep)
    return np.concatenate(found)


def measure(weights: str, edges: str) -> dict[str, Any]:
    """One fresh row of the table. Raises VerificationError when the emulated C gives other bits than the reference."""
    real, labels = utterances()
    with tempfile.TemporaryDirectory() as folder:
        result = convert(weights, edges, Path(folder) / "m")
        proof = result.verify(on=["emulator"], inputs={"inputs": real[CALIBRATION : CALIBRATION + VERIFIED]})
        if not proof.bit_exact:
            raise VerificationError(f"{weights}: {proof.first_mismatch}")
        ours, theirs = scores(result)
        inner = [s for s in result.manifest["steps"] if s["op"] == "conv2d"][1]
        return {
            "weights": weights,
            "edges": edges,
            "accuracy": float((ours.argmax(axis=1) == labels[CALIBRATION:]).mean()),
            "agreement": float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
            "float_accuracy": float((theirs.argmax(axis=1) == labels[CALIBRATION:]).mean()),
            "sqnr_db": sqnr_db(theirs, ours),
            "weights_bytes": result.manifest["weights_bytes"],
            "float_weights_bytes": result.manifest["float_weights_bytes"],
            "inner_format": inner["formats"].split()[1],
            "inner_bytes": inner["weights_bytes"],
            "instructions": result.bench().to_json()["instructions"],
        }


def recorded() -> list[dict[str, Any]]:
    """The checked-in rows."""
    rows: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    titles = [
        "`--weights`",
        "edges",
        "accuracy",
        "same as float",
        "SQNR",
        "constants",
        "a 64 x 64 layer",
        "stored",
        "instructions",
    ]
    text = f"| {' | '.join(titles)} |\n| --- | --- |{' ---: |' * 7}\n"
    first = rows[0]
    text += f"| float | | {first['float_accuracy']:.1%} | | | {first['float_weights_bytes']:,} | 16,640 | | |\n"
    for row in rows:
        cells = [
            f"`{row['weights']}`",
            f"`{row['edges']}`",
            f"{row['accuracy']:.1%}",
            f"{row['agreement']:.1%}",
            f"{row['sqnr_db']:.1f} dB",
            f"{row['weights_bytes']:,}",
            f"{row['inner_bytes']:,}",
            f"`{row['inner_format']}`",
            f"{row['instructions'] / 1e6:.1f} M",
        ]
        text += f"| {' | '.join(cells)} |\n"
    return text


def main() -> None:
    """Measures every row, records them, and rewrites the page."""
    if not models_dir().is_dir():
        sys.exit(f"the models are not at {models_dir()}: set EDGEQ_SHARED")
    rows = []
    for weights, edges in WAYS:
        rows.append(measure(weights, edges))
        print(json.dumps(rows[-1]), flush=True)
    FILE.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), {"ptq": table(rows)}), "utf-8")


if __name__ == "__main__":
    main()
