"""What plans lose, as estimated: per option of each layer, and per pair of layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

from edgeq.quant.plan import LayerPlan

Chosen = dict[str, LayerPlan]
"""The option of every layer that has several."""


@dataclass(frozen=True)
class Losses:
    """The loss of a plan: the sum of its layers' losses, and for each pair of layers 2 c sqrt(loss * other loss).

    c is the cosine between the errors that two layers make at the outputs: 0 where their noise is independent, as
    HAWQ-V3 (2021) assumes for all; negative where one undoes what the other does.
    """

    layers: Mapping[str, Mapping[LayerPlan, float]]
    cosines: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def of(self, name: str, option: LayerPlan) -> float:
        """Of one layer alone."""
        return self.layers[name][option]

    def pair(self, first: str, option: LayerPlan, second: str, other: LayerPlan) -> float:
        """What two layers lose besides, together."""
        both = self.layers[first][option] * self.layers[second][other]
        return 2 * self.cosines.get((first, second), 0.0) * sqrt(both)

    def total(self, chosen: Mapping[str, LayerPlan]) -> float:
        """Of a plan."""
        alone = sum(self.layers[name][option] for name, option in chosen.items())
        return alone + sum(self.pair(a, chosen[a], b, chosen[b]) for a, b in self.cosines)
