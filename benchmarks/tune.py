"""Mixed precision of the float keyword spotter (DS-CNN of MLPerf Tiny): three bits per weight, and two boards.

`python -m benchmarks.tune` chooses formats so that a weight takes three bits on average, scales counted, and scores the
plan as benchmarks/accuracy.py scores one format: calibrated on 256 utterances without their labels, scored on the other
744. It then searches for a Cortex-M0+ and a RISC-V with Zbb under the same budgets, writes tune.json beside this file,
and the tables of docs/tune.md. It needs scipy, torch and ../shared. `mixed` or `boards` measures one of the two.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, models_dir, rewrite
from benchmarks.ptq import MODEL, utterances
from edgeq.boards import load_board
from edgeq.ir.graph import Graph
from edgeq.ops.registry import operator
from edgeq.quant.plan import LayerPlan, Plan
from edgeq.quant.schemes import TRIT_PLANES, WeightScheme
from edgeq.tune.costs import Costs, LayerCost
from edgeq.tune.explain import differences, told
from edgeq.tune.journal import Journal
from edgeq.tune.losses import Chosen
from edgeq.tune.options import Formats, layer_options
from edgeq.tune.search import Request, tune
from edgeq.tune.sensitivity import SENSITIVITIES, Question, losses
from edgeq.tune.solve import Budget, solve
from edgeq.tune.subject import evaluate, load_subject
from edgeq.tune.workers import workers

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "tune.md"
CALIBRATION = 256
JUDGES = 64
BITS = 3.0
SCALES = (2, 0)
"""Bytes of a scale: as tools count it that have half-precision scales; and not counted at all. In edgeq's C a channel
has a multiplier and a shift, five bytes, whatever its weights; three bits would leave less than two for the codes."""
WIDTHS = ("int6", "int5", "int4", "int3", "int2")
METHODS = ("better", "best")
BOARDS = ("cortex-m0plus", "riscv-zbb")
FORMATS = ("int4", "int4:g32", "int2", "ternary")
LIMITS = Budget(flash=24 * 1024, instructions=12_000_000)


def code_bits(scheme: WeightScheme) -> float:
    """Of one weight, without scales; those of the groups' factors counted."""
    planes = 2 if scheme.name == TRIT_PLANES else 1
    bits = planes * log2(scheme.high - scheme.low + 1) if scheme.has_zero else 1.0
    return bits + (8 * planes / scheme.group if scheme.group else 0)


def weight_bits(graph: Graph, chosen: Chosen, scale_bytes: int) -> float:
    """Average bits per weight of a plan: codes and one scale per output channel."""
    bits, weights = 0.0, 0
    for node in graph.nodes:
        if operator(node.op).accumulates:
            shape = node.input(1).shape
            count = int(np.prod(shape))
            bits += count * code_bits(chosen.get(node.name, LayerPlan()).weights)
            bits += 8 * scale_bytes * shape[operator(node.op).weight_axis]
            weights += count
    return bits / weights


def bit_costs(graph: Graph, options: dict[str, tuple[LayerPlan, ...]], scale_bytes: int) -> tuple[Costs, int]:
    """(costs that count bits of weights instead of bytes of flash, the budget of `BITS` per weight)."""
    nodes = {n.name: n.input(1) for n in graph.nodes if operator(n.op).accumulates}
    layers = {
        name: {o: LayerCost(round(nodes[name].type.elements * code_bits(o.weights)), 0, "") for o in row}
        for name, row in options.items()
    }
    count = sum(value.type.elements for value in nodes.values())
    channels = sum(value.shape[operator(n.op).weight_axis] for n, value in _layers(graph))
    return Costs("", layers, (), code={"": 0}), int(BITS * count) - 8 * scale_bytes * channels


def _layers(graph: Graph) -> list[tuple[Any, Any]]:
    return [(n, n.input(1)) for n in graph.nodes if operator(n.op).accumulates]


