"""Maximum over windows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Attr, Node
from edgeq.ir.types import Array
from edgeq.ops.accumulate import real_clamp
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import clamp_bounds
from edgeq.ops.inferences import Operands, operand, require_int8, require_one_image
from edgeq.ops.pooling import ATTRIBUTES, pool_shape
from edgeq.ops.registry import register
from edgeq.ops.row_window import RowWindow
from edgeq.ops.windows import patches, pixel_lead, shape_params, window_pads, window_rows


@register
class MaxPool2d(Operator):
    """y[n,h,w,c] = clamp(max over the window of x); padding never wins."""

    name = "max_pool2d"
    summary = "MaxPool (1-D and 2-D), GlobalMaxPool, MAX_POOL_2D"
    attributes: ClassVar = ATTRIBUTES
    keeps_quantization = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [pool_shape(node)]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        x, a = operand(inputs, 0).astype(np.float64), node.attrs
        view = patches(x, a["kernel"], a["strides"], (1, 1), a["pads"], -np.inf)
        return [real_clamp(node, view.max(axis=(3, 4)))]

    def lower(self, node: Node) -> Params:
        require_int8(node)
        require_one_image(node)
        y = node.output
        low, high = clamp_bounds(
            y.scale, y.zero_point, node.attrs["clamp_min"], node.attrs["clamp_max"], y.type.dtype.bounds
        )
        shape = shape_params(node, node.attrs["kernel"])
        for unused in ("out_c", "dilation_h", "dilation_w"):
            del shape[unused]
        return {**shape, "clamp_min": low, "clamp_max": high}

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        a, p = node.attrs, node.params
        view = patches(operand(inputs, 0), a["kernel"], a["strides"], (1, 1), a["pads"], -128)
        return [np.clip(view.max(axis=(3, 4)), p["clamp_min"], p["clamp_max"]).astype(np.int8)]

    def row_window(self, node: Node) -> RowWindow | None:
        return window_rows(node, node.attrs["kernel"][0])

    def with_row_pads(self, node: Node, top: int, bottom: int) -> dict[str, Attr]:
        return window_pads(node, top, bottom)

    def facts(self, node: Node) -> dict[str, int]:
        kernel = node.attrs["kernel"]
        return super().facts(node) | {"taps": kernel[0] * kernel[1]} | pixel_lead(node)
