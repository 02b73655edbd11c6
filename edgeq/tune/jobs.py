"""The units of work of a search: pure functions of the subject, by name, with results that JSON keeps exactly.

Equal jobs give equal results wherever they run, so a result may come from another process, another machine, or the
journal of an interrupted search.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from edgeq.errors import InternalError
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array
from edgeq.ops.execute import run_real
from edgeq.ops.registry import operator
from edgeq.quant.methods.gptq import gptq, input_products
from edgeq.quant.plan import Plan, parse_plan, plan_text
from edgeq.quant.quantize import Layer, corrected_bias, round_layer
from edgeq.quant.schemes import parse_scheme
from edgeq.quant.weights import weight_rows
from edgeq.quant.work import real_bias, with_integers
from edgeq.tune.subject import Quality, Subject, evaluate, real_scores

STEP = 1e-3
"""Of finite differences, relative to the root mean square of the weights."""


@dataclass(frozen=True)
class Job:
    """A function of `JOBS` and its arguments: texts and integers."""

    name: str
    arguments: tuple[str | int, ...]

    def key(self, digest: str) -> str:
        """What tells the job from others. digest: of the subject."""
        return hashlib.sha256(json.dumps([digest, self.name, *self.arguments]).encode()).hexdigest()


def run_job(subject: Subject, job: Job) -> Any:
    """The job's result: what JSON can hold."""
    if job.name not in JOBS:
        raise InternalError(f"no job {job.name!r}")
    return JOBS[job.name](subject, *job.arguments)


def quality_job(plan: Plan, quick: bool = False) -> Job:
    """How good a plan is; `quick` as for `evaluate`."""
    return Job("quality", (plan_text(plan), int(quick)))


def quality_of(result: Any) -> Quality:
    """What the job has found."""
    return Quality(**result)


def _quality(subject: Subject, plan: str, quick: int) -> dict[str, Any]:
    return asdict(evaluate(subject, parse_plan(plan), bool(quick)))


def _subset(subject: Subject, plan: str, seed: int, share: str) -> dict[str, Any]:
    """The quality of a plan that is calibrated on a random share of the samples."""
    count = next(len(array) for name, array in subject.source.items() if name != "labels")
    size = max(round(count * float(share)), 1)
    drawn = np.sort(np.random.default_rng(seed).choice(count, size, replace=False))
    part = {name: np.asarray(array)[drawn] for name, array in subject.source.items()}
    return asdict(evaluate(replace(subject, source=part), parse_plan(plan)))


def _compensated(subject: Subject, layer: str, scheme: str) -> dict[str, Any]:
    """The quality with one layer's weights rounded by GPTQ, on the inputs that it has in the real network."""
    node = next(n for n in subject.graph.nodes if n.name == layer)
    plan = Plan.of_weights({layer: parse_scheme(scheme)})
    seen: dict[str, Array] = {}
    reads = node.input(0).name
    run_real(subject.graph, subject.samples, lambda v, x: seen.update({v.name: x}) if v.name == reads else None)
    x = subject.samples.get(reads, seen.get(reads))
    assert x is not None
    rounded = round_layer(node, plan.layer(layer).weights, 1.0, subject.ranges)
    rows = weight_rows(node.input(1), operator(node.op).weight_axis, layer)
    integers = gptq(rows, rounded.weights.levels, input_products(node, x.astype(np.float64)))
    weights = with_integers(rounded.weights, integers)
    mean = subject.ranges[reads].mean
    bias = rounded.bias if mean is None else corrected_bias(node, weights, real_bias(node), mean)
    return asdict(evaluate(subject, plan, quick=True, layers={layer: Layer(weights, bias)}))


def _curvature(subject: Subject, layer: str, probes: int, seed: int) -> list[list[float]]:
    """Products <J v_i, J v_j> of the derivatives of the scores along random signs v_i, relative to the scores' energy.

    J: the Jacobian of the scores by the layer's weights. The mean of the diagonal estimates the trace of the
    Gauss-Newton matrix J^T J (Hutchinson, 1990; HAWQ-V2, 2020).
    """
    graph = subject.graph.copy()
    node = next(n for n in graph.nodes if n.name == layer)
    real = node.input(1)
    weights = real.constant.astype(np.float64)
    step = STEP * float(np.sqrt(np.square(weights).mean()))
    rng = np.random.default_rng([seed, *layer.encode()])
    energy = max(float(np.square(subject.scores).sum()), 1e-300)
    derivatives = []
    for _ in range(probes):
        signs = rng.integers(0, 2, size=weights.shape) * 2.0 - 1.0
        ahead, behind = (_with_weights(subject, graph, node.name, weights + s * step * signs) for s in (1, -1))
        derivatives.append(((ahead - behind) / (2 * step)).reshape(-1))
    rows = np.array(derivatives)
    return [[float(x) for x in row] for row in rows @ rows.T / energy]


def _relevance(subject: Subject, layer: str) -> list[float]:
    """Per output channel the share that its weights have in the winning score: |w . d score / d w|, mean over samples.

    For networks of ReLU that is layer-wise relevance propagation by its basic rule (Montavon et al., 2018).
    """
    graph = subject.graph.copy()
    node = next(n for n in graph.nodes if n.name == layer)
    weights = node.input(1).constant.astype(np.float64)
    axis = operator(node.op).weight_axis
    winner = subject.scores.argmax(axis=1)[:, np.newaxis]
    found = []
    for channel in range(weights.shape[axis]):
        factor = np.ones(weights.shape[axis])
        factor[channel] += STEP
        shape = [1] * weights.ndim
        shape[axis] = -1
        moved = _with_weights(subject, graph, layer, weights * factor.reshape(shape)) - subject.scores
        found.append(float(np.abs(np.take_along_axis(moved, winner, axis=1)).mean() / STEP))
    return found


def _with_weights(subject: Subject, graph: Graph, layer: str, weights: Array) -> Array:
    """Scores of the real graph with other weights in one layer; `graph` is changed for it."""
    node = next(n for n in graph.nodes if n.name == layer)
    old = node.input(1)
    node.inputs = [node.inputs[0], Value(old.name, replace(old.type), weights), *node.inputs[2:]]
    return real_scores(graph, subject.samples)


JOBS: dict[str, Callable[..., Any]] = {
    "quality": _quality,
    "subset": _subset,
    "compensated": _compensated,
    "curvature": _curvature,
    "relevance": _relevance,
}
"""By name."""
