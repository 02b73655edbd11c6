"""Average over windows, with exact integer division by multiplication."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
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

RECIPROCAL_BITS = 24
MAX_COUNT = 2**16
"""Elements of the largest window; `reciprocal` says why."""


def reciprocal(count: int) -> int:
    """m with u // count in {(u * m) >> 24, ((u * m) >> 24) - 1} for every u that an int8 average divides.

    u = |sum| + count // 2 <= 128.5 count. With m = ceil(2**24 / count), (u * m) / 2**24 exceeds u / count by
    u (m count - 2**24) / (2**24 count) < 128.5 count / 2**24 < 1, as count <= 2**16. So the quotient is right or one
    too large, which the kernel sees from quotient * count > u. And u m < 128.5 (2**24 + count) < 2**32.
    """
    return -(-(1 << RECIPROCAL_BITS) // count)


def divide_rounding(total: Array, count: Array | int) -> Array:
    """total / count, halves away from zero; count / 2 is cut to an integer first, as TFLite does."""
    half = np.asarray(count) // 2
    return np.asarray(np.sign(total) * ((np.abs(total) + half) // count))


@register
class AvgPool2d(Operator):
    """y[n,h,w,c] = clamp(mean over the window of x), of the elements inside the input unless `count_include_pad`."""

    name = "avg_pool2d"
    summary = "AveragePool (1-D and 2-D), GlobalAveragePool, AVERAGE_POOL_2D"
    attributes: ClassVar = {**ATTRIBUTES, "count_include_pad": False}
    keeps_quantization = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        return [pool_shape(node)]

    def _counts(self, node: Node) -> Array:
        """Divisors per output position, [1, OH, OW, 1]."""
        a = node.attrs
        _, h, w, _ = node.input(0).shape
        ones = np.ones((1, h, w, 1), dtype=np.int64)
        fill = int(a["count_include_pad"])
        return np.asarray(patches(ones, a["kernel"], a["strides"], (1, 1), a["pads"], fill).sum(axis=(3, 4)))

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        a = node.attrs
        view = patches(operand(inputs, 0).astype(np.float64), a["kernel"], a["strides"], (1, 1), a["pads"], 0)
        return [real_clamp(node, view.sum(axis=(3, 4)) / self._counts(node))]

    def lower(self, node: Node) -> Params:
        require_int8(node)
        require_one_image(node)
        y, a = node.output, node.attrs
        low, high = clamp_bounds(y.scale, y.zero_point, a["clamp_min"], a["clamp_max"], y.type.dtype.bounds)
        shape = shape_params(node, a["kernel"])
        for unused in ("out_c", "dilation_h", "dilation_w"):
            del shape[unused]
        counts = self._counts(node)
        smallest, largest = int(counts.min()), int(counts.max())
        if largest > MAX_COUNT:
            raise UnsupportedError(f"a window of {largest} elements; at most {MAX_COUNT} are averaged", where=node.name)
        return {
            **shape,
            "count_include_pad": int(a["count_include_pad"]),
            "input_zero_point": y.zero_point,
            "clamp_min": low,
            "clamp_max": high,
            "smallest_count": smallest,
            "reciprocals": np.array([reciprocal(n) for n in range(smallest, largest + 1)], dtype=np.uint32),
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        a, p = node.attrs, node.params
        # Padding that counts is real zero; padding that does not adds nothing.
        fill = p["input_zero_point"] if p["count_include_pad"] else 0
        x = operand(inputs, 0).astype(np.int64)
        total = patches(x, a["kernel"], a["strides"], (1, 1), a["pads"], fill).sum(axis=(3, 4))
        mean = divide_rounding(total, self._counts(node))
        return [np.clip(mean, p["clamp_min"], p["clamp_max"]).astype(np.int8)]

    def row_window(self, node: Node) -> RowWindow | None:
        return window_rows(node, node.attrs["kernel"][0])

    def with_row_pads(self, node: Node, top: int, bottom: int) -> dict[str, Attr]:
        return window_pads(node, top, bottom)

    def facts(self, node: Node) -> dict[str, int]:
        kernel = node.attrs["kernel"]
        padded = int(any(node.attrs["pads"]))
        return super().facts(node) | {"taps": kernel[0] * kernel[1], "padded": padded} | pixel_lead(node)
