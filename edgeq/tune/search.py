"""The search: sensitivities, costs, the integer program, and firmware built until it keeps to the budget."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgeq.boards import Board
from edgeq.errors import CapacityError, UsageError
from edgeq.pipeline import compile_model
from edgeq.quant.apply import settings_of
from edgeq.quant.plan import Plan, plan_text
from edgeq.tune.choose import choose
from edgeq.tune.costs import Costs, Sizes, board_costs, predict
from edgeq.tune.evolve import refine
from edgeq.tune.jobs import quality_job, quality_of
from edgeq.tune.journal import Journal, Progress
from edgeq.tune.losses import Chosen, Losses
from edgeq.tune.options import Formats, Options, layer_options
from edgeq.tune.sensitivity import Question, RunJobs, losses, sensitivity
from edgeq.tune.solve import Budget, Correction, front, solve
from edgeq.tune.subject import Quality, Subject, load_subject
from edgeq.tune.workers import workers

BUILDS = 8
"""Builds after which a search that always misses its budget gives up."""
FRONT_POINTS = 12
BISECTIONS = 4
"""Plans tried between the last of the front that is good enough and the first that is not."""


@dataclass(frozen=True)
class Request:
    """What is asked. judges: how many calibration samples judge a plan. max_drop: in percent; see `drop`.

    processes: None for one per core. scheduler: a Dask scheduler's address. generations: of the evolution.
    """

    model: Path
    board: Board
    calibrate: Path | str | Mapping[str, Any]
    budget: Budget = field(default_factory=Budget)
    max_drop: float | None = None
    formats: Formats = field(default_factory=lambda: Formats.parse((), ()))
    optimize: str = "balanced"
    sensitivity: str = "output-error"
    judges: int = 128
    generations: int = 0
    seed: int = 0
    methods: Mapping[str, Any] = field(default_factory=dict)
    processes: int | None = None
    scheduler: str | None = None
    compiler: str = "auto"
    dimensions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """A plan with its quality, and its sizes, predicted or measured."""

    chosen: Chosen
    quality: Quality
    sizes: Sizes


@dataclass(frozen=True)
class Found:
    """What a search has found. point: the plan, with measured sizes; int8: the same for the plan of int8 throughout.

    budget: what the integer program was given in the end.
    """

    plan: Plan
    point: Point
    int8: Point
    front: Sequence[Point]
    losses: Losses
    costs: Costs
    correction: Correction
    real: Quality
    builds: int
    budget: Budget


def tune(
    request: Request,
    journal: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
    *,
    keep_journal: bool = False,
) -> Found:
    """Finds a plan. journal: where finished work is kept until the search ends. Raises CapacityError, UsageError.

    The plan depends on the request alone, never on where the jobs ran or whether the search was interrupted.
    """
    if request.max_drop is None and request.budget == Budget():
        raise UsageError("nothing is asked for", hint="give --max-flash, --max-ram, --max-instructions, or --max-drop")
    row = sensitivity(request.sensitivity)
    subject = load_subject(
        request.model, request.calibrate, request.judges, request.dimensions, methods=request.methods
    )
    options = layer_options(subject.graph, request.formats)
    if not options:
        raise UsageError("no layer has more than one format to choose from", hint="allow more with --formats")
    book = Journal(subject.digest, journal)
    costs = board_costs(subject, options, request.formats, request.board, request.optimize, request.compiler)
    with workers(subject, request.processes, request.scheduler) as run:

        def jobs(work: Sequence[Any]) -> list[Any]:
            return book.run(work, run, _counter(progress))

        progress(f"{request.sensitivity}: {len(options)} layers")
        base = Plan({}, request.methods)
        lost = losses(row, Question(subject, options, base, request.seed, jobs))
        found = _Search(request, subject, options, costs, lost, jobs, progress).find()
    if not keep_journal:
        book.remove()
    return found


def _counter(progress: Callable[[str], None]) -> Progress:
    return lambda done, count: progress(f"{done} of {count} plans")


def drop(real: Quality, quality: Quality) -> float:
    """Points of accuracy that a plan loses; without labels, percent of the samples that get another class."""
    if real.accuracy is not None and quality.accuracy is not None:
        return 100 * (real.accuracy - quality.accuracy)
    return 100 * (1 - quality.agreement)


class _Search:
    def __init__(
        self,
        request: Request,
        subject: Subject,
        options: Options,
        costs: Costs,
        lost: Losses,
        jobs: RunJobs,
        progress: Callable[[str], None],
    ) -> None:
        self.request, self.subject, self.options = request, subject, options
        self.costs, self.lost, self.jobs, self.progress = costs, lost, jobs, progress
        self.real = subject.real_quality
        self.learns = any(method.learns for method in settings_of(Plan({}, request.methods)).chosen())
        self.builds = 0

    def find(self) -> Found:
        request = self.request
        int8 = {name: legal[0] for name, legal in self.options.items()}
        plain = self._measured(int8, limited=False)
        correction = Correction.between(predict(self.costs, int8), plain)
        points = self._points(front(self.lost, self.costs, FRONT_POINTS, correction), correction)
        budget = request.budget
        if request.max_drop is not None:
            best = self._smallest(points, correction, request.max_drop)
            budget = self._tightened(budget, best)
        chosen, sizes, correction = self._kept(budget, correction)
        quality, quality8 = self._quality([chosen, int8], quick=False)
        int8_point = Point(int8, quality8, plain)
        return Found(
            self._plan(chosen),
            Point(chosen, quality, sizes),
            int8_point,
            points,
            self.lost,
            self.costs,
            correction,
            self.real,
            self.builds,
            budget,
        )

    def _plan(self, chosen: Chosen) -> Plan:
        layers = {name: option for name, option in chosen.items() if not option.is_default}
        return Plan(layers, self.request.methods, self.subject.sha256)

    def _quality(self, plans: Sequence[Chosen], quick: bool | None = None) -> list[Quality]:
        """quick: by default unless accuracy decides and the methods do not learn, which takes minutes for each plan."""
        how = (self.learns or self.request.max_drop is None) if quick is None else quick
        found = self.jobs([quality_job(Plan(plan, self.request.methods), how) for plan in plans])
        return [quality_of(result) for result in found]

    def _points(self, plans: Sequence[Chosen], correction: Correction) -> list[Point]:
        predicted = [correction.apply(predict(self.costs, plan)) for plan in plans]
        return [Point(*three) for three in zip(plans, self._quality(plans), predicted, strict=True)]

    def _good(self, point: Point, limit: float) -> bool:
        return drop(self.real, point.quality) <= limit

    def _smallest(self, points: list[Point], correction: Correction, limit: float) -> Point:
        """The plan with the least flash that loses no more than the limit; also among plans between those of the front.

        The front falls in flash and rises in loss, up to noise, so the search goes on beside the smallest good one.
        """
        good = [p for p in points if self._good(p, limit)]
        if not good:
            raise CapacityError(
                f"no plan loses {limit:g} percent or less",
                hint="allow more, or give better methods in a plan's [methods]",
            )
        best = min(good, key=lambda p: p.sizes.flash)
        floor = max((p.sizes.flash for p in points if p.sizes.flash < best.sizes.flash), default=best.sizes.flash)
        for _ in range(BISECTIONS):
            middle = (best.sizes.flash + floor) // 2
            if middle in (best.sizes.flash, floor):
                break
            budget = replace(self.request.budget, flash=middle)
            try:
                (point,) = self._points([solve(self.lost, self.costs, budget, correction)], correction)
            except CapacityError:
                break
            if self._good(point, limit):
                best = point
            else:
                floor = middle
        return best

    def _tightened(self, budget: Budget, point: Point) -> Budget:
        """The budget with which the integer program finds this point again."""
        flash = point.sizes.flash if budget.flash is None else min(budget.flash, point.sizes.flash)
        return replace(budget, flash=flash)

    def _kept(self, budget: Budget, correction: Correction) -> tuple[Chosen, Sizes, Correction]:
        """The plan whose firmware keeps to the budget: solved, built, and solved again with what was measured."""
        corrections: list[Correction] = [correction]
        missed: list[Chosen] = []
        for _ in range(BUILDS):
            chosen = self._solved(budget, corrections, missed)
            if self.request.generations:
                chosen = self._refined(chosen, budget, corrections[-1], missed)
            sizes = self._measured(chosen)
            now = Correction.between(predict(self.costs, chosen), sizes)
            if self.request.budget.holds(sizes):
                return chosen, sizes, now
            corrections.append(now)
            missed.append(chosen)
        raise CapacityError(
            f"{BUILDS} builds, and none kept to the budget; the last takes {sizes}",
            hint="raise the budget, or allow more formats with --formats and --activations",
        )

    def _solved(self, budget: Budget, corrections: Sequence[Correction], missed: Sequence[Chosen]) -> Chosen:
        """The program's choice, with the last correction, or the mildest where that leaves nothing.

        The integer graph decides between its proposals: the program's losses are estimates.
        """

        def judge(plans: Sequence[Chosen]) -> list[float]:
            measure = sensitivity(self.request.sensitivity).measure
            return [measure(quality) for quality in self._quality(plans)]

        try:
            return choose(self.lost, self.costs, budget, corrections[-1], judge, missed)
        except CapacityError:
            mildest = Correction(*(min(getattr(c, f) for c in corrections) for f in ("flash", "ram", "instructions")))
            return choose(self.lost, self.costs, budget, mildest, judge, missed)

    def _refined(self, chosen: Chosen, budget: Budget, correction: Correction, missed: Sequence[Chosen]) -> Chosen:
        def fits(plan: Chosen) -> bool:
            return plan not in missed and budget.holds(correction.apply(predict(self.costs, plan)))

        self.progress(f"evolution: {self.request.generations} generations")
        measure = sensitivity(self.request.sensitivity).measure
        return refine(
            chosen,
            self.options,
            fits,
            lambda plans: [measure(quality) for quality in self._quality(plans)],
            self.request.generations,
            self.request.seed,
        )

    def _measured(self, chosen: Chosen, limited: bool = True) -> Sizes:
        """limited: kernels that need less RAM take the place of faster ones where the budget asks for it."""
        self.builds += 1
        self.progress(f"build {self.builds}")
        free = replace(self.request, budget=Budget())
        try:
            return measured(self.request if limited else free, self._plan(chosen))
        except CapacityError:
            if not limited or self.request.budget.ram is None:
                raise
            return measured(free, self._plan(chosen))  # over the budget: by how much, the search must know


def measured(request: Request, plan: Plan) -> Sizes:
    """What the built firmware of a plan takes on the request's board."""
    with tempfile.TemporaryDirectory(prefix="edgeq-tune-") as work:
        result = compile_model(
            request.model,
            request.board,
            out=Path(work) / "m",
            name="m",
            calibrate=request.calibrate,
            plan=plan,
            optimize=request.optimize,
            max_ram=request.budget.ram,
            dimensions=request.dimensions,
            compiler=request.compiler,
        )
        bench = result.bench(compiler=request.compiler)
    return Sizes(bench.text_bytes + bench.rodata_bytes, bench.arena_bytes, bench.instructions or 0)


def comment(request: Request, found: Found) -> str:
    """The first lines of the plan's file."""
    sizes, quality = found.point.sizes, found.point.quality
    return (
        f"For {request.board.name}, --optimize {request.optimize}: {sizes.flash:,} bytes of flash, an arena of "
        f"{sizes.ram:,}, {sizes.instructions:,} instructions;\n"
        f"the float model's class for {quality.agreement:.1%} of the samples, {quality.sqnr_db:.1f} dB."
    )


def write_plan(path: Path, request: Request, found: Found) -> None:
    """The plan as a file that `convert --plan` takes."""
    path.write_text(plan_text(found.plan, comment(request, found)), "utf-8")
