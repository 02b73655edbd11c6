"""Weights and activations on the levels that the C will have, with gradients: what learned rounding trains through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeq.formats.levels import Levels
from edgeq.ir.graph import Node

Array = NDArray[Any]


@dataclass(frozen=True)
class TrainedLayer:
    """A layer before and after training. rows: real weights [output channels, taps]; floor: smallest scales of rows.

    shared: all rows have one scale.
    """

    node: Node
    rows: Array
    levels: Levels
    bias: Array | None
    floor: Array
    shared: bool = False


@dataclass(frozen=True)
class ActivationGrid:
    """The integers low..high of a value: real = (integer - zero_point) * scale. Without 0: -1 and +1."""

    scale: float
    zero_point: int
    low: int
    high: int
    has_zero: bool = True


class LevelTable:
    """The levels of a layer as tensors, spread over its columns."""

    def __init__(self, levels: Levels, columns: int) -> None:
        group = levels.group_of(columns)
        units = torch.as_tensor(levels.units, dtype=torch.float32)
        self.count, self.even = levels.count, levels.is_even
        self.low, self.high = units[:, group, 0], units[:, group, -1]
        self.stride = torch.as_tensor(levels.stride, dtype=torch.float32)[:, group]
        self.units = units if self.even else units[:, group]
        self._group = torch.as_tensor(group)

    def index(self, ratios: Tensor) -> Tensor:
        """The nearest level's index of reals divided by their row's scale."""
        if self.even:
            index = ((ratios - self.low) / self.stride.clamp_min(1) + 0.5).floor().clamp(0, self.count - 1)
            return torch.where(self.stride > 0, index, torch.zeros_like(index))
        middles = (self.units[..., 1:] + self.units[..., :-1]) / 2
        return (ratios.unsqueeze(-1) >= middles).sum(-1).to(ratios.dtype)

    def lower(self, ratios: Tensor) -> Tensor:
        """The index of the level at or below, so that there is one above it where there are two at all."""
        last = max(self.count - 2, 0)
        if self.even:
            index = ((ratios - self.low) / self.stride.clamp_min(1)).floor().clamp(0, last)
            return torch.where(self.stride > 0, index, torch.zeros_like(index))
        return ((ratios.unsqueeze(-1) >= self.units).sum(-1) - 1).clamp(0, last).to(ratios.dtype)

    def at(self, index: Tensor) -> Tensor:
        """The integers of indices."""
        if self.even:
            return self.low + index * self.stride
        return self.units.gather(-1, index.long().unsqueeze(-1)).squeeze(-1)

    def nearest(self, ratios: Tensor) -> Tensor:
        """The nearest integers."""
        return self.at(self.index(ratios))


class _OnLevels(torch.autograd.Function):
    """Rounds to the nearest level; the gradients of Esser et al., Learned Step Size Quantization, 2020."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, scale: Tensor, table: LevelTable) -> Tensor:
        ratios = rows / scale
        integers = table.nearest(ratios)
        margin = table.stride.clamp_min(1) / 2
        ctx.save_for_backward(ratios, integers, (ratios > table.low - margin) & (ratios < table.high + margin))
        return integers * scale

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        ratios, integers, inside = ctx.saved_tensors
        slope = torch.where(inside, integers - ratios, integers)
        return gradient * inside, (gradient * slope).sum(1, keepdim=True), None


class _Activation(torch.autograd.Function):
    """Rounds to the integers of an activation's format, the gradients as for weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, grid: ActivationGrid) -> Tensor:
        low, high = grid.low - grid.zero_point, grid.high - grid.zero_point
        ratios = x / scale
        if grid.has_zero:
            integers = ratios.round().clamp_(low, high)
            inside = (ratios >= low) & (ratios <= high)
        else:
            integers, inside = torch.where(ratios >= 0, 1.0, -1.0), ratios.abs() <= 2
        ctx.save_for_backward(integers - ratios * inside, inside)
        return integers * scale

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        slope, inside = ctx.saved_tensors
        return gradient * inside, (gradient * slope).sum(), None


class FakeWeights(nn.Module):
    """A layer's weights on its levels; the real weights behind them, their scales and the bias are learned."""

    def __init__(self, layer: TrainedLayer) -> None:
        super().__init__()
        self.layer = layer
        self.table = LevelTable(layer.levels, layer.rows.shape[1])
        self.rows = nn.Parameter(torch.as_tensor(layer.rows, dtype=torch.float32).clone())
        start, least = np.log(layer.levels.scale)[:, None], np.log(layer.floor)[:, None]
        if layer.shared:
            start, least = start[:1], least.max(keepdims=True)
        self.log_scale = nn.Parameter(torch.as_tensor(start, dtype=torch.float32))
        self._least = torch.as_tensor(least, dtype=torch.float32)
        bias = None if layer.bias is None else torch.as_tensor(layer.bias, dtype=torch.float32).clone()
        self.bias = None if bias is None else nn.Parameter(bias)

    def scale(self) -> Tensor:
        """[rows, 1]."""
        return torch.maximum(self.log_scale, self._least).exp().expand(len(self.rows), 1)

    def forward(self) -> Tensor:
        """[rows, columns]."""
        return _OnLevels.apply(self.rows, self.scale(), self.table)

    def trained(self) -> tuple[Array, Array, Array | None]:
        """(integers, scales, bias), float64."""
        with torch.no_grad():
            scale = self.scale()
            integers = self.table.nearest(self.rows / scale).numpy().astype(np.int64)
            bias = None if self.bias is None else self.bias.numpy().astype(np.float64)
            return integers, scale[:, 0].numpy().astype(np.float64), bias


class FakeActivation(nn.Module):
    """A value on its integers; the scale is learned unless `fixed`."""

    def __init__(self, grid: ActivationGrid, fixed: bool = False) -> None:
        super().__init__()
        self.grid = grid
        self.log_scale = nn.Parameter(torch.tensor(float(np.log(grid.scale))), requires_grad=not fixed)

    def forward(self, x: Tensor) -> Tensor:
        """x on its integers."""
        return _Activation.apply(x, self.log_scale.exp(), self.grid)

    def trained(self) -> float:
        """The scale."""
        return float(self.log_scale.detach().exp())


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order, so that a seed gives one result."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