def mixed(progress: Any = print) -> list[dict[str, Any]]:
    """One row per way of counting scales and set of methods."""
    real, labels = utterances()
    calibration = {"inputs": real[:CALIBRATION]}
    test = {"inputs": real[CALIBRATION:], "labels": labels[CALIBRATION:]}
    file = models_dir() / MODEL
    formats = Formats.parse(WIDTHS, ())
    subject = load_subject(file, calibration, JUDGES)
    options = dict(layer_options(subject.graph, formats))
    book = Journal(subject.digest, FILE.with_suffix(".journal"))
    with workers(subject) as run:
        question = Question(subject, options, Plan(), 0, lambda work: book.run(work, run))
        lost = losses(SENSITIVITIES["output-error"], question)
    book.remove()
    judge = load_subject(file, calibration, None, None, test)
    rows = []
    for scale_bytes in SCALES:
        costs, limit = bit_costs(subject.graph, options, scale_bytes)
        chosen = solve(lost, costs, Budget(flash=limit))
        for methods in METHODS:
            progress(f"{scale_bytes} {methods}", flush=True)
            quality = evaluate(judge, Plan(chosen, {"methods": methods}))
            rows.append(
                {
                    "scale_bytes": scale_bytes,
                    "bits": weight_bits(subject.graph, chosen, scale_bytes),
                    "methods": methods,
                    "accuracy": quality.accuracy,
                    "agreement": quality.agreement,
                    "sqnr_db": quality.sqnr_db,
                    "layers": {name: told(option) for name, option in chosen.items()},
                }
            )
            progress(json.dumps(rows[-1]), flush=True)
    return rows


def boards() -> dict[str, Any]:
    """The plans of two boards under the same budgets, and where they differ."""
    real, _ = utterances()
    request = Request(
        models_dir() / MODEL,
        load_board(BOARDS[0]),
        {"inputs": real[:JUDGES]},
        LIMITS,
        formats=Formats.parse(FORMATS, ()),
        judges=JUDGES,
        processes=os.cpu_count(),
    )
    journal = FILE.with_suffix(".journal")
    here = tune(request, journal, keep_journal=True)
    there = tune(replace(request, board=load_board(BOARDS[1])), journal)
    sizes = {
        name: {
            **vars(found.point.sizes),
            "int8": vars(found.int8.sizes),
            "sqnr_db": found.point.quality.sqnr_db,
            "agreement": found.point.quality.agreement,
        }
        for name, found in zip(BOARDS, (here, there), strict=True)
    }
    return {"budget": vars(LIMITS), "sizes": sizes, "differences": differences(here, there)}


def recorded() -> dict[str, Any]:
    """What is checked in."""
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    return found


def mixed_table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    titles = ("a scale counts", "bits per weight", "`--method`", "accuracy", "same as float", "SQNR", "bits by layer")
    text = f"| {' | '.join(titles)} |\n"
    text += f"| --- | ---: | --- |{' ---: |' * 4}\n"
    for row in rows:
        widths = [v.removeprefix("int") for v in row["layers"].values()]
        cells = [
            f"{8 * row['scale_bytes']} bits",
            f"{row['bits']:.2f}",
            f"`{row['methods']}`",
            f"{row['accuracy']:.1%}",
            f"{row['agreement']:.1%}",
            f"{row['sqnr_db']:.1f} dB",
            " ".join(widths),
        ]
        text += f"| {' | '.join(cells)} |\n"
    return text


def boards_table(found: dict[str, Any]) -> str:
    """Markdown."""
    text = f"| | {' | '.join(BOARDS)} | budget |\n| --- | ---: | ---: | ---: |\n"
    for key, title in (("flash", "flash"), ("instructions", "instructions")):
        cells = [f"{found['sizes'][b][key]:,} (int8: {found['sizes'][b]['int8'][key]:,})" for b in BOARDS]
        text += f"| {title} | {' | '.join(cells)} | {found['budget'][key]:,} |\n"
    cells = [f"{found['sizes'][b]['sqnr_db']:.1f} dB" for b in BOARDS]
    text += f"| SQNR | {' | '.join(cells)} | |\n\n"
    text += f"| layer | chosen for | loss | {BOARDS[0]}: bytes, instructions | {BOARDS[1]}: bytes, instructions |\n"
    text += "| --- | --- | ---: | ---: | ---: |\n"
    for row in found["differences"]:
        for place, board in zip(("here", "there"), BOARDS, strict=True):
            choice = row[place]
            costs = [f"{choice[p]['bytes']:,}, {choice[p]['instructions']:,}" for p in ("here", "there")]
            name = row["layer"].split("/")[-2 if "/" in row["layer"] else 0] if place == "here" else ""
            text += f"| {name} | {board}: `{choice['chosen']}` | {choice['loss']:.1e} | {' | '.join(costs)} |\n"
    return text


def main() -> None:
    """Measures, records, and rewrites the page."""
    if not models_dir().is_dir():
        sys.exit(f"the models are not at {models_dir()}: set EDGEQ_SHARED")
    wanted = sys.argv[1:] or ["mixed", "boards"]
    for name in wanted:
        measured = {"mixed": mixed, "boards": boards}[name]()
        found = recorded() | {name: measured}
        FILE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    tables = {"tune-mixed": mixed_table, "tune-boards": boards_table}
    texts = {mark: make(found[mark.removeprefix("tune-")]) for mark, make in tables.items() if mark[5:] in found}
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), texts), "utf-8")


if __name__ == "__main__":
    main()
