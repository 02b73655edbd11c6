"""What maximum and average pooling share: their attributes and the shape rule."""

from __future__ import annotations

from typing import Any

from edgeq.ir.graph import Node
from edgeq.ops.windows import window_output

ATTRIBUTES: dict[str, Any] = {
    "kernel": ...,
    "strides": (1, 1),
    "pads": (0, 0, 0, 0),
    "clamp_min": None,
    "clamp_max": None,
}


def pool_shape(node: Node) -> tuple[int, ...]:
    """Output shape. Every window must hold at least one input element, so pads stay under the kernel."""
    x, a = node.input(0).shape, node.attrs
    if len(x) != 4:
        raise ValueError(f"input {list(x)} must have four axes (N, H, W, C)")
    kernel, pads = a["kernel"], a["pads"]
    if min(*kernel, *a["strides"]) < 1 or min(pads) < 0:
        raise ValueError(f"kernel {kernel}, strides {a['strides']} and pads {pads} make no window")
    if any(pads[i] >= kernel[i % 2] for i in range(4)):
        raise ValueError(f"pads {pads} reach the size of the window {kernel}: a window would hold padding only")
    return (x[0], *window_output((x[1], x[2]), kernel, a["strides"], (1, 1), pads), x[3])
