"""Inspection: models that convert, models that do not, and files that are no models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeq.errors import ModelFileError
from edgeq.inspect import inspect_model
from edgeq.report.inspected import render_inspection

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits.onnx"


def save(path: Path, nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray] | None = None) -> Path:
    """A model from x[1, 4] to y[1, 4]."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_a_float_network() -> None:
    found = inspect_model(DIGITS)
    assert found.convertible and found.quantized is False and found.format == "onnx"
    ops = [layer.op for layer in found.layers]
    assert ops.count("conv2d") == 2 and ops.count("dense") == 1
    assert found.macs == 80_896 and found.parameters == 3_818
    assert found.inputs[0].shape == [1, 1, 8, 8]
    assert any("--calibrate" in note for note in found.notes)
    text = render_inspection(found.to_json())
    assert "can be converted" in text and "80,896" in text and "(onnx, float)" in text


def test_everything_unsupported_is_listed_at_once(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="fine"),
        helper.make_node("Det", ["a"], ["b"], name="first"),
        helper.make_node("Mystery", ["b"], ["c"], name="second", domain="com.example"),
        helper.make_node("Gemm", ["c", "w"], ["y"], name="third"),
    ]
    found = inspect_model(save(tmp_path / "m.onnx", nodes, {"w": np.ones((4, 4), np.float32)}))
    assert not found.convertible and found.quantized is None
    assert [any(name in p for p in found.problems) for name in ("first", "second", "fine")] == [True, True, False]
    assert [(layer.name, layer.op) for layer in found.layers] == [
        ("fine", "Relu"),
        ("first", "Det"),
        ("second", "com.example.Mystery"),
        ("third", "Gemm"),
    ]
    assert found.layers[0].output_shape == [1, 4] and found.layers[2].output_shape is None
    assert found.parameters == 16 and found.layers[3].parameters == 16
    json.dumps(found.to_json())
    text = render_inspection(found.to_json())
    assert "Cannot be converted: 2 problems" in text and "com.example.Mystery" in text and "(onnx)" in text


def test_bad_numbers_are_a_problem_not_a_crash(tmp_path: Path) -> None:
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"], name="dense")]
    found = inspect_model(save(tmp_path / "m.onnx", nodes, {"w": np.full((4, 4), np.nan, np.float32)}))
    assert not found.convertible and len(found.problems) == 1


@pytest.mark.parametrize("content", [b"", b"hello", b"\0\0\0\0TFL3" + b"\xff" * 64])
def test_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(ModelFileError):
        inspect_model(tmp_path / "m.tflite")
    with pytest.raises(ModelFileError):
        inspect_model(tmp_path / "none.onnx")
