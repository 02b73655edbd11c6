"""How many calls a stream has had: where in a window, and where in rings, the newest frame lies."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, inference_count
from edgeq.ops.registry import register


@register
class Position(Operator):
    """y[1] = 0, 1, 2, ... from call to call, 2 window - 1 followed by window; inputs [x, -1].

    Below `window` it is the number of frames before the newest; from then on y - window, which goes round, is the slot
    of the newest frame in a ring of so many. x only says when a call is; its numbers are not read.
    """

    name = "position"
    summary = "what `--stream` counts calls with, for attention over a ring"
    attributes: ClassVar = {"window": ...}
    keeps_state = True
    unread = (0, 1)

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        if node.input(1).shape != (1, 1) or node.attrs["window"] < 1:
            raise ValueError(f"positions in a window of {node.attrs['window']} from {list(node.input(1).shape)}")
        return [(1, 1)]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        window = int(node.attrs["window"])
        calls = np.arange(inference_count(node, inputs))
        return [np.where(calls < window, calls, window + calls % window).astype(np.int32)[:, None]]

    def lower(self, node: Node) -> Params:
        return {"window": int(node.attrs["window"])}

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return self.compute(node, inputs)
