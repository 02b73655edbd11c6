"""How much each option of each layer harms the result: a registry of estimates, every one a loss that adds up.

All give losses in the unit of `Quality.noise` or of `Quality.kl`; 0 is a layer of int8. What outputs below eight bits
add is always measured by output error. Weights are rounded to nearest for it, or by GPTQ: methods that learn take too
long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from edgeq.errors import UsageError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.registry import operator
from edgeq.quant.plan import PLAIN, LayerPlan, Plan
from edgeq.quant.schemes import WeightScheme
from edgeq.quant.weights import round_rows, weight_rows
from edgeq.tune.jobs import Job, quality_job, quality_of
from edgeq.tune.losses import Losses
from edgeq.tune.options import Options
from edgeq.tune.subject import Quality, Subject

PROBES = 8
"""Random directions per layer from which curvatures are estimated."""

LEAST_COSINE = 0.05
"""Smaller ones are taken for independent noise."""

RunJobs = Callable[[Sequence[Job]], list[Any]]
"""Runs jobs and gives their results in order."""


@dataclass(frozen=True)
class Question:
    """What a sensitivity is asked: for every layer and option of a subject, under the methods of a base plan."""

    subject: Subject
    options: Options
    base: Plan
    seed: int
    run: RunJobs

    def node(self, name: str) -> Node:
        return next(n for n in self.subject.graph.nodes if n.name == name)


WeightLoss = Callable[[Question], Mapping[str, Mapping[WeightScheme, float]]]


@dataclass(frozen=True)
class Sensitivity:
    """A row: what `weights` loses by layer and scheme; `measure` reads the loss of outputs from a quality.

    paired: pairs of layers are measured too, so that losses need not add up.
    """

    name: str
    summary: str
    weights: WeightLoss
    measure: Callable[[Quality], float]
    source: str = ""
    paired: bool = False


def losses(row: Sensitivity, question: Question) -> Losses:
    """By layer and option, and of pairs where the row has them."""
    by_weights = row.weights(question)
    by_outputs = _measured(
        question,
        lambda option: LayerPlan(activations=option.activations),
        row.measure,
        lambda o: o.activations != PLAIN,
    )
    table = {
        name: {
            option: by_weights[name][option.weights]
            + by_outputs[name].get(LayerPlan(activations=option.activations), 0.0)
            for option in legal
        }
        for name, legal in question.options.items()
    }
    return Losses(table, _cosines(question, table, row.measure) if row.paired else {})


def _cosines(
    question: Question, table: Mapping[str, Mapping[LayerPlan, float]], measure: Callable[[Quality], float]
) -> dict[tuple[str, str], float]:
    """For pairs of layers the cosine of their errors, from the loss of both with their middle options (MixDQ, 2024)."""
    middle = {name: sorted((o for o in row if row[o] > 0), key=row.__getitem__) for name, row in table.items()}
    chosen = {name: options[len(options) // 2] for name, options in middle.items() if options}
    pairs = [(a, b) for i, a in enumerate(chosen) for b in list(chosen)[i + 1 :]]
    base = question.base
    plans = [Plan({**base.layers, a: chosen[a], b: chosen[b]}, base.methods) for a, b in pairs]
    first, *others = question.run([quality_job(plan, quick=True) for plan in (base, *plans)])
    zero = measure(quality_of(first))
    found = {}
    for (a, b), result in zip(pairs, others, strict=True):
        one, other = table[a][chosen[a]], table[b][chosen[b]]
        cosine = (measure(quality_of(result)) - zero - one - other) / (2 * sqrt(one * other))
        if abs(cosine) >= LEAST_COSINE:
            found[a, b] = min(max(cosine, -1.0), 1.0)
    return found


def _measured(
    question: Question,
    part: Callable[[LayerPlan], LayerPlan],
    measure: Callable[[Quality], float],
    wanted: Callable[[LayerPlan], bool],
) -> dict[str, dict[LayerPlan, float]]:
    """What a part of each option adds to the measure when it alone is chosen, by the integer graph."""
    base = question.base
    trials = dict.fromkeys((n, part(o)) for n, legal in question.options.items() for o in legal if wanted(o))
    plans = [Plan({**base.layers, name: option}, base.methods) for name, option in trials]
    first, *others = question.run([quality_job(plan, quick=True) for plan in (base, *plans)])
    zero = measure(quality_of(first))
    found: dict[str, dict[LayerPlan, float]] = {name: {} for name in question.options}
    for (name, option), result in zip(trials, others, strict=True):
        found[name][option] = 0.0 if option.is_default else max(measure(quality_of(result)) - zero, 0.0)
    return found


def _by_output(measure: Callable[[Quality], float]) -> WeightLoss:
    def weights(question: Question) -> Mapping[str, Mapping[WeightScheme, float]]:
        table = _measured(question, lambda option: LayerPlan(option.weights), measure, lambda _: True)
        return {name: {o.weights: loss for o, loss in row.items()} for name, row in table.items()}

    return weights


def _by_compensated(question: Question) -> Mapping[str, Mapping[WeightScheme, float]]:
    schemes = {n: dict.fromkeys(o.weights for o in legal) for n, legal in question.options.items()}
    trials = [(name, s) for name, row in schemes.items() for s in row if s != WeightScheme()]
    work = [Job("compensated", (name, str(s))) for name, s in trials]
    first, *others = question.run([quality_job(Plan(), quick=True), *work])
    zero = quality_of(first).noise
    table = {name: dict.fromkeys(row, 0.0) for name, row in schemes.items()}
    for (name, s), result in zip(trials, others, strict=True):
        table[name][s] = max(quality_of(result).noise - zero, 0.0)
    return table


def _by_curvature(strength: Callable[[Array, int], float]) -> WeightLoss:
    """strength: (products of derivatives, number of weights) -> loss per squared change of the weights."""

    def weights(question: Question) -> Mapping[str, Mapping[WeightScheme, float]]:
        names = [n for n in question.options if operator(question.node(n).op).accumulates]
        found = question.run([Job("curvature", (name, PROBES, question.seed)) for name in names])
        table = {name: {o.weights: 0.0 for o in legal} for name, legal in question.options.items()}
        for name, products in zip(names, found, strict=True):
            per_square = strength(np.array(products), question.node(name).input(1).type.elements)
            table[name] = {s: per_square * float(_changes(question, name, s).sum()) for s in table[name]}
        return table

    return weights


def _by_relevance(question: Question) -> Mapping[str, Mapping[WeightScheme, float]]:
    names = [n for n in question.options if operator(question.node(n).op).accumulates]
    found = question.run([Job("relevance", (name,)) for name in names])
    table = {name: {o.weights: 0.0 for o in legal} for name, legal in question.options.items()}
    energy = float(np.abs(question.subject.scores).max(axis=1).mean())
    for name, relevance in zip(names, found, strict=True):
        node = question.node(name)
        rows = weight_rows(node.input(1), operator(node.op).weight_axis, name)
        size = np.maximum(np.square(rows).sum(axis=1), 1e-300)
        share = np.square(np.array(relevance) / max(energy, 1e-300)) / size
        table[name] = {s: float((share * _changes(question, name, s)).sum()) for s in table[name]}
    return table


def _changes(question: Question, name: str, scheme: WeightScheme) -> Array:
    """Squared change of the weights of each output channel by rounding them; 0 for int8, the layer as it is."""
    node = question.node(name)
    rows = weight_rows(node.input(1), operator(node.op).weight_axis, name)
    if scheme == WeightScheme():
        return np.zeros(len(rows))
    return np.asarray(np.square(round_rows(rows, scheme).reals - rows).sum(axis=1))


def _top_eigenvalue(products: Array, _: int) -> float:
    """Of J^T J, from probes: those of the covariance of J v, whose expectation is J J^T."""
    return float(np.linalg.eigvalsh(products)[-1] / len(products))


SENSITIVITIES = {
    row.name: row
    for row in (
        Sensitivity(
            "output-error",
            "noise of the scores with one layer changed, by the integer graph",
            _by_output(lambda q: q.noise),
            lambda q: q.noise,
        ),
        Sensitivity(
            "interaction",
            "output-error, and the same of every pair of layers",
            _by_output(lambda q: q.noise),
            lambda q: q.noise,
            "HAWQ-V3 (2021), without its assumption that losses add up",
            paired=True,
        ),
        Sensitivity(
            "gptq",
            "output-error, with the layer's weights rounded by GPTQ",
            _by_compensated,
            lambda q: q.noise,
        ),
        Sensitivity(
            "kl",
            "divergence of the class probabilities with one layer changed, by the integer graph",
            _by_output(lambda q: q.kl),
            lambda q: q.kl,
            "MixDQ (2024)",
        ),
        Sensitivity(
            "hessian-trace",
            "mean curvature times the squared change of the weights",
            _by_curvature(lambda products, count: float(np.trace(products)) / len(products) / count),
            lambda q: q.noise,
            "HAWQ-V2 (2020)",
        ),
        Sensitivity(
            "top-eigenvalue",
            "largest curvature times the squared change of the weights",
            _by_curvature(_top_eigenvalue),
            lambda q: q.noise,
            "HAWQ (2019)",
        ),
        Sensitivity(
            "relevance",
            "change of the weights of each channel, relative, times its relevance for the winning class",
            _by_relevance,
            lambda q: q.noise,
            "LRP-QViT (2024)",
        ),
    )
}
"""By name."""


def sensitivity(name: str) -> Sensitivity:
    """The row of that name. Raises UsageError."""
    if name not in SENSITIVITIES:
        raise UsageError(f"{name!r} is not a sensitivity", hint=f"use one of: {', '.join(SENSITIVITIES)}")
    return SENSITIVITIES[name]
