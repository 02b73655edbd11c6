"""Collects the nodes and constants of a QONNX file."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from edgeq.nn.grids import Grid

DOMAIN = "qonnx.custom_op.general"
OPSET = 17
IR_VERSION = 9
"""What opset 17 needs is 8, and every runtime of the last years reads 9."""


class OnnxGraph:
    """Nodes in order, each named after the module it comes from; values have the names of their producers."""

    def __init__(self) -> None:
        self.reserved: set[str] = set()  # names of inputs and outputs, which no other value may have
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.values: list[onnx.ValueInfoProto] = []
        self.functions: dict[str, onnx.FunctionProto] = {}
        """Local functions that nodes call, by name."""

    def constant(self, name: str, data: ArrayLike, dtype: type = np.float32) -> str:
        """Adds a constant unless one of that name is there; returns its name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(data, dtype=dtype), name)
        return name

    def node(
        self, op: str, name: str, inputs: list[str], shape: tuple[int, ...], domain: str = "", **attrs: Any
    ) -> str:
        """Adds a node with one output, which has the node's name; returns it."""
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, domain=domain, **attrs))
        self.values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a node's result."""
        value = next(v for v in self.values if v.name == name)
        return tuple(d.dim_value for d in value.type.tensor_type.shape.dim)

    def quant(self, name: str, x: str, scale: ArrayLike, grid: Grid, shape: tuple[int, ...], owner: str) -> str:
        """`Quant` or `BipolarQuant` of x; the constants are named after `owner` and shared by its nodes."""
        inputs = [x, self.constant(f"{owner}.scale", scale)]
        if grid.bipolar:
            return self.node("BipolarQuant", name, inputs, shape, DOMAIN)
        inputs += [self.constant(f"{owner}.zero_point", 0.0), self.constant(f"{owner}.bits", grid.bits)]
        attrs = {"signed": int(grid.signed), "narrow": int(grid.narrow), "rounding_mode": "ROUND"}
        return self.node("Quant", name, inputs, shape, DOMAIN, **attrs)

    def model(
        self, name: str, inputs: dict[str, tuple[int, ...]], outputs: dict[str, tuple[int, ...]], producer: str
    ) -> onnx.ModelProto:
        """The checked model. Every output is made by a node of that name."""
        ends = [
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in io.items()] for io in (inputs, outputs)
        ]
        inner = [value for value in self.values if value.name not in outputs]
        graph = helper.make_graph(self.nodes, name, ends[0], ends[1], [*self.constants.values()], value_info=inner)
        domains = [DOMAIN, *sorted({function.domain for function in self.functions.values()})]
        opsets = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(domain, 1) for domain in domains)]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            producer_name=producer,
            ir_version=IR_VERSION,
            functions=list(self.functions.values()),
        )
        onnx.checker.check_model(model)
        return model
