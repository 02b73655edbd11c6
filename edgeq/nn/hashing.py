"""Hash functions that give queries and keys codes alike where attention finds them alike, fitted to a trained network.

After EcoFormer (Liu et al., NeurIPS 2022): the attention map itself says which pairs are similar, and the bits are
found one after the other, each for what the bits before it left, as supervised hashing with kernels does (Liu et al.,
CVPR 2012). The kernel here is linear, so that a hash function is one row of weights, and vanishes into the projection
before it: `HashFunctions.after`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgeq.errors import UsageError

RIDGE = 1e-3
"""Of the mean variance, added to the variance of every feature: directions without any are not amplified."""
RATE = 0.05


@dataclass(frozen=True)
class HashFunctions:
    """Bit r of head h is the sign of weight[h, r] . x + bias[h, r]; [heads, bits, depth] and [heads, bits]."""

    weight: Tensor
    bias: Tensor

    def codes(self, x: Tensor) -> Tensor:
        """[N, T, heads * depth] -> [N, heads, T, bits] of -1 and +1, float32."""
        return torch.where(self._scores(x) >= 0, 1.0, -1.0)

    def after(self, projection: nn.Linear) -> tuple[Tensor, Tensor]:
        """(weight [heads * bits, inputs], bias [heads * bits]) of the hash functions behind a projection to all heads.

        They are what the layers before an `edgeq.nn.LinearAttention` should start with.
        """
        heads, _, depth = self.weight.shape
        rows = projection.weight.detach().unflatten(0, (heads, depth))
        bias = self.bias
        if projection.bias is not None:
            bias = bias + torch.einsum("hrd,hd->hr", self.weight, projection.bias.detach().unflatten(0, (heads, depth)))
        return torch.einsum("hrd,hdi->hri", self.weight, rows).flatten(0, 1), bias.flatten()

    def _scores(self, x: Tensor) -> Tensor:
        parts = x.unflatten(2, (len(self.weight), -1))
        return torch.einsum("nthd,hrd->nhtr", parts, self.weight) + self.bias[:, None, :]


def fit_hashes(
    queries: Tensor, keys: Tensor, heads: int, bits: int, *, neighbours: int = 10, steps: int = 30
) -> HashFunctions:
    """One set of hash functions per head, for queries and keys alike.

    queries, keys: of a network with softmax attention, [N, T, heads * depth] each, before the product is scaled by
    1 / sqrt(depth). neighbours: for every query, so many keys with the most attention count as similar, and so many
    with the least as dissimilar. steps: of refinement of each bit. Deterministic. Raises UsageError for shapes that do
    not fit.
    """
    if queries.shape != keys.shape or queries.dim() != 3 or queries.shape[2] % heads or neighbours < 1:
        raise UsageError(f"{heads} heads over queries {list(queries.shape)} and keys {list(keys.shape)}")
    found = [
        _fit_head(q, k, bits, min(neighbours, q.shape[1] // 2), steps)
        for q, k in zip(_by_head(queries, heads), _by_head(keys, heads), strict=True)
    ]
    return HashFunctions(torch.stack([w for w, _ in found]), torch.stack([b for _, b in found]))


def _by_head(x: Tensor, heads: int) -> Tensor:
    """[heads, N, T, depth], single precision."""
    return x.detach().float().unflatten(2, (heads, -1)).permute(2, 0, 1, 3)


def _labels(queries: Tensor, keys: Tensor, neighbours: int) -> Tensor:
    """[N, T, T]: 1 for the keys that a query attends to most, -1 for those that it attends to least, else 0."""
    scores = queries @ keys.transpose(1, 2)
    labels = torch.zeros_like(scores)
    labels.scatter_(2, scores.topk(neighbours, largest=False).indices, -1.0)
    return labels.scatter_(2, scores.topk(neighbours).indices, 1.0)


def _fit_head(queries: Tensor, keys: Tensor, bits: int, neighbours: int, steps: int) -> tuple[Tensor, Tensor]:
    """Bit by bit: the direction whose products come nearest to `bits * labels` less those of the bits before."""
    labels = _labels(queries, keys, neighbours)
    points = torch.cat([queries, keys]).flatten(0, 1)
    middle = points.mean(0)
    centred = points - middle
    variance = centred.T @ centred / len(centred)
    variance += RIDGE * variance.diagonal().mean().clamp_min(1e-12) * torch.eye(len(variance))
    whiten = torch.linalg.inv(torch.linalg.cholesky(variance)).T
    q, k = (queries - middle) @ whiten, (keys - middle) @ whiten
    rest = bits * labels
    rows = []
    for _ in range(bits):
        row = _refined(_leading((q.transpose(1, 2) @ rest @ k).sum(0)), q, k, rest, steps)
        signs = [torch.where(x @ row >= 0, 1.0, -1.0) for x in (q, k)]
        rest = rest - labels.abs() * signs[0].unsqueeze(2) * signs[1].unsqueeze(1)
        rows.append(row)
    weight = torch.stack(rows) @ whiten.T
    return weight, -weight @ middle


def _leading(similarity: Tensor) -> Tensor:
    """The unit vector u with the largest u . similarity u; its first element that is not small is positive."""
    vector = torch.linalg.eigh((similarity + similarity.T) / 2).eigenvectors[:, -1]
    lead = vector[vector.abs() > vector.abs().max() / 2][0]
    return vector * lead.sign()


def _refined(row: Tensor, q: Tensor, k: Tensor, rest: Tensor, steps: int) -> Tensor:
    """Uphill on the agreement of smoothed signs with what is wanted, in steps of RATE; the length stays 1."""
    best, most = row, -torch.inf
    for _ in range(steps + 1):
        row = row.detach().requires_grad_()
        towards = torch.tanh(2 * q @ row).unsqueeze(1) @ rest
        agreement = (towards.squeeze(1) * torch.tanh(2 * k @ row)).sum()
        if agreement.item() > most:
            best, most = row.detach(), agreement.item()
        (slope,) = torch.autograd.grad(agreement, row)
        moved = row.detach() + RATE * slope / slope.norm().clamp_min(1e-12)
        row = moved / moved.norm()
    return best
