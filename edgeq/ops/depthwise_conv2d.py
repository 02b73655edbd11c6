"""Depthwise convolution: each output channel reads one input channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Attr, Node
from edgeq.ir.types import Array
from edgeq.ops.accumulate import (
    LEVEL_ATTRIBUTES,
    accumulation_facts,
    finish_accumulation,
    lower_accumulation,
    real_clamp,
    takes_wide_activations,
)
from edgeq.ops.base import Operator, Params
from edgeq.ops.registry import register
from edgeq.ops.row_window import RowWindow
from edgeq.ops.windows import patches, pixel_lead, shape_params, window_output, window_pads, window_rows


@register
class DepthwiseConv2d(Operator):
    """y[n,h,w,o] = clamp(sum over kh,kw of x[..., o // m] * w[kh,kw,o] + b[o]), m = outputs / inputs."""

    name = "depthwise_conv2d"
    summary = "Conv with groups equal to its input channels, DEPTHWISE_CONV_2D"
    attributes: ClassVar = {
        "strides": (1, 1),
        "dilations": (1, 1),
        "pads": (0, 0, 0, 0),
        "clamp_min": None,
        "clamp_max": None,
        **LEVEL_ATTRIBUTES,
    }
    accumulates = True
    gives_wide = True
    weight_axis = 2

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, w = node.input(0).shape, node.input(1).shape
        if len(x) != 4 or len(w) != 3 or w[2] % x[3]:
            raise ValueError(f"input {list(x)} does not fit depthwise weights {list(w)} (KH,KW,O)")
        a = node.attrs
        oh, ow = window_output((x[1], x[2]), (w[0], w[1]), a["strides"], a["dilations"], a["pads"])
        return [(x[0], oh, ow, w[2])]

    def _accumulate(self, node: Node, x: Array, w: Array, fill: int) -> Array:
        a = node.attrs
        kh, kw, out_c = w.shape
        view = patches(x, (kh, kw), a["strides"], a["dilations"], a["pads"], fill)
        total: Array = np.zeros((*view.shape[:3], out_c), dtype=np.result_type(x, w))
        for row, column in np.ndindex(kh, kw):  # one tap at a time: whole images by one row of weights
            total += np.repeat(view[:, :, :, row, column, :], out_c // x.shape[3], axis=3) * w[row, column]
        return total

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, w, b = inputs[0], inputs[1], inputs[2] if len(inputs) > 2 else None
        assert x is not None and w is not None
        y = self._accumulate(node, x.astype(np.float64), w.astype(np.float64), 0)
        return [real_clamp(node, y if b is None else y + b)]

    def lower(self, node: Node) -> Params:
        w = node.input(1)
        shape = shape_params(node, (w.shape[0], w.shape[1]), node.attrs["dilations"])
        shape["depth_multiplier"] = shape["out_c"] // shape["in_c"]
        return shape | lower_accumulation(node, 2)

    def compute_integer(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x = inputs[0]
        assert x is not None
        p = node.params
        sums = self._accumulate(node, x.astype(np.int32), p["weights"].astype(np.int32), p["input_zero_point"])
        return [finish_accumulation(node, sums.astype(np.int64))]

    def takes_wide(self, node: Node, index: int) -> bool:
        return takes_wide_activations(node, 2, index)

    def macs(self, node: Node) -> int:
        kh, kw, _ = node.input(1).shape
        return node.output.type.elements * kh * kw

    def row_window(self, node: Node) -> RowWindow | None:
        return window_rows(node, node.input(1).shape[0], node.attrs["dilations"][0])

    def with_row_pads(self, node: Node, top: int, bottom: int) -> dict[str, Attr]:
        return window_pads(node, top, bottom)

    def facts(self, node: Node) -> dict[str, int]:
        return super().facts(node) | accumulation_facts(node, 2) | pixel_lead(node)
