"""Tokens, rotary positions and what else decoders bring: PyTorch's exports, onnxruntime's results, the host's bits."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.frontends.detect import load_model
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import DType, Quantization, TensorType
from edgeq.ops import operator
from edgeq.ops.build import GraphBuilder, make_node
from edgeq.ops.rotary import TURN, sine
from edgeq.passes.pipeline import prepare
from edgeq.pipeline import compile_model
from tests.tools import need

TOKENS, WIDTH, WORDS, HEADS = 12, 16, 23, 2
FORMS = ("halves", "joined halves", "neighbours", "strided neighbours")


def network(form: str, scale: float = 1.0) -> Any:
    """An embedding, rotary positions in one of the forms that people write, logits by the embedding's own table."""
    import torch
    from torch import nn

    class Rotated(nn.Module):
        cos: Any
        sin: Any

        def __init__(self) -> None:
            super().__init__()
            self.table, self.mix = nn.Embedding(WORDS, WIDTH), nn.Linear(WIDTH, WIDTH)
            size = WIDTH // HEADS
            angles = torch.outer(torch.arange(TOKENS), 100.0 ** (-torch.arange(0, size, 2) / size))
            self.register_buffer("cos", angles.cos() * scale)
            self.register_buffer("sin", angles.sin() * scale)

        def turned(self, x: Any) -> Any:
            cos, sin = self.cos, self.sin
            if form == "halves":
                a, b = x.chunk(2, -1)
                return x * cos.repeat(1, 2) + torch.cat((-b, a), -1) * sin.repeat(1, 2)
            if form == "joined halves":
                a, b = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
                return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
            pair = x.reshape(*x.shape[:-1], -1, 2)
            a, b = (x[..., 0::2], x[..., 1::2]) if form == "strided neighbours" else (pair[..., 0], pair[..., 1])
            return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)

        def forward(self, tokens: Any) -> Any:
            x = self.mix(self.table(tokens)).reshape(1, TOKENS, HEADS, -1).transpose(1, 2)
            return self.turned(x).transpose(1, 2).reshape(1, TOKENS, WIDTH) @ self.table.weight.T

    torch.manual_seed(1)
    return Rotated().eval()


def export(model: Any, file: Path, dynamo: bool = False, integer: str = "int64") -> None:
    import torch

    example = torch.zeros(1, TOKENS, dtype=getattr(torch, integer))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options: dict[str, Any] = {"external_data": False, "verbose": False} if dynamo else {"opset_version": 17}
        torch.onnx.export(model, (example,), str(file), input_names=["tokens"], dynamo=dynamo, **options)


def prepared(file: Path) -> Graph:
    graph = load_model(file, dimensions={})
    prepare(graph)
    return graph


def tokens(count: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, WORDS, (count, TOKENS))


@pytest.mark.parametrize(("form", "dynamo"), [*((form, False) for form in FORMS), ("neighbours", True)])
def test_rotary_positions_are_recognised_in_every_form(form: str, dynamo: bool, tmp_path: Path) -> None:
    need("torch")
    export(network(form), tmp_path / "m.onnx", dynamo)
    graph = prepared(tmp_path / "m.onnx")
    counted = Counter(node.op for node in graph.nodes)
    assert counted["rotary"] == 1 and not {"mul", "add", "sub", "concat", "slice"} & counted.keys()
    node = next(n for n in graph.nodes if n.op == "rotary")
    assert node.attrs["interleaved"] == ("neighbours" in form)
    expected = 100.0 ** (-np.arange(0, 8, 2) / 8) / (2 * np.pi) * TURN
    assert np.abs(np.array(node.attrs["steps"]) - expected).max() < TURN * 1e-7


