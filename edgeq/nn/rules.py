"""How each step of a traced network becomes ONNX, and which points it takes: one row per module, function or method."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from edgeq.errors import UnsupportedError
from edgeq.nn.attention import LinearAttention
from edgeq.nn.grids import BIPOLAR, Grid
from edgeq.nn.layers import Conv1d, Conv2d, Linear
from edgeq.nn.onnx_attention import DOMAIN as ATTENTION_DOMAIN
from edgeq.nn.onnx_attention import attention_function, function_name
from edgeq.nn.onnx_graph import OnnxGraph
from edgeq.nn.points import Point, Quantized, Raw, Sums
from edgeq.nn.quantizers import Activation, Quantizer

QUANTIZE_FIRST = "put an edgeq.nn.Activation before it"
INT8 = Grid(bits=8, signed=True)
Result = tuple[str, Point]


class Step:
    """One traced step: its module or function, where its operands are, and the graph to write to."""

    def __init__(
        self,
        model: nn.Module,
        node: fx.Node,
        graph: OnnxGraph,
        done: dict[fx.Node, Result],
        shape: tuple[int, ...],
    ) -> None:
        self.node, self.graph, self.done, self.shape = node, graph, done, shape
        self.module = model.get_submodule(str(node.target)) if node.op == "call_module" else None
        self.name = self._free_name()

    def _free_name(self) -> str:
        """The module's own name where it is free: a module may be called twice, or be named like an input."""
        taken = {node.name for node in self.graph.nodes} | self.graph.reserved
        own = [str(self.node.target)] if self.module is not None else []
        names: list[str] = [*own, self.node.name, f"{self.node.name}_"]
        return next(name for name in names if name not in taken)

    @property
    def where(self) -> str:
        """Module or function, for errors."""
        kind = type(self.module).__name__ if self.module is not None else getattr(self.node.target, "__name__", "")
        kind = kind or str(self.node.target)
        return f"{self.node.target} ({kind})" if self.module is not None else f"{self.node.name} ({kind})"

    def operand(self, index: int = 0) -> Result:
        """Name and point of a tensor that the step reads."""
        return self._of(self.node.args[index])

    def operands(self) -> list[Result]:
        """Those of all tensors, also in lists."""
        flat: list[Any] = []
        fx.map_arg((self.node.args, self.node.kwargs), flat.append)
        return [self._of(node) for node in flat]

    def _of(self, argument: Any) -> Result:
        if isinstance(argument, fx.Node) and argument in self.done:
            return self.done[argument]
        raise UnsupportedError(f"reads {argument}, which is no tensor that the network computes")

    def refuse(self, message: str, hint: str | None = None) -> UnsupportedError:
        """The error of this step."""
        return UnsupportedError(message, where=self.where, hint=hint)

    def add(self, op: str, inputs: list[str], suffix: str = "", **attrs: Any) -> str:
        """Writes a node named after the step, its result of the step's shape."""
        return self.graph.node(op, self.name + suffix, inputs, self.shape, **attrs)

    def constant(self, name: str, data: Tensor) -> str:
        """Writes a constant named after the step's module."""
        return self.graph.constant(f"{self.node.target}.{name}", data.detach().cpu().numpy())


def _activation(step: Step) -> Result:
    module = step.module
    assert isinstance(module, Activation)
    x, _ = step.operand()
    scale = float(module.scale(torch.zeros(())).item())
    owner = str(step.node.target)
    return step.graph.quant(step.name, x, scale, module.grid, step.shape, owner), Quantized(scale, module.grid)


def _weights(step: Step, transposed: bool) -> str:
    """The integers times their scale, frozen, behind the Quant that says so."""
    assert isinstance(step.module, (Linear, Conv1d, Conv2d))
    quantizer, weight = step.module.quantizer, step.module.weight
    assert isinstance(quantizer, Quantizer)
    with torch.no_grad():
        values, scale = quantizer(weight).cpu().numpy(), quantizer.scale(weight).cpu().numpy()
    if transposed:
        values, scale = values.T, scale.T
    owner = f"{step.node.target}.weight"
    name = step.graph.constant(owner, values)
    if any(node.name == f"{owner}.quant" for node in step.graph.nodes):
        return f"{owner}.quant"
    return step.graph.quant(f"{owner}.quant", name, scale, quantizer.grid, values.shape, owner)


def _needs_quantized(step: Step, what: str = "its input") -> tuple[str, Quantized]:
    x, point = step.operand()
    if not isinstance(point, Quantized):
        state = "the model's raw input" if isinstance(point, Raw) else "sums that no Activation has quantized"
        raise step.refuse(f"{what} is {state}", QUANTIZE_FIRST)
    return x, point


def _linear(step: Step) -> Result:
    assert isinstance(step.module, Linear)
    x, _ = _needs_quantized(step)
    if step.module.bias is None:
        return step.add("MatMul", [x, _weights(step, True)]), Sums()
    product = step.add("MatMul", [x, _weights(step, True)], ".matmul")
    return step.add("Add", [product, step.constant("bias", step.module.bias)]), Sums()


