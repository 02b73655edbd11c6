"""QuantizeLinear and DequantizeLinear, and the QLinear operators, which are written out as dequantize, op, quantize.

Inside, activations are int8: uint8 ones are shifted by 128, data and zero point alike. The pass `absorb_quantization`
then moves the quantizations into the types of the operators between.
"""

from __future__ import annotations

import numpy as np

from edgeq.errors import ModelDataError, UnsupportedError
from edgeq.frontends.onnx.dense import rows_of_outputs
from edgeq.frontends.onnx.importer import Constant, NodeImport, same_rank
from edgeq.frontends.onnx.rows import converts
from edgeq.frontends.onnx.windows import convolve, pooled
from edgeq.ir.graph import Value
from edgeq.ir.types import Array, DType, Quantization, TensorType

MICROSOFT = "com.microsoft"
SHIFT = 128
"""uint8 minus this is int8."""


def _scales(node: NodeImport, index: int) -> Array:
    scale = np.asarray(node.constant(index, "scale"), dtype=np.float64)
    if scale.ndim > 1:
        raise UnsupportedError("is quantized in blocks; edgeq takes one scale per tensor or per channel")
    if not (np.isfinite(scale).all() and (scale > 0).all() and scale.size):
        raise ModelDataError("its scale is zero, negative or not finite", hint="quantize the model again")
    return scale.reshape(-1)


def _zeros(node: NodeImport, index: int, count: int) -> Array | None:
    if not node.has(index):
        return None
    zero = node.constant(index, "zero point")
    if zero.size != count or zero.dtype.kind not in "iu":
        raise UnsupportedError(f"its zero point {zero.dtype}{list(zero.shape)} does not fit {count} scales")
    return zero.reshape(-1)


def _activation(node: NodeImport, scale_at: int, zero_at: int, unsigned: bool) -> tuple[Quantization, bool]:
    """(quantization of the int8 value, whether the file has uint8)."""
    scales = _scales(node, scale_at)
    zeros = _zeros(node, zero_at, scales.size)
    if scales.size != 1:
        raise UnsupportedError("has several scales for one activation; edgeq takes one")
    if zeros is None:
        return Quantization.per_tensor(float(scales[0]), -SHIFT if unsigned else 0), unsigned
    if zeros.dtype not in (np.int8, np.uint8):
        raise UnsupportedError(f"quantizes activations to {zeros.dtype}; edgeq takes int8 and uint8")
    unsigned = zeros.dtype == np.uint8
    return Quantization.per_tensor(float(scales[0]), int(zeros[0]) - (SHIFT if unsigned else 0)), unsigned


def quantize(node: NodeImport, x: Value, scale_at: int, zero_at: int) -> Value:
    """x as int8 with the quantization that two inputs of the node state."""
    quantization, unsigned = _activation(node, scale_at, zero_at, True)
    if unsigned:
        node.importer.unsigned.add(node.proto.output[0])
    return node.emit("quantize", [x], like=TensorType(x.shape, DType.INT8, quantization))


def dequantize(node: NodeImport, x: Value, scale_at: int, zero_at: int) -> Value:
    """The reals of an int8 value; for a graph input this says what its integers mean."""
    if x.type.dtype is not DType.INT8:
        raise UnsupportedError(f"dequantizes {x.type.dtype.value} ({x.name!r})")
    stored_unsigned = x.name in node.importer.unsigned
    quantization, unsigned = _activation(node, scale_at, zero_at, stored_unsigned)
    if unsigned != stored_unsigned:
        raise UnsupportedError(f"its zero point and {x.name!r} are of different types")
    known = x.type.quantization
    if known is None:
        x.type = TensorType(x.shape, x.type.dtype, quantization)
    elif known.zero_point != quantization.zero_point or not np.allclose(known.scale, quantization.scale, rtol=1e-6):
        raise UnsupportedError(f"reads {x.name!r} with another quantization than it was written with")
    return node.emit("dequantize", [x], like=TensorType(x.shape, DType.FLOAT32))


