"""How far a quantized tensor is from its original."""

from __future__ import annotations

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
