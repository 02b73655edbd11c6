"""The network under search, and how good a plan is for it: its integer graph, run on samples beside the real one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgeq
from edgeq.calibrate import calibrated_graph, real_samples
from edgeq.errors import UsageError
from edgeq.frontends.detect import load_model
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer, run_real
from edgeq.passes.pipeline import is_quantized, prepare, to_integer
from edgeq.passes.simplify import is_fake_quantized
from edgeq.quant.apply import settings_of
from edgeq.quant.calibration import calibrated_ranges
from edgeq.quant.methods.equalize import Equalization, equalized
from edgeq.quant.observe import Range, observe_ranges
from edgeq.quant.plan import Plan
from edgeq.quant.quality import divergence
from edgeq.quant.quantize import Layer, quantize_graph

BATCH = 32
"""Samples per run: bounds the memory, not the result."""


@dataclass(frozen=True)
class Quality:
    """How near a plan's integer graph is to the real graph, on the samples that it is judged by.

    noise: energy of the difference of the scores, relative to that of the real scores. kl: mean Kullback-Leibler
    divergence of the classes' probabilities from the real ones, in nats. agreement: share of samples with the real
    graph's class. accuracy: share with the labelled class; None without labels.
    """

    noise: float
    kl: float
    agreement: float
    accuracy: float | None = None

    @property
    def sqnr_db(self) -> float:
        """Signal to noise ratio of the scores."""
        return float(-10 * np.log10(max(self.noise, 1e-30)))


@dataclass(frozen=True)
class Subject:
    """A real graph with the samples that calibrate it, and those by which a plan is judged.

    source: calibration samples as the user gave them, by input name. samples: the judges, in the graph's own layout.
    ranges: of the calibration samples. scores: what the real graph gives for `samples`. sha256: of the model's file;
    digest: of all that a result depends on.
    """

    graph: Graph
    source: Mapping[str, Any]
    samples: Mapping[str, Array]
    ranges: Mapping[str, Range]
    scores: Array
    labels: Array | None = None
    sha256: str = ""
    digest: str = ""

    @property
    def real_quality(self) -> Quality:
        """Of the real graph itself."""
        return compare(self.scores, self.scores, self.labels)


def load_subject(
    model: Path,
    calibrate: Path | str | Mapping[str, Any],
    judges: int | None,
    dimensions: Mapping[str, int] | None = None,
    test: Path | str | Mapping[str, Any] | None = None,
    methods: Mapping[str, Any] | None = None,
) -> Subject:
    """judges: how many samples judge a plan, the first of `test`, or of the calibration samples; None: all.

    methods: a plan's [methods]; where `equalize` is among them, formats are compared on the equalized network. Raises
    EdgeqError.
    """
    graph = load_model(model, dimensions=dimensions)
    prepare(graph)
    if is_quantized(graph) or is_fake_quantized(graph):
        raise UsageError(
            "the model is quantized already: there is nothing to choose",
            where=str(model),
            hint="give the float model that it was made from",
        )
    alike = any(method.name == Equalization.name for method in settings_of(Plan(methods=methods or {})).chosen())
    if alike:
        graph, _ = equalized(graph)
    calibration = real_samples(graph, calibrate)
    tests, asked = (calibration, calibrate) if test is None else (real_samples(graph, test), test)
    samples = {name: array[:judges] for name, array in tests.items()}
    given = _arrays(asked)
    labels = np.asarray(given["labels"])[:judges] if "labels" in given else None
    ranges = observe_ranges(graph, calibration)
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    judged = {f"judge {name}": array for name, array in samples.items()}
    digest = _digest([edgeq.__version__, sha256, "equalized" * alike], {**calibration, **judged, "labels": labels})
    return Subject(graph, _arrays(calibrate), samples, ranges, real_scores(graph, samples), labels, sha256, digest)


def _digest(facts: list[str], arrays: Mapping[str, Array | None]) -> str:
    found = hashlib.sha256("\0".join(facts).encode())
    for name, array in sorted(arrays.items()):
        found.update(name.encode())
        if array is not None:
            found.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _arrays(source: Path | str | Mapping[str, Any]) -> Mapping[str, Any]:
    """The arrays of samples that `real_samples` has checked."""
    if isinstance(source, Mapping):
        return source
    with np.load(source, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def scored(graph: Graph) -> Value:
    """The value that tells how good a graph is: the first output, before softmax and argmax."""
    value = graph.outputs[0]
    while (node := graph.producer(value)) is not None and node.op in ("softmax", "argmax", "reshape"):
        value = node.input(0)
    return value


def real_scores(graph: Graph, samples: Mapping[str, Array]) -> Array:
    """The real scores, [samples, any]."""
    return _run(graph, samples, integer=False)


def integer_scores(graph: Graph, samples: Mapping[str, Array]) -> Array:
    """The scores of a lowered graph as reals, [samples, any]; `samples` are real."""
    quantized = {v.name: v.integers(samples[v.name]) for v in graph.inputs}
    return scored(graph).quantization.dequantize(_run(graph, quantized, integer=True))


def _run(graph: Graph, samples: Mapping[str, Array], *, integer: bool) -> Array:
    wanted, found = scored(graph), []

    def keep(value: Value, array: Array) -> None:
        if value is wanted:
            found.append(array.reshape(len(array), -1))

    count = len(next(iter(samples.values())))
    for start in range(0, count, BATCH):
        batch = {name: array[start : start + BATCH] for name, array in samples.items()}
        (run_integer if integer else run_real)(graph, batch, keep)
    return np.concatenate(found)


def integer_graph(
    subject: Subject, plan: Plan, quick: bool = False, layers: Mapping[str, Layer] | None = None
) -> Graph:
    """The lowered graph of a plan as `convert` makes it.

    quick: weights are rounded to nearest and biases corrected, whatever the plan's methods; what is known of the
    calibration samples is enough for that. layers: the weights and biases of some layers, chosen otherwise.
    """
    if quick:
        ranges = calibrated_ranges(subject.graph, subject.ranges, plan, settings_of(plan).calibration)
        graph = quantize_graph(subject.graph, ranges, plan, layers)
    else:
        graph = calibrated_graph(subject.graph, subject.source, plan)
    to_integer(graph)
    return graph


def evaluate(subject: Subject, plan: Plan, quick: bool = False, layers: Mapping[str, Layer] | None = None) -> Quality:
    """How good a plan is. quick, layers: as for `integer_graph`."""
    graph = integer_graph(subject, plan, quick, layers)
    return compare(subject.scores, integer_scores(graph, subject.samples), subject.labels)


def compare(real: Array, ours: Array, labels: Array | None = None) -> Quality:
    """Scores [samples, classes] beside the real ones."""
    energy = float(np.square(real).sum())
    noise = float(np.square(real - ours).sum()) / max(energy, 1e-300)
    kl = divergence(real, ours)
    classes = ours.argmax(axis=1)
    agreement = float((classes == real.argmax(axis=1)).mean())
    return Quality(noise, kl, agreement, None if labels is None else float((classes == labels).mean()))
