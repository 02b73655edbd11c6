"""Layers whose weights need fewer than eight bits, with int8 activations and requantized outputs."""

from __future__ import annotations

import numpy as np

from tests.kernels.cases import Case


def narrow(case: Case, bits: int) -> Case:
    """The case with weights of fewer bits and factors that fit them; 0 bits: ternary."""
    node = case.node
    weights = node.params["weights"]
    weights = np.sign(weights) if bits == 0 else weights >> (8 - bits)
    node.params["weights"] = weights.astype(np.int8)
    node.params["shift"] = np.minimum(node.params["shift"] + 8 - max(bits, 2), -1).astype(np.int8)
    node.params["bias"] = node.params["bias"] >> (8 - max(bits, 2))
    node.input(1).data = node.params["weights"]
    return case
