"""Key smoothing: keys of attention lose the offset that all tokens share, so that their integers are finer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Graph, Node
from edgeq.ir.types import Array
from edgeq.passes.rewrite import Uses, is_plain, new_constant
from edgeq.quant.methods.base import Method, Stage, counted
from edgeq.quant.work import Work


class KeySmoothing(Method):
    """What is added to every key alike adds the same to all scores of a query, which changes no softmax.

    The offset of a channel, the middle of its range over the calibration data, goes into the bias of the dense layer
    that makes the keys: nothing is computed when the network runs.
    """

    name = "keys"
    summary = "keys of attention lose what all tokens share, which softmax does not see"
    stage = Stage.REWRITE
    source: ClassVar[str] = "Zhang et al., SageAttention, 2024"

    def applies(self, work: Work) -> bool:
        return bool(smoothable(work.real))

    def apply(self, work: Work) -> str:
        graph = work.real.copy()
        found = smoothable(graph)
        for dense, channels in found:
            seen = work.ranges[dense.output.name]
            offset = np.zeros(len(seen.channel_low))
            offset[channels] = (seen.channel_low[channels] + seen.channel_high[channels]) / 2
            bias = dense.optional(2)
            before = np.zeros(len(offset)) if bias is None else bias.constant.astype(np.float64)
            shifted = new_constant(graph, f"{dense.name}.smooth", (before - offset).astype(np.float32))
            dense.inputs = [*dense.inputs[:2], shifted, *dense.inputs[3:]]
        work.real = graph
        work.restart()
        return counted(len(found), "layer")


def smoothable(graph: Graph) -> list[tuple[Node, Array]]:
    """Dense layers of a real graph that make keys, with the channels which are nothing but keys."""
    uses = Uses(graph)
    found = []
    for node in graph.nodes:
        dense = uses.producer(node.input(1)) if node.op == "attention" else None
        if dense is None or not is_plain(dense, "dense") or uses.only_reader(dense.output) is not node:
            continue
        width = dense.output.shape[-1]
        read = [_channels(node, index, width) for index in range(3) if node.input(index) is dense.output]
        keys = _channels(node, 1, width)
        if all(len(c) for c in read) and sum(len(np.intersect1d(keys, c)) for c in read) == len(keys):
            found.append((dense, keys))
    return found


def _channels(node: Node, index: int, width: int) -> Array:
    """The channels of a tensor of `width` that q, k or v are read from; none where tokens are not its rows."""
    a = node.attrs
    start, batch, head, token = a[("q_view", "k_view", "v_view")[index]]
    if token % width or batch % width:
        return np.zeros(0, dtype=np.int64)
    first = start + np.arange(a["kv_heads" if index else "heads"])[:, None] * head
    places = first + np.arange(a["columns" if index == 2 else "depth"])
    return np.unique(places) if places.max() < width else np.zeros(0, dtype=np.int64)
