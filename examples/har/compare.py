"""The binary network against a random forest, both as firmware of the same RISC-V board, and both on other splits.

    pip install 'edgeq[train,emulate,reference]' scikit-learn emlearn qonnx && pip install --no-deps aeon
    python examples/har/compare.py

converts motion.onnx, proves it, trains the forest and lets emlearn write its C, runs the 40 test series through both
programs in emulation, trains both anew on other splits (minutes), and writes the figures into README.md.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import emlearn
import network
import numpy as np
import torch
from data import TRAINING, load, readings
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedShuffleSplit

from edgeq import resources
from edgeq.boards import load_board
from edgeq.build import model_bytes
from edgeq.emulate import runner_for
from edgeq.emulate.harness import output_bytes, render_main, step_regions
from edgeq.pipeline import compile_model
from edgeq.toolchain import build_program

HERE = Path(__file__).resolve().parent
BOARD = "riscv"
TREES = 20
SPLITS = 20


@dataclass(frozen=True)
class Firmware:
    """What one of the two is as a program. correct: of the archive's 40 test series. RAM is memory and stack."""

    correct: int
    flash: int
    ram: int
    instructions: int


def network_firmware(series: NDArray[np.float32], classes: NDArray[np.int64]) -> Firmware:
    """motion.onnx, converted, proved bit for bit, and against qonnx."""
    inputs = network.blocks(torch.from_numpy(series[TRAINING:])).numpy()
    with tempfile.TemporaryDirectory() as folder:
        result = compile_model(HERE / "motion.onnx", BOARD, out=Path(folder) / "motion")
        proof = result.verify(
            on=("emulator",), inputs={"input": inputs, "labels": classes[TRAINING:]}, reference="original"
        )
        cost = result.bench()
    if not proof.bit_exact or not proof.reference or not proof.reference["exact"] or not proof.accuracy:
        raise SystemExit(f"the firmware does not compute what the network does: {proof.to_json()}")
    assert cost.instructions is not None and cost.stack_bytes is not None
    return Firmware(
        round(proof.accuracy["emulator"] * len(inputs)),
        cost.text_bytes + cost.rodata_bytes,
        cost.arena_bytes + cost.stack_bytes,
        cost.instructions,
    )


def features(series: NDArray[np.float32]) -> NDArray[np.int64]:
    """[N, 18]: the integers that forest.c computes."""
    x = readings(series).astype(np.int64)
    parts = (x.sum(1), np.abs(np.diff(x, axis=1)).sum(1), (x * x).sum(1) >> 6)
    return np.concatenate(parts, axis=1)


def forest(x: NDArray[np.int64], classes: NDArray[np.int64], seed: int) -> RandomForestClassifier:
    """A forest on these features."""
    return RandomForestClassifier(TREES, max_depth=5, random_state=seed).fit(x, classes)


def votes(trees: RandomForestClassifier, x: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class that most trees name, as emlearn's C decides; the first of equals."""
    named = np.stack([tree.predict(x).astype(np.int64) for tree in trees.estimators_], axis=1)
    return np.array([np.bincount(row).argmax() for row in named])


def forest_firmware(series: NDArray[np.float32], classes: NDArray[np.int64]) -> Firmware:
    """The forest of the archive's training set, as C of emlearn in edgeq's harness."""
    x, board = features(series), load_board(BOARD)
    trees = forest(x[:TRAINING], classes[:TRAINING], network.SEED)
    inputs = readings(series[TRAINING:])
    manifest: dict[str, Any] = {
        "name": "forest",
        "inputs": [{"bytes": inputs[0].nbytes}],
        "outputs": [{"bytes": 4}],
        "steps": [{"outputs": [{"offset": 0, "bytes": 4}]}],
    }
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        code = emlearn.convert(trees, method="inline", dtype="int16_t")
        code.save(name="forest_trees", file=str(work / "forest_trees.h"), include_proba=False)
        program = build_program(
            [HERE / "forest" / "forest.c"],
            [HERE / "forest", work, resources.runtime_dir() / "include"],
            board,
            main=render_main(manifest, "emulator"),
            work_dir=work,
            defines={"EDGEQ_PROFILE": "1"},
        )
        result = runner_for(board).run(
            program,
            [sample.tobytes() for sample in inputs],
            output_bytes=output_bytes(manifest),
            step_regions=step_regions(manifest),
            trace=False,
        )
        memory = program.symbols["arena"].size
        flash = sum(model_bytes(program))
    labels = np.array([int.from_bytes(output, "little") for output in result.outputs])
    if not np.array_equal(labels, votes(trees, x[TRAINING:])):
        raise SystemExit("the forest's firmware does not vote as its trees in Python do")
    assert result.instructions is not None and result.stack_bytes is not None
    right = int((labels == classes[TRAINING:]).sum())
    return Firmware(right, flash, memory + result.stack_bytes, result.instructions)


def other_splits(series: NDArray[np.float32], classes: NDArray[np.int64], count: int) -> dict[str, list[float]]:
    """Test accuracy of both on as many random halves, each trained on one half and tested on the other."""
    torch.set_num_threads(1)
    x, reals, labels = features(series), torch.from_numpy(series), torch.from_numpy(classes)
    found: dict[str, list[float]] = {"network": [], "forest": []}
    halves = StratifiedShuffleSplit(count, test_size=len(series) - TRAINING, random_state=network.SEED)
    for seed, (train, test) in enumerate(halves.split(x, classes)):
        model = network.train(reals[train], labels[train], seed)
        found["network"].append(network.correct(model, reals[test], labels[test]) / len(test))
        voted = votes(forest(x[train], classes[train], seed), x[test])
        found["forest"].append(float((voted == classes[test]).mean()))
        print(f"split {seed + 1}: network {found['network'][-1]:.1%}, forest {found['forest'][-1]:.1%}", flush=True)
    return found


def table(firmware: dict[str, Firmware], splits: dict[str, list[float]], tested: int) -> str:
    """The Markdown table of the README."""

    def rate(correct: float) -> str:
        return f"{correct:.1%}".replace("%", " %")

    rows = {
        "accuracy, the archive's split": [f"{f.correct}/{tested}" for f in firmware.values()],
        f"accuracy, mean of {len(splits['network'])} random splits": [rate(np.mean(splits[k])) for k in firmware],
        "accuracy, worst of these": [rate(min(splits[k])) for k in firmware],
        "flash, bytes": [f"{f.flash:,}" for f in firmware.values()],
        "RAM with stack, bytes": [f"{f.ram:,}" for f in firmware.values()],
        "executed instructions": [f"{f.instructions:,}" for f in firmware.values()],
    }
    lines = ["| | binary network (edgeq) | random forest (emlearn) |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])


def main() -> None:
    """Measure and write the README's table."""
    parser = argparse.ArgumentParser(description="measure both and write the table of README.md")
    parser.add_argument("--splits", type=int, default=SPLITS, help="random splits on which both are trained anew")
    arguments = parser.parse_args()
    series, classes = load()
    firmware = {"network": network_firmware(series, classes), "forest": forest_firmware(series, classes)}
    for name, costs in firmware.items():
        print(name, costs)
    text = table(firmware, other_splits(series, classes, arguments.splits), len(series) - TRAINING)
    page = HERE / "README.md"
    marks = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)
    page.write_text(marks.sub(lambda m: m[1] + text + "\n" + m[2], page.read_text("utf-8")), "utf-8")
    print(text)


if __name__ == "__main__":
    main()
