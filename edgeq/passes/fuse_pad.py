"""Padding with zeros becomes padding of the convolution or pooling that reads it."""

from __future__ import annotations

from edgeq.ir.graph import Graph, Node
from edgeq.passes.rewrite import Uses, remove

CONVOLUTIONS = ("conv2d", "depthwise_conv2d")


def fuse_pad(graph: Graph) -> bool:
    """Real or quantized: the padding of a convolution is real zero in both. Returns whether any was fused."""
    changed = False
    for node in list(graph.nodes):
        uses = Uses(graph)
        pad = uses.private_producer(node.optional(0), "pad") if node.inputs else None
        if pad is not None and _can_take(node, pad):
            _take(node, pad)
            node.inputs[0] = pad.input(0)
            remove(graph, pad)
            changed = True
    return changed


def _can_take(node: Node, pad: Node) -> bool:
    pads = pad.attrs["pads"]
    if len(pads) != 4 or any(pads[0]) or any(pads[3]) or pad.attrs["value"] != 0.0:
        return False
    if pad.input(0).type.quantization != pad.output.type.quantization:
        return False
    if node.op in CONVOLUTIONS:
        return True
    if node.op != "avg_pool2d" or any(node.attrs["pads"]):
        return False
    # Zeros that were elements until now count in the mean, and no window may hold zeros only.
    return all(max(pads[1 + axis]) < node.attrs["kernel"][axis] for axis in (0, 1))


def _take(node: Node, pad: Node) -> None:
    (top, bottom), (left, right) = pad.attrs["pads"][1:3]
    old = node.attrs["pads"]
    node.attrs = {**node.attrs, "pads": (old[0] + top, old[1] + left, old[2] + bottom, old[3] + right)}
    if node.op == "avg_pool2d":
        node.attrs["count_include_pad"] = True
