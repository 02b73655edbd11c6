"""State between calls: the newest frames of a stream, in the order of a ring."""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, operand
from edgeq.ops.registry import register


@register
class Ring(Operator):
    """y[1, frames, row] = the newest frames; a call writes its frame into one slot. Inputs [x, zeros, position].

    The frame is `parts` of x, of `size` elements each, the first at `start`, `stride` from one to the next. It goes to
    slot `position`, less `frames` where it is beyond them (see the operator `position`). Slots not yet written hold the
    constant of input 1. Readers must not care for the order of frames: unlike a delay line's, it is that of a ring, so
    that a call moves one frame.
    """

    name = "ring"
    summary = "what `--stream` keeps keys and values of causal attention in"
    attributes: ClassVar = {"frames": ..., "start": 0, "parts": 1, "size": ..., "stride": 0}
    keeps_quantization = True
    keeps_state = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        a, x = node.attrs, node.input(0)
        last = a["start"] + (a["parts"] - 1) * a["stride"] + a["size"]
        if x.shape[0] != 1 or not 0 < last <= x.type.elements or a["start"] < 0:
            raise ValueError(f"{a['parts']} parts of {a['size']} of a frame of {list(x.shape)}")
        row = a["parts"] * self.part_elements(a["size"])
        if node.input(1).shape != (1, 1, row) or node.input(2).shape != (1, 1):
            raise ValueError(f"first contents of shape {list(node.input(1).shape)}")
        return [(1, a["frames"], row)]

    def part_elements(self, size: int) -> int:
        """Of the ring, for a part of `size` elements."""
        return size

    def stored(self, node: Node, parts: Array) -> Array:
        """Parts of frames [calls, parts, size] as the ring holds them."""
        return parts

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        a, x = node.attrs, operand(inputs, 0)
        frames = int(a["frames"])
        flat = x.reshape(-1, prod(node.input(0).shape))
        taken = a["start"] + np.arange(a["parts"])[:, None] * a["stride"] + np.arange(a["size"])
        rows = self.stored(node, flat[:, taken]).reshape(len(flat), -1)
        slots = operand(inputs, 2).reshape(-1).astype(np.int64)
        slots = np.where(slots < frames, slots, slots - frames)
        ring = np.repeat(operand(inputs, 1)[0].astype(x.dtype), frames, axis=0)
        results = np.empty((len(rows), *ring.shape), x.dtype)
        for call, (row, slot) in enumerate(zip(rows, slots, strict=True)):
            ring[slot] = row
            results[call] = ring
        return [results]

    def lower(self, node: Node) -> Params:
        a, x = node.attrs, node.input(0)
        if x.type.dtype is not node.output.type.dtype:
            raise UnsupportedError(f"a ring of {x.type} in {node.output.type}", where=node.name)
        size = x.type.dtype.bytes
        return {
            "frames": int(a["frames"]),
            "start": int(a["start"]) * size,
            "parts": int(a["parts"]),
            "part_bytes": int(a["size"]) * size,
            "stride": int(a["stride"]) * size,
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return self.compute(node, inputs)
