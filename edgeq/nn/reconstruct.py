"""Learned rounding against the float network's own intermediate values: of one layer, or of a block of layers.

A layer (Nagel et al., AdaRound, 2020): each weight lies between the level below and the level above, at a place that is
learned and pushed to one end. A block (Hubara et al., AdaQuant, 2020; Ding et al., CBQ, 2023): weights, scales and
biases of neighbouring layers are trained together through the rounded activations between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from edgeq.ir.graph import Node
from edgeq.nn.fake import ActivationGrid, Array, FakeActivation, FakeWeights, LevelTable, TrainedLayer, one_thread
from edgeq.nn.network import rows_to_weights, run_nodes

BATCH = 32
RATE = 0.1
"""Adam's, of the places between two levels."""
BLOCK_RATE = 1e-3
"""Adam's, of a block's weights, scales and biases; it falls to 0 along a cosine."""
PUSH = 0.01
"""Of the term that pushes places to an end."""
WARM_UP = 0.2
"""Part of the steps before anything is pushed."""
STEEPEST, FLATTEST = 20.0, 2.0
"""Exponents of that term, first and last: a place far from both ends is pushed last."""
STRETCH = 1.2
"""The sigmoid reaches beyond 0 and 1, so that places arrive there."""

Trained = tuple[Array, Array, "Array | None"]
"""Integers, scales, bias."""


class PlacedWeights(nn.Module):
    """Weights between two neighbouring levels each."""

    def __init__(self, layer: TrainedLayer) -> None:
        super().__init__()
        table = LevelTable(layer.levels, layer.rows.shape[1])
        self.scale = torch.as_tensor(layer.levels.scale[:, None], dtype=torch.float32)
        ratios = torch.as_tensor(layer.rows, dtype=torch.float32) / self.scale
        index = table.lower(ratios)
        self.lower, self.upper = table.at(index), table.at((index + 1).clamp(max=table.count - 1))
        gap = (self.upper - self.lower).clamp_min(1e-6)
        start = ((ratios - self.lower) / gap).clamp(0.01, 0.99)
        inner = (start + (STRETCH - 1) / 2) / STRETCH
        self.place = nn.Parameter(torch.log(inner / (1 - inner)))

    def share(self) -> Tensor:
        """0 at the lower level, 1 at the upper."""
        return (self.place.sigmoid() * STRETCH - (STRETCH - 1) / 2).clamp(0, 1)

    def forward(self) -> Tensor:
        """[rows, columns]."""
        return (self.lower + self.share() * (self.upper - self.lower)) * self.scale

    def integers(self) -> Array:
        """The levels at whose end each place is."""
        with torch.no_grad():
            return np.asarray(torch.where(self.share() >= 0.5, self.upper, self.lower).numpy().astype(np.int64))


def learn_rounding(layer: TrainedLayer, start: Array, x: Array, wanted: Array, steps: int, seed: int) -> Array:
    """Integers of a layer's levels with which its sums for the input `x` are nearest to `wanted`.

    start: integers to be compared with; the answer is never worse, in squared error over all of x.
    """
    with one_thread():
        given, target = (torch.as_tensor(a, dtype=torch.float32) for a in (x, wanted))
        weights = PlacedWeights(layer)
        node = _unclamped(layer.node)
        bias = None if layer.bias is None else torch.as_tensor(layer.bias, dtype=torch.float32)
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam([weights.place], RATE)
        level = target.var().clamp_min(1e-12)
        for step in range(steps):
            chosen = torch.randint(len(given), (min(BATCH, len(given)),), generator=generator)
            optimizer.zero_grad()
            y = _sums(node, given[chosen], weights(), bias)
            error = torch.nn.functional.mse_loss(y, target[chosen]) / level
            (error + _push(weights.share(), step / steps)).backward()
            optimizer.step()
        found = weights.integers()
        errors = [_error(node, given, target, integers, layer, bias) for integers in (found, start)]
        return found if errors[0] < errors[1] else start


def _push(share: Tensor, progress: float) -> Tensor:
    if progress < WARM_UP:
        return torch.zeros(())
    part = (progress - WARM_UP) / (1 - WARM_UP)
    exponent = FLATTEST + (STEEPEST - FLATTEST) * 0.5 * (1 + np.cos(np.pi * part))
    return PUSH * (1 - (2 * share - 1).abs().pow(exponent)).mean() * (1 + 10 * part)


