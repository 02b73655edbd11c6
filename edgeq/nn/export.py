"""`edgeq.nn.export`: a trained network as a QONNX file of scales times integers, and of sums of such.

The model is traced with torch.fx. Each traced step is looked up in edgeq/nn/rules.py, which writes its ONNX nodes and
says what kind of value comes out (edgeq/nn/points.py); a step without a rule, or at a point that is not quantized, is
refused with the module's name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from edgeq.errors import EdgeqError, ModelDataError, UnsupportedError, UsageError
from edgeq.nn.onnx_graph import OnnxGraph
from edgeq.nn.points import Point, Raw
from edgeq.nn.quantizers import Quantizer
from edgeq.nn.rules import Step, rule_for


def export(model: nn.Module, sample: Tensor | tuple[Tensor, ...], path: str | os.PathLike[str]) -> Path:
    """Writes the model as a QONNX file, which `edgeq convert` and the package `qonnx` read; returns the path.

    model: in eval mode, float32. Its inputs keep the names of the arguments of `forward`; its nodes are named after
    the modules.
    sample: one float32 tensor per input. Shapes, the batch included, become those of the file (batch 1 for edgeq).
    Raises UsageError when the model is in training mode or the sample does not fit, ModelDataError for parameters that
    have no value yet or are not finite, UnsupportedError for what QONNX or edgeq has no exact integers for.
    """
    samples = sample if isinstance(sample, tuple) else (sample,)
    _check_model(model, samples)
    steps = _trace(model, samples)
    graph = OnnxGraph()
    inputs = {str(node.target): tuple(result.shape) for node, result in steps if node.op == "placeholder"}
    results = _results(steps[-1][0])
    graph.reserved = {*inputs, *results}
    done: dict[fx.Node, tuple[str, Point]] = {}
    for node, result in steps:
        if node.op == "placeholder":
            done[node] = (str(node.target), Raw())
        elif node.op == "call_module" or (node.op != "output" and isinstance(result, Tensor)):
            # What is no tensor, such as a size, is a constant here: all shapes are.
            done[node] = _write(Step(model, node, graph, done, tuple(getattr(result, "shape", ()))))
    shapes = {node: tuple(result.shape) for node, result in steps if node in done}
    for name, node in results.items():
        if node not in done:
            raise UnsupportedError("is not a tensor", where=name)
        value, point = done[node]
        if isinstance(point, Raw):
            raise UnsupportedError("no Activation is between it and the input", where=name)
        graph.node("Identity", name, [value], shapes[node])
    proto = graph.model(type(model).__name__, inputs, {name: shapes[n] for name, n in results.items()}, "edgeq.nn")
    file = Path(path)
    file.write_bytes(proto.SerializeToString(deterministic=True))
    return file


def _results(returned: fx.Node) -> dict[str, fx.Node]:
    """What forward returns, by the names it gets: "output", or "output0", "output1", ..."""
    results = returned.args[0]
    nodes = results if isinstance(results, (tuple, list)) else [results]
    if not nodes or not all(isinstance(node, fx.Node) for node in nodes):
        raise UnsupportedError("forward must return a tensor or a tuple of tensors")
    return {f"output{index}" if len(nodes) > 1 else "output": node for index, node in enumerate(nodes)}


def _write(step: Step) -> tuple[str, Point]:
    try:
        return rule_for(step)(step)
    except EdgeqError as error:
        error.where = error.where or step.where
        raise


def _check_model(model: nn.Module, samples: tuple[Tensor, ...]) -> None:
    named = [(name or type(model).__name__, module) for name, module in model.named_modules()]
    training = [name for name, module in named if module.training]
    if training:
        raise UsageError(
            f"is in training mode ({len(training)} modules)", where=training[-1], hint="call model.eval() before export"
        )
    for name, module in named:
        if isinstance(module, Quantizer) and not module.initialised:
            raise ModelDataError(
                "its learned step has no value yet",
                where=name,
                hint="run a batch in training mode, or load trained parameters",
            )
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise UsageError(f"is {tensor.dtype}, not float32", where=name, hint="call model.float() before export")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ModelDataError("holds NaN or infinity", where=name, hint="look for diverged training")
    if not samples or any(sample.dtype != torch.float32 for sample in samples):
        raise UsageError("the sample must be float32 tensors, one for each input of the model")


class _Tracer(fx.Tracer):
    """Keeps the layers of torch.nn and edgeq.nn whole and looks into everything else."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Quantizer) or super().is_leaf_module(m, module_qualified_name) or _is_layer(m)


def _is_layer(module: nn.Module) -> bool:
    return type(module).__module__ in ("edgeq.nn.attention", "edgeq.nn.layers")


class _Recorder(fx.Interpreter):
    """Runs the traced network and keeps every result."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.results: list[tuple[fx.Node, Any]] = []

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        self.results.append((n, result))
        return result


def _trace(model: nn.Module, samples: tuple[Tensor, ...]) -> list[tuple[fx.Node, Any]]:
    """The steps in order, each with its result on the sample."""
    try:
        traced = fx.GraphModule(model, _Tracer().trace(model))
    except Exception as error:  # whatever the user's forward raises on a symbolic value
        raise UnsupportedError(
            f"the forward of {type(model).__name__} cannot be traced: {error}",
            hint="forward must do the same steps for every input: no if or loop over values",
        ) from error
    recorder = _Recorder(traced)
    recorder.extra_traceback = False
    try:
        with torch.no_grad():
            recorder.run(*samples)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise UsageError(f"the model does not run on the sample: {error}") from error
    return recorder.results
