"""Distillation: the rounded network learns the float network's outputs on samples without labels.

Weights, their scales, biases and the scales of activations are trained together with straight-through gradients (Esser
et al., Learned Step Size Quantization, 2020) towards the float network's class probabilities (Hinton et al., 2015) or
outputs, and, so that few samples say more, towards the outputs of its layers (Romero et al., FitNets, 2015). A few
hundred samples go a long way because the float network answers any input: each batch is shifted, mixed (Zhang et al.,
mixup, 2018), scaled and made noisy, and its answers to that are the targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgeq.ir.graph import Graph, Node, Value
from edgeq.nn.fake import ActivationGrid, Array, FakeActivation, FakeWeights, TrainedLayer, one_thread
from edgeq.nn.network import Tensors, rows_to_weights, run_nodes

BATCH = 32
RATE = 1e-3
"""Adam's, of weights and biases; it falls to 0 along a cosine."""
COARSE = 8
"""Levels up to which that rate holds; with more, finer ones, weights move less."""
SCALE_RATE = 2.0
"""Times RATE, for the logarithms of scales."""
SHIFT = 1 / 8
"""Of the first axis of images, at most."""
NOISE = 0.15
"""Standard deviations, at most."""
GAIN = 0.1
"""Standard deviation of the factor by which a sample is scaled."""
OUTPUT_WEIGHT = 0.05
"""Of the squared error of class scores beside the divergence of their probabilities."""
FEATURE_WEIGHT = 0.5
"""Of the mean squared error of the inner layers' outputs, each relative to its variance."""

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


@dataclass(frozen=True)
class Distilled:
    """By layer: integers, scales, bias. By value: the scale of its activation."""

    layers: dict[str, tuple[Array, Array, Array | None]]
    activations: dict[str, float]


def distill(
    graph: Graph,
    layers: Sequence[TrainedLayer],
    activations: Mapping[str, ActivationGrid],
    shared: Mapping[str, str],
    samples: Mapping[str, Array],
    steps: int,
    seed: int,
    progress: Progress = lambda done, total: None,
) -> Distilled:
    """Trains `layers` of a real graph for so many batches. The same seed gives the same result on the same machine.

    activations: the integers of values with a quantization of their own; shared: values with that of another one.
    samples: real arrays by input name.
    """
    with one_thread():
        student = _Student(graph, layers, activations, shared)
        given = {name: torch.as_tensor(array, dtype=torch.float32) for name, array in samples.items()}
        _train(student, given, steps, seed, progress)
        return student.result()