def quantized_constant(node: NodeImport, data: Constant, scale_at: int, zero_at: int, axis: int) -> Constant:
    """Integers with their meaning; the zero point is taken off where the result still fits int8."""
    if data.array.dtype not in (np.int8, np.uint8, np.int32):
        raise UnsupportedError(f"dequantizes {data.array.dtype}; edgeq takes int8, uint8 and int32 constants")
    scales = _scales(node, scale_at)
    zeros = _zeros(node, zero_at, scales.size)
    rank = data.array.ndim
    per_axis = scales.size > 1
    if per_axis and (not -rank <= axis < rank or data.shape[axis] != scales.size):
        raise UnsupportedError(f"{scales.size} scales do not fit axis {axis} of {list(data.shape)}")
    offsets = np.zeros(scales.size, dtype=np.int64) if zeros is None else zeros.astype(np.int64)
    shape = [1] * rank
    if per_axis:
        shape[axis] = -1
    centred = data.array.astype(np.int64) - (offsets.reshape(shape) if per_axis else offsets[0])
    target = np.int32 if data.array.dtype == np.int32 else np.int8
    limits = np.iinfo(target)
    kept = np.zeros_like(offsets)
    if centred.size and (centred.min() < limits.min or centred.max() > limits.max):
        shift = SHIFT if data.array.dtype == np.uint8 else 0
        centred, kept = data.array.astype(np.int64) - shift, offsets - shift
    quantization = Quantization(tuple(scales.tolist()), tuple(int(z) for z in kept), axis % rank if per_axis else None)
    return Constant(data.name, centred.astype(target), quantization)


@converts("QuantizeLinear")
def quantize_linear(node: NodeImport) -> None:
    node.attrs.ignore("axis", "saturate", "precision")  # one scale has no axis; the others concern float types
    if node.attrs.integer("block_size", 0) or node.attrs.integer("output_dtype", 0) not in (0, 2, 3):
        raise UnsupportedError("quantizes in blocks or to a type other than int8 and uint8")
    if not node.has(2) and node.attrs.integer("output_dtype", 0) == 3:
        quantization = Quantization.per_tensor(float(_scales(node, 1)[0]), 0)
        x = node.real(0)
        node.bind(0, node.emit("quantize", [x], like=TensorType(x.shape, DType.INT8, quantization)))
        return
    node.bind(0, quantize(node, node.real(0), 1, 2))


@converts("DequantizeLinear")
def dequantize_linear(node: NodeImport) -> None:
    axis = node.attrs.integer("axis", 1)
    if node.attrs.integer("block_size", 0) or node.attrs.integer("output_dtype", 0) not in (0, 1):
        raise UnsupportedError("dequantizes in blocks or to a type other than float")
    x = node.tensor(0)
    if isinstance(x, Constant):
        node.bind(0, quantized_constant(node, x, 1, 2, axis))
    else:
        node.bind(0, dequantize(node, x, 1, 2))


def _computed(node: NodeImport, index: int) -> Value:
    """Input `index`, followed by its scale and zero point, as reals."""
    tensor = node.tensor(index)
    if isinstance(tensor, Constant):
        return node.importer.promote(quantized_constant(node, tensor, index + 1, index + 2, 0))
    return dequantize(node, tensor, index + 1, index + 2)


def _weights(node: NodeImport, index: int, axis: int) -> Constant:
    return quantized_constant(node, node.weights(index, "weights"), index + 1, index + 2, axis)


def _bias(node: NodeImport, index: int, x_scale_at: int, weights: Constant) -> Constant | None:
    """int32 in units of input scale times weight scale."""
    if not node.has(index):
        return None
    bias = node.weights(index, "bias")
    if bias.array.dtype != np.int32 or bias.array.ndim != 1 or weights.quantization is None:
        raise UnsupportedError(f"its bias is {bias.array.dtype}{list(bias.shape)}, not int32 per channel")
    scales = np.asarray(weights.quantization.scale) * float(_scales(node, x_scale_at)[0])
    count = len(scales)
    quantization = Quantization(tuple(scales.tolist()), (0,) * count, 0 if count > 1 else None)
    return Constant(bias.name, bias.array, quantization)


