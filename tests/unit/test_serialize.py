"""Graphs as files: everything comes back, the bytes repeat, and damage is a clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ModelFileError
from edgeq.ir.graph import Graph
from edgeq.ir.serialize import load_graph, save_graph
from edgeq.ir.text import graph_text
from edgeq.ir.types import DType, Quantization
from edgeq.ops.build import GraphBuilder
from edgeq.passes.lower import lower


def small_graph() -> Graph:
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 3), DType.INT8, Quantization.per_tensor(0.1, 3))
    w = builder.constant("w", np.arange(-3, 3, dtype=np.int8).reshape(2, 3), Quantization((0.1, 0.2), (0, 0), 0))
    q = Quantization.per_tensor(0.5, -7)
    y = builder.add("dense", [x, w, None], {"clamp_min": 0.0}, name="fc", dtype=DType.INT8, quantizations=[q])
    graph = builder.finish([y])
    graph.meta = {"format": "test", "inputs": {"x": {"perm": [0, 1]}}}
    lower(graph)
    return graph


def test_round_trip(tmp_path: Path) -> None:
    graph = small_graph()
    save_graph(graph, tmp_path / "g.npz")
    again = load_graph(tmp_path / "g.npz")
    assert graph_text(again) == graph_text(graph)
    assert again.meta == graph.meta
    for key, value in graph.nodes[0].params.items():
        np.testing.assert_array_equal(again.nodes[0].params[key], value)
    save_graph(again, tmp_path / "h.npz")
    assert (tmp_path / "g.npz").read_bytes() == (tmp_path / "h.npz").read_bytes()


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_damage_is_a_clear_error(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "g.npz"
    save_graph(small_graph(), file)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ModelFileError, match="convert the model again"):
        load_graph(file)
