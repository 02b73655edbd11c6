"""Convolution and pooling."""

from __future__ import annotations

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import Constant, NodeImport
from edgeq.frontends.onnx.layout import first_to_last, from_image, to_image
from edgeq.frontends.onnx.rows import converts
from edgeq.ir.graph import Attr, Value

Spatial = tuple[int, ...]


def _positive(node: NodeImport, name: str, count: int, default: Spatial | None = None) -> Spatial:
    found = node.attrs.ints(name, default)
    if found is None or len(found) != count or any(not 1 <= v < 2**31 for v in found):
        raise UnsupportedError(f"attribute {name!r} is {found}, not {count} positive numbers")
    return found


def spatial_pads(node: NodeImport, size: Spatial, kernel: Spatial, strides: Spatial, dilations: Spatial) -> Spatial:
    """(begin..., end...) from `pads` or `auto_pad`."""
    count = len(size)
    pads = node.attrs.ints("pads", (0,) * (2 * count)) or ()
    mode = node.attrs.string("auto_pad", "NOTSET")
    if mode == "VALID":
        return (0,) * (2 * count)
    if mode == "NOTSET":
        if len(pads) != 2 * count or any(not 0 <= p < 2**31 for p in pads):
            raise UnsupportedError(f"attribute 'pads' is {pads}; edgeq takes {2 * count} numbers, none negative")
        return pads
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedError(f"attribute 'auto_pad' is {mode!r}")
    begin, end = [], []
    for n, k, s, d in zip(size, kernel, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small, large = total // 2, total - total // 2
        begin.append(small if mode == "SAME_UPPER" else large)
        end.append(large if mode == "SAME_UPPER" else small)
    return (*begin, *end)


def pair(values: Spatial) -> tuple[int, int]:
    """One- or two-dimensional sizes as (h, w)."""
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])


def four_pads(pads: Spatial) -> tuple[int, int, int, int]:
    """(begin..., end...) as (top, left, bottom, right)."""
    return (0, pads[0], 0, pads[1]) if len(pads) == 2 else (pads[0], pads[1], pads[2], pads[3])


@converts("Conv")
def conv(node: NodeImport) -> None:
    bias = node.weights(2, "bias") if node.has(2) else None
    node.bind(0, convolve(node, node.real(0), node.weights(1, "weights"), bias))


def convolve(node: NodeImport, x: Value, weights: Constant, bias: Constant | None) -> Value:
    """The convolution that the node's attributes describe, in the file's layout."""
    rank = len(x.shape)
    image = to_image(node, x)
    count = rank - 2
    w = weights.array
    if w.ndim != rank:
        raise UnsupportedError(f"weights of shape {list(w.shape)} do not fit an input with {rank} axes")
    kernel = _positive(node, "kernel_shape", count, tuple(w.shape[2:]))
    if kernel != tuple(w.shape[2:]):
        raise UnsupportedError(f"attribute 'kernel_shape' is {kernel}, the weights are {list(w.shape)}")
    strides = _positive(node, "strides", count, (1,) * count)
    dilations = _positive(node, "dilations", count, (1,) * count)
    pads = spatial_pads(node, x.shape[2:], kernel, strides, dilations)
    taps = np.transpose(w, first_to_last(rank))
    if count == 1:
        taps = taps[:, np.newaxis]
    quantization = weights.quantization
    if quantization is not None and quantization.axis not in (None, 0):
        raise UnsupportedError(f"weights are quantized along axis {quantization.axis}, not along output channels")
    operands: list[Value | None] = [image, node.own("weights", taps, quantization)]
    if bias is not None:
        operands.append(node.own("bias", bias.array, bias.quantization))
        if bias.shape != (w.shape[0],):
            raise UnsupportedError(f"bias of shape {list(bias.shape)} does not fit {w.shape[0]} channels")
    attrs = {
        "strides": pair(strides),
        "dilations": pair(dilations),
        "pads": four_pads(pads),
        "groups": node.attrs.integer("group", 1),
    }
    return from_image(node, node.emit("conv2d", operands, attrs, like=x.type, perm=first_to_last(rank)), rank)


