"""Sliding windows over NHWC tensors: output sizes and patch extraction, shared by convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.ir.graph import Attr, Node
from edgeq.ir.types import Array
from edgeq.ops.row_window import RowWindow

Pair = tuple[int, int]


def window_output(size: Pair, kernel: Pair, strides: Pair, dilations: Pair, pads: tuple[int, int, int, int]) -> Pair:
    """Output height and width; pads are (top, left, bottom, right). Raises ValueError when the window does not fit."""
    result = []
    for axis in (0, 1):
        span = (kernel[axis] - 1) * dilations[axis] + 1
        room = size[axis] + pads[axis] + pads[axis + 2] - span
        if room < 0:
            raise ValueError(f"a window of {span} does not fit an input of {size[axis]} with its padding")
        result.append(room // strides[axis] + 1)
    return result[0], result[1]


def patches(
    x: Array, kernel: Pair, strides: Pair, dilations: Pair, pads: tuple[int, int, int, int], fill: Any
) -> Array:
    """[N,H,W,C] -> view or copy [N,OH,OW,KH,KW,C]; the padding holds `fill`."""
    top, left, bottom, right = pads
    if any(pads):
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    n, h, w, c = x.shape
    oh, ow = window_output((h, w), kernel, strides, dilations, (0, 0, 0, 0))
    sn, sh, sw, sc = x.strides
    return np.lib.stride_tricks.as_strided(
        x,
        (n, oh, ow, kernel[0], kernel[1], c),
        (sn, sh * strides[0], sw * strides[1], sh * dilations[0], sw * dilations[1], sc),
        writeable=False,
    )


def shape_params(node: Node, kernel: Pair, dilations: Pair = (1, 1)) -> dict[str, int]:
    """The geometry fields that every windowed descriptor starts with."""
    _, in_h, in_w, in_c = node.input(0).shape
    _, out_h, out_w, out_c = node.output.shape
    stride_h, stride_w = node.attrs["strides"]
    top, left, _, _ = node.attrs["pads"]
    return {
        "in_h": in_h,
        "in_w": in_w,
        "in_c": in_c,
        "out_h": out_h,
        "out_w": out_w,
        "out_c": out_c,
        "kernel_h": kernel[0],
        "kernel_w": kernel[1],
        "stride_h": stride_h,
        "stride_w": stride_w,
        "dilation_h": dilations[0],
        "dilation_w": dilations[1],
        "pad_top": top,
        "pad_left": left,
    }


def window_rows(node: Node, kernel_h: int, dilation_h: int = 1) -> RowWindow:
    """`Operator.row_window` of sliding windows."""
    return RowWindow((kernel_h - 1) * dilation_h + 1, node.attrs["strides"][0], node.attrs["pads"][0])


def window_pads(node: Node, top: int, bottom: int) -> dict[str, Attr]:
    """`Operator.with_row_pads` of sliding windows."""
    _, left, _, right = node.attrs["pads"]
    return {**node.attrs, "pads": (top, left, bottom, right)}


def pixel_lead(node: Node) -> dict[str, int]:
    """A fact for kernels that go pixel by pixel, row by row, over a lowered node with int8 input and output.

    pixel_lead: so many bytes the output must lie before the input, for no pixel to be written over input that a later
    one reads. Before the pixel at row r, column c is read, `(r * out_w + c) * out_c` bytes are written; it reads from
    `((r * stride_h - pad_top) * in_w + c * stride_w - pad_left) * in_c` on. The difference is linear in r and c.
    """
    p = node.params
    if not p:
        return {}
    in_c, out_c = p["in_c"], node.output.shape[-1]
    by_row = p["out_w"] * out_c - p["stride_h"] * p["in_w"] * in_c
    by_column = out_c - p["stride_w"] * in_c
    start = (p["pad_top"] * p["in_w"] + p["pad_left"]) * in_c
    return {"pixel_lead": start + (p["out_h"] - 1) * max(0, by_row) + (p["out_w"] - 1) * max(0, by_column)}
