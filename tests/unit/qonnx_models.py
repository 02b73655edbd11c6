"""Small QONNX networks for tests, and their execution by the qonnx package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeq.frontends.onnx import load_onnx
from edgeq.ir.graph import Graph, Node
from edgeq.ir.types import Array
from edgeq.npz import to_internal, to_reals
from edgeq.ops.execute import run_integer
from edgeq.passes.exact_quant import exact_quant
from edgeq.passes.pipeline import prepare, to_integer
from tests.tools import need

DOMAIN = "qonnx.custom_op.general"
IR_VERSION = 8
BESIDE = 0.01
"""Units of an output's grid by which qonnx's floats may miss its points."""


class Net:
    """Writes a QONNX model node by node. Every method returns the name of its result."""

    def __init__(self, *shape: int, opset: int = 13, domain: str = DOMAIN) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.shape = shape
        self.opset = opset
        self.domain = domain

    def constant(self, array: Any, kind: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array, dtype=kind)
        return name

    def add(self, op: str, *inputs: str, domain: str = "", name: str | None = None, **attrs: Any) -> str:
        name = name or f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, domain=domain, **attrs))
        return name

    def quant(
        self,
        x: str,
        bits: float,
        scale: Any = 1.0,
        zero: Any = 0.0,
        *,
        signed: int = 1,
        narrow: int = 0,
        rounding: str = "ROUND",
        op: str = "Quant",
    ) -> str:
        operands = [self.constant(v) for v in (scale, zero, bits)]
        attrs = {"signed": signed, "narrow": narrow, "rounding_mode": rounding}
        return self.add(op, x, *operands, domain=self.domain, **attrs)

    def bipolar(self, x: str, scale: Any = 1.0) -> str:
        return self.add("BipolarQuant", x, self.constant(scale), domain=self.domain)

    def norm(self, x: str, gamma: Any, beta: Any, mean: Any, variance: Any) -> str:
        return self.add("BatchNormalization", x, *(self.constant(v) for v in (gamma, beta, mean, variance)))

    def model(self, *outputs: str) -> bytes:
        """The serialized model; its input is `x`."""
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(self.shape))],
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
            [numpy_helper.from_array(a, n) for n, a in self.constants.items()],
        )
        imports = [helper.make_opsetid("", self.opset), helper.make_opsetid(self.domain, 1)]
        return bytes(helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION).SerializeToString())


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> Array:
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def layer(graph: Graph, op: str) -> Node:
    (found,) = (n for n in graph.nodes if n.op == op)
    return found


def dense_net(weights: Array, *, weight_bits: int = 4, bits: int = 4, signed: int = 1) -> tuple[Net, str]:
    """Quant -> MatMul with weights [inputs, outputs] of scale 1; the name of the sums."""
    net = Net(1, len(weights))
    x = net.quant("x", bits, signed=signed)
    return net, net.add("MatMul", x, net.quant(net.constant(weights), weight_bits))


def whole(*shape: int, low: int, high: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(low, high + 1, size=shape).astype(np.float32)


def by_qonnx(data: bytes, samples: Array) -> dict[str, Array]:
    """Every output for samples [count, ...], by qonnx's own executor. Skips the test where it is not installed."""
    need("qonnx")
    from qonnx.core import onnx_exec
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes

    # It writes a model of the newest version for every node, which onnxruntime may not read yet.
    make_model = onnx_exec.qonnx_make_model
    onnx_exec.qonnx_make_model = partial(make_model, ir_version=IR_VERSION)
    try:
        wrapper = ModelWrapper(onnx.load_from_string(data)).transform(InferShapes())
        found = [onnx_exec.execute_onnx(wrapper, {"x": s[np.newaxis].astype(np.float32)}) for s in samples]
    finally:
        onnx_exec.qonnx_make_model = make_model
    return {name: np.stack([f[name] for f in found]) for name in found[0]}


def folded(data: bytes, samples: Mapping[str, Array] | None = None) -> Graph:
    """The integer graph of a QONNX model."""
    graph = load_onnx("net.onnx", data, None)
    prepare(graph)
    exact = exact_quant(graph, samples)
    to_integer(exact)
    return exact


def endpoint(graph: Graph, name: str, kind: str = "inputs") -> dict[str, Any]:
    """What the manifest says of an input or output."""
    value = next(v for v in getattr(graph, kind) if v.name == name)
    facts = graph.meta[kind][name]
    quantization = value.type.quantization
    scale = None if quantization is None else quantization.scale[0]
    return {
        "name": name,
        "shape": list(value.shape),
        "dtype": value.type.dtype.value,
        "scale": facts.get("real_scale", scale),
        "zero_point": 0 if quantization is None else quantization.zero_point[0],
        "real_offset": facts.get("real_offset", 0.0),
        "quantizer": facts.get("quantizer"),
        "source_shape": facts["source_shape"],
        "source_perm": facts["perm"],
    }


def by_edgeq(graph: Graph, samples: Array) -> dict[str, Array]:
    """Integers of every output, in the model's own layout."""
    inputs = {v.name: to_internal(endpoint(graph, v.name), samples) for v in graph.inputs}
    results = run_integer(graph, inputs)
    found = {}
    for value in graph.outputs:
        facts = graph.meta["outputs"][value.name]
        array, perm = results[value.name], facts["perm"]
        count = len(samples)
        array = array.reshape(count, *value.shape)
        if perm is not None:
            array = array.transpose(0, *(1 + int(i) for i in np.argsort(perm)))
        found[value.name] = array.reshape(count, *facts["source_shape"])
    return found


def disagreements(data: bytes, samples: Array, calibrate: Mapping[str, Array] | None = None) -> int:
    """Output elements for which qonnx's real is not the real that edgeq's integer stands for."""
    graph = folded(data, calibrate)
    ours, theirs = by_edgeq(graph, samples), by_qonnx(data, samples)
    wrong = 0
    for name, integers in ours.items():
        spec = endpoint(graph, name, "outputs")
        reals = to_reals(spec, integers)
        unit = to_reals(spec, np.ones_like(integers)) - to_reals(spec, np.zeros_like(integers))
        wrong += int((np.abs(theirs[name].reshape(reals.shape) - reals) > BESIDE * unit).sum())
    return wrong
