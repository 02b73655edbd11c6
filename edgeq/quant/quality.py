"""How far a quantized tensor is from its original."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeq.ir.types import Array


def sqnr_db(real: Array, approximate: Array) -> float | None:
    """Signal to quantization noise ratio in dB, 10 log10(sum real^2 / sum (real - approximate)^2).

    None when there is no noise at all.
    """
    noise = float(np.square(real - approximate).sum())
    signal = float(np.square(real).sum())
    if noise == 0:
        return None
    return round(10 * float(np.log10(max(signal, 1e-300) / noise)), 2)


def divergence(real: Array, approximate: Array) -> float:
    """Mean Kullback-Leibler divergence in nats of the class probabilities that scores [samples, classes] stand for."""
    a, b = log_probabilities(real), log_probabilities(approximate)
    return float((np.exp(a) * (a - b)).sum(axis=1).mean())


def log_probabilities(scores: Array) -> Array:
    """The logarithm of the softmax of scores [samples, classes]."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class Fidelity:
    """How near an integer network is to the float one. sqnr_db: of its outputs, None where there is no noise;
    divergence: of its class probabilities, None where no output is of classes."""

    sqnr_db: float | None
    divergence: float | None = None

    def is_worse_than(self, other: Fidelity) -> bool:
        """By the divergence, which is nearer to accuracy; by the noise where there are no classes."""
        if self.divergence is not None and other.divergence is not None:
            return self.divergence > other.divergence
        return self.sqnr_db is not None and (other.sqnr_db is None or self.sqnr_db < other.sqnr_db)
