"""Layers with quantized weights: PyTorch's own, whose weights pass a quantizer on their way into every forward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from edgeq.nn.quantizers import BinaryWeights, weight_quantizer


class Linear(nn.Linear):
    """torch.nn.Linear with quantized weights; `weight` holds the real numbers that training moves.

    weights: "binary", "ternary", "ternary-median" or "int2" to "int8".
    scale: "channel" (one per output channel), "tensor" (one) or "one" (none: the weights are integers); the default is
    "tensor" for ternary and "channel" for the others.
    narrow: intN without its most negative integer.
    In eval mode sums are computed in double precision and rounded once, so that they do not depend on the order.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        weights: str,
        scale: str | None = None,
        narrow: bool = False,
        **other: Any,
    ) -> None:
        super().__init__(in_features, out_features, bias, **other)
        self.quantizer = weight_quantizer(weights, scale, narrow, tuple(self.weight.shape))

    def forward(self, input: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features], float."""
        weight = self.quantizer(self.weight)
        if self.training:
            return nn.functional.linear(input, weight, self.bias)
        return nn.functional.linear(input.double(), weight.double(), _double(self.bias)).to(input.dtype)


class Conv1d(nn.Conv1d):
    """torch.nn.Conv1d with quantized weights: the arguments of torch's, then those of `edgeq.nn.Linear`."""

    def __init__(self, *shape: Any, weights: str, scale: str | None = None, narrow: bool = False, **other: Any) -> None:
        super().__init__(*shape, **other)
        self.quantizer = weight_quantizer(weights, scale, narrow, tuple(self.weight.shape))

    def forward(self, input: Tensor) -> Tensor:
        """[N, in_channels, L] -> [N, out_channels, L'], float. Padding adds zeros, for binary inputs too."""
        return _convolve(self, input)


class Conv2d(nn.Conv2d):
    """torch.nn.Conv2d with quantized weights: the arguments of torch's, then those of `edgeq.nn.Linear`."""

    def __init__(self, *shape: Any, weights: str, scale: str | None = None, narrow: bool = False, **other: Any) -> None:
        super().__init__(*shape, **other)
        self.quantizer = weight_quantizer(weights, scale, narrow, tuple(self.weight.shape))

    def forward(self, input: Tensor) -> Tensor:
        """[N, in_channels, H, W] -> [N, out_channels, H', W'], float. Padding adds zeros, for binary inputs too."""
        return _convolve(self, input)


def clip_weights_(model: nn.Module) -> None:
    """Brings the real weights behind all binary ones back into [-1, 1]; call it after every optimizer step.

    Outside, the straight-through estimator passes no gradient, so that a weight that a step carried out would never
    change its sign again: Courbariaux et al., BinaryConnect, 2015, section 2.4.
    """
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (Linear, Conv1d, Conv2d)) and isinstance(module.quantizer, BinaryWeights):
                module.weight.clamp_(-1, 1)


def _convolve(layer: Conv1d | Conv2d, input: Tensor) -> Tensor:
    weight = layer.quantizer(layer.weight)
    if layer.training:
        return layer._conv_forward(input, weight, layer.bias)
    return layer._conv_forward(input.double(), weight.double(), _double(layer.bias)).to(input.dtype)


def _double(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.double()
