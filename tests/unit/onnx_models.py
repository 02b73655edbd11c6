"""Small ONNX models for tests, and the comparison of edgeq's reals with onnxruntime's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeq.frontends.onnx import load_onnx
from edgeq.ir.graph import Graph, Value
from edgeq.ops.execute import run_real
from edgeq.passes.check import check_graph
from edgeq.passes.simplify import simplify

IR_VERSION = 10
"""Old enough for every onnxruntime that the tests may meet."""


def array(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Repeatable normal numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def make_model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[Any]],
    outputs: Sequence[str],
    constants: Mapping[str, np.ndarray[Any, Any]] | None = None,
    *,
    opset: int = 13,
    domains: Sequence[str] = (),
    types: Mapping[str, int] | None = None,
) -> bytes:
    """A serialized model; inputs by name with their shapes (str: a dynamic dimension)."""
    kinds = types or {}
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), list(s)) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), None) for n in outputs],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in (constants or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return bytes(helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION).SerializeToString())


def node(op: str, inputs: Sequence[str], output: str, **attrs: Any) -> onnx.NodeProto:
    """One node, named as its output."""
    return helper.make_node(op, list(inputs), output.split(","), name=output, **attrs)


def loaded(data: bytes, path: str | Path = "test.onnx", *, dimensions: Mapping[str, int] | None = None) -> Graph:
    """The imported graph, checked, not simplified."""
    graph = load_onnx(path, data, dimensions)
    check_graph(graph, "import")
    return graph


def simplified(data: bytes, path: str | Path = "test.onnx") -> Graph:
    """The imported, simplified and checked graph."""
    graph = loaded(data, path)
    simplify(graph)
    check_graph(graph, "simplify")
    return graph


def turned(facts: Mapping[str, Any], value: Value, source: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array in the file's layout, in the layout of the graph's value."""
    moved = np.transpose(source, facts["perm"]) if facts["perm"] else source
    return np.reshape(moved, (-1, *value.shape[1:]) if value.shape else ())


def run_in_source_layout(graph: Graph, feeds: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """`run_real` on inputs in the file's layout; results stay inside's."""
    return run_real(graph, {v.name: turned(graph.meta["inputs"][v.name], v, feeds[v.name]) for v in graph.inputs})


def onnxruntime_outputs(data: bytes, feeds: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Outputs by name from onnxruntime, without its graph optimizations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def assert_same(data: bytes, graph: Graph, tolerance: float = 1e-4, seed: int = 1) -> None:
    """The graph's reals are those of onnxruntime."""
    feeds = {
        name: array(*facts["source_shape"], seed=seed + i)
        for i, (name, facts) in enumerate(graph.meta["inputs"].items())
    }
    wanted = onnxruntime_outputs(data, feeds)
    found = run_in_source_layout(graph, feeds)
    for value in graph.outputs:
        reference = turned(graph.meta["outputs"][value.name], value, wanted[value.name])
        np.testing.assert_allclose(found[value.name], reference, rtol=tolerance, atol=tolerance)


def ops(graph: Graph) -> list[str]:
    """The operators in order."""
    return [n.op for n in graph.nodes]
