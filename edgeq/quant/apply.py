"""Runs the chosen methods over a float network and says what each has done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeq.errors import UsageError
from edgeq.ir.graph import Graph
from edgeq.quant.calibration import check_calibration
from edgeq.quant.methods.base import Method
from edgeq.quant.methods.registry import chosen_methods
from edgeq.quant.plan import Plan
from edgeq.quant.quality import Fidelity
from edgeq.quant.work import STEPS, Work

_KEYS = ("methods", "calibration", "seed", "steps")


@dataclass(frozen=True)
class Settings:
    """How a float network is quantized.

    methods: `auto`, `none`, `best` or names; calibration: how ranges are chosen, None for the default of the format;
    seed and steps: of the methods that learn.
    """

    methods: str | tuple[str, ...] = "auto"
    calibration: str | None = None
    seed: int = 0
    steps: int = STEPS

    def chosen(self) -> list[Method]:
        """The methods in the order in which they run. Raises UsageError."""
        return chosen_methods(self.methods)


def settings_of(
    plan: Plan,
    methods: str | Sequence[str] | None = None,
    calibration: str | None = None,
    seed: int | None = None,
) -> Settings:
    """What is said here, else what the plan's [methods] says, else the defaults. Raises UsageError."""
    said = dict(plan.methods)
    if unknown := sorted(set(said) - set(_KEYS)):
        raise UsageError(
            f"the plan's [methods] has an unknown key {unknown[0]!r}", hint=f"known are: {', '.join(_KEYS)}"
        )
    given = {"methods": methods, "calibration": calibration, "seed": seed}
    said |= {key: value for key, value in given.items() if value is not None}
    if not isinstance(said.get("methods", ""), str):
        said["methods"] = tuple(said["methods"])
    for key in ("seed", "steps"):
        if not isinstance(said.get(key, 1), int) or said.get(key, 1) < 0:
            raise UsageError(f"{key} is a number of 0 or more, not {said[key]!r}")
    settings = Settings(**said)
    settings.chosen()
    check_calibration(settings.calibration)
    return settings


def apply_methods(work: Work, settings: Settings) -> Graph:
    """The quantized graph; `meta["quantization"]` says what was done and what it brought (docs/quantization.md).

    A method earns its place: one that brings the network's outputs further from the float network's is undone. What
    tells, on samples that the methods do not see, is `Fidelity`.
    """
    chosen = [method for method in settings.chosen() if method.applies(work)]
    layers, before = work.fidelity() if chosen else ({}, Fidelity(None))
    effects: list[dict[str, Any]] = []
    trail = {name: [sqnr] for name, sqnr in layers.items()}
    for method in chosen:
        state = work.saved()
        did = method.apply(work)
        layers, after = work.fidelity()
        kept = not after.is_worse_than(before)
        effects.append({"method": method.name, "did": did, **_effect(before, after), "kept": kept})
        if not kept:
            work.restore(state)
            continue
        for name, sqnr in layers.items():
            trail.setdefault(name, []).append(sqnr)
        before = after
    quantized = work.quantized()
    quantized.meta["quantization"] = {
        "calibration": settings.calibration,
        "seed": settings.seed if any(m.learns for m in chosen) else None,
        "methods": effects,
        "layers": [_layer(work, name, sqnr) for name, sqnr in trail.items()],
    }
    return quantized


def _effect(before: Fidelity, after: Fidelity) -> dict[str, float | None]:
    """Signal to noise in dB, and the divergence of class probabilities in nats where there are classes."""
    found = {"before_db": before.sqnr_db, "after_db": after.sqnr_db}
    if before.divergence is None or after.divergence is None:
        return found
    return found | {"before_nats": round(before.divergence, 6), "after_nats": round(after.divergence, 6)}


def _layer(work: Work, name: str, sqnr: Sequence[float | None]) -> dict[str, Any]:
    plan = work.plan.layer(name)
    entry: Mapping[str, Any] = {"name": name, "weights": str(plan.weights), "activations": plan.activations}
    return {**entry, "before_db": sqnr[0], "after_db": sqnr[-1]}
