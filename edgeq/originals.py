"""Runs an original model in its own runtime: LiteRT's reference kernels for TFLite, onnxruntime for ONNX."""

from __future__ import annotations

import importlib
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


def _need(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ToolchainError(
            f"the original model needs {package}, which is not installed", hint="pip install edgeq[reference]"
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


_ONNX_TYPES = {"tensor(float)": "float32", "tensor(int8)": "int8", "tensor(uint8)": "uint8"}
_RUNTIMES = {".tflite": _run_tflite, ".onnx": _run_onnx}
