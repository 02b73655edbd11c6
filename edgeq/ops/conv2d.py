"""Two-dimensional convolution, grouped or not. One-dimensional ones come as height 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Attr, Node
from edgeq.ir.types import Array
from edgeq.ops.accumulate import (
    LEVEL_ATTRIBUTES,
    accumulation_facts,
    exact_matmul,
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
class Conv2d(Operator):
    """y[n,h,w,o] = clamp(sum over kh,kw,c of x[...] * w[o,kh,kw,c] + b[o]); groups split channels in order."""

    name = "conv2d"
    summary = "Conv (1-D and 2-D, grouped, strided, dilated), CONV_2D"
    attributes: ClassVar = {
        "strides": (1, 1),
        "dilations": (1, 1),
        "pads": (0, 0, 0, 0),
        "groups": 1,
        "clamp_min": None,
        "clamp_max": None,
        **LEVEL_ATTRIBUTES,
    }
    accumulates = True
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, w, groups = node.input(0).shape, node.input(1).shape, node.attrs["groups"]
        if len(x) != 4 or len(w) != 4:
            raise ValueError(f"input {list(x)} and weights {list(w)} must both have four axes")
        if groups < 1 or x[3] != w[3] * groups or w[0] % groups:
            raise ValueError(f"input {list(x)} does not fit weights {list(w)} (O,KH,KW,C/groups) in {groups} groups")
        a = node.attrs
        oh, ow = window_output((x[1], x[2]), (w[1], w[2]), a["strides"], a["dilations"], a["pads"])
        return [(x[0], oh, ow, w[0])]

    def _accumulate(self, node: Node, x: Array, w: Array, fill: int, exact: bool) -> Array:
        a = node.attrs
        out_c, kh, kw, group_c = w.shape
        groups = a["groups"]
        view = patches(x, (kh, kw), a["strides"], a["dilations"], a["pads"], fill)
        n, oh, ow = view.shape[:3]
        columns = view.reshape(n, oh, ow, kh, kw, groups, group_c)
        per_group = out_c // groups
        parts = []
        for g in range(groups):
            rows = columns[..., g, :].reshape(n * oh * ow, -1)
            taps = w[g * per_group : (g + 1) * per_group].reshape(per_group, -1).T
            parts.append(exact_matmul(rows, taps) if exact else rows @ taps)
        return np.concatenate(parts, axis=1).reshape(n, oh, ow, out_c)

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, w, b = inputs[0], inputs[1], inputs[2] if len(inputs) > 2 else None
        assert x is not None and w is not None
        y = self._accumulate(node, x.astype(np.float64), w.astype(np.float64), 0, exact=False)
        return [real_clamp(node, y if b is None else y + b)]

    def lower(self, node: Node) -> Params:
        w = node.input(1)
        shape = shape_params(node, (w.shape[1], w.shape[2]), node.attrs["dilations"])
        groups = node.attrs["groups"]
        shape |= {"groups": groups, "group_in_c": w.shape[3], "group_out_c": w.shape[0] // groups}
        return shape | lower_accumulation(node, 0)

    def compute_integer(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x = inputs[0]
        assert x is not None
        p = node.params
        return [finish_accumulation(node, self._accumulate(node, x, p["weights"], p["input_zero_point"], exact=True))]

    def takes_wide(self, node: Node, index: int) -> bool:
        return takes_wide_activations(node, 0, index)

    def macs(self, node: Node) -> int:
        _, kh, kw, group_c = node.input(1).shape
        return node.output.type.elements * kh * kw * group_c

    def row_window(self, node: Node) -> RowWindow | None:
        return window_rows(node, node.input(1).shape[1], node.attrs["dilations"][0])

    def with_row_pads(self, node: Node, top: int, bottom: int) -> dict[str, Attr]:
        return window_pads(node, top, bottom)

    def facts(self, node: Node) -> dict[str, int]:
        return super().facts(node) | accumulation_facts(node, 0) | pixel_lead(node)
