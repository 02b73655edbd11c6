"""A small float network with every kind of layer that has weights, and samples for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.ir.graph import Graph
from edgeq.ir.types import Array
from edgeq.ops.build import GraphBuilder
from edgeq.quant.plan import Plan
from edgeq.quant.schemes import parse_scheme
from edgeq.quant.work import weighted

SCHEMES = ("int4", "int3", "int2", "ternary", "binary", "int4:g8", "ternary:g8", "trit-planes:g8")
"""Every way of storing weights in which a method must find its levels."""


def net(seed: int = 1) -> Graph:
    """Convolutions, a depthwise one, and two dense layers of which the first has no nonlinearity."""
    rng = np.random.default_rng(seed)
    builder = GraphBuilder("net")

    def constant(name: str, *shape: int, size: float = 1.0) -> Any:
        return builder.constant(name, size * rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1))

    pads = {"pads": (1, 1, 1, 1), "clamp_min": 0.0}
    y = builder.input("x", (1, 6, 6, 3))
    y = builder.add("conv2d", [y, constant("w0", 24, 3, 3, 3), constant("b0", 24)], pads, name="first")
    y = builder.add("depthwise_conv2d", [y, constant("w1", 3, 3, 24), constant("b1", 24)], pads, name="depthwise")
    y = builder.add("conv2d", [y, constant("w2", 32, 1, 1, 24), constant("b2", 32)], {"clamp_min": 0.0}, name="inner")
    y = builder.add("mean", [y], {"axes": (1, 2), "keepdims": False}, name="mean")
    y = builder.add("dense", [y, constant("w3", 32, 32), constant("b3", 32)], name="middle")
    y = builder.add("dense", [y, constant("w4", 5, 32), constant("b4", 5)], name="last")
    return builder.finish([builder.add("softmax", [y], {"axis": -1}, name="classes")])


def samples(count: int = 48) -> dict[str, Array]:
    """Images of different colours, so that the outputs differ by more than their mean."""
    rng = np.random.default_rng(7)
    return {"x": rng.normal(size=(count, 6, 6, 3)) + 2 * rng.normal(size=(count, 1, 1, 3))}


def plan_of(graph: Graph, scheme: str) -> Plan:
    return Plan.of_weights({node.name: parse_scheme(scheme) for node in weighted(graph)})