class _Student(torch.nn.Module):
    def __init__(
        self,
        graph: Graph,
        layers: Sequence[TrainedLayer],
        activations: Mapping[str, ActivationGrid],
        shared: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.graph = graph
        self.weights = {layer.node.name: FakeWeights(layer) for layer in layers}
        inputs = {v.name for v in graph.inputs}
        self.activations = {name: FakeActivation(grid, name in inputs) for name, grid in activations.items()}
        self.shared = shared
        self.targets = [_target(graph, value) for value in graph.outputs]
        wanted = {id(node) for node, _ in self.targets if node is not None}
        last = max((i for i, node in enumerate(graph.nodes) if id(node) in wanted), default=len(graph.nodes) - 1)
        self.nodes = graph.nodes[: last + 1]
        ends = {value.name for _, (value, _) in self.targets}
        self.inner = [n.output.name for n in self.nodes if n.name in self.weights and n.output.name not in ends]

    def teach(self, inputs: Tensors) -> Tensors:
        """The float network's values."""
        with torch.no_grad():
            return run_nodes(self.nodes, inputs)

    def forward(self, inputs: Tensors) -> Tensors:
        """The rounded network's values."""
        given = {name: self._made(name, x) for name, x in inputs.items()}
        return run_nodes(self.nodes, given, self._constant, lambda value, x: self._made(value.name, x))

    def _made(self, name: str, x: Tensor) -> Tensor:
        name = self.shared.get(name, name)
        return self.activations[name](x) if name in self.activations else x

    def _constant(self, node: Node, index: int) -> Tensor | None:
        fake = self.weights.get(node.name)
        if fake is None:
            return None
        return rows_to_weights(node, fake()) if index == 1 else fake.bias if index == 2 else None

    def result(self) -> Distilled:
        layers = {name: fake.trained() for name, fake in self.weights.items()}
        return Distilled(layers, {name: fake.trained() for name, fake in self.activations.items()})


def _target(graph: Graph, output: Value) -> tuple[Node | None, tuple[Value, bool]]:
    """(the node up to which to compute, (the value to compare, whether it holds class scores))."""
    node = graph.producer(output)
    if node is not None and node.op in ("softmax", "argmax"):
        return graph.producer(node.input(0)), (node.input(0), True)
    return node, (output, False)


def _loss(student: _Student, ours: Tensors, theirs: Tensors) -> Tensor:
    total = torch.zeros(())
    for _, (value, scores) in student.targets:
        y, t = ours[value.name], theirs[value.name]
        error = functional.mse_loss(y, t)
        if scores:
            y, t = y.reshape(-1, y.shape[-1]).log_softmax(1), t.reshape(-1, t.shape[-1]).log_softmax(1)
            total = total + functional.kl_div(y, t, log_target=True, reduction="batchmean") + OUTPUT_WEIGHT * error
        else:
            total = total + error / t.var().clamp_min(1e-12)
    inner = [(ours[name], theirs[name]) for name in student.inner]
    errors = [functional.mse_loss(y, t) / t.var().clamp_min(1e-12) for y, t in inner]
    return total + FEATURE_WEIGHT * torch.stack(errors).mean() if errors else total


def _train(student: _Student, samples: Tensors, steps: int, seed: int, progress: Progress) -> None:
    random = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(_groups(student))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + np.cos(np.pi * step / steps)))
    deviations = {name: x.std(0, correction=0) for name, x in samples.items()}
    count = len(next(iter(samples.values())))
    order: list[int] = []
    for step in range(steps):
        if len(order) < min(BATCH, count):
            order = [*random.permutation(count)]
        chosen, order = order[:BATCH], order[BATCH:]
        batch = varied({name: x[chosen] for name, x in samples.items()}, deviations, random)
        optimizer.zero_grad()
        _loss(student, student(batch), student.teach(batch)).backward()
        optimizer.step()
        schedule.step()
        progress(step + 1, steps)


def _groups(student: _Student) -> list[dict[str, Any]]:
    """Parameters with their rates."""
    found: list[dict[str, Any]] = []
    for fake in student.weights.values():
        rate = RATE * min(1.0, COARSE / fake.table.count)
        found.append({"params": [p for p in (fake.rows, fake.bias) if p is not None], "lr": rate})
        found.append({"params": [fake.log_scale], "lr": rate * SCALE_RATE})
    coarsest = min((fake.table.count for fake in student.weights.values()), default=COARSE)
    learned = [a.log_scale for a in student.activations.values() if a.log_scale.requires_grad]
    if learned:
        found.append({"params": learned, "lr": RATE * min(1.0, COARSE / coarsest) * SCALE_RATE})
    return found


def varied(batch: Tensors, deviations: Tensors, random: np.random.Generator) -> Tensors:
    """Shifted, mixed, noisy and scaled samples; the same shifts and mixtures for all inputs of a network."""
    count = len(next(iter(batch.values())))
    shifts = random.uniform(-SHIFT, SHIFT, count)
    partner = torch.as_tensor(random.permutation(count))
    share = np.where(random.random(count) < 0.5, random.beta(0.4, 0.4, count), 1.0)
    noise = random.uniform(0, NOISE, count)
    gain = 1 + GAIN * random.standard_normal(count)

    def column(numbers: Array, x: Tensor) -> Tensor:
        return torch.as_tensor(numbers, dtype=torch.float32).reshape(-1, *[1] * (x.dim() - 1))

    made = {}
    for name, x in batch.items():
        x = _shifted(x, shifts) if x.dim() == 4 else x
        part = column(share, x)
        x = part * x + (1 - part) * x[partner]
        hiss = torch.as_tensor(random.standard_normal(tuple(x.shape)), dtype=torch.float32)
        made[name] = (x + hiss * deviations[name] * column(noise, x)) * column(gain, x)
    return made


def _shifted(x: Tensor, shifts: Array) -> Tensor:
    """Each image moved along its first axis by a part of its extent; the edge is repeated."""
    extent = x.shape[1]
    offset = torch.as_tensor(np.rint(shifts * extent), dtype=torch.long)
    index = (torch.arange(extent)[None, :] - offset[:, None]).clamp(0, extent - 1)
    return torch.stack([image[where] for image, where in zip(x, index, strict=True)])
