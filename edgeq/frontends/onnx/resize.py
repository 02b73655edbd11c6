"""Nearest-neighbour resizing: every rule of ONNX becomes the list of pixels that it picks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.layout import first_to_last, from_image, to_image
from edgeq.frontends.onnx.rows import converts
from edgeq.frontends.onnx.windows import Spatial, pair
from edgeq.ir.types import Array

POSITIONS: dict[str, Callable[[Array, int, int, float], Array]] = {
    "asymmetric": lambda i, n, new, scale: i / scale,
    "half_pixel": lambda i, n, new, scale: (i + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda i, n, new, scale: (i + 0.5) / scale - 0.5 if new > 1 else i * 0,
    "align_corners": lambda i, n, new, scale: i * (n - 1) / (new - 1) if new > 1 else i * 0,
}
"""coordinate_transformation_mode -> where output pixel i lies in the input."""

ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda v: np.ceil(v - 0.5),
    "round_prefer_ceil": lambda v: np.floor(v + 0.5),
}


@converts("Resize", "Upsample")
def resize(node: NodeImport) -> None:
    x = node.value(0)
    rank = len(x.shape)
    old = node.op == "Upsample" or node.opset < 11
    if node.attrs.string("mode", "nearest") != "nearest":
        raise UnsupportedError("only nearest-neighbour resizing is supported", hint="use mode='nearest'")
    sizes, scales = _old_sizes(node, x.shape) if old else _sizes(node, x.shape)
    where, rounding = ("asymmetric", "floor") if old else _rule(node)
    if rank not in (3, 4) or sizes[:2] != x.shape[:2]:
        raise UnsupportedError(f"resizes {list(x.shape)} to {list(sizes)}; only the spatial axes may change")
    picked = []
    for n, new, scale in zip(x.shape[2:], sizes[2:], scales[2:], strict=True):
        if not 0 < new <= 2**20:
            raise UnsupportedError(f"resizes {list(x.shape)} to {list(sizes)}")
        position = POSITIONS[where](np.arange(new, dtype=np.float64), n, new, scale)
        picked.append(tuple(int(v) for v in np.clip(ROUNDINGS[rounding](position), 0, n - 1)))
    out_h, out_w = pair(sizes[2:])
    rows, columns = picked if len(picked) == 2 else ((0,), picked[0])
    attrs = {"out_h": out_h, "out_w": out_w, "rows": rows, "columns": columns}
    y = node.emit("resize_nearest", [to_image(node, x)], attrs, perm=first_to_last(rank))
    node.bind(0, from_image(node, y, rank))


def _scaled(node: NodeImport, shape: Spatial, scales: Array) -> tuple[Spatial, tuple[float, ...]]:
    """Sizes from scales; at whole numbers a rounding error of the scale must not lose a pixel."""
    values = np.asarray(scales, dtype=np.float64).reshape(-1)
    if values.size != len(shape) or not ((values > 0) & (values < 2**20)).all():
        raise UnsupportedError(f"its scales {values.tolist()} do not fit an input of shape {list(shape)}")
    return tuple(int(np.floor(n * s + 1e-6)) for n, s in zip(shape, values, strict=True)), tuple(values.tolist())


def _old_sizes(node: NodeImport, shape: Spatial) -> tuple[Spatial, tuple[float, ...]]:
    if node.op == "Upsample" and node.opset < 9:
        found = node.attrs.floats("scales")
        if found is None:
            raise UnsupportedError("lacks scales")
        return _scaled(node, shape, np.asarray(found))
    return _scaled(node, shape, node.constant(1, "scales"))


def _sizes(node: NodeImport, shape: Spatial) -> tuple[Spatial, tuple[float, ...]]:
    node.attrs.ignore("extrapolation_value", "cubic_coeff_a", "exclude_outside")  # of modes that are refused
    if node.has(1):
        node.weights(1, "region of interest")  # of tf_crop_and_resize, which is refused
    rank = len(shape)
    axes = [a % rank if -rank <= a < rank else -1 for a in node.attrs.ints("axes") or range(rank)]
    if len(set(axes)) != len(axes) or -1 in axes:
        raise UnsupportedError(f"axes {axes} of a tensor with {rank} axes")
    policy = node.attrs.string("keep_aspect_ratio_policy", "stretch")
    scales = node.constant(2, "scales") if node.has(2) else np.zeros(0)
    if not node.has(3):
        if scales.size != len(axes):
            raise UnsupportedError(f"{scales.size} scales for {len(axes)} axes")
        spread = np.ones(rank)
        spread[axes] = scales.reshape(-1)
        return _scaled(node, shape, spread)
    given = node.integers(3, "sizes")
    if scales.size or policy != "stretch" or len(given) != len(axes):
        raise UnsupportedError(f"its sizes {given} do not fit, or keep_aspect_ratio_policy is {policy!r}")
    sizes = tuple(given[axes.index(a)] if a in axes else n for a, n in enumerate(shape))
    return sizes, tuple(new / n for new, n in zip(sizes, shape, strict=True))


def _rule(node: NodeImport) -> tuple[str, str]:
    where = node.attrs.string("coordinate_transformation_mode", "half_pixel")
    rounding = node.attrs.string("nearest_mode", "round_prefer_floor")
    if node.attrs.integer("antialias", 0) or where not in POSITIONS or rounding not in ROUNDINGS:
        raise UnsupportedError(f"nearest resizing with {where!r} and {rounding!r} is not supported")
    return where, rounding
