"""What the numbers of a .tflite tensor mean: element types, scales, constants, weights and biases."""

from __future__ import annotations

from math import isfinite, prod

import numpy as np

from edgeq.errors import ModelDataError, ModelFileError, UnsupportedError
from edgeq.frontends.tflite_file import HINT, FileTensor, little_endian
from edgeq.ir.graph import Value
from edgeq.ir.types import Array, DType, Quantization

MAX_ELEMENTS = 1 << 26
"""Of one tensor. No microcontroller holds more; a hostile shape asks for it."""

BIAS_TOLERANCE = 0.02
"""Of the output's scale: TFLite refuses biases whose scale is further from input scale * weight scale."""

DTYPES = {
    "FLOAT32": DType.FLOAT32,
    "INT8": DType.INT8,
    "UINT8": DType.UINT8,
    "INT16": DType.INT16,
    "INT32": DType.INT32,
    "INT64": DType.INT64,
    "BOOL": DType.BOOL,
}
_QUANTIZED = {"INT8", "UINT8", "INT16", "INT32", "INT64"}
_STORED = {"FLOAT16": "float16", "BOOL": "uint8"} | {k: v.value for k, v in DTYPES.items() if k != "BOOL"}


def tensor_where(tensor: FileTensor) -> str:
    """How messages call a tensor."""
    return f"tensor {tensor.name.split(';')[0][:80]!r}" if tensor.name else f"tensor number {tensor.index}"


def element_type(tensor: FileTensor) -> DType:
    """Raises UnsupportedError for types that nothing here computes with."""
    if tensor.type not in DTYPES:
        raise UnsupportedError(f"type {tensor.type} is not supported", where=tensor_where(tensor))
    return DTYPES[tensor.type]


def check_shape(shape: tuple[int, ...], tensor: FileTensor) -> None:
    """Raises ModelFileError for sizes that no tensor has."""
    if any(d < 1 for d in shape):
        raise ModelFileError(f"has the impossible shape {list(shape)}", where=tensor_where(tensor), hint=HINT)
    if prod(shape) > MAX_ELEMENTS:
        raise ModelFileError(
            f"has shape {list(shape)}, {prod(shape)} elements; at most {MAX_ELEMENTS} are allowed",
            where=tensor_where(tensor),
        )


def quantization_of(tensor: FileTensor) -> Quantization | None:
    """The tensor's quantization, None where it has none or is float. Raises ModelDataError for senseless numbers."""
    where = tensor_where(tensor)
    if not tensor.scale or tensor.type not in _QUANTIZED:
        return None
    if tensor.custom_quantization:
        raise UnsupportedError("has a custom quantization", where=where)
    if len(tensor.scale) != len(tensor.zero_point):
        raise ModelDataError(f"has {len(tensor.scale)} scales and {len(tensor.zero_point)} zero points", where=where)
    for scale in tensor.scale:
        if not (isfinite(scale) and scale > 0):
            raise ModelDataError(
                f"has the scale {scale}; scales are positive and finite", where=where, hint="quantize the model again"
            )
    low, high = element_type(tensor).bounds
    for zero in tensor.zero_point:
        if not low <= zero <= high:
            raise ModelDataError(f"has the zero point {zero}, outside {tensor.type}", where=where)
    if len(tensor.scale) == 1:
        return Quantization(tensor.scale, tensor.zero_point)
    if not 0 <= tensor.axis < len(tensor.shape) or len(tensor.scale) != tensor.shape[tensor.axis]:
        raise ModelDataError(
            f"has {len(tensor.scale)} scales for axis {tensor.axis} of shape {list(tensor.shape)}", where=where
        )
    return Quantization(tensor.scale, tensor.zero_point, tensor.axis)


def stored_array(tensor: FileTensor) -> Array:
    """The data of a constant, as the file stores it but float16 widened. Raises for wrong sizes and NaN."""
    where = tensor_where(tensor)
    if tensor.is_sparse:
        raise UnsupportedError("is stored sparse", where=where, hint="export the model without sparse weights")
    if tensor.type not in _STORED:
        raise UnsupportedError(f"type {tensor.type} is not supported", where=where)
    stored = np.dtype(_STORED[tensor.type])
    data = tensor.data if tensor.data is not None else memoryview(b"")
    if tensor.shape != (0,):
        check_shape(tensor.shape, tensor)
    if len(data) != prod(tensor.shape) * stored.itemsize:
        needed = prod(tensor.shape) * stored.itemsize
        raise ModelFileError(
            f"has {len(data)} bytes of data; {tensor.type}{list(tensor.shape)} takes {needed}",
            where=where,
            hint=HINT,
        )
    array = little_endian(data, stored.name).reshape(tensor.shape)
    if tensor.type == "BOOL":
        return np.asarray(array != 0)
    wide: Array = array.astype(np.float32 if stored.kind == "f" else stored)
    if wide.dtype.kind == "f" and not np.isfinite(wide).all():
        raise ModelDataError("holds NaN or infinity", where=where, hint="look at the training: the weights diverged")
    return wide


def move_axis(quantization: Quantization, axis: int) -> Quantization:
    """The same scales along another axis, for constants whose shape changes."""
    return (
        quantization if quantization.is_per_tensor else Quantization(quantization.scale, quantization.zero_point, axis)
    )


def check_weights(quantization: Quantization | None, axis: int, where: str) -> Quantization:
    """The quantization of integer weights, which must be symmetric and per tensor or per slice of `axis`."""
    if quantization is None:
        raise ModelDataError("its int8 weights have no scale", where=where)
    if any(quantization.zero_point):
        raise UnsupportedError("its weights are asymmetric", where=where, hint="quantize the weights symmetrically")
    if not quantization.is_per_tensor and quantization.axis != axis:
        raise UnsupportedError(f"its weights have scales along axis {quantization.axis}, not {axis}", where=where)
    return quantization


def bias_quantization(given: Quantization | None, x: Value, weights: Quantization, y: Quantization) -> Quantization:
    """The bias's own quantization, or the product of input and weight scales where it has none.

    Raises ModelDataError where the two differ by more than TFLite allows.
    """
    product = tuple(x.scale * s for s in weights.scale)
    if given is None:
        return Quantization(product, (0,) * len(product), None if len(product) == 1 else 0)
    if any(given.zero_point):
        raise ModelDataError("its bias has a zero point")
    if len(given.scale) == len(product):
        for scale, expected in zip(given.scale, product, strict=True):
            if abs(scale - expected) > BIAS_TOLERANCE * y.tensor_scale:
                raise ModelDataError(f"its bias has scale {scale:.6g}, but input and weights give {expected:.6g}")
    return move_axis(given, 0)
