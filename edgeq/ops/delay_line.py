"""State between calls: the newest frames of a stream."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, operand
from edgeq.ops.registry import register


@register
class DelayLine(Operator):
    """y = the last `frames` frames along axis 1 of all that x has been, this call's x the newest.

    x[1, N, ...] brings N frames per call; y[1, frames, ...] lies in the state of the model and keeps its contents from
    call to call. Input 1, a constant [1, P, ...] with P a divisor of `frames`, repeats as what was there before the
    first call. Evaluations over several inferences take them as consecutive calls after a reset.
    """

    name = "delay_line"
    summary = "READ_VARIABLE, CONCATENATION, ASSIGN_VARIABLE; what `--stream` puts before layers that look back in time"
    attributes: ClassVar = {"frames": ...}
    keeps_quantization = True
    keeps_state = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, initial = node.input(0).shape, node.input(1).shape
        frames = int(node.attrs["frames"])
        if len(x) < 2 or x[0] != 1:
            raise ValueError(f"shape {list(x)} is not one of [1, frames, ...]")
        if frames < x[1]:
            raise ValueError(f"{frames} frames cannot hold the {x[1]} of one call")
        if len(initial) != len(x) or initial[2:] != x[2:] or frames % initial[1]:
            raise ValueError(f"first contents of shape {list(initial)} for {frames} frames of {list(x[2:])}")
        return [(1, frames, *x[2:])]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        x, initial = operand(inputs, 0), operand(inputs, 1)
        frames, step = int(node.attrs["frames"]), node.input(0).shape[1]
        before = np.concatenate([initial[0]] * (frames // initial.shape[1]))
        stream = np.concatenate([before.astype(x.dtype), x.reshape(-1, *x.shape[2:])])
        windows = [stream[(k + 1) * step : (k + 1) * step + frames] for k in range(len(x))]
        return [np.stack(windows)]

    def lower(self, node: Node) -> Params:
        """`bytes` of the whole line, of which one call brings `step`."""
        x, y = node.input(0), node.output
        if x.type.dtype is not y.type.dtype or x.type.dtype is not node.input(1).type.dtype:
            raise UnsupportedError(f"a delay line of {x.type} into {y.type}", where=node.name)
        return {"bytes": y.type.bytes, "step": x.type.bytes}

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return self.compute(node, inputs)