def _ceil_pads(size: Spatial, kernel: Spatial, strides: Spatial, pads: Spatial) -> Spatial:
    """End padding that lets the last, partial window of ceil_mode fit, and cuts what no window reaches."""
    count = len(size)
    end = []
    for i in range(count):
        room = size[i] + pads[i] + pads[count + i] - kernel[i]
        steps = -(-room // strides[i])
        if steps * strides[i] >= size[i] + pads[i]:
            steps -= 1  # a window that would start in the end padding is dropped
        end.append(max(steps * strides[i] + kernel[i] - size[i] - pads[i], 0))
    return (*pads[:count], *end)


@converts("MaxPool", "AveragePool")
def pool(node: NodeImport) -> None:
    average = node.op == "AveragePool"
    node.bind(0, pooled(node, node.real(0) if average else node.value(0), average))


def pooled(node: NodeImport, x: Value, average: bool) -> Value:
    """The pooling that the node's attributes describe, in the file's layout."""
    rank = len(x.shape)
    count = rank - 2
    if count not in (1, 2):
        raise UnsupportedError(f"its input has {rank} axes; 3 or 4 are supported")
    kernel = _positive(node, "kernel_shape", count)
    strides = _positive(node, "strides", count, (1,) * count)
    dilations = _positive(node, "dilations", count, (1,) * count)
    if any(d != 1 for d in dilations):
        raise UnsupportedError(f"dilated pooling {dilations} is not supported")
    node.attrs.ignore("storage_order")  # orders the indices, which are refused
    pads = spatial_pads(node, x.shape[2:], kernel, strides, dilations)
    include = average and bool(node.attrs.integer("count_include_pad", 0)) and any(pads)
    if node.attrs.integer("ceil_mode", 0) and node.attrs.string("auto_pad", "NOTSET") == "NOTSET":
        extended = _ceil_pads(x.shape[2:], kernel, strides, pads)
        if include and any(e > p for e, p in zip(extended, pads, strict=True)):
            raise UnsupportedError("ceil_mode together with count_include_pad is not supported")
        pads = extended
    attrs: dict[str, Attr] = {"kernel": pair(kernel), "strides": pair(strides), "pads": four_pads(pads)}
    if average:
        attrs["count_include_pad"] = include
    op = "avg_pool2d" if average else "max_pool2d"
    return from_image(node, node.emit(op, [to_image(node, x)], attrs, perm=first_to_last(rank)), rank)


@converts("GlobalAveragePool")
def global_average_pool(node: NodeImport) -> None:
    x = node.real(0)
    if len(x.shape) < 3:
        raise UnsupportedError(f"its input has {len(x.shape)} axes")
    node.bind(0, node.emit("mean", [x], {"axes": tuple(range(2, len(x.shape))), "keepdims": True}))


@converts("GlobalMaxPool")
def global_max_pool(node: NodeImport) -> None:
    x = node.value(0)
    rank = len(x.shape)
    if rank < 3:
        raise UnsupportedError(f"its input has {rank} axes")
    last = node.transpose(x, first_to_last(rank))
    n, *spatial, c = last.shape
    height, width = (spatial[0], spatial[1]) if rank == 4 else (1, int(np.prod(spatial)))
    y = node.emit("max_pool2d", [node.reshape(last, (n, height, width, c))], {"kernel": (height, width)})
    node.bind(0, node.reshape(node.transpose(y, (0, 3, 1, 2)), (n, c, *(1,) * (rank - 2))))


@converts("BatchNormalization")
def batch_normalization(node: NodeImport) -> None:
    x = node.real(0)
    precision = np.float32 if node.importer.exact else np.float64
    gamma, beta, mean, variance = (
        node.constant(i, what).astype(precision)
        for i, what in enumerate(("scale", "offset", "mean", "variance"), start=1)
    )
    node.attrs.ignore("momentum")
    if node.attrs.integer("training_mode", 0):
        raise UnsupportedError("is in training mode", hint="export the model after model.eval()")
    if not node.attrs.integer("spatial", 1):
        raise UnsupportedError("normalizes every element on its own (spatial=0)")
    rank = len(x.shape)
    channels = x.shape[1] if rank > 1 else 0
    if any(v.shape != (channels,) for v in (gamma, beta, mean, variance)):
        raise UnsupportedError(f"its statistics do not fit {channels} channels")
    divisor = variance + precision(node.attrs.real("epsilon", 1e-5))
    if not (divisor > 0).all():
        raise UnsupportedError("has a variance that is not positive")
    scale = gamma * (1 / np.sqrt(divisor)) if node.importer.exact else gamma / np.sqrt(divisor)
    operands = [
        node.transpose(x, first_to_last(rank)),
        node.own("scale", scale),
        node.own("offset", beta - mean * scale),
    ]
    y = node.emit("batch_norm", operands, perm=first_to_last(rank))
    node.bind(0, node.transpose(y, (0, rank - 1, *range(1, rank - 1))))
