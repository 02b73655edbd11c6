"""Runs an original model in its own runtime: LiteRT's reference kernels for TFLite, onnxruntime for ONNX, qonnx for
QONNX."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeq.errors import ToolchainError
from edgeq.ir.types import Array


def run_original(file: Path, inputs: Sequence[Array]) -> tuple[str, list[Array]]:
    """(runtime's name, one array [samples, ...] per output). inputs: one array [samples, 1, ...] per model input.

    Raises ToolchainError when the runtime is not installed.
    """
    runner = _RUNTIMES.get(file.suffix, _run_tflite)
    return runner(file, inputs)


def windows(stream: Mapping[str, Any], spec: Mapping[str, Any], feed: Array) -> Array:
    """Consecutive frames, as `npz.to_original` gives them -> the whole windows that end with each of them.

    stream: the manifest's entry. Before the first frame was silence: real zero.
    """
    axis, frames, window = int(stream["axis"]) + 1, int(stream["frames"]), int(stream["window"])
    parts = np.moveaxis(feed, axis, 1)
    zero = 0 if feed.dtype.kind == "f" or spec.get("zero_point") is None else int(spec["zero_point"])
    quiet = np.full((window - frames, *parts.shape[2:]), zero, feed.dtype)
    frames_in_order = np.concatenate([quiet, parts.reshape(-1, *parts.shape[2:])])
    found = np.stack([frames_in_order[k * frames : k * frames + window] for k in range(len(feed))])
    return np.ascontiguousarray(np.moveaxis(found, 1, axis))


def first_window(stream: Mapping[str, Any], _spec: Mapping[str, Any], feed: Array) -> Array:
    """Consecutive frames -> one whole window that begins with them; zeros follow."""
    axis, window = int(stream["axis"]) + 1, int(stream["window"])
    parts = np.moveaxis(feed, axis, 1)
    frames = parts.reshape(-1, *parts.shape[2:])
    rest = np.zeros((window - len(frames), *frames.shape[1:]), feed.dtype)
    return np.ascontiguousarray(np.moveaxis(np.concatenate([frames, rest])[None], 1, axis))


def by_position(whole: Array, stream: Array, axis: int) -> Array:
    """Of the original's output over one window, the frames of call after call; [count, 1, ...].

    axis: which axis of the output counts frames.
    """
    count = len(stream)
    frames = stream.size // count * whole.shape[axis + 1] // whole.size
    parts = np.moveaxis(whole[0], axis, 0)[: count * frames]
    cut = parts.reshape(count, frames, *parts.shape[1:])
    return np.ascontiguousarray(np.moveaxis(cut, 1, axis + 1))


def newest(whole: Array, stream: Array, axis: int | None) -> Array:
    """Of the original's outputs over windows, as many frames as one call of the stream gives; [count, 1, ...].

    axis: which axis of one output counts frames, if any does.
    """
    if axis is None:
        return whole
    frames = stream.size * whole.shape[axis + 1] // whole.size
    return whole.take(range(whole.shape[axis + 1] - frames, whole.shape[axis + 1]), axis=axis + 1)


def _need(module: str, package: str, how: str = "edgeq[reference]") -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ToolchainError(
            f"the original model needs {package}, which is not installed", hint=f"pip install {how}"
        ) from None


def _interpreter(file: Path) -> tuple[str, Any]:
    """LiteRT where it is installed; its predecessor rounds dense layers by another rule (docs/numbers.md)."""
    try:
        module: Any = importlib.import_module("ai_edge_litert.interpreter")
        name = "ai-edge-litert"
    except ImportError:
        try:
            module = importlib.import_module("tflite_runtime.interpreter")
        except ImportError:
            module = _need("ai_edge_litert.interpreter", "ai-edge-litert")
        name = "tflite-runtime"
    reference = module.OpResolverType.BUILTIN_REF
    return name, module.Interpreter(str(file), experimental_op_resolver_type=reference)


def _run_tflite(file: Path, inputs: Sequence[Array]) -> tuple[str, list[Array]]:
    name, interpreter = _interpreter(file)
    details = interpreter.get_input_details()
    for detail, array in zip(details, inputs, strict=True):
        interpreter.resize_tensor_input(detail["index"], array.shape[1:])
    interpreter.allocate_tensors()
    results: list[list[Array]] = [[] for _ in interpreter.get_output_details()]
    for sample in range(len(inputs[0])):
        for detail, array in zip(details, inputs, strict=True):
            interpreter.set_tensor(detail["index"], array[sample].astype(detail["dtype"]))
        interpreter.invoke()
        for result, detail in zip(results, interpreter.get_output_details(), strict=True):
            result.append(interpreter.get_tensor(detail["index"]).copy())
    return f"{name} (reference kernels)", [np.stack(r) for r in results]


def _run_onnx(file: Path, inputs: Sequence[Array]) -> tuple[str, list[Array]]:
    runtime = _need("onnxruntime", "onnxruntime")
    onnx = _need("onnx", "onnx")
    model = onnx.load(str(file))
    if any(_is_qonnx(node.domain) for node in model.graph.node):
        return _run_qonnx(model, runtime, inputs)
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    arguments = session.get_inputs()
    results: list[list[Array]] = [[] for _ in session.get_outputs()]
    for sample in range(len(inputs[0])):
        feed: Mapping[str, Array] = {
            argument.name: array[sample].astype(_ONNX_TYPES[argument.type])
            for argument, array in zip(arguments, inputs, strict=True)
        }
        for result, array in zip(results, session.run(None, feed), strict=True):
            result.append(array)
    return f"onnxruntime {runtime.__version__}", [np.stack(r) for r in results]


def _is_qonnx(domain: str) -> bool:
    return domain.startswith(_QONNX_DOMAINS)


def _run_qonnx(model: Any, runtime: Any, inputs: Sequence[Array]) -> tuple[str, list[Array]]:
    """Node by node, as qonnx's own executor does: its operators by its own code, all others by onnxruntime.

    That executor makes a session per node and sample, of an IR version that not every onnxruntime reads; here a node
    keeps its session.
    """
    custom = _need("qonnx.custom_op.registry", "qonnx", "qonnx onnxruntime")
    graph = model.graph
    opsets = {o.domain: o.version for o in model.opset_import}
    constants = {t.name: _onnx_array(t) for t in graph.initializer}
    names = [i.name for i in graph.input if i.name not in constants]
    runners: list[Any] = []
    for node in graph.node:
        if _is_qonnx(node.domain):
            node.domain = _QONNX_DOMAINS[0]
            runners.append(custom.getCustomOp(node, onnx_opset_version=_qonnx_version(node)))
        else:
            runners.append(None)
    results: list[list[Array]] = [[] for _ in graph.output]
    for sample in range(len(inputs[0])):
        context = dict(constants)
        for name, array in zip(names, inputs, strict=True):
            context[name] = array[sample].astype(np.float32)
        for place, node in enumerate(graph.node):
            if _is_qonnx(node.domain):
                runners[place].execute_node(context, graph)
                continue
            given = {name: context[name] for name in node.input if name}
            if runners[place] is None:
                runners[place] = _one_node(runtime, node, given, opsets, model.functions)
            made = runners[place].run(None, given)
            context.update(zip((o for o in node.output if o), made, strict=True))
        for result, output in zip(results, graph.output, strict=True):
            result.append(context[output.name])
    return f"qonnx {importlib.metadata.version('qonnx')}", [np.stack(r) for r in results]


def _qonnx_version(node: Any) -> int:
    """Trunc has a second version with one more input; files do not always say which they mean."""
    return 2 if node.op_type == "Trunc" and len(node.input) > 5 else 1


def _onnx_array(tensor: Any) -> Array:
    from onnx import numpy_helper

    return np.asarray(numpy_helper.to_array(tensor))


def _one_node(runtime: Any, node: Any, given: Mapping[str, Array], opsets: Mapping[str, int], functions: Any) -> Any:
    """A session of this node alone, which may call one of the model's local functions."""
    from onnx import TypeProto, helper

    kinds = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in given.items()}
    operands = [helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()]
    results = [helper.make_value_info(name, TypeProto()) for name in node.output if name]
    graph = helper.make_graph([node], "node", operands, results)
    called = [f for f in functions if (f.domain, f.name) == (node.domain, node.op_type)]
    domains = dict.fromkeys([node.domain, ""] if called else [node.domain])
    imports = [helper.make_opsetid(domain, opsets.get(domain, 13)) for domain in domains]
    model = helper.make_model(graph, opset_imports=imports, ir_version=_IR_VERSION, functions=called)
    return runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


_QONNX_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
_IR_VERSION = 8
"""Old enough for every onnxruntime."""
_ONNX_TYPES = {
    "tensor(float)": "float32",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
_RUNTIMES = {".tflite": _run_tflite, ".onnx": _run_onnx}
