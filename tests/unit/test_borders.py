"""Float borders of quantized networks become integer ones, under the names that users know."""

from __future__ import annotations

import numpy as np

from edgeq.ir.graph import Graph
from edgeq.ir.types import DType, Quantization
from edgeq.ops.build import GraphBuilder
from edgeq.passes.borders import remove_borders
from edgeq.passes.check import check_graph
from edgeq.passes.pipeline import is_quantized


def bordered() -> Graph:
    q = Quantization.per_tensor(0.1, 0)
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 4))
    xq = builder.add("quantize", [x], name="to_int", dtype=DType.INT8, quantizations=[q])
    w = builder.constant("w", np.ones((2, 4), dtype=np.int8), Quantization((0.1,) * 2, (0,) * 2, 0))
    yq = builder.add("dense", [xq, w], name="fc", dtype=DType.INT8, quantizations=[q])
    y = builder.add("dequantize", [yq], name="y")
    graph = builder.finish([y])
    graph.meta = {"inputs": {"x": {"perm": None}}, "outputs": {"y": {"perm": None}}, "origin": {"fc": ["fc_q", None]}}
    return graph


def test_borders_become_integers_and_keep_their_names() -> None:
    graph = bordered()
    remove_borders(graph)
    check_graph(graph, "remove_borders")
    assert is_quantized(graph)
    assert [n.op for n in graph.nodes] == ["dense"]
    assert graph.inputs[0].name == "x" and graph.outputs[0].name == "y"
    assert graph.meta["origin"] == {"y": ["fc_q", None]}
    assert set(graph.meta["outputs"]) == {"y"}


def test_an_input_that_is_also_read_as_float_keeps_its_node() -> None:
    graph = bordered()
    builder = GraphBuilder("more")
    builder.graph = graph
    graph.outputs.append(builder.add("relu", [graph.inputs[0]], name="float_reader"))
    remove_borders(graph)
    assert "quantize" in [n.op for n in graph.nodes]
    assert not is_quantized(graph)