def _conv(step: Step) -> Result:
    module = step.module
    assert isinstance(module, (Conv1d, Conv2d))
    x, _ = _needs_quantized(step)
    if module.padding_mode != "zeros":
        raise step.refuse(f"pads with {module.padding_mode!r}, not with zeros", "pad with a ConstantPad layer")
    if isinstance(module.padding, str):
        raise step.refuse(f"pads by the word {module.padding!r}", "give the padding in numbers")
    inputs = [x, _weights(step, False)]
    if module.bias is not None:
        inputs.append(step.constant("bias", module.bias))
    pads = [int(p) for p in module.padding]
    window: dict[str, Any] = {
        "kernel_shape": list(module.kernel_size),
        "strides": list(module.stride),
        "pads": pads + pads,
    }
    window |= {"strides": list(module.stride), "dilations": list(module.dilation), "group": module.groups}
    return step.add("Conv", inputs, **window), Sums()


def _batch_norm(step: Step) -> Result:
    module = step.module
    assert isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))
    x, point = step.operand()
    if module.running_mean is None or module.running_var is None:
        raise step.refuse("has no running statistics", "leave track_running_stats on")
    ones = torch.ones(module.num_features)
    scale = ones if module.weight is None else module.weight
    shift = ones * 0 if module.bias is None else module.bias
    inputs = [x, step.constant("weight", scale), step.constant("bias", shift)]
    inputs += [step.constant("running_mean", module.running_mean), step.constant("running_var", module.running_var)]
    result = step.add("BatchNormalization", inputs, epsilon=module.eps)
    return result, point if isinstance(point, Raw) else Sums()


def _relu(step: Step) -> Result:
    x, point = step.operand()
    if isinstance(point, Raw):
        raise step.refuse("its input is the model's raw input", QUANTIZE_FIRST)
    stays = isinstance(point, Quantized) and not point.grid.bipolar
    return step.add("Relu", [x]), point if stays else Sums()


def _pair(value: Any, count: int) -> list[int]:
    return [int(v) for v in value] if isinstance(value, (tuple, list)) else [int(value)] * count


def _window(step: Step, module: Any) -> dict[str, Any]:
    """Kernel, strides and pads of a pooling layer."""
    axes = len(step.shape) - 2
    pads = _pair(module.padding, axes)
    kernel = _pair(module.kernel_size, axes)
    strides = _pair(module.stride, axes)
    return {"kernel_shape": kernel, "strides": strides, "pads": pads + pads, "ceil_mode": int(module.ceil_mode)}


def _max_pool(step: Step) -> Result:
    module = step.module
    assert isinstance(module, (nn.MaxPool1d, nn.MaxPool2d))
    x, point = step.operand()
    if isinstance(point, Raw):
        raise step.refuse("its input is the model's raw input", QUANTIZE_FIRST)
    if module.return_indices:
        raise step.refuse("returns indices")
    dilations = _pair(module.dilation, len(step.shape) - 2)
    return step.add("MaxPool", [x], dilations=dilations, **_window(step, module)), point


def _avg_pool(step: Step) -> Result:
    module = step.module
    assert isinstance(module, (nn.AvgPool1d, nn.AvgPool2d))
    x, _ = _needs_quantized(step)
    if getattr(module, "divisor_override", None) is not None:
        raise step.refuse("overrides the divisor")
    included = int(module.count_include_pad)
    return step.add("AveragePool", [x], count_include_pad=included, **_window(step, module)), Sums()


def _global_pool(step: Step) -> Result:
    x, _ = _needs_quantized(step)
    if any(size != 1 for size in step.shape[2:]):
        raise step.refuse(f"gives {list(step.shape[2:])}, not one value per channel", "use AvgPool with a fixed kernel")
    return step.add("GlobalAveragePool", [x]), Sums()


def _pad(step: Step) -> Result:
    module: Any = step.module
    x, point = _needs_quantized(step)
    if not point.grid.holds(module.value / point.step):
        levels = "-1 and +1" if point.grid.bipolar else f"{point.grid.low} to {point.grid.high}"
        raise step.refuse(
            f"pads with {module.value}, but its input is {levels} times {point.step:g}",
            "pad with a value of the grid, or let the convolution pad",
        )
    before, after = module.padding[::2][::-1], module.padding[1::2][::-1]
    unpadded = [0] * (len(step.shape) - len(before))
    pads = step.graph.constant(f"{step.name}.pads", [*unpadded, *before, *unpadded, *after], np.int64)
    return step.add("Pad", [x, pads, step.graph.constant(f"{step.name}.value", module.value)]), point


def _reshape(step: Step) -> Result:
    x, point = step.operand()
    shape = step.graph.constant(f"{step.name}.shape", step.shape, np.int64)
    return step.add("Reshape", [x, shape]), point


def _flatten(step: Step) -> Result:
    x, point = step.operand()
    if len(step.shape) != 2:
        return _reshape(step)
    return step.add("Flatten", [x], axis=1), point


