"""A float network on its way to integers: what the methods of post-training quantization read and change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array, TensorType
from edgeq.ops.execute import run_integer, run_real
from edgeq.ops.registry import operator
from edgeq.passes.pipeline import to_integer
from edgeq.quant.observe import Range
from edgeq.quant.plan import Plan
from edgeq.quant.quality import Fidelity, divergence, sqnr_db
from edgeq.quant.quantize import Layer, corrected_bias, quantize_graph, round_layer, scale_floor
from edgeq.quant.schemes import WeightScheme, fitting
from edgeq.quant.weights import Rounded, weight_rows

HELD = 32
"""Samples by which the effect of a method is measured, at most, and which methods do not see."""
HELD_SHARE = 4
"""One sample of so many is held back, at most; of fewer than HELD_SHARE^2, none, and effects are measured on all."""
STEPS = 400
"""Batches of the methods that learn."""

Observe = Callable[[Graph], dict[str, Range]]
"""The ranges of a real graph's values over the calibration data."""
Progress = Callable[[str, int, int], None]
"""Called with (what, how much is done, of how much)."""


@dataclass
class Work:
    """real: the float network, which methods may rewrite; target: the float values that quantized ones should have.

    samples: real inputs by name, a part of the calibration data that memory holds; some of them, evenly spread, become
    `held`. layers: weights and biases chosen so far, by node name. correct: whether biases take back the mean error of
    layers rounded to nearest.
    """

    real: Graph
    samples: dict[str, Array]
    observe: Observe
    plan: Plan
    seed: int = 0
    steps: int = STEPS
    progress: Progress = lambda what, done, total: None
    correct: bool = False
    target: Graph = field(init=False)
    held: dict[str, Array] = field(init=False)
    ranges: dict[str, Range] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restart()
        self.samples, self.held = held_back(self.samples)  # observing may have been what filled them

    def restart(self) -> None:
        """After the real graph was rewritten: ranges anew, every weight to its nearest level."""
        self.target = self.real
        self.ranges = self.observe(self.real)
        self.layers = {}
        scales = self.activation_types()
        for node in weighted(self.real):
            scale = tensor_scale(scales[node.input(0).name])
            self.layers[node.name] = round_layer(node, self.scheme(node), scale, self.ranges, self.correct)

    def saved(self) -> dict[str, Any]:
        """What `restore` takes to undo everything that comes after."""
        state = {k: getattr(self, k) for k in ("real", "target", "plan", "correct")}
        return {**state, "ranges": dict(self.ranges), "layers": dict(self.layers)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Back to what `saved` gave."""
        for key, value in state.items():
            setattr(self, key, value)

    def scheme(self, node: Node) -> WeightScheme:
        """How the plan stores a layer's weights."""
        return fitting(node, self.plan.layer(node.name).weights)

    def rows(self, node: Node) -> Array:
        """A layer's real weights, [output channels, taps]."""
        return weight_rows(node.input(1), operator(node.op).weight_axis, node.name)

    def floor(self, node: Node, input_scale: float) -> Array:
        """The smallest scale of each row."""
        return np.broadcast_to(scale_floor(node, input_scale), (len(self.rows(node)),)).astype(np.float64)

    def bias(self, node: Node) -> Array | None:
        """A layer's real bias."""
        return real_bias(node)

    def mean_bias(self, node: Node, weights: Rounded) -> Array | None:
        """The real bias less what rounded weights add to the mean output."""
        mean = self.ranges[node.input(0).name].mean
        bias = self.bias(node)
        return bias if mean is None else corrected_bias(node, weights, bias, mean)

    def quantized(self) -> Graph:
        """The quantized graph of what is chosen so far."""
        return quantize_graph(self.real, self.ranges, self.plan, self.layers)

    def activation_types(self) -> dict[str, TensorType]:
        """The integers and the quantization of every value that is quantized, by name."""
        graph = self.quantized()
        values = [*graph.inputs, *(v for node in graph.nodes for v in node.outputs)]
        return {v.name: v.type for v in values if v.type.quantization is not None}

    def fidelity(self) -> tuple[dict[str, float | None], Fidelity]:
        """(SQNR in dB of each layer's output, that of the network) of the integer graph against the float network.

        On the samples that methods do not see. The network's is that of its outputs, before a softmax or argmax. None:
        no difference at all.
        """
        inputs = self.held
        ends = {scores_of(self.target, v).name for v in self.target.outputs}
        classes = ends - {v.name for v in self.target.outputs}
        names = {n.output.name for n in weighted(self.target)} | ends
        real: dict[str, Array] = {}
        ours: dict[str, Array] = {}
        run_real(self.target, inputs, lambda v, x: real.update({v.name: x}) if v.name in names else None)
        graph = self.quantized()
        to_integer(graph)
        given = {v.name: v.integers(inputs[v.name]) for v in graph.inputs}

        def keep(value: Value, x: Array) -> None:
            if value.name in names and value.type.quantization is not None:
                ours[value.name] = value.quantization.dequantize(x)

        run_integer(graph, given, keep)
        by_value = {name: sqnr_db(real[name], ours[name]) for name in names if name in ours}
        layers = {n.name: by_value[n.output.name] for n in weighted(self.target) if n.output.name in by_value}
        whole = [db for name in ends if (db := by_value.get(name)) is not None]
        sqnr = round(float(np.mean(whole)), 2) if whole else None
        scores = [(real[n].reshape(-1, real[n].shape[-1]), ours[n].reshape(-1, real[n].shape[-1])) for n in classes]
        return layers, Fidelity(sqnr, sum(divergence(a, b) for a, b in scores) if scores else None)


def held_back(samples: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """(the samples that methods see, those by which they are judged), evenly spread; twice the same where few."""
    count = len(next(iter(samples.values())))
    every = max(HELD_SHARE, -(-count // HELD))
    if count < HELD_SHARE**2:
        return dict(samples), dict(samples)
    held = np.arange(count) % every == every - 1
    return {n: x[~held] for n, x in samples.items()}, {n: x[held] for n, x in samples.items()}


def weighted(graph: Graph) -> list[Node]:
    """The layers with weights, in execution order."""
    return [node for node in graph.nodes if operator(node.op).accumulates]


def real_bias(node: Node) -> Array | None:
    """A real layer's bias; None: it has none."""
    value = node.optional(2)
    return None if value is None else value.constant.astype(np.float64)


def tensor_scale(kind: TensorType) -> float:
    """The scale of a value's quantization."""
    assert kind.quantization is not None
    return kind.quantization.tensor_scale


def scores_of(graph: Graph, output: Value) -> Value:
    """The class scores behind an output that is their softmax or their largest; otherwise the output."""
    node = graph.producer(output)
    return node.input(0) if node is not None and node.op in ("softmax", "argmax") else output


def with_integers(rounded: Rounded, integers: Array, scales: Array | None = None) -> Rounded:
    """Other integers of the same levels, or of the same levels at other scales, as float32 holds those."""
    levels = rounded.levels
    if scales is not None:
        levels = levels.with_scale(scales.astype(np.float32).astype(np.float64))
    return replace(rounded, integers=integers, levels=levels)
