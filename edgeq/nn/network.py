"""A real graph as a differentiable PyTorch function, node by node, weights and activations free to be replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node, Value
from edgeq.ops.registry import operator

Compute = Callable[[Node, Sequence[Tensor]], Tensor]
Tensors = dict[str, Tensor]
"""By the value's name, channels last as in the graph; the first axis counts samples."""


def run_nodes(
    nodes: Sequence[Node],
    inputs: Mapping[str, Tensor],
    constants: Callable[[Node, int], Tensor | None] = lambda node, index: None,
    made: Callable[[Value, Tensor], Tensor] = lambda value, tensor: tensor,
) -> Tensors:
    """Every value that the nodes make, given those that they read; in execution order.

    constants: in place of a node's constant input (by its index), or None to keep it; made: what becomes of every
    result, such as fake quantization. Raises UnsupportedError for operators that have no gradient here.
    """
    values = dict(inputs)
    for node in nodes:
        compute = _COMPUTE.get(node.op)
        if compute is None:
            raise UnsupportedError(
                f"learned rounding cannot pass through {node.op}",
                where=node.name,
                hint="choose methods that learn nothing: --method auto",
            )
        operands = [_operand(node, i, v, values, constants) for i, v in enumerate(node.inputs) if v is not None]
        values[node.output.name] = made(node.output, compute(node, operands))
    return values


def supported(node: Node) -> bool:
    """Whether gradients pass through a node here."""
    return node.op in _COMPUTE


def _operand(
    node: Node,
    index: int,
    value: Value,
    values: Mapping[str, Tensor],
    constants: Callable[[Node, int], Tensor | None],
) -> Tensor:
    if not value.is_constant:
        return values[value.name]
    given = constants(node, index)
    return torch.as_tensor(value.constant, dtype=torch.float32) if given is None else given


def clamped(node: Node, y: Tensor) -> Tensor:
    """y within the node's clamp."""
    low, high = node.attrs.get("clamp_min"), node.attrs.get("clamp_max")
    return y if low is None and high is None else y.clamp(low, high)


def _padded(x: Tensor, pads: tuple[int, int, int, int], value: float = 0.0) -> Tensor:
    """NCHW; pads are (top, left, bottom, right)."""
    top, left, bottom, right = pads
    return functional.pad(x, (left, right, top, bottom), value=value) if any(pads) else x


def _image(x: Tensor) -> Tensor:
    """NHWC as NCHW, without moving anything."""
    return x.permute(0, 3, 1, 2)


def _convolution(node: Node, operands: Sequence[Tensor], w: Tensor, groups: int) -> Tensor:
    a, bias = node.attrs, operands[2] if len(operands) > 2 else None
    top, left, bottom, right = a["pads"]
    even = top == bottom and left == right
    x = _image(operands[0]) if even else _padded(_image(operands[0]), a["pads"])
    padding = (top, left) if even else (0, 0)
    y = functional.conv2d(x, w, bias, tuple(a["strides"]), padding, tuple(a["dilations"]), groups)
    return clamped(node, y.permute(0, 2, 3, 1))


def _conv2d(node: Node, operands: Sequence[Tensor]) -> Tensor:
    return _convolution(node, operands, operands[1].permute(0, 3, 1, 2), node.attrs["groups"])


def _depthwise(node: Node, operands: Sequence[Tensor]) -> Tensor:
    return _convolution(node, operands, operands[1].permute(2, 0, 1).unsqueeze(1), operands[0].shape[3])


def _dense(node: Node, operands: Sequence[Tensor]) -> Tensor:
    return clamped(node, functional.linear(operands[0], operands[1], operands[2] if len(operands) > 2 else None))


def _max_pool(node: Node, operands: Sequence[Tensor]) -> Tensor:
    x = _padded(_image(operands[0]), node.attrs["pads"], float("-inf"))
    y = functional.max_pool2d(x, tuple(node.attrs["kernel"]), tuple(node.attrs["strides"]))
    return clamped(node, y.permute(0, 2, 3, 1))


