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
from collections.abc import Sequence
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, models_dir, rewrite
from benchmarks.ptq import MODEL, utterances
from edgeq.boards import load_board
from edgeq.ir.graph import Graph, Node
from edgeq.ops.registry import operator
from edgeq.quant.plan import LayerPlan, Plan
from edgeq.quant.schemes import TRIT_PLANES, WeightScheme
from edgeq.tune.choose import choose
from edgeq.tune.costs import Costs, LayerCost
from edgeq.tune.explain import differences, told
from edgeq.tune.jobs import quality_job, quality_of
from edgeq.tune.journal import Journal
from edgeq.tune.losses import Chosen
from edgeq.tune.options import Formats, layer_options
from edgeq.tune.search import Request, tune
from edgeq.tune.sensitivity import SENSITIVITIES, Question, losses
from edgeq.tune.solve import Budget, Correction
from edgeq.tune.subject import evaluate, load_subject
from edgeq.tune.workers import workers

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "tune.md"
CALIBRATION = 256
JUDGES = 64
BITS = 3.0
TARGET = 0.895
SCALE_BITS = 16
"""As tools count a scale that have half-precision scales; one per output channel, or one for the layer."""
WIDTHS = tuple(f"int{bits}{scales}" for bits in (6, 5, 4, 3, 2) for scales in ("", ":tensor"))
REWRITES = "equalize"
"""Rows of weights become alike first, which is what makes one scale for a layer worth considering."""
METHODS: tuple[tuple[str, tuple[int, ...]], ...] = (("equalize,better", (0,)), ("equalize,best", (0, 1, 2)))
"""And the seeds."""
STEPS = 1200
"""Batches of `best`: three times the default. The page says how that was decided."""
BOARDS = ("cortex-m0plus", "riscv-zbb")
FORMATS = ("int4", "int4:g32", "int2", "ternary")
LIMITS = Budget(flash=24 * 1024, instructions=12_000_000)


def code_bits(scheme: WeightScheme) -> float:
    """Of one weight, without scales; those of the groups' factors counted."""
    planes = 2 if scheme.name == TRIT_PLANES else 1
    bits = planes * log2(scheme.high - scheme.low + 1) if scheme.has_zero else 1.0
    return bits + (8 * planes / scheme.group if scheme.group else 0)


def weight_bits(graph: Graph, chosen: Chosen) -> float:
    """Average bits per weight of a plan: codes and scales."""
    nodes = [n for n, _ in _layers(graph)]
    bits = sum(_layer_bits(n, chosen.get(n.name, LayerPlan()).weights) for n in nodes)
    return bits / sum(n.input(1).type.elements for n in nodes)


def _layer_bits(node: Node, scheme: WeightScheme) -> float:
    scales = 1 if scheme.per_tensor else node.input(1).shape[operator(node.op).weight_axis]
    return node.input(1).type.elements * code_bits(scheme) + SCALE_BITS * scales


def bit_costs(graph: Graph, options: dict[str, tuple[LayerPlan, ...]]) -> tuple[Costs, int]:
    """(costs that count bits of weights instead of bytes of flash, the budget of `BITS` per weight)."""
    nodes = {n.name: n for n, _ in _layers(graph)}
    layers = {
        name: {o: LayerCost(round(_layer_bits(nodes[name], o.weights)), 0, "") for o in row}
        for name, row in options.items()
    }
    count = sum(n.input(1).type.elements for n in nodes.values())
    return Costs("", layers, (), code={"": 0}), int(BITS * count)


def _layers(graph: Graph) -> list[tuple[Any, Any]]:
    return [(n, n.input(1)) for n in graph.nodes if operator(n.op).accumulates]


def mixed(progress: Any = print) -> list[dict[str, Any]]:
    """One row per set of methods and seed. Labels only score the plan."""
    real, labels = utterances()
    calibration = {"inputs": real[:CALIBRATION]}
    test = {"inputs": real[CALIBRATION:], "labels": labels[CALIBRATION:]}
    file = models_dir() / MODEL
    subject = load_subject(file, calibration, JUDGES, methods={"methods": REWRITES})
    options = dict(layer_options(subject.graph, Formats.parse(WIDTHS, ())))
    costs, limit = bit_costs(subject.graph, options)
    book = Journal(subject.digest, FILE.with_suffix(".journal"))
    with workers(subject) as run:

        def jobs(work: Any) -> list[Any]:
            return book.run(work, run)

        def judge(plans: Sequence[Chosen]) -> list[float]:
            """By the weights that numpy chooses: at three bits those rounded to nearest say little of what is kept."""
            found = jobs([quality_job(Plan(plan, {"methods": METHODS[0][0]})) for plan in plans])
            return [quality_of(result).kl for result in found]

        lost = losses(SENSITIVITIES["output-error"], Question(subject, options, Plan(), 0, jobs))
        chosen = choose(lost, costs, Budget(flash=limit), Correction(), judge, rounds=0)
    book.remove()
    bits = weight_bits(subject.graph, chosen)
    formats = {name: told(option) for name, option in chosen.items()}
    progress(json.dumps([bits, formats]), flush=True)
    scored = load_subject(file, calibration, None, None, test)
    rows = []
    for methods, seeds in METHODS:
        for seed in seeds:
            quality = evaluate(scored, Plan(chosen, {"methods": methods, "seed": seed, "steps": STEPS}))
            figures = {"accuracy": quality.accuracy, "agreement": quality.agreement, "sqnr_db": quality.sqnr_db}
            rows.append({"bits": bits, "methods": methods, "seed": seed, **figures, "layers": formats})
            progress(json.dumps(figures), flush=True)
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
    """Markdown: the plan in the order of the network, and what it keeps by every set of methods."""
    titles = ("bits per weight", "`--method`", "accuracy", "seeds", "same as float", "SQNR", "target")
    text = f"| {' | '.join(titles)} |\n| ---: | --- |{' ---: |' * 5}\n"
    for methods, _ in METHODS:
        found = [row for row in rows if row["methods"] == methods]
        scores = [row["accuracy"] for row in found]
        cells = [
            f"{found[0]['bits']:.2f}",
            f"`{methods}`",
            f"{np.mean(scores):.1%}",
            f"{len(found)}: {min(scores):.1%} to {max(scores):.1%}" if len(found) > 1 else "",
            f"{np.mean([row['agreement'] for row in found]):.1%}",
            f"{np.mean([row['sqnr_db'] for row in found]):.1f} dB",
            f"{TARGET:.1%}" if methods == METHODS[-1][0] else "",
        ]
        text += f"| {' | '.join(cells)} |\n"
    names = [name.removeprefix("int").replace(":tensor", "t") for name in rows[0]["layers"].values()]
    return text + f"\nBits by layer, `t` with one scale for the layer: {' '.join(names)}.\n"


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
