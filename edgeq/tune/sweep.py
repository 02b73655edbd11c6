"""The table of methods and formats: accuracy, SQNR, flash, instructions, repeated over seeds with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from edgeq.boards import Board
from edgeq.errors import UsageError
from edgeq.quant.apply import settings_of
from edgeq.quant.plan import Plan, check_plan, plan_text, read_plan
from edgeq.quant.schemes import parse_scheme, plan_weights
from edgeq.tune.costs import Sizes
from edgeq.tune.jobs import Job, quality_of
from edgeq.tune.journal import Journal
from edgeq.tune.search import Request, measured
from edgeq.tune.subject import Subject, load_subject
from edgeq.tune.workers import workers

T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Quantiles of Student's distribution for two-sided intervals of 95 %, for 1, 2, ... degrees of freedom."""
T_95_BEYOND = 2.131
"""For more: those of 15, which is on the safe side."""


@dataclass(frozen=True)
class Interval:
    """Mean of repeated measurements, and half the width of its 95 % interval; None from a single one."""

    mean: float
    half: float | None

    @staticmethod
    def of(values: Sequence[float]) -> Interval:
        """By Student's distribution, as if the measurements were normal."""
        if len(values) < 2:
            return Interval(mean(values), None)
        t = T_95[len(values) - 2] if len(values) - 2 < len(T_95) else T_95_BEYOND
        return Interval(mean(values), t * stdev(values) / len(values) ** 0.5)


@dataclass(frozen=True)
class Row:
    """One line: a plan under a method. values: accuracies by seed. sizes: None where nothing is built."""

    plan: str
    methods: str
    accuracy: Interval
    sqnr_db: Interval
    values: tuple[float, ...]
    sizes: Sizes | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def beats(a: Row, b: Row) -> Interval:
    """By how much `a` is more accurate, from the differences seed by seed. More than noise if mean - half > 0."""
    return Interval.of([x - y for x, y in zip(a.values, b.values, strict=True)])


@dataclass(frozen=True)
class Study:
    """What is asked. plans: names of formats, or files. share: of the calibration samples that a seed draws."""

    model: Path
    board: Board | None
    calibrate: Path | str | Mapping[str, Any]
    test: Path | str | Mapping[str, Any] | None
    plans: Sequence[str | Path]
    methods: Sequence[str] = ("auto",)
    edges: str | None = None
    seeds: int = 5
    share: float = 0.5
    optimize: str = "balanced"
    judges: int | None = None
    processes: int | None = None
    scheduler: str | None = None
    dimensions: Mapping[str, int] | None = None


def sweep(study: Study, journal: Path | None = None, progress: Callable[[str], None] = lambda _: None) -> list[Row]:
    """Measures every plan under every method. Seeds draw the calibration samples and seed the methods that learn.

    Accuracy is by the labels of `test`, or of the calibration samples; without labels, by the real graph's classes.
    Raises EdgeqError.
    """
    if not 0 < study.share <= 1 or study.seeds < 1:
        raise UsageError("--share is above 0 and at most 1, --seeds at least 1")
    subject = load_subject(study.model, study.calibrate, study.judges, study.dimensions, study.test)
    plans = {str(name): _plan(study, subject, name) for name in study.plans}
    pairs = [(name, methods) for name in plans for methods in study.methods]
    book = Journal(subject.digest, journal)
    with workers(subject, study.processes, study.scheduler) as run:
        jobs = [
            Job("subset", (plan_text(_with(plans[name], methods, seed)), seed, str(study.share)))
            for name, methods in pairs
            for seed in range(study.seeds)
        ]
        found = book.run(jobs, run, lambda done, count: progress(f"{done} of {count} runs"))
    rows = []
    for index, (name, methods) in enumerate(pairs):
        qualities = [quality_of(r) for r in found[index * study.seeds : (index + 1) * study.seeds]]
        values = tuple(q.agreement if q.accuracy is None else q.accuracy for q in qualities)
        progress(f"{name}, {methods}")
        sizes = _sizes(study, _with(plans[name], methods, 0))
        noise = Interval.of([q.sqnr_db for q in qualities])
        rows.append(Row(name, methods, Interval.of(values), noise, values, sizes))
    book.remove()
    return rows


def _plan(study: Study, subject: Subject, name: str | Path) -> Plan:
    if isinstance(name, Path):
        plan = read_plan(name)
        check_plan(plan, subject.graph, subject.sha256)
        return plan
    edges = None if study.edges is None else parse_scheme(study.edges)
    return Plan.of_weights(plan_weights(subject.graph, parse_scheme(name), edges))


def _with(plan: Plan, methods: str, seed: int) -> Plan:
    said = {**plan.methods, "methods": methods, "seed": seed}
    settings_of(Plan({}, said))
    return replace(plan, methods=said)


def _sizes(study: Study, plan: Plan) -> Sizes | None:
    if study.board is None:
        return None
    request = Request(study.model, study.board, study.calibrate, optimize=study.optimize)
    return measured(replace(request, dimensions=dict(study.dimensions or {})), plan)