@converts("QLinearConv")
def qlinear_conv(node: NodeImport) -> None:
    weights = _weights(node, 3, 0)
    y = convolve(node, _computed(node, 0), weights, _bias(node, 8, 1, weights))
    node.bind(0, quantize(node, y, 6, 7))


@converts("QLinearMatMul")
def qlinear_matmul(node: NodeImport) -> None:
    weights = _weights(node, 3, 1)
    if weights.array.ndim != 2:
        raise UnsupportedError(f"weights of shape {list(weights.shape)}; a matrix is supported")
    x = _computed(node, 0)
    array, quantization = rows_of_outputs(weights, False)
    y = node.emit("dense", [x, node.own("weights", array, quantization)], like=x.type)
    node.bind(0, quantize(node, y, 6, 7))


@converts("QGemm", domain=MICROSOFT)
def qgemm(node: NodeImport) -> None:
    transposed = bool(node.attrs.integer("transB", 0))
    if node.attrs.integer("transA", 0) or node.attrs.real("alpha", 1.0) != 1.0:
        raise UnsupportedError("transA and alpha are not supported")
    weights = _weights(node, 3, 0 if transposed else 1)
    x = _computed(node, 0)
    array, quantization = rows_of_outputs(weights, transposed)
    operands: list[Value | None] = [x, node.own("weights", array, quantization)]
    bias = _bias(node, 6, 1, weights)
    if bias is not None:
        operands.append(node.own("bias", bias.array, bias.quantization))
    y = node.emit("dense", operands, like=x.type)
    node.bind(0, quantize(node, y, 7, 8) if node.has(7) else y)


@converts("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def qlinear_pair(node: NodeImport) -> None:
    operands = same_rank(node, [_computed(node, 0), _computed(node, 3)])
    y = node.emit("add" if node.op == "QLinearAdd" else "mul", list(operands))
    node.bind(0, quantize(node, y, 6, 7))


@converts("QLinearGlobalAveragePool", domain=MICROSOFT)
def qlinear_global_average_pool(node: NodeImport) -> None:
    x = _computed(node, 0)
    rank = len(x.shape)
    last = bool(node.attrs.integer("channels_last", 0))
    axes = tuple(range(1, rank - 1)) if last else tuple(range(2, rank))
    node.bind(0, quantize(node, node.emit("mean", [x], {"axes": axes, "keepdims": True}), 3, 4))


@converts("QLinearAveragePool", domain=MICROSOFT)
def qlinear_average_pool(node: NodeImport) -> None:
    if node.attrs.integer("channels_last", 0):
        raise UnsupportedError("channels_last is not supported")
    node.bind(0, quantize(node, pooled(node, _computed(node, 0), True), 3, 4))


@converts("QLinearSigmoid", domain=MICROSOFT)
def qlinear_sigmoid(node: NodeImport) -> None:
    node.bind(0, quantize(node, node.emit("sigmoid", [_computed(node, 0)]), 3, 4))


@converts("QLinearLeakyRelu", domain=MICROSOFT)
def qlinear_leaky_relu(node: NodeImport) -> None:
    y = node.emit("leaky_relu", [_computed(node, 0)], {"alpha": node.attrs.real("alpha", 0.01)})
    node.bind(0, quantize(node, y, 3, 4))


@converts("QLinearConcat", domain=MICROSOFT)
def qlinear_concat(node: NodeImport) -> None:
    values = [_computed(node, i) for i in range(2, node.count, 3)]
    axis = node.attrs.integer("axis", 0)
    rank = len(values[0].shape) if values else 0
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} of tensors with {rank} axes")
    node.bind(0, quantize(node, node.emit("concat", list(values), {"axis": axis % rank}), 0, 1))
