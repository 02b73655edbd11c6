"""The quantizers as modules: of weights (inside the layers) and of activations (between them)."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from edgeq.errors import ModelDataError, UsageError
from edgeq.nn.gradients import learned_step, proper_scale, sign, ternary
from edgeq.nn.grids import BIPOLAR, TERNARY, Grid, integer_grid, unknown

WEIGHTS = '"binary", "ternary", "ternary-median" or "int2" to "int8"'
ACTIVATIONS = '"binary", "int2" to "int8" or "uint1" to "uint8"'
SCALES = ("channel", "tensor", "one")


class Quantizer(nn.Module):
    """Base of all quantizers: `forward` gives exactly `scale * integer`, the integers from `grid`."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid

    @property
    def initialised(self) -> bool:
        """Whether the scale is known; a learned step is not before the first batch in training mode."""
        return True

    def scale(self, x: Tensor) -> Tensor:
        """The scale (float32, broadcasts against x) with which x is quantized; x is what `forward` would get."""
        raise NotImplementedError


class _Step(nn.Module):
    """A step size that is set from the first batch in training mode, then learned; a given one stays as it is."""

    def __init__(self, shape: tuple[int, ...], given: float | None) -> None:
        super().__init__()
        if given is not None and not 0 < given < float("inf"):
            raise UsageError(f"a step of {given} cannot be: it must be positive and finite")
        self.raw = nn.Parameter(torch.full(shape, 1.0 if given is None else given), requires_grad=given is None)
        self.register_buffer("ready", torch.tensor(given is not None))

    def value(self, x: Tensor, high: int) -> Tensor:
        """The step. Starts at 2 mean|x| / sqrt(high), as the authors of LSQ do."""
        if not self.ready:
            if not self.training:
                raise ModelDataError(
                    "a learned step has no value yet", hint="run a batch in training mode, or load trained parameters"
                )
            with torch.no_grad():
                mean = x.abs().mean() if self.raw.dim() == 0 else x.abs().mean(list(range(1, x.dim())), keepdim=True)
                self.raw.copy_(2 * mean / sqrt(high))
                self.ready.copy_(bool((mean > 0).any()))  # a batch of zeros says nothing
        return proper_scale(self.raw)


class BinaryWeights(Quantizer):
    """sign(w) * mean|w|: Rastegari et al., XNOR-Net, 2016. Scale "one": -1 and +1 (batch norm scales behind it)."""

    def __init__(self, scale: str) -> None:
        super().__init__(BIPOLAR)
        self.per = scale

    def scale(self, x: Tensor) -> Tensor:
        """mean|w| over each output channel, over the tensor, or 1."""
        if self.per == "one":
            return torch.ones((), dtype=x.dtype, device=x.device)
        return proper_scale(_magnitude(x.abs(), self.per))

    def forward(self, w: Tensor) -> Tensor:
        """The binary weights; both the sign and the scale pass gradients, as in XNOR-Net."""
        return sign(w) * self.scale(w)


class TernaryWeights(Quantizer):
    """round(clip(w / s, -1, 1)) * s with s = mean|w| (Ma et al., BitNet b1.58, 2024) or median|w| (Nielsen, 2024)."""

    def __init__(self, scale: str, median: bool) -> None:
        super().__init__(TERNARY)
        self.per, self.median = scale, median

    def scale(self, x: Tensor) -> Tensor:
        """mean|w| or median|w| over each output channel or over the tensor, or 1; an even count's lower median."""
        if self.per == "one":
            return torch.ones((), dtype=x.dtype, device=x.device)
        size = x.detach().abs()
        return proper_scale(_median(size, self.per) if self.median else _magnitude(size, self.per))

    def forward(self, w: Tensor) -> Tensor:
        """The ternary weights."""
        return ternary(w, self.scale(w))


class IntegerWeights(Quantizer):
    """Learned step size (LSQ), one per output channel or one in all; scale "one": integers."""

    def __init__(self, grid: Grid, scale: str, shape: tuple[int, ...]) -> None:
        super().__init__(grid)
        steps = (shape[0], *[1] * (len(shape) - 1)) if scale == "channel" else ()
        self.step = _Step(steps, 1.0 if scale == "one" else None)

    @property
    def initialised(self) -> bool:
        """Whether a batch in training mode, or loaded parameters, have set the step."""
        return bool(self.step.ready)

    def scale(self, x: Tensor) -> Tensor:
        """The steps."""
        return self.step.value(x, self.grid.high)

    def forward(self, w: Tensor) -> Tensor:
        """The quantized weights."""
        step = self.scale(w)
        factor = 1 / sqrt(w.numel() / step.numel() * self.grid.high)
        return learned_step(w, step, self.grid.low, self.grid.high, factor)


class Activation(Quantizer):
    """Quantizes what flows between layers, with one step for the whole tensor.

    levels: "binary" (-1, and +1 from 0 on), "int2" to "int8" or "uint1" to "uint8".
    step: the fixed step; None learns it (LSQ). Binary has the fixed step 1. At a model's input give the step that the
    data has: 1/255 for pixels that were bytes.
    narrow: leave out the end of the range that has no counterpart.
    Raises UsageError for unknown levels; `forward` in eval mode raises ModelDataError before the step has a value.
    """

    def __init__(self, levels: str, *, step: float | None = None, narrow: bool = False) -> None:
        grid = BIPOLAR if levels == "binary" else integer_grid(levels, narrow)
        if grid is None:
            raise unknown("activations", levels, ACTIVATIONS)
        if grid.bipolar and step not in (None, 1):
            raise UsageError("binary activations are -1 and +1; they have no step")
        super().__init__(grid)
        self.levels = levels
        self.step = None if grid.bipolar else _Step((), step)

    @property
    def initialised(self) -> bool:
        """Whether the step was given, or set by a batch in training mode or by loaded parameters."""
        return self.step is None or bool(self.step.ready)

    def scale(self, x: Tensor) -> Tensor:
        """The step; 1 for binary."""
        if self.step is None:
            return torch.ones((), dtype=x.dtype, device=x.device)
        return self.step.value(x, self.grid.high)

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid."""
        if self.step is None:
            return sign(x)
        factor = 1 / sqrt(max(x.numel() // max(len(x), 1), 1) * self.grid.high)
        return learned_step(x, self.scale(x), self.grid.low, self.grid.high, factor)

    def extra_repr(self) -> str:
        """For print(model)."""
        return repr(self.levels)


def weight_quantizer(weights: str, scale: str | None, narrow: bool, shape: tuple[int, ...]) -> Quantizer:
    """The quantizer of that name for weights of that shape (first axis: output channels).

    scale: None means "tensor" for ternary weights and "channel" for the others. Raises UsageError for unknown names.
    """
    if scale not in (None, *SCALES):
        raise unknown("scales", str(scale), ", ".join(f'"{s}"' for s in SCALES))
    if weights == "binary":
        return BinaryWeights(scale or "channel")
    if weights in ("ternary", "ternary-median"):
        return TernaryWeights(scale or "tensor", median=weights == "ternary-median")
    grid = integer_grid(weights, narrow)
    if grid is None or not grid.signed:
        raise unknown("weights", weights, WEIGHTS)
    return IntegerWeights(grid, scale or "channel", shape)


def _magnitude(size: Tensor, per: str) -> Tensor:
    return size.mean() if per == "tensor" else size.mean(list(range(1, size.dim())), keepdim=True)


def _median(size: Tensor, per: str) -> Tensor:
    if per == "tensor":
        return size.median()
    return size.flatten(1).median(1).values.reshape(-1, *[1] * (size.dim() - 1))
