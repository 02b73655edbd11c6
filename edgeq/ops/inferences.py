"""Running one inference at a time over arrays that hold several: the rule for operators that touch the first axis.

An array whose first axis is k times as long as its value's type holds k inferences, one after the other. Operators
that leave the first axis alone compute them together; the others go through `each_inference`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, DType
from edgeq.ops.registry import operator

Operands = Sequence[Array | None]


def operand(inputs: Operands, index: int) -> Array:
    """The array at `index`, which the operator requires."""
    array = inputs[index]
    assert array is not None
    return array


def inference_count(node: Node, inputs: Operands) -> int:
    """How many inferences the arrays hold: 1 unless an activation's first axis is longer than typed."""
    for value, array in zip(node.inputs, inputs, strict=True):
        if value is not None and array is not None and not value.is_constant and value.shape and value.shape[0]:
            return int(array.shape[0]) // value.shape[0]
    return 1


def each_inference(node: Node, inputs: Operands, function: Callable[[Operands], Array]) -> Array:
    """`function` on the operands of every inference, the results joined on the first axis."""
    count = inference_count(node, inputs)
    if count == 1:
        return function(inputs)
    results = []
    for k in range(count):
        block: list[Array | None] = []
        for value, array in zip(node.inputs, inputs, strict=True):
            if value is None or array is None or value.is_constant or not value.shape:
                block.append(array)
            else:
                block.append(array[k * value.shape[0] : (k + 1) * value.shape[0]])
        results.append(function(block))
    return np.concatenate(results, axis=0)


def normal_axis(axis: int, rank: int) -> int:
    """An axis counted from the front. Raises ValueError when there is no such axis."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} of a tensor with {rank} axes")
    return axis % rank


def require_int8(node: Node) -> None:
    """Refuses anything but int8 activations, which is all that the 8-bit kernels compute with."""
    for value in (*node.inputs, *node.outputs):
        if value is not None and value.type.dtype is not DType.INT8:
            raise UnsupportedError(f"{node.op} of {value.type.dtype.value} has no integer kernel", where=node.name)


def require_widths(node: Node) -> None:
    """Refuses anything but int8, and int16 without zero point where the operator takes or gives it."""
    row = operator(node.op)
    for index, value in enumerate(node.inputs):
        if value is not None and value.type.dtype is DType.INT16 and row.takes_wide(node, index):
            _require_centred(node, value)
        elif value is not None and value.type.dtype is not DType.INT8:
            raise UnsupportedError(f"{node.op} of {value.type.dtype.value} has no integer kernel", where=node.name)
    kind = node.output.type.dtype
    if kind is DType.INT16 and row.gives_wide:
        _require_centred(node, node.output)
    elif kind is not DType.INT8:
        raise UnsupportedError(f"{node.op} to {kind.value} has no integer kernel", where=node.name)


def _require_centred(node: Node, value: Value) -> None:
    if value.zero_point:
        raise UnsupportedError(f"{value.name!r} is int16 with zero point {value.zero_point}, not 0", where=node.name)


def saturated(node: Node, y: Array) -> Array:
    """Integers limited to the output's type, in that type."""
    kind = node.output.type.dtype
    return np.asarray(np.clip(y, *kind.bounds).astype(kind.numpy))


def require_one_image(node: Node) -> None:
    """Refuses a batch: kernels over images have no loop for it."""
    batch = node.input(0).shape[0]
    if batch != 1:
        raise UnsupportedError(
            f"{node.op} of a batch of {batch}", where=node.name, hint="convert the network with a batch of 1"
        )
