"""The search for a plan: the solver against brute force, budgets against firmware, and equal results everywhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.boards import load_board
from edgeq.cli import run
from edgeq.errors import CapacityError, UsageError
from edgeq.ops.execute import run_real
from edgeq.pipeline import compile_model
from edgeq.quant.plan import LayerPlan, Plan, plan_text, read_plan
from edgeq.quant.schemes import WeightScheme, parse_scheme
from edgeq.report.tuned import render_differences, render_tuned
from edgeq.tune import search, workers
from edgeq.tune.choose import SHORTLIST, choose, losses_around
from edgeq.tune.costs import Costs, LayerCost, Sizes, board_costs, predict
from edgeq.tune.evolve import refine
from edgeq.tune.explain import as_json, differences
from edgeq.tune.jobs import Job, quality_job, quality_of, run_job
from edgeq.tune.journal import Journal
from edgeq.tune.losses import Chosen, Losses
from edgeq.tune.options import Formats, layer_options
from edgeq.tune.page import render_front
from edgeq.tune.sensitivity import SENSITIVITIES, Question, losses
from edgeq.tune.solve import Budget, Correction, front, solve
from edgeq.tune.subject import Subject, compare, load_subject
from edgeq.tune.sweep import Interval, Study, beats, sweep
from tests.tools import need
from tests.unit.onnx_models import make_model, node

need("scipy")

WIDTHS = (16, 24, 24, 20, 20, 16, 6)
CHOICES = [LayerPlan(WeightScheme(name), form) for name in ("int8", "int4", "int2") for form in ("a8", "au4")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Six dense layers with weights that differ in spread, and samples."""
    return dense_layers(WIDTHS, tmp_path_factory.mktemp("tune") / "net.onnx")


def dense_layers(
    widths: tuple[int, ...], file: Path, seed: int = 11, spread: float = 0.3
) -> tuple[Path, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    constants, nodes, last = {}, [], "x"
    for i, (size_in, size_out) in enumerate(pairwise(widths)):
        weights = rng.normal(size=(size_out, size_in)) * np.exp(rng.normal(size=(size_out, 1)) * spread)
        constants[f"w{i}"] = (weights / np.sqrt(size_in)).astype(np.float32)
        constants[f"b{i}"] = rng.normal(size=size_out).astype(np.float32) * 0.1
        nodes.append(node("Gemm", [last, f"w{i}", f"b{i}"], f"y{i}", transB=1))
        last = f"y{i}"
        if i < len(widths) - 2:
            nodes.append(node("Relu", [last], f"r{i}"))
            last = f"r{i}"
    file.write_bytes(make_model(nodes, {"x": (1, widths[0])}, [last], constants))
    return file, {"x": rng.normal(size=(64, widths[0])).astype(np.float32)}


@pytest.fixture(scope="module")
def subject(model: tuple[Path, dict[str, Any]]) -> Subject:
    return load_subject(model[0], model[1], 48)


def asked(model: tuple[Path, dict[str, Any]], board: str = "riscv", **more: Any) -> search.Request:
    formats = Formats.parse(("int4", "int2"), ())
    return search.Request(model[0], load_board(board), model[1], formats=formats, judges=48, processes=1, **more)


# the integer program

numbers = st.integers(1, 1000)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Costs, Losses]:
    kernels = ["k0", "k1", "k2"]
    step = st.builds(LayerCost, numbers, numbers, st.sampled_from(kernels))
    options = st.lists(st.sampled_from(CHOICES), min_size=1, max_size=4, unique=True)
    layers = {f"l{i}": {o: draw(step) for o in draw(options)} for i in range(draw(st.integers(1, 4)))}
    lost = {name: {option: draw(st.floats(0, 10)) for option in row} for name, row in layers.items()}
    tensors = {form: {f"v{i}": draw(numbers) for i in range(len(layers))} for form in ("a8", "au4")}
    alive = [frozenset({f"v{i}", f"v{i + 1}"} & set(tensors["a8"])) for i in range(len(layers))]
    owner = {f"v{i}": f"l{i}" for i in range(len(layers))}
    code = {name: draw(numbers) for name in kernels}
    cosines = {("l0", "l1"): draw(st.floats(-1, 1))} if len(layers) > 1 and draw(st.booleans()) else {}
    return Costs("b", layers, (draw(step),), tensors, owner, alive, code), Losses(lost, cosines)