def _attention(step: Step) -> Result:
    module = step.module
    assert isinstance(module, LinearAttention)
    if step.node.kwargs or len(step.node.args) != 3:
        raise step.refuse("takes queries, keys and values, without keywords")
    owner = str(step.node.target)
    scale = float(module.values.scale(torch.zeros(())).item())
    quantizers = {"queries": (1.0, BIPOLAR), "keys": (1.0, BIPOLAR), "values": (scale, module.values.grid)}
    operands = []
    for index, (what, (size, grid)) in enumerate(quantizers.items()):
        x, point = step.operand(index)
        if isinstance(point, Raw):
            raise step.refuse(f"its {what} are the model's raw input", QUANTIZE_FIRST)
        part = f"{owner}.{what}"
        operands.append(step.graph.quant(f"{step.name}.{what}", x, size, grid, step.graph.shape(x), part))
    result_step = float(module.step().item())
    name = function_name(module.causal)
    step.graph.functions[name] = attention_function(module.causal)
    attrs: dict[str, Any] = {"heads": module.heads, "offset": module.offset, "step": result_step}
    return step.add(name, operands, domain=ATTENTION_DOMAIN, **attrs), Quantized(result_step, INT8)


def _axes(step: Step) -> list[int]:
    """The order in which permute or transpose puts the axes."""
    rank = len(step.shape)
    given = step.node.args[1:]
    flat = [*given[0]] if len(given) == 1 and isinstance(given[0], (tuple, list)) else [*given]
    if step.node.kwargs or not all(isinstance(axis, int) for axis in flat):
        raise step.refuse("its axes are not plain numbers")
    axes = [int(axis) % rank for axis in flat if isinstance(axis, int)]
    if getattr(step.node.target, "__name__", step.node.target) != "transpose":
        return axes
    order = list(range(rank))
    order[axes[0]], order[axes[1]] = axes[1], axes[0]
    return order


def _permute(step: Step) -> Result:
    x, point = step.operand()
    return step.add("Transpose", [x], perm=_axes(step)), point


def _nothing(step: Step) -> Result:
    return step.operand()


def _same_steps(step: Step) -> tuple[list[str], Quantized]:
    """The operands of an addition or concatenation, which must share one scale."""
    points = [point for _, point in step.operands()]
    quantized = [point for point in points if isinstance(point, Quantized)]
    if len(quantized) != len(points) or len(points) < 2:
        raise step.refuse("joins tensors that are not all quantized", "put the same Activation module before each")
    if len({point.step for point in quantized}) > 1:
        scales = " and ".join(f"{point.step:.6g}" for point in quantized)
        raise step.refuse(f"joins tensors of different scales, {scales}", "put the same Activation module before each")
    return [name for name, _ in step.operands()], quantized[0]


def _add(step: Step) -> Result:
    if step.node.kwargs:
        raise step.refuse("has keyword arguments")
    names, _ = _same_steps(step)
    return step.add("Add", names), Sums()


def _cat(step: Step) -> Result:
    names, point = _same_steps(step)
    if any(other != point for _, other in step.operands()):
        raise step.refuse("joins tensors of different grids", "put the same Activation module before each")
    axis = step.node.kwargs.get("dim", step.node.args[1] if len(step.node.args) > 1 else 0)
    return step.add("Concat", names, axis=axis), point


RULES: dict[Any, Callable[[Step], Result]] = {
    Activation: _activation,
    Linear: _linear,
    **dict.fromkeys((Conv1d, Conv2d), _conv),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), _batch_norm),
    **dict.fromkeys((nn.ReLU, nn.functional.relu, torch.relu, "relu"), _relu),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d), _max_pool),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d), _avg_pool),
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), _global_pool),
    **dict.fromkeys((nn.ConstantPad1d, nn.ConstantPad2d, nn.ZeroPad1d, nn.ZeroPad2d), _pad),
    **dict.fromkeys((nn.Flatten, torch.flatten, "flatten"), _flatten),
    **dict.fromkeys((torch.reshape, "reshape", "view"), _reshape),
    **dict.fromkeys((torch.permute, "permute", torch.transpose, "transpose"), _permute),
    LinearAttention: _attention,
    **dict.fromkeys((nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, "contiguous"), _nothing),
    **dict.fromkeys((operator.add, torch.add, "add"), _add),
    torch.cat: _cat,
}
"""Type of module, function, or name of method -> what writes it."""

QUANTIZED_TWINS: dict[type[nn.Module], str] = {nn.Linear: "Linear", nn.Conv1d: "Conv1d", nn.Conv2d: "Conv2d"}


def rule_for(step: Step) -> Callable[[Step], Result]:
    """The row for a step. Raises UnsupportedError when there is none."""
    key = type(step.module) if step.module is not None else step.node.target
    rule = RULES.get(key)
    if rule is not None:
        return rule
    twin = QUANTIZED_TWINS.get(key) if isinstance(key, type) else None
    if twin is not None:
        raise step.refuse("its weights are not quantized", f"use edgeq.nn.{twin}")
    names = sorted({row.__name__ for row in RULES if isinstance(row, type)})
    raise step.refuse("cannot be exported", "modules that can: " + ", ".join(names))
