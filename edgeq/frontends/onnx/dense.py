"""Matrix products with constant weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import Constant, NodeImport
from edgeq.frontends.onnx.rows import converts
from edgeq.ir.graph import Value
from edgeq.ir.types import Array, Quantization

HINT = "transpose the product, so that the constant is its second factor"


def rows_of_outputs(weights: Constant, transposed: bool) -> tuple[Array, Quantization | None]:
    """Weights as [outputs, inputs]; `transposed`: they lie so already."""
    quantization = weights.quantization
    if transposed:
        return weights.array, quantization
    if quantization is not None and quantization.axis is not None:
        quantization = replace(quantization, axis=1 - quantization.axis)
    return weights.array.T, quantization


def _matrix(node: NodeImport, index: int) -> Constant:
    tensor = node.tensor(index)
    if not isinstance(tensor, Constant):
        raise UnsupportedError(f"its weights must be constant, not computed ({tensor.name!r})", hint=HINT)
    if tensor.array.ndim != 2:
        raise UnsupportedError(f"weights of shape {list(tensor.shape)}; a matrix is supported")
    return tensor


@converts("MatMul")
def matmul(node: NodeImport) -> None:
    left = node.tensor(0)
    if isinstance(left, Constant):
        raise UnsupportedError("its first operand is constant; weights must be the second", hint=HINT)
    x, right = node.real(0), node.tensor(1)
    if not isinstance(right, Constant):
        node.bind(0, _computed_product(node, x, node.real(1)))
        return
    array, quantization = rows_of_outputs(_matrix(node, 1), False)
    node.bind(0, node.emit("dense", [x, node.own("weights", array, quantization)], like=x.type))


def _computed_product(node: NodeImport, a: Value, b: Value) -> Value:
    """ONNX multiplies the matrices on the last two axes; the others are broadcast."""
    rank = max(len(a.shape), len(b.shape))
    if min(len(a.shape), len(b.shape)) < 2:
        raise UnsupportedError(f"a product of {list(a.shape)} and {list(b.shape)}: matrices have two axes at least")
    wide = [node.reshape(v, (*(1,) * (rank - len(v.shape)), *v.shape)) for v in (a, b)]
    if any(y not in (1, x) for x, y in zip(wide[0].shape[:-2], wide[1].shape[:-2], strict=True)):
        raise UnsupportedError(f"a product of {list(a.shape)} and {list(b.shape)}: the first factor would be repeated")
    return node.emit("matmul", wide)


@converts("Gemm")
def gemm(node: NodeImport) -> None:
    x, weights = node.real(0), _matrix(node, 1)
    node.attrs.ignore("broadcast")  # before opset 7
    if len(x.shape) != 2:
        raise UnsupportedError(f"its input has {len(x.shape)} axes, not 2")
    if node.attrs.integer("transA", 0):
        x = node.transpose(x, (1, 0))
    array, quantization = rows_of_outputs(weights, bool(node.attrs.integer("transB", 0)))
    alpha, beta = node.attrs.real("alpha", 1.0), node.attrs.real("beta", 1.0)
    if alpha != 1.0:
        array, quantization = weights_times(array, quantization, alpha)
    operands: list[Value | None] = [x, node.own("weights", array, quantization)]
    outputs = array.shape[0]
    addend: Value | None = None
    if node.has(2) and beta != 0.0:
        tensor = node.tensor(2)
        if isinstance(tensor, Constant) and tensor.array.size in (1, outputs) and _is_row(tensor, outputs):
            if beta == 1.0 and tensor.shape == (outputs,):
                operands.append(node.own("bias", tensor.array, tensor.quantization))
            else:
                row = np.broadcast_to(beta * tensor.real.astype(np.float64).reshape(-1), (outputs,))
                operands.append(node.own("bias", row))
        else:
            addend = node.real(2)
            if beta != 1.0:
                factor = node.own("beta", np.float32(beta).reshape(()))
                addend = node.emit("mul", [addend, factor])
    elif node.has(2):
        node.tensor(2)
    y = node.emit("dense", operands, like=x.type)
    if addend is not None:
        addend = addend if addend.is_constant else node.reshape(addend, (1,) * (2 - len(addend.shape)) + addend.shape)
        y = node.emit("add", [y, addend])
    node.bind(0, y)


def _is_row(tensor: Constant, outputs: int) -> bool:
    """The addend is the same for every row of the product."""
    return tensor.array.size == 1 or (tensor.shape[-1] == outputs and tensor.array.size == outputs)


def weights_times(array: Array, quantization: Quantization | None, factor: float) -> tuple[Array, Quantization | None]:
    """Weights times a factor; quantized ones change their scale where it stays positive."""
    if quantization is None:
        return array.astype(np.float64) * factor, None
    if factor > 0:
        return array, replace(quantization, scale=tuple(s * factor for s in quantization.scale))
    return quantization.dequantize(array) * factor, None
