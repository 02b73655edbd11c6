"""The package `qonnx` as an oracle: what a QONNX file computes, value by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import inliner, shape_inference

IR_VERSION = 10
"""For the one-node models that qonnx hands to onnxruntime: with onnx 1.23 they would get 14, and onnxruntime 1.31 reads
up to 13."""


def run_qonnx(path: Path, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    """Every named tensor of the file's graph, executed by qonnx. Inputs have the file's own shapes.

    Local functions are replaced by their bodies: qonnx does not know calls.
    """
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    inlined = inliner.inline_local_functions(onnx.load(str(path)))
    model = ModelWrapper(shape_inference.infer_shapes(inlined, data_prop=True))
    assert sorted(inputs) == sorted(value.name for value in model.graph.input)  # qonnx would take zeros for the others
    make_model = onnx.helper.make_model
    with mock.patch("onnx.helper.make_model", lambda graph, **other: make_model(graph, ir_version=IR_VERSION, **other)):
        values: dict[str, NDArray[Any]] = execute_onnx(model, inputs, return_full_exec_context=True)
    return values
