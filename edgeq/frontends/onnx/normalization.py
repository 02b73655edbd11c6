"""LayerNorm and RMSNorm over trailing axes."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.rows import converts


@converts("LayerNormalization")
def layer_normalization(node: NodeImport) -> None:
    _normalize(node, centred=True)


@converts("RMSNormalization")
def rms_normalization(node: NodeImport) -> None:
    _normalize(node, centred=False)


def _normalize(node: NodeImport, *, centred: bool) -> None:
    x = node.real(0)
    rank = len(x.shape)
    axis = node.attrs.integer("axis", -1)
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} of a tensor with {rank} axes")
    node.attrs.ignore("stash_type")  # how precisely its own float arithmetic goes
    shape = x.shape[axis % rank :]
    columns = prod(shape)
    gain = np.broadcast_to(node.constant(1, "scale"), shape).reshape(-1)
    offset = np.broadcast_to(node.constant(2, "bias"), shape).reshape(-1) if node.has(2) else np.zeros(columns)
    attrs = {"epsilon": node.attrs.real("epsilon", 1e-5), "centred": centred}
    rows = node.reshape(x, (*x.shape[: axis % rank], columns))
    operands = [rows, node.own("gain", gain.astype(np.float32)), node.own("offset", offset.astype(np.float32))]
    node.bind(0, node.reshape(node.emit("layer_norm", operands, attrs), x.shape))
