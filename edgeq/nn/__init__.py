"""Quantization-aware training in PyTorch: layers, activations, and the export to QONNX (docs/training.md)."""

from __future__ import annotations

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    from edgeq.errors import UsageError

    raise UsageError("edgeq.nn needs PyTorch", hint="pip install 'edgeq[train]'") from error

from edgeq.nn.attention import LinearAttention
from edgeq.nn.export import export
from edgeq.nn.hashing import HashFunctions, fit_hashes
from edgeq.nn.layers import Conv1d, Conv2d, Linear, clip_weights_
from edgeq.nn.quantizers import Activation

__all__ = [
    "Activation",
    "Conv1d",
    "Conv2d",
    "HashFunctions",
    "Linear",
    "LinearAttention",
    "clip_weights_",
    "export",
    "fit_hashes",
]
