"""Where scales differ, `requantize` appears; where they agree, nothing does. And such networks become C that works."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeq.boards import load_board
from edgeq.build import build_folder
from edgeq.emit import render_files, write_folder
from edgeq.emulate import runner_for
from edgeq.emulate.harness import output_bytes
from edgeq.ir.graph import Graph
from edgeq.ir.types import DType, Quantization
from edgeq.kernels.select import select_kernels
from edgeq.ops.build import GraphBuilder
from edgeq.ops.execute import run_integer
from edgeq.passes.align_quantization import align_quantization
from edgeq.passes.check import check_graph
from edgeq.passes.lower import lower
from edgeq.plan import plan_memory
from tests.tools import need

Q = Quantization.per_tensor


def joined(first: Quantization, second: Quantization, out: Quantization) -> Graph:
    """concat(x, x, constant) then softmax with a scale of its own."""
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 3), DType.INT8, first)
    c = builder.constant("c", np.array([[5, -7]], dtype=np.int8), second)
    y = builder.add("concat", [x, x, c], {"axis": 1}, name="join", dtype=DType.INT8, quantizations=[out])
    z = builder.add("softmax", [y], name="probabilities", dtype=DType.INT8, quantizations=[Q(0.01, -100)])
    return builder.finish([z])


def test_equal_scales_need_nothing() -> None:
    graph = joined(Q(0.1, 2), Q(0.1, 2), Q(0.1, 2))
    align_quantization(graph)
    assert [n.op for n in graph.nodes] == ["concat", "softmax", "requantize"]


def test_every_input_and_the_output_are_adapted() -> None:
    graph = joined(Q(0.1, 2), Q(0.3, 0), Q(0.2, -5))
    align_quantization(graph)
    check_graph(graph, "align_quantization")
    assert [n.op for n in graph.nodes] == ["requantize", "requantize", "concat", "softmax", "requantize"]
    assert graph.nodes[2].input(2).constant.tolist() == [[3, -15]]  # 1.5 and -2.1 at scale 0.2, zero point -5
    assert graph.outputs[0].name == "probabilities"


def test_the_c_of_such_a_network_gives_the_same_bits(tmp_path: Path) -> None:
    need("cc")
    graph = joined(Q(0.1, 2), Q(0.3, 0), Q(0.2, -5))
    align_quantization(graph)
    lower(graph)
    choices = select_kernels(graph.nodes, frozenset({"host"}), "speed")
    facts = {"name": "net", "board": "host", "optimize": "speed"}
    facts["source"] = {"file": "x", "sha256": "0", "format": "test", "quantized_by": "model"}  # type: ignore[assignment]
    files, manifest = render_files(graph, plan_memory(graph, choices), choices, facts)
    (tmp_path / "x").write_bytes(b"")
    folder = tmp_path / "net"
    folder.mkdir()
    write_folder(folder, files, manifest, graph, real=None, original=tmp_path / "x")
    board = load_board("host")
    program = build_folder(folder, manifest, board, tmp_path, sanitize=True)
    x = np.random.default_rng(0).integers(-128, 128, (50, 3)).astype(np.int8)
    got = runner_for(board).run(program, [row.tobytes() for row in x], output_bytes=output_bytes(manifest)).outputs
    want = run_integer(graph, {"x": x})["probabilities"]
    np.testing.assert_array_equal(np.frombuffer(b"".join(got), np.int8).reshape(want.shape), want)