def _avg_pool(node: Node, operands: Sequence[Tensor]) -> Tensor:
    kernel, strides, pads = (node.attrs[k] for k in ("kernel", "strides", "pads"))
    x = _image(operands[0])
    area = kernel[0] * kernel[1]
    total = functional.avg_pool2d(_padded(x, pads), tuple(kernel), tuple(strides)) * area
    ones = torch.ones_like(x[:1, :1])
    inside = _padded(ones, pads, float(node.attrs["count_include_pad"]))
    counts = functional.avg_pool2d(inside, tuple(kernel), tuple(strides)) * area
    return clamped(node, (total / counts).permute(0, 2, 3, 1))


def _mean(node: Node, operands: Sequence[Tensor]) -> Tensor:
    rank = operands[0].dim()
    axes = tuple(int(a) % rank for a in node.attrs["axes"])
    return operands[0].mean(axes, keepdim=bool(node.attrs["keepdims"]))


def _reshape(node: Node, operands: Sequence[Tensor]) -> Tensor:
    return operands[0].reshape(len(operands[0]), *node.output.shape[1:])


def _pad(node: Node, operands: Sequence[Tensor]) -> Tensor:
    flat = [n for before, after in reversed(node.attrs["pads"]) for n in (before, after)]
    return functional.pad(operands[0], flat, value=float(node.attrs["value"]))


def _softmax(node: Node, operands: Sequence[Tensor]) -> Tensor:
    return (operands[0] * float(node.attrs["beta"])).softmax(int(node.attrs["axis"]))


def _clip(node: Node, operands: Sequence[Tensor]) -> Tensor:
    return clamped(node, operands[0])


def _arithmetic(function: Callable[[Tensor, Tensor], Tensor]) -> Compute:
    return lambda node, operands: clamped(node, function(operands[0], operands[1]))


def _unary(function: Callable[[Tensor], Tensor]) -> Compute:
    return lambda node, operands: function(operands[0])


def _indexed(node: Node, operands: Sequence[Tensor]) -> Tensor:
    """Operators that only move elements: the reference moves their indices."""
    x = operands[0]
    shape = tuple(node.input(0).shape)
    positions = torch.arange(prod(shape[1:]))
    (moved,) = operator(node.op).compute(node, [positions.reshape(1, *shape[1:]).numpy()])
    taken = x.reshape(len(x), -1)[:, torch.as_tensor(moved.reshape(-1))]
    return taken.reshape(len(x), *node.output.shape[1:])


def _concat(node: Node, operands: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(operands), dim=int(node.attrs["axis"]))


_COMPUTE: dict[str, Compute] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise,
    "dense": _dense,
    "max_pool2d": _max_pool,
    "avg_pool2d": _avg_pool,
    "mean": _mean,
    "add": _arithmetic(torch.add),
    "sub": _arithmetic(torch.sub),
    "mul": _arithmetic(torch.mul),
    "div": _arithmetic(torch.div),
    "relu": _unary(torch.relu),
    "relu6": _unary(functional.relu6),
    "clip": _clip,
    "leaky_relu": lambda node, x: functional.leaky_relu(x[0], float(node.attrs["alpha"])),
    "sigmoid": _unary(torch.sigmoid),
    "tanh": _unary(torch.tanh),
    "silu": _unary(functional.silu),
    "hard_swish": _unary(functional.hardswish),
    "gelu": lambda node, x: functional.gelu(x[0], approximate="tanh" if node.attrs["approximate"] else "none"),
    "softmax": _softmax,
    "reshape": _reshape,
    "transpose": _indexed,
    "slice": _indexed,
    "resize_nearest": _indexed,
    "pad": _pad,
    "concat": _concat,
}


def rows_to_weights(node: Node, rows: Tensor) -> Tensor:
    """[output channels, taps] -> weights in the layout of the node's operator."""
    shape: list[Any] = list(node.input(1).shape)
    axis = operator(node.op).weight_axis
    moved = [shape[axis], *shape[:axis], *shape[axis + 1 :]]
    return rows.reshape(moved).movedim(0, axis)
