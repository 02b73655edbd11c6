"""Attention in linear time: binary codes for queries and keys, after EcoFormer (Liu et al., NeurIPS 2022)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from edgeq.errors import ModelDataError, UsageError
from edgeq.nn.gradients import sign
from edgeq.nn.quantizers import Activation
from edgeq.ops.linear_attention import MOST_BITS, weight_shift

MOST_FRACTION = 5
"""Steps of the result are at most 2**MOST_FRACTION times finer than those of the values."""
ROOM = 32
"""The first batch may give results of so many steps, a quarter of what there are: attention sharpens in training."""


class _HalvesUp(torch.autograd.Function):
    """floor(x / step + 1/2), limited to int8, times step. The gradient passes inside the range, none to the step."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor) -> Tensor:
        ratio = x / step
        ctx.save_for_backward(ratio)
        return (ratio + 0.5).floor().clamp(-128, 127) * step

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (ratio,) = ctx.saved_tensors
        return gradient * ((ratio > -128) & (ratio < 127)), None


class LinearAttention(nn.Module):
    """Weighted means of values; a weight is the number of bits in which two codes agree, doubled, plus a constant.

    A code is the signs of `bits` elements of a query or key: h in {-1, +1}. Its weight of a key is h(q) . h(k) + 2^c,
    with 2^c the smallest power of two above `bits`, so that 7, 15 and 31 bits make the sharpest attention.
    heads: each has its own codes and values. values: levels of the values, as those of `edgeq.nn.Activation`, with a
    learned step. causal: a query sees no keys after its own. fraction: the result's step is that of the values over
    2^fraction, -128 to 127 of them; None takes from the first batch in training mode what leaves room for four times as
    large results. Raises UsageError for numbers that cannot be.
    Gradients pass through the signs where a query's or key's element is within [-1, 1].
    """

    def __init__(
        self, heads: int, bits: int, *, values: str = "int8", causal: bool = False, fraction: int | None = None
    ) -> None:
        super().__init__()
        if heads < 1 or not 1 <= bits <= MOST_BITS:
            raise UsageError(f"{heads} heads with codes of {bits} bits", hint=f"codes have 1 to {MOST_BITS} bits")
        if fraction is not None and not 0 <= fraction <= MOST_FRACTION:
            raise UsageError(f"a fraction of {fraction} bits", hint=f"it has 0 to {MOST_FRACTION} bits")
        self.heads, self.bits, self.causal = heads, bits, causal
        self.values = Activation(values)
        self.offset = float(1 << weight_shift(bits))
        self.register_buffer("fraction", torch.tensor(-1 if fraction is None else fraction))

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """[N, T, heads * bits], [N, S, heads * bits], [N, S, heads * width] -> [N, T, heads * width].

        In eval mode it computes in double precision, which is exact here. Raises ModelDataError in eval mode before
        the first batch in training mode, or loaded parameters, have set steps.
        """
        exact = torch.float32 if self.training else torch.float64
        values = self.values(values)
        q, k = (self._split(sign(x).to(exact)) for x in (queries, keys))
        v = self._split(values.to(exact))
        if self.causal:
            weights = (q @ k.transpose(-1, -2) + self.offset).tril()
            means = weights @ v / weights.sum(-1, keepdim=True)
        else:  # sums over the keys first
            numerators = q @ (k.transpose(-1, -2) @ v) + self.offset * v.sum(2, keepdim=True)
            means = numerators / (q @ k.sum(2).unsqueeze(3) + self.offset * k.shape[2])
        joined = means.transpose(1, 2).flatten(2)
        return _HalvesUp.apply(joined, self.step(joined).to(exact)).to(values.dtype)

    def step(self, means: Tensor | None = None) -> Tensor:
        """The result's step, a scalar. means: what sets the fraction in training mode."""
        step = self.values.scale(torch.zeros(()))
        if self.fraction < 0:
            if not self.training or means is None:
                raise ModelDataError(
                    "its fraction has no value yet", hint="run a batch in training mode, or load trained parameters"
                )
            steps = means.detach().abs().max() / step
            self.fraction.fill_(int((ROOM / steps.clamp(1, ROOM)).log2().floor().clamp(0, MOST_FRACTION)))
        return step.detach() / 2.0 ** int(self.fraction)

    def _split(self, x: Tensor) -> Tensor:
        """[N, T, heads * n] -> [N, heads, T, n]."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def extra_repr(self) -> str:
        """For print(model)."""
        return f"heads={self.heads}, bits={self.bits}, causal={self.causal}"
