"""Quantizers as functions: forward exactly scale * integer, backward what makes training work (straight-through)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SIGNIFICANT_BITS = 12
"""Of every scale. A grid of up to 12 bits times its scale is then exact in float32, and so are its sums and means in
any order: pooling and residual additions round nothing, wherever the network runs."""

SMALLEST_SCALE = 2.0**-30
"""Scales of all-zero weights end here; a scale of 0 would have no grid."""


class _Sign(torch.autograd.Function):
    """+1 for x >= 0, else -1. The gradient passes where |x| <= 1: Hubara et al., Binarized Neural Networks, 2016."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= 1)


class _Ternary(torch.autograd.Function):
    """round(clip(w / scale, -1, 1)) * scale. The gradient passes unchanged (BitNet b1.58), none to the scale."""

    @staticmethod
    def forward(ctx: Any, w: Tensor, scale: Tensor) -> Tensor:
        return (w / scale).clamp(-1, 1).round() * scale

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class _LearnedStep(torch.autograd.Function):
    """round(clip(x / step, low, high)) * step with the gradients of Esser et al., Learned Step Size Quantization, 2020.

    d/dx: 1 inside (low, high), else 0. d/dstep: low or high outside, round(x / step) - x / step inside, times `factor`.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, low: int, high: int, factor: float) -> Tensor:
        ratio = x / step
        ctx.save_for_backward(ratio, step)
        ctx.low, ctx.high, ctx.factor = low, high, factor
        return ratio.clamp(low, high).round() * step

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        ratio, step = ctx.saved_tensors
        inside = (ratio > ctx.low) & (ratio < ctx.high)
        slope = torch.where(inside, ratio.round() - ratio, ratio.clamp(ctx.low, ctx.high))
        return gradient * inside, (gradient * slope).sum_to_size(step.shape) * ctx.factor, None, None, None


class _Shorten(torch.autograd.Function):
    """The nearest number of SIGNIFICANT_BITS; the gradient passes unchanged."""

    @staticmethod
    def forward(ctx: Any, scale: Tensor) -> Tensor:
        mantissa, exponent = torch.frexp(scale)
        return torch.ldexp((mantissa * 2.0**SIGNIFICANT_BITS).round(), exponent - SIGNIFICANT_BITS).to(scale.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def sign(x: Tensor) -> Tensor:
    """+1 for x >= 0, else -1; straight-through where |x| <= 1."""
    return _Sign.apply(x)


def ternary(w: Tensor, scale: Tensor) -> Tensor:
    """-scale, 0 or scale, whichever is nearest (halves to 0); straight-through everywhere."""
    return _Ternary.apply(w, scale)


def learned_step(x: Tensor, step: Tensor, low: int, high: int, factor: float) -> Tensor:
    """The nearest multiple of step, from low to high steps (halves to even)."""
    return _LearnedStep.apply(x, step, low, high, factor)


def proper_scale(raw: Tensor) -> Tensor:
    """The positive scale of SIGNIFICANT_BITS that a raw value (a mean, a parameter of any sign) stands for."""
    return _Shorten.apply(raw.abs().clamp_min(SMALLEST_SCALE))
