"""Between the methods that learn and `edgeq.nn`: what PyTorch is given, and what comes of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from edgeq.formats import number_format
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, TensorType
from edgeq.ops.registry import operator
from edgeq.quant.quantize import Layer
from edgeq.quant.work import Work, tensor_scale, weighted, with_integers

if TYPE_CHECKING:
    from edgeq.nn.fake import ActivationGrid, TrainedLayer


def trained_layers(work: Work) -> list[TrainedLayer]:
    """Every layer with weights, as it is rounded now."""
    types = work.activation_types()
    return [trained_layer(work, node, types) for node in weighted(work.real)]


def trained_layer(work: Work, node: Node, types: Mapping[str, TensorType]) -> TrainedLayer:
    """A layer as it is rounded now. types: of activations. Weights that learning has moved start where they are."""
    from edgeq.nn.fake import TrainedLayer

    layer = work.layers[node.name]
    floor = work.floor(node, tensor_scale(types[node.input(0).name]))
    shared = work.scheme(node).per_tensor
    return TrainedLayer(node, start_rows(work, node, layer), layer.weights.levels, layer.bias, floor, shared)


def start_rows(work: Work, node: Node, layer: Layer) -> Array:
    """The real weights where the chosen integers are their nearest; elsewhere moved just so far that they are."""
    rows, levels = work.rows(node), layer.weights.levels
    chosen = layer.weights.reals
    nearest = levels.real(levels.nearest(rows))
    return np.where(chosen == nearest, rows, chosen)


def activation_grids(work: Work) -> tuple[dict[str, ActivationGrid], dict[str, str]]:
    """(the integers of every value with a quantization of its own, which value's quantization others share)."""
    from edgeq.nn.fake import ActivationGrid

    types = work.activation_types()
    grids: dict[str, ActivationGrid] = {}
    shared: dict[str, str] = {}
    producers = {v.name: node for node in work.real.nodes for v in node.outputs}
    for name, kind in types.items():
        node = producers.get(name)
        if node is not None and operator(node.op).keeps_quantization:
            source = node.input(0).name
            shared[name] = shared.get(source, source)
        elif node is None or operator(node.op).natural_output is None:
            zero_point = 0 if kind.quantization is None else kind.quantization.tensor_zero_point
            has_zero = not kind.format or number_format(kind.format).has_zero
            grids[name] = ActivationGrid(tensor_scale(kind), zero_point, *kind.bounds, has_zero)
    return grids, {name: source for name, source in shared.items() if source in grids}


def rebuilt(layer: Layer, integers: Array, scales: Array, bias: Array | None) -> Layer:
    """A layer with what was learned."""
    return Layer(with_integers(layer.weights, integers, scales), bias)
