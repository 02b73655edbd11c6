"""What may be chosen for each layer: the options of a search, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeq.errors import UsageError
from edgeq.ir.graph import Graph
from edgeq.ops.registry import operator
from edgeq.quant.plan import ACTIVATIONS, ELEMENTWISE, PLAIN, LayerPlan, Plan, check_plan
from edgeq.quant.schemes import WeightScheme, fitting, parse_scheme

WEIGHTS = ("int8", "int4", "int4:g32", "int3", "int2", "int2:g16", "ternary", "ternary:g16", "binary")
"""Formats of weights that are tried unless others are named."""


@dataclass(frozen=True)
class Formats:
    """The formats that a search may choose from; int8 and a8 are always among them."""

    weights: tuple[WeightScheme, ...]
    activations: tuple[str, ...] = (PLAIN,)

    @staticmethod
    def parse(weights: Sequence[str], activations: Sequence[str]) -> Formats:
        """Raises UsageError."""
        if unknown := [a for a in activations if a not in ACTIVATIONS]:
            raise UsageError(
                f"{unknown[0]!r} is not a format of activations", hint=f"use one of: {', '.join(ACTIVATIONS)}"
            )
        schemes = (WeightScheme(), *map(parse_scheme, weights))
        return Formats(tuple(dict.fromkeys(schemes)), tuple(dict.fromkeys((PLAIN, *activations))))


Options = Mapping[str, tuple[LayerPlan, ...]]
"""By the name of the layer, in the order of the graph; the first option is always int8 and a8."""


def layer_options(graph: Graph, formats: Formats) -> Options:
    """Every legal option of every layer, each once."""
    found: dict[str, tuple[LayerPlan, ...]] = {}
    for node in graph.nodes:
        weighted = operator(node.op).accumulates
        if not weighted and node.op not in ELEMENTWISE:
            continue
        schemes = dict.fromkeys(fitting(node, s) for s in formats.weights) if weighted else (WeightScheme(),)
        both = (LayerPlan(scheme, form) for scheme in schemes for form in formats.activations)
        legal = tuple(option for option in both if _is_legal(graph, node.name, option))
        if len(legal) > 1:
            found[node.name] = legal
    return found


def _is_legal(graph: Graph, name: str, option: LayerPlan) -> bool:
    try:
        check_plan(Plan({name: option}), graph)
    except UsageError:
        return False
    return True