@settings(max_examples=40, deadline=None)
@given(problems(), st.tuples(*[st.none() | st.integers(1, 4000)] * 3), st.sampled_from([0, 37]))
def test_the_program_finds_what_exhaustive_search_finds(
    problem: tuple[Costs, Losses], limits: tuple[int | None, ...], extra: int
) -> None:
    costs, lost = problem
    budget, correction = Budget(*limits), Correction(extra, extra, 1.0)
    every = [dict(zip(costs.layers, options, strict=True)) for options in product(*costs.layers.values())]
    legal = [plan for plan in every if budget.holds(correction.apply(predict(costs, plan)))]
    if not legal:
        with pytest.raises(CapacityError):
            solve(lost, costs, budget, correction)
        return
    found = solve(lost, costs, budget, correction)
    assert budget.holds(correction.apply(predict(costs, found)))
    largest = max(loss for row in lost.layers.values() for loss in row.values())
    assert lost.total(found) <= min(lost.total(plan) for plan in legal) + 1e-6 * max(largest, 1.0)
    if len(legal) > 1:
        assert solve(lost, costs, budget, correction, [found]) != found


def test_the_choice_is_nearly_that_of_exhaustive_search_by_true_quality(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All 729 plans of six layers, judged by their integer graphs: what tune chooses is within 2 % of the best dB.

    In this network errors of layers undo each other, and the program's first proposal is 18 % off at a budget. Losses
    around it mend that, even with a single proposal at a time.
    """
    subject = load_subject(*dense_layers(WIDTHS, tmp_path / "net.onnx", seed=12), 48)
    formats = Formats.parse(("int4", "int2"), ())
    options = layer_options(subject.graph, formats)
    costs = board_costs(subject, options, formats, load_board("host"), "balanced")
    results: dict[str, Any] = {}

    def jobs(work: Any) -> list[Any]:
        return [results.setdefault(job.key(""), run_job(subject, job)) for job in work]

    def judge(plans: Sequence[Chosen]) -> list[float]:
        return [quality_of(found).noise for found in jobs([quality_job(Plan(plan), quick=True) for plan in plans])]

    lost = losses(SENSITIVITIES["output-error"], Question(subject, options, Plan(), 0, jobs))
    every = [dict(zip(options, combination, strict=True)) for combination in product(*options.values())]
    sizes = [predict(costs, plan).flash for plan in every]
    decibels = [-10 * np.log10(noise) for noise in judge(every)]
    first = 1.0
    for share in np.arange(1, 10) / 10:
        limit = int(min(sizes) + share * (max(sizes) - min(sizes)))
        best = max(db for db, size in zip(decibels, sizes, strict=True) if size <= limit)
        for count in (SHORTLIST, 1):
            monkeypatch.setattr("edgeq.tune.choose.SHORTLIST", count)
            chosen = choose(lost, costs, Budget(flash=limit), Correction(), judge)
            assert predict(costs, chosen).flash <= limit
            assert decibels[every.index(chosen)] >= 0.98 * best
        first = min(first, decibels[every.index(solve(lost, costs, Budget(flash=limit)))] / best)
    assert first < 0.9
    points = front(lost, costs, 6)
    flash = [predict(costs, plan).flash for plan in points]
    assert len(points) > 3 and flash == sorted(flash, reverse=True)
    assert [lost.total(p) for p in points] == sorted(lost.total(p) for p in points)


def test_losses_around_a_plan_are_those_of_its_neighbours() -> None:
    small, large = CHOICES[0], CHOICES[2]
    errors = {"l0": 1.0, "l1": -0.9}
    layers = {name: dict.fromkeys((small, large)) for name in errors}

    def judge(plans: Sequence[Chosen]) -> list[float]:
        return [sum(errors[name] for name in errors if plan[name] == large) ** 2 for plan in plans]

    around = losses_around({"l0": large, "l1": large}, layers, judge)
    assert around.layers["l0"] == {small: pytest.approx(0.81 - 0.01), large: 0}
    assert around.layers["l1"] == {small: pytest.approx(1 - 0.01), large: 0}


def test_the_choice_changes_with_the_board(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same losses and the same budget: int4 unpacks slowly on a Cortex-M0+ and is faster than int8 with Zbb."""
    monkeypatch.setattr("edgeq.tune.costs.can_read_programs", lambda: False)  # the rows' code sizes will do
    formats = Formats.parse(("int4",), ())
    options = layer_options(subject.graph, formats)
    question = Question(subject, options, Plan(), 0, lambda work: [run_job(subject, job) for job in work])
    lost = losses(SENSITIVITIES["output-error"], question)
    budget, plans, times = Budget(instructions=12500), {}, {}
    for board in ("cortex-m0plus", "riscv-zbb"):
        costs = board_costs(subject, options, formats, load_board(board), "balanced")
        plans[board] = solve(lost, costs, budget)
        times[board] = {
            name: [row[LayerPlan(parse_scheme(w))].instructions for w in ("int8", "int4")]
            for name, row in costs.layers.items()
        }
    assert all(option.is_default for option in plans["cortex-m0plus"].values())
    changed = [name for name, option in plans["riscv-zbb"].items() if not option.is_default]
    assert changed
    for name in changed:
        here, there = times["cortex-m0plus"][name], times["riscv-zbb"][name]
        assert here[0] < here[1] and there[0] > there[1]


# sensitivities


def test_every_sensitivity_ranks_formats(subject: Subject) -> None:
    formats = Formats.parse(("int4", "int2"), ("au4",))
    options = layer_options(subject.graph, formats)
    names = list(options)[:2]
    few = {name: options[name] for name in names}
    question = Question(subject, few, Plan(), 3, lambda work: [run_job(subject, job) for job in work])
    for row in SENSITIVITIES.values():
        lost = losses(row, question)
        for name in names:
            loss = {(str(o.weights), o.activations): x for o, x in lost.layers[name].items()}
            assert loss["int8", "a8"] == 0 < loss["int4", "a8"] < loss["int2", "a8"], row.name
            assert loss["int8", "au4"] > 0 and loss["int2", "au4"] > loss["int2", "a8"], row.name


def test_formats_are_compared_on_the_equalized_network_where_the_methods_say_so(tmp_path: Path) -> None:
    """It computes the same, and one scale for a layer loses less in it."""
    model = dense_layers(WIDTHS, tmp_path / "net.onnx", spread=1.5)
    subject, alike = (load_subject(*model, 48, methods={"methods": m}) for m in ("auto", "equalize,auto"))
    np.testing.assert_allclose(alike.scores, subject.scores, rtol=1e-4, atol=1e-4)
    assert alike.digest != subject.digest == load_subject(*model, 48).digest
    names = [n.name for n in subject.graph.nodes if n.op == "dense"]
    plan = Plan.of_weights(dict.fromkeys(names, parse_scheme("int4:tensor")))
    noise = [quality_of(run_job(s, quality_job(plan, quick=True))).noise for s in (subject, alike)]
    assert noise[1] < 0.7 * noise[0]


def test_curvatures_are_those_of_the_jacobian(subject: Subject) -> None:
    """The last layer is linear: its Gauss-Newton matrix is known, with trace outputs * sum x^2."""
    name = [n.name for n in subject.graph.nodes if n.op == "dense"][-1]
    products = np.array(run_job(subject, Job("curvature", (name, 256, 0))))
    seen: dict[str, np.ndarray] = {}
    run_real(subject.graph, subject.samples, lambda value, array: seen.__setitem__(value.name, array))
    x = seen[next(n for n in subject.graph.nodes if n.name == name).input(0).name]
    energy = np.square(subject.scores).sum()
    trace = WIDTHS[-1] * np.square(x).sum() / energy
    assert np.trace(products) / len(products) == pytest.approx(trace, rel=0.1)
    top = np.linalg.eigvalsh(x.T @ x)[-1] / energy
    assert np.linalg.eigvalsh(products)[-1] / len(products) == pytest.approx(top, rel=0.3)
    assert run_job(subject, Job("curvature", (name, 2, 0))) == run_job(subject, Job("curvature", (name, 2, 0)))


def test_quality_of_equal_scores_is_perfect() -> None:
    scores = np.array([[1.0, 2.0], [3.0, 1.0]])
    same = compare(scores, scores, np.array([1, 1]))
    assert (same.noise, same.kl, same.agreement, same.accuracy) == (0.0, 0.0, 1.0, 0.5)
    other = compare(scores, scores[:, ::-1])
    assert other.agreement == 0 and other.kl > 0 and other.noise == pytest.approx(10 / 15)


def test_evolution_finds_what_addition_misses() -> None:
    options = {f"l{i}": tuple(CHOICES[:3]) for i in range(4)}
    start = dict.fromkeys(options, CHOICES[0])
    target = {name: CHOICES[i % 3] for i, name in enumerate(options)}

    def lost(plans: Any) -> list[float]:
        return [float(sum(plan[name] != target[name] for name in options)) for plan in plans]

    found = refine(start, options, lambda _: True, lost, 12, 0)
    assert found == target and found == refine(start, options, lambda _: True, lost, 12, 0)
    kept = refine(start, options, lambda plan: plan["l1"] == CHOICES[0], lost, 12, 0)
    assert kept["l1"] == CHOICES[0] and kept["l2"] == target["l2"]


# the whole search


def test_a_budget_of_ram_may_take_smaller_outputs(tmp_path: Path) -> None:
    """Where the arena of int8 is too large, outputs are packed, and the firmware's arena keeps to the budget."""
    need("zig", "unicorn")
    model = dense_layers((16, 128, 128, 4), tmp_path / "net.onnx")
    formats = Formats.parse(("int4",), ("au4",))
    found = search.tune(replace(asked(model, budget=Budget(ram=200)), formats=formats))
    assert found.int8.sizes.ram > 200 >= found.point.sizes.ram
    assert any(option.activations == "au4" for option in found.plan.layers.values())


@pytest.fixture(scope="module")
def searched(model: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """(request, what one process found, measured sizes by plan)."""
    need("zig", "unicorn")
    request = asked(model, budget=Budget(flash=4000, instructions=12000))
    built: dict[str, Sizes] = {}
    true = search.measured

    def remembered(request: search.Request, plan: Plan) -> Sizes:
        key = plan_text(plan) + request.board.name
        if key not in built:
            built[key] = true(request, plan)
        return built[key]

    patch = pytest.MonkeyPatch()
    patch.setattr(search, "measured", remembered)
    yield request, search.tune(request), built
    patch.undo()


def test_budgets_hold_in_the_firmware(searched: Any, tmp_path: Path) -> None:
    request, found, _ = searched
    file = tmp_path / "plan.toml"
    search.write_plan(file, request, found)
    assert read_plan(file) == found.plan
    result = compile_model(request.model, "riscv", out=tmp_path / "out", calibrate=request.calibrate, plan=file)
    bench = result.bench()
    sizes = Sizes(bench.text_bytes + bench.rodata_bytes, bench.arena_bytes, bench.instructions or 0)
    assert sizes == found.point.sizes and request.budget.holds(sizes)
    assert not request.budget.holds(found.int8.sizes)
    assert found.plan.layers and result.verify(on=["emulator"], samples=3).bit_exact
    with pytest.raises(CapacityError, match="the smallest takes about"):
        search.tune(replace(request, budget=Budget(flash=1000)))


def test_the_report_explains_the_plan_and_what_another_board_changes(searched: Any) -> None:
    request, found, _ = searched
    shown = as_json(request, found)
    text = render_tuned(shown)
    for layer in shown["layers"]:
        assert layer["chosen"] in text and (layer["runner_up"] or "none") in text
    page = render_front(shown)
    assert page.count("<circle") == len(found.front) + 2 and "http" not in page
    other = replace(found, costs=replace(found.costs, board="b"), point=found.int8)
    rows = differences(found, other)
    assert {row["layer"] for row in rows} == set(found.plan.layers)
    assert all(row["here"]["chosen"] != row["there"]["chosen"] == "int8" for row in rows)
    assert rows[0]["layer"] in render_differences("riscv", "b", rows)


def test_dask_and_processes_find_the_same_plan(searched: Any) -> None:
    need("dask")
    from distributed import LocalCluster

    request, found, _ = searched
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster:
        there = search.tune(replace(request, scheduler=cluster.scheduler_address))
    here = search.tune(replace(request, processes=2))
    for other in (there, here):
        assert plan_text(other.plan) == plan_text(found.plan)
        assert (other.losses, other.front, other.point) == (found.losses, found.front, found.point)


def test_a_killed_search_goes_on(searched: Any, tmp_path: Path) -> None:
    request, found, _ = searched
    np.savez(tmp_path / "x.npz", inputs=request.calibrate["x"])
    request = replace(request, calibrate=tmp_path / "x.npz")
    journal = tmp_path / "plan.toml.journal"
    command = ["tune", str(request.model), "--board", "riscv", "--calibrate", str(request.calibrate)]
    command += ["--max-flash", "4000", "--max-instructions", "12000", "--formats", "int4,int2", "--judges", "48"]
    command += ["--processes", "1", "-o", str(tmp_path / "plan.toml")]
    process = subprocess.Popen([sys.executable, "-c", "from edgeq.cli import main; main()", *command])
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 4):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with journal.open("a", encoding="utf-8") as out:
        out.write('{"job": "cut sho')
    known = len(Journal("", journal))
    assert known >= 4
    done: list[str] = []
    resumed = search.tune(request, journal, done.append)
    assert plan_text(resumed.plan) == plan_text(found.plan) and resumed.losses == found.losses
    jobs = 1 + sum(len(row) for row in found.losses.layers.values())
    first = next(text for text in done if text.endswith(f"of {jobs} plans"))
    assert f"{jobs} of {jobs} plans" in done and int(first.split()[0]) > known - 1
    assert not journal.exists()


def test_a_sweep_repeats_and_tells_noise(model: tuple[Path, dict[str, Any]]) -> None:
    study = Study(model[0], None, model[1], None, ("int8", "int2"), seeds=3, processes=1)
    first, second = sweep(study)
    assert first == sweep(replace(study, plans=("int8",)))[0]
    assert first.sqnr_db.mean > second.sqnr_db.mean + 3 and first.sizes is None
    better = beats(first, second)
    assert better.half is not None and better.mean == pytest.approx(first.accuracy.mean - second.accuracy.mean)
    ten = Interval.of([1.0, 2.0, 3.0, 4.0])
    assert (ten.mean, ten.half) == (2.5, pytest.approx(3.182 * np.std([1, 2, 3, 4], ddof=1) / 2))


def test_wrong_questions_are_named(
    model: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="nothing is asked"):
        search.tune(asked(model))
    with pytest.raises(UsageError, match="not a sensitivity"):
        search.tune(asked(model, budget=Budget(flash=1), sensitivity="x"))
    with pytest.raises(UsageError, match="not a format of activations"):
        Formats.parse((), ("a3",))
    monkeypatch.setattr(workers, "SCHEDULER_SECONDS", 1)
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        need("dask")
        search.tune(asked(model, budget=Budget(flash=1), scheduler="tcp://127.0.0.1:9"))
    options = [str(model[0]), "--board", "riscv", "--calibrate", "x.npz", "-o", str(tmp_path / "p.toml")]
    assert run(["tune", *options, "--max-flash", "many"]) == 2
