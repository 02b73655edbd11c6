"""Runs a .tflite with LiteRT's reference kernels: the oracle for every int8 model."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@cache
def interpreter_module() -> Any:
    """ai_edge_litert's interpreter module, or tflite_runtime's, whichever is installed."""
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("neither ai-edge-litert nor tflite-runtime is installed")


class LiteRt:
    """One model, ready to run. Inputs and outputs are in the model's order and own integer types."""

    def __init__(self, data: bytes, *, keep_all: bool = False) -> None:
        module = interpreter_module()
        self._interpreter = module.Interpreter(
            model_content=data,
            experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=keep_all,
        )
        self._interpreter.allocate_tensors()
        self.inputs = self._interpreter.get_input_details()
        self.outputs = self._interpreter.get_output_details()

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Outputs of one sample; the arrays have the model's shapes."""
        for detail, array in zip(self.inputs, inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], np.asarray(array, dtype=detail["dtype"]))
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_tensor(detail["index"])) for detail in self.outputs]

    def tensor(self, index: int) -> Array:
        """Any tensor of the last run by its index in the file; needs keep_all."""
        return np.array(self._interpreter.get_tensor(index))


def run_litert(data: bytes, inputs: Sequence[Array]) -> list[Array]:
    """Outputs of one sample of a model that is run once."""
    return LiteRt(data).run(inputs)


def random_inputs(model: LiteRt, rng: np.random.Generator) -> list[Array]:
    """One sample: integers over their whole range, floats from a normal distribution."""
    arrays: list[Array] = []
    for detail in model.inputs:
        dtype = np.dtype(detail["dtype"])
        if dtype.kind == "f":
            arrays.append(rng.normal(size=detail["shape"]).astype(dtype))
        else:
            info = np.iinfo(dtype)
            arrays.append(rng.integers(info.min, info.max + 1, size=detail["shape"]).astype(dtype))
    return arrays
