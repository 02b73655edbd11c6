"""Padding with a constant."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Attr, Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import clamp_bounds
from edgeq.ops.inferences import Operands, each_inference, operand, require_widths
from edgeq.ops.registry import register
from edgeq.ops.row_window import RowWindow
from edgeq.ops.strides import packed_steps

LOOPS = 3


@register
class Pad(Operator):
    """y = x with `pads` ((before, after) per axis) elements of the real `value` around it."""

    name = "pad"
    summary = "Pad (constant), PAD, PADV2"
    attributes: ClassVar = {"pads": ..., "value": 0.0}
    keeps_quantization = True
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        shape, pads = node.input(0).shape, node.attrs["pads"]
        if len(pads) != len(shape) or any(len(p) != 2 or min(p) < 0 for p in pads):
            raise ValueError(f"pads {pads} for {len(shape)} axes; one (before, after) >= 0 per axis is needed")
        return [tuple(before + d + after for d, (before, after) in zip(shape, pads, strict=True))]

    def takes_wide(self, node: Node, index: int) -> bool:
        return bool(node.attrs["value"] == 0)  # the kernel fills bytes: all of int16 0 are alike

    def _pad(self, node: Node, inputs: Operands, value: float) -> Array:
        pads = [tuple(p) for p in node.attrs["pads"]]

        def one(block: Operands) -> Array:
            return np.pad(operand(block, 0), pads, constant_values=value)

        return each_inference(node, inputs, one) if pads and any(pads[0]) else one(inputs)

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return [self._pad(node, inputs, node.attrs["value"])]

    def lower(self, node: Node) -> Params:
        """The output is filled with `value`; then three nested loops copy runs of the input to their places."""
        require_widths(node)
        x, y = node.input(0), node.output
        size = y.type.dtype.bytes
        value, _ = clamp_bounds(y.scale, y.zero_point, node.attrs["value"], None, y.type.dtype.bounds)
        # (input extent, output extent) of loops; an axis without padding joins the one before it.
        merged: list[tuple[int, int]] = []
        for extent, whole in zip(x.shape, y.shape, strict=True):
            if merged and extent == whole:
                merged[-1] = merged[-1][0] * extent, merged[-1][1] * extent
            else:
                merged.append((extent, whole))
        run = merged[-1][0] if merged else 1
        steps = packed_steps([whole for _, whole in merged])[:-1]
        extents = [extent for extent, _ in merged[:-1]]
        missing = LOOPS - len(extents)
        if missing < 0:
            raise UnsupportedError(f"padding of {len(merged)} axes of {list(x.shape)}", where=node.name)
        before = [b for b, _ in node.attrs["pads"]]
        offset = sum(b * s for b, s in zip(before, packed_steps(y.shape), strict=True))
        return {
            "value": value,
            "output_bytes": y.type.bytes,
            "offset": offset * size,
            "run": run * size,
            **{f"extent_{i}": e for i, e in enumerate([1] * missing + extents)},
            **{f"step_{i}": s * size for i, s in enumerate([0] * missing + steps)},
        }

    def row_window(self, node: Node) -> RowWindow | None:
        pads = node.attrs["pads"]
        return RowWindow(before=pads[1][0]) if len(pads) == 4 and not any(pads[0]) else None

    def with_row_pads(self, node: Node, top: int, bottom: int) -> dict[str, Attr]:
        images, _, *others = node.attrs["pads"]
        return {**node.attrs, "pads": (images, (top, bottom), *others)}

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return [self._pad(node, inputs, node.params["value"])]