@pytest.mark.parametrize(("form", "integer"), [("halves", "int64"), ("neighbours", "int32")])
def test_networks_over_tokens_are_right_and_exact(form: str, integer: str, tmp_path: Path) -> None:
    need("torch", "cc", "onnxruntime")
    export(network(form), tmp_path / "m.onnx", integer=integer)
    given = {"tokens": tokens(40).astype(integer)}
    result = compile_model(tmp_path / "m.onnx", "riscv", out=tmp_path / "c", calibrate=given)
    assert result.manifest["inputs"][0]["tokens"] == WORDS
    proof = result.verify(on=("host",), inputs=given, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["sqnr_db"] > 30
    proof = result.verify(on=("host",), samples=8, reference="original")  # tokens beyond the table are among them
    assert proof.bit_exact and proof.reference is not None and proof.reference["sqnr_db"] > 30


def test_rotary_constants_that_are_no_rotation_stay_products(tmp_path: Path) -> None:
    need("torch")
    export(network("joined halves", scale=1.1), tmp_path / "m.onnx")
    counted = Counter(node.op for node in prepared(tmp_path / "m.onnx").nodes)
    assert counted["rotary"] == 0 and counted["mul"] == 4


def test_tables_are_read_within_their_rows() -> None:
    table = np.arange(12, dtype=np.int8).reshape(3, 4)
    unit = Quantization.per_tensor(1.0, 0)
    inputs = [
        Value("table", TensorType((3, 4), DType.INT8, unit), table),
        Value("x", TensorType((1, 5), DType.INT32)),
    ]
    node = make_node("gather", "g", inputs, output_names=["y"], dtype=DType.INT8, quantizations=[unit])
    node.params = operator("gather").lower(node)
    places = np.array([[-(2**31), -1, 1, 3, 2**31 - 1]], dtype=np.int32)
    (found,) = operator("gather").compute_integer(node, [table, places])
    assert found[0, :, 0].tolist() == [0, 0, 4, 8, 8]


def test_positions_of_a_stream_go_on_without_end() -> None:
    builder = GraphBuilder("g")
    x = builder.input("x", (1, 1, 2, 4))
    attrs = {"axis": 1, "steps": (TURN // 7, 12345), "stateful": True}
    y = builder.add("rotary", [x], attrs, name="r")
    node = builder.finish([y]).nodes[0]
    real = np.random.default_rng(2).normal(size=(300, 1, 2, 4))
    (found,) = operator("rotary").compute(node, [real])
    angles = 2 * np.pi * np.arange(300)[:, None] * np.array([1 / 7, 12345 / TURN])
    turned = (real[:, 0, :, :2] + 1j * real[:, 0, :, 2:]) * np.exp(1j * angles)[:, None]
    assert np.allclose(found[:, 0], np.concatenate([turned.real, turned.imag], axis=-1), atol=1e-5)


def test_the_table_of_sines_is_near_them() -> None:
    phases = np.random.default_rng(3).integers(0, TURN, 10_000)
    assert np.abs(sine(phases) / 2**14 - np.sin(phases * (2 * np.pi / TURN))).max() < 1.5e-4


@pytest.mark.parametrize("condition", [[[True, False]], [[False, True]]])
def test_masks_by_where_become_sums(condition: list[list[bool]], tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    real = onnx.TensorProto.FLOAT
    constants = [numpy_helper.from_array(np.array(condition), "keep")]
    constants.append(numpy_helper.from_array(np.array(-np.inf, np.float32), "out"))
    graph = helper.make_graph(
        [
            helper.make_node("Where", ["keep", "x", "out"], ["kept"]),
            helper.make_node("Softmax", ["kept"], ["y"], axis=-1),
        ],
        "g",
        [helper.make_tensor_value_info("x", real, [1, 2])],
        [helper.make_tensor_value_info("y", real, [1, 2])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "m.onnx")
    imported = load_model(tmp_path / "m.onnx", dimensions={})
    (mask,) = [v for v in imported.nodes[0].inputs if v is not None and v.is_constant]
    assert imported.nodes[0].op == "add" and (mask.constant == 0).tolist() == condition
    assert np.isfinite(mask.constant).all() and mask.constant.min() < -1e30
