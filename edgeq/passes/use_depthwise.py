"""Grouped convolutions with one input channel per group are depthwise ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgeq.ir.graph import Graph
from edgeq.passes.rewrite import new_constant


def use_depthwise(graph: Graph) -> bool:
    """conv2d[O,KH,KW,1] in as many groups as input channels -> depthwise_conv2d[KH,KW,O]. Real or quantized."""
    changed = False
    for node in graph.nodes:
        if node.op != "conv2d" or node.attrs["groups"] == 1 or node.attrs["groups"] != node.input(0).shape[3]:
            continue
        weights = node.input(1)
        if not weights.is_constant:
            continue
        quantization = weights.type.quantization
        if quantization is not None and quantization.axis is not None:
            if quantization.axis != 0:
                continue
            quantization = replace(quantization, axis=2)
        data = np.transpose(weights.constant[:, :, :, 0], (1, 2, 0))
        node.inputs[1] = new_constant(graph, f"{node.name}.weights", data, quantization)
        node.op = "depthwise_conv2d"
        node.attrs = {k: v for k, v in node.attrs.items() if k != "groups"}
        changed = True
    return changed
