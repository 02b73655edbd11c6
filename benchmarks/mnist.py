"""A small residual network for handwritten digits: four bits, and bits chosen layer by layer, over five trainings.

`python -m benchmarks.mnist` trains the network in floats for every seed, goes on with four-bit weights and activations
(edgeq.nn), and quantizes the float one by plans of one format and by plans that `edgeq tune` chooses at the same flash.
It scores the integer graphs on images that no step has seen, and writes mnist.json beside this file and the table of
docs/tune.md. It needs torch, scipy and ../shared.

The images are the 10,000 of MNIST's test set, halved to 14 x 14: 5,000 to train, drawn by a fixed seed, 2,000 to score.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, models_dir, rewrite
from edgeq.boards import load_board
from edgeq.frontends.detect import load_model
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer
from edgeq.passes.exact_quant import exact_quant
from edgeq.passes.pipeline import prepare, to_integer
from edgeq.quant.plan import LayerPlan, Plan
from edgeq.quant.schemes import parse_scheme
from edgeq.tune.costs import Sizes
from edgeq.tune.options import Formats
from edgeq.tune.search import Request, measured, tune
from edgeq.tune.solve import Budget
from edgeq.tune.subject import Subject, evaluate, load_subject
from edgeq.tune.sweep import Interval

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "tune.md"
BOARD = "riscv"
SEEDS = (0, 1, 2, 3, 4)
TRAINED = 5000
SCORED = 2000
CALIBRATION = 128
EPOCHS = {None: 4, 4: 3}
"""By bits."""
BATCH = 128
RATE = {None: 8e-3, 4: 2e-3}
CHANNELS = 12
CHOICE = ("int8", "int4", "int2")


def images() -> tuple[Array, Array, Array, Array]:
    """(images to train, their classes, images to score, their classes); reals of 0 to 1, [n, 1, 14, 14]."""
    folder = models_dir().parents[1] / "data"
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 14, 2, 14, 2)
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    small = (np.rint(pixels.mean(axis=(2, 4))) / 255).astype(np.float32)[:, np.newaxis]
    order = np.random.default_rng(0).permutation(len(small))
    train, test = order[:TRAINED], order[-SCORED:]
    return small[train], labels[train], small[test], labels[test]


def network(bits: int | None) -> Any:
    """Two residual blocks. bits: of all weights and activations, learned (edgeq.nn); None: floats."""
    from torch import nn

    import edgeq.nn

    def conv(size_in: int, size_out: int, taps: int, stride: int = 1) -> Any:
        shape = (size_in, size_out, taps, stride, taps // 2)
        norm = nn.BatchNorm2d(size_out)
        if bits is None:
            return nn.Sequential(nn.Conv2d(*shape, bias=False), norm)
        return nn.Sequential(edgeq.nn.Conv2d(*shape, bias=False, weights=f"int{bits}"), norm)

    def levels(name: str) -> Any:
        return nn.Identity() if bits is None else edgeq.nn.Activation(f"{name}{bits}")

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, size_in: int, size_out: int, stride: int) -> None:
            super().__init__()
            self.first, self.second = conv(size_in, size_out, 3, stride), conv(size_out, size_out, 3)
            self.skip = conv(size_in, size_out, 1, stride)
            self.between, self.branch, self.end = levels("uint"), levels("int"), levels("uint")
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            y = self.between(self.relu(self.first(x)))
            # Both branches have the same levels, so that their sum is exact.
            return self.end(self.relu(self.branch(self.second(y)) + self.branch(self.skip(x))))

    image = nn.Identity() if bits is None else edgeq.nn.Activation("uint8", step=1 / 255)
    width = 2 * CHANNELS
    # One scale for all scores: the integers have the order of the reals.
    few = {} if bits is None else {"weights": f"int{bits}", "scale": "tensor"}
    last = (nn if bits is None else edgeq.nn).Linear(width, 10, bias=False, **few)
    return nn.Sequential(
        image,
        conv(1, CHANNELS, 3, 2),
        nn.ReLU(),
        levels("uint"),
        Block(CHANNELS, CHANNELS, 1),
        Block(CHANNELS, width, 2),
        nn.AvgPool2d(4),
        nn.Identity() if bits is None else edgeq.nn.Activation("uint8"),
        nn.Flatten(),
        last,
    )


def trained(bits: int | None, seed: int, start: Any = None) -> Any:
    """The network after training with this seed, in evaluation mode. start: a network whose weights it begins with."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    x, labels = (torch.from_numpy(a) for a in images()[:2])
    net = network(bits)
    if start is not None:
        net.load_state_dict(start.state_dict(), strict=False)
    steps = EPOCHS[bits] * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE[bits], weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE[bits], total_steps=steps)
    for _ in range(EPOCHS[bits]):
        order = torch.randperm(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            part = order[start : start + BATCH]
            loss = cross_entropy(net(x[part]), labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def export(net: Any, bits: int | None, path: Path) -> None:
    """Writes the network as ONNX or QONNX."""
    import torch

    import edgeq.nn

    sample = torch.zeros(1, 1, 14, 14)
    if bits is None:
        torch.onnx.export(net, (sample,), path, dynamo=True, external_data=False, verbose=False)
    else:
        edgeq.nn.export(net, sample, path)


def exact_accuracy(path: Path) -> float:
    """Of the integer graph of a QONNX network."""
    _, _, x, labels = images()
    graph = load_model(path)
    prepare(graph)
    integer = exact_quant(graph, None)
    to_integer(integer)
    (source,) = integer.inputs
    given = (
        np.rint(x.reshape(-1, *source.shape[1:]) * 255).astype(np.int64) + source.type.quantization.tensor_zero_point
    )
    scores = next(iter(run_integer(integer, {source.name: given.astype(np.int8)}).values()))
    return float((scores.argmax(axis=-1).reshape(-1) == labels).mean())


def uniform(subject: Subject, weights: str, activations: str) -> Plan:
    """One format everywhere; the scores keep eight bits."""
    layers = [n for n in subject.graph.nodes if n.op in ("conv2d", "dense", "add")]
    scheme = parse_scheme(weights)
    return Plan(
        {
            n.name: LayerPlan(
                scheme if n.op != "add" else LayerPlan().weights, "a8" if n is layers[-1] else activations
            )
            for n in layers
        }
    )


def measure(seed: int) -> dict[str, Any]:
    """Everything of one seed."""
    x, labels, test, classes = images()
    calibration = {"inputs": x[:CALIBRATION], "labels": labels[:CALIBRATION]}
    row: dict[str, Any] = {"seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        file, four = Path(folder) / "float.onnx", Path(folder) / "four.onnx"
        real = trained(None, seed)
        export(real, None, file)
        export(trained(4, seed, real), 4, four)
        row["trained W4A4"] = {"accuracy": exact_accuracy(four)}
        subject = load_subject(file, calibration, None, None, {"inputs": test, "labels": classes})
        row["float"] = {"accuracy": subject.real_quality.accuracy}
        request = Request(file, load_board(BOARD), {"inputs": x[:CALIBRATION]}, processes=1, judges=CALIBRATION)

        def note(name: str, plan: Plan, sizes: Sizes) -> None:
            quality = evaluate(subject, plan)
            row[name] = {"accuracy": quality.accuracy, "sqnr_db": quality.sqnr_db, **vars(sizes)}
            row[name]["layers"] = {n: f"{p.weights} -> {p.activations}" for n, p in plan.layers.items()}

        for name, activations, formats in (("W4A4", "au4", ("a8", "au4")), ("W4A8", "a8", ("a8",))):
            plan = uniform(subject, "int4", activations)
            sizes = measured(request, plan)
            note(f"uniform {name}", plan, sizes)
            asked = Formats.parse(CHOICE, formats)
            found = tune(Request(**{**vars(request), "formats": asked, "budget": Budget(flash=sizes.flash)}))
            note(f"mixed at the flash of {name}", found.plan, found.point.sizes)
    return row


def recorded() -> list[dict[str, Any]]:
    """The checked-in rows, one per seed."""
    rows: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else []
    return rows


NAMES = (
    "float",
    "trained W4A4",
    "uniform W4A4",
    "mixed at the flash of W4A4",
    "uniform W4A8",
    "mixed at the flash of W4A8",
)


def differences(rows: list[dict[str, Any]]) -> dict[str, Interval]:
    """What is claimed, seed by seed: points of accuracy, and for sizes that are equal also dB."""

    def paired(a: str, b: str, key: str, factor: float) -> Interval:
        return Interval.of([factor * (row[a][key] - row[b][key]) for row in rows])

    found = {"trained W4A4 - float": paired("trained W4A4", "float", "accuracy", 100)}
    for name in ("W4A4", "W4A8"):
        pair = f"mixed at the flash of {name}", f"uniform {name}"
        found[f"mixed - uniform {name}"] = paired(*pair, "accuracy", 100)
        found[f"mixed - uniform {name}, dB"] = paired(*pair, "sqnr_db", 1)
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown, and the differences."""
    text = f"| network | accuracy | SQNR | flash, most of {len(rows)} | instructions |\n| --- |{' ---: |' * 4}\n"
    for name in NAMES:
        found = [row[name] for row in rows]
        accuracy = Interval.of([100 * f["accuracy"] for f in found])
        cells = [f"{accuracy.mean:.2f} ± {accuracy.half or 0:.2f}%", "", "", ""]
        if "sqnr_db" in found[0]:
            noise = Interval.of([f["sqnr_db"] for f in found])
            cells[1] = f"{noise.mean:.1f} ± {noise.half or 0:.1f} dB"
            cells[2] = f"{max(f['flash'] for f in found):,}"
            cells[3] = f"{np.mean([f['instructions'] for f in found]) / 1e6:.2f} M"
        text += f"| {name} | {' | '.join(cells)} |\n"
    text += "\n| difference, by seed | mean and interval of 95 % |\n| --- | ---: |\n"
    for name, interval in differences(rows).items():
        unit = "" if name.endswith("dB") else " points"
        text += f"| {name} | {interval.mean:+.2f} ± {interval.half or 0:.2f}{unit} |\n"
    return text


def main() -> None:
    """Measures what is not recorded, records it, and rewrites the page."""
    if not models_dir().is_dir():
        sys.exit(f"the data are not beside {models_dir()}: set EDGEQ_SHARED")
    rows = [] if "--fresh" in sys.argv else recorded()
    missing = [seed for seed in SEEDS if seed not in {row["seed"] for row in rows}]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(measure, seed) for seed in missing]):
            rows = sorted([*rows, done.result()], key=lambda row: row["seed"])
            print(json.dumps(done.result()), flush=True)
            FILE.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), {"mnist": table(rows)}), "utf-8")


if __name__ == "__main__":
    main()
