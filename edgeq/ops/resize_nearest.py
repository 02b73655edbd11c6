"""Resizing of images by repeating or dropping pixels."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, operand, require_one_image, require_widths
from edgeq.ops.registry import register


def nearest_indices(size: int, wanted: int, align_corners: bool, half_pixel: bool) -> tuple[int, ...]:
    """For every output position the input position that it shows, in TFLite's single-precision arithmetic."""
    ends = align_corners and wanted > 1
    scale = np.float32(size - 1) / np.float32(wanted - 1) if ends else np.float32(size) / np.float32(wanted)
    position = (np.arange(wanted).astype(np.float32) + np.float32(0.5 if half_pixel else 0)) * scale
    # Positions are not negative, so that halves away from zero are halves up.
    index = np.floor(position + np.float32(0.5)) if align_corners else np.floor(position)
    return tuple(int(i) for i in np.clip(index, 0, size - 1))


@register
class ResizeNearest(Operator):
    """y[n, i, j, c] = x[n, rows[i], columns[j], c].

    `rows` and `columns` may be given outright (any rule of any framework); else they follow TFLite's
    RESIZE_NEAREST_NEIGHBOR with `align_corners` and `half_pixel`.
    """

    name = "resize_nearest"
    summary = "Resize and Upsample (nearest), RESIZE_NEAREST_NEIGHBOR"
    attributes: ClassVar = {
        "out_h": ...,
        "out_w": ...,
        "align_corners": False,
        "half_pixel": False,
        "rows": None,
        "columns": None,
    }
    keeps_quantization = True
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        shape, a = node.input(0).shape, node.attrs
        if len(shape) != 4 or a["out_h"] < 1 or a["out_w"] < 1:
            raise ValueError(f"input {list(shape)} (N, H, W, C) to {a['out_h']} x {a['out_w']}")
        for key, size, wanted in (("rows", shape[1], a["out_h"]), ("columns", shape[2], a["out_w"])):
            given = a[key]
            if given is not None and (len(given) != wanted or not all(0 <= i < size for i in given)):
                raise ValueError(f"{key} {given} must be {wanted} indices under {size}")
        return [(shape[0], a["out_h"], a["out_w"], shape[3])]

    def takes_wide(self, node: Node, index: int) -> bool:
        return True

    def _indices(self, node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
        a, (_, h, w, _) = node.attrs, node.input(0).shape
        rule = a["align_corners"], a["half_pixel"]
        return (
            nearest_indices(h, a["out_h"], *rule) if a["rows"] is None else tuple(a["rows"]),
            nearest_indices(w, a["out_w"], *rule) if a["columns"] is None else tuple(a["columns"]),
        )

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        rows, columns = self._indices(node)
        return [operand(inputs, 0).take(rows, axis=1).take(columns, axis=2)]

    def lower(self, node: Node) -> Params:
        require_widths(node)
        require_one_image(node)
        _, _, in_w, channels = node.input(0).shape
        rows, columns = self._indices(node)
        return {
            "in_w": in_w,
            "pixel": channels * node.output.type.dtype.bytes,
            "out_h": node.attrs["out_h"],
            "out_w": node.attrs["out_w"],
            "rows": np.array(rows, dtype=np.uint16),
            "columns": np.array(columns, dtype=np.uint16),
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return self.compute(node, inputs)