def _unclamped(node: Node) -> Node:
    return Node(node.op, node.name, node.inputs, node.outputs, {**node.attrs, "clamp_min": None, "clamp_max": None})


def _sums(node: Node, x: Tensor, rows: Tensor, bias: Tensor | None) -> Tensor:
    replaced = {1: rows_to_weights(node, rows), 2: bias}
    made = run_nodes([node], {node.input(0).name: x}, lambda _, index: replaced[index])
    return made[node.output.name]


def _error(node: Node, x: Tensor, wanted: Tensor, integers: Array, layer: TrainedLayer, bias: Tensor | None) -> float:
    rows = torch.as_tensor(layer.levels.real(integers), dtype=torch.float32)
    with torch.no_grad():
        parts = zip(x.split(BATCH), wanted.split(BATCH), strict=True)
        return sum(float((_sums(node, a, rows, bias) - b).square().sum()) for a, b in parts)


def reconstruct(
    nodes: Sequence[Node],
    layers: Sequence[TrainedLayer],
    activations: Mapping[str, ActivationGrid],
    shared: Mapping[str, str],
    inputs: Mapping[str, Array],
    wanted: Mapping[str, Array],
    steps: int,
    seed: int,
) -> dict[str, Trained]:
    """Trains the layers of a block so that, on `inputs`, its outputs come near those `wanted`; by layer's name.

    inputs: what the rounded network gives the block; wanted: what the float network makes of its own.
    """
    with one_thread():
        weights = {layer.node.name: FakeWeights(layer) for layer in layers}
        grids = {name: FakeActivation(grid, fixed=True) for name, grid in activations.items()}
        given = {name: torch.as_tensor(x, dtype=torch.float32) for name, x in inputs.items()}
        targets = {name: torch.as_tensor(x, dtype=torch.float32) for name, x in wanted.items()}
        forward = _block(nodes, weights, grids, shared)
        before = _block_error(forward, given, targets)
        first = {name: fake.trained() for name, fake in weights.items()}
        _train_block(forward, weights, given, targets, steps, seed)
        after = _block_error(forward, given, targets)
        return {name: fake.trained() for name, fake in weights.items()} if after < before else first


Forward = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def _block(
    nodes: Sequence[Node],
    weights: Mapping[str, FakeWeights],
    grids: Mapping[str, FakeActivation],
    shared: Mapping[str, str],
) -> Forward:
    def constant(node: Node, index: int) -> Tensor | None:
        fake = weights.get(node.name)
        if fake is None:
            return None
        return rows_to_weights(node, fake()) if index == 1 else fake.bias if index == 2 else None

    def made(name: str, x: Tensor) -> Tensor:
        grid = grids.get(shared.get(name, name))
        return x if grid is None else grid(x)

    return lambda inputs: run_nodes(nodes, inputs, constant, lambda value, x: made(value.name, x))


def _loss(ours: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Tensor:
    terms = [(ours[name] - x).square().mean() / x.var().clamp_min(1e-12) for name, x in wanted.items()]
    return torch.stack(terms).sum()


def _block_error(forward: Forward, inputs: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> float:
    total, count = 0.0, len(next(iter(inputs.values())))
    with torch.no_grad():
        for start in range(0, count, BATCH):
            part = slice(start, start + BATCH)
            ours = forward({name: x[part] for name, x in inputs.items()})
            total += sum(
                float((ours[n] - x[part]).square().sum() / x.var().clamp_min(1e-12)) for n, x in wanted.items()
            )
    return total


def _train_block(
    forward: Forward,
    weights: Mapping[str, FakeWeights],
    inputs: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    steps: int,
    seed: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam([p for fake in weights.values() for p in fake.parameters()], BLOCK_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + np.cos(np.pi * step / steps)))
    count = len(next(iter(inputs.values())))
    for _ in range(steps):
        chosen = torch.randint(count, (min(BATCH, count),), generator=generator)
        optimizer.zero_grad()
        ours = forward({name: x[chosen] for name, x in inputs.items()})
        _loss(ours, {name: x[chosen] for name, x in wanted.items()}).backward()
        optimizer.step()
        schedule.step()
