"""Networks on QEMU's machines over their UARTs: `python -m benchmarks.link_machines [--samples N] [-o] [BOARD ...]`.

Converts for each machine's board, builds the link firmware, boots it from its own vector table, and verifies a data set
over its serial port: keyword spotting where its arena fits, the binary MNIST network on the machines of 16 KB.
Needs ../shared and QEMU. The record is benchmarks/link_machines.json, the table of docs/device.md is written from it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.boards import load_board
from edgeq.device import Line, build_firmware
from edgeq.npz import Array
from edgeq.pipeline import compile_model
from tests.tools import ROOT, shared

RECORD = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "device.md"
BEGIN, END = "<!-- machines -->\n", "<!-- /machines -->"

KWS, TFC = "kws_dscnn_int8", "tfc_1w1a"
MACHINES = {
    "netduinoplus2": KWS,
    "mps2-an385": KWS,
    "mps2-an386": KWS,
    "mps2-an500": KWS,
    "mps3-an547": KWS,
    "virt": KWS,
    "microbit": TFC,
    "sifive_e": TFC,
}
"""Board -> network."""


def data_set(network: str, samples: int) -> dict[str, Array]:
    """The first samples with their labels."""
    data = shared() / "data"
    if network == KWS:
        with np.load(data / "kws01.npz") as archive:
            return {key: archive[key][:samples] for key in ("inputs", "labels")}
    images = np.frombuffer(gzip.decompress((data / "t10k-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8)
    labels = np.frombuffer(gzip.decompress((data / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:], np.uint8)
    pixels = (images.reshape(-1, 1, 28, 28)[:samples] / 255).astype(np.float32)
    return {"inputs": pixels, "labels": labels[:samples]}


def model_file(network: str) -> Path:
    """Where a network is."""
    models = shared() / "models"
    return models / "mlperf_tiny" / f"{network}.tflite" if network == KWS else models / "qonnx" / f"{network}.onnx"


def measure(name: str, samples: int, folder: Path) -> dict[str, Any]:
    """What one machine gives."""
    network, line = MACHINES[name], Line(f"qemu:{name}")
    result = compile_model(model_file(network), name, out=folder / "model")
    program = build_firmware([result.dir], load_board(name), folder / "firmware")
    began = time.monotonic()
    found = result.verify(on=["device"], inputs=data_set(network, samples), line=line)
    seconds = time.monotonic() - began
    device = result.bench(on="device", line=line).device
    assert device is not None and found.accuracy is not None
    return {
        "network": network,
        "samples": found.samples,
        "bit_exact": found.bit_exact,
        "accuracy": found.accuracy["device"],
        "flash_bytes": program.text_bytes + program.rodata_bytes + program.data_bytes,
        "link_bytes": sum(program.groups["harness"].__dict__.values()),
        "ram_bytes": program.data_bytes + program.bss_bytes,
        "arena_bytes": result.manifest["arena_bytes"],
        "stack_bytes": device["stack_bytes"],
        "samples_per_second": round(samples / seconds, 1),
    }


def table(record: dict[str, dict[str, Any]]) -> str:
    """The record as the page has it."""
    lines = ["| machine | network | samples | bit-exact | top-1 | flash | RAM | of it arena | stack used |"]
    lines.append("|---|---|---:|---|---:|---:|---:|---:|---:|")
    for name, row in record.items():
        cells = [f"`{name}`", f"`{row['network']}`", f"{row['samples']}", "yes" if row["bit_exact"] else "NO"]
        cells += [f"{100 * row['accuracy']:.1f} %", *(f"{row[k]:,}" for k in ("flash_bytes", "ram_bytes"))]
        cells += [f"{row[key]:,}" for key in ("arena_bytes", "stack_bytes")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_table(page: str, record: dict[str, dict[str, Any]]) -> str:
    """The page with the record's table in its place."""
    head, rest = page.split(BEGIN)
    return head + BEGIN + table(record) + END + rest.split(END)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("-o", "--out", action="store_true", help="record, and write the page")
    parser.add_argument("boards", nargs="*", default=list(MACHINES))
    options = parser.parse_args()
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.is_file() else {}
    for name in options.boards:
        with tempfile.TemporaryDirectory() as folder:
            record[name] = measure(name, options.samples, Path(folder))
        print(name, json.dumps(record[name]), flush=True)
        if options.out:
            RECORD.write_text(json.dumps({n: record[n] for n in MACHINES if n in record}, indent=1) + "\n", "utf-8")
    if options.out:
        ordered = {n: record[n] for n in MACHINES if n in record}
        PAGE.write_text(with_table(PAGE.read_text("utf-8"), ordered), "utf-8")


if __name__ == "__main__":
    main()
