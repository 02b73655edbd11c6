"""Why a plan is as it is: for each layer what it chose, what that costs on the board, and the next best choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgeq.errors import CapacityError
from edgeq.quant.plan import LayerPlan
from edgeq.tune.costs import Costs, LayerCost
from edgeq.tune.losses import Losses
from edgeq.tune.search import Found, Point, Request, drop
from edgeq.tune.solve import solve


@dataclass(frozen=True)
class Reason:
    """Of one layer. runner_up: its option in the best plan without the chosen one, None when no plan is left.

    more_loss: what that plan loses more, relative to the chosen plan's loss.
    """

    layer: str
    chosen: LayerPlan
    loss: float
    cost: LayerCost
    runner_up: LayerPlan | None
    runner_up_cost: LayerCost | None
    more_loss: float


def reasons(found: Found) -> list[Reason]:
    """One per layer, in order."""
    total = found.losses.total(found.point.chosen)
    return [_reason(name, found, total) for name in found.costs.layers]


def _reason(name: str, found: Found, total: float) -> Reason:
    chosen, costs = found.point.chosen, found.costs
    others = {option: cost for option, cost in costs.layers[name].items() if option != chosen[name]}
    without = replace(costs, layers={**costs.layers, name: others})
    own = (name, chosen[name], found.losses.of(name, chosen[name]), costs.layers[name][chosen[name]])
    try:
        second = solve(found.losses, without, found.budget, found.correction)
    except CapacityError:
        return Reason(*own, None, None, 0.0)
    more = (found.losses.total(second) - total) / max(total, 1e-300)
    return Reason(*own, second[name], others[second[name]], more)


def told(option: LayerPlan) -> str:
    """`int4`, or `int4 -> au4` where the output is below eight bits."""
    return f"{option.weights} -> {option.activations}" if option.activations != "a8" else str(option.weights)


def as_json(request: Request, found: Found) -> dict[str, Any]:
    """All that the report shows."""
    return {
        "board": request.board.name,
        "budget": vars(request.budget) | {"drop": request.max_drop},
        "sensitivity": request.sensitivity,
        "methods": dict(request.methods),
        "builds": found.builds,
        "plan": _point(found, found.point),
        "int8": _point(found, found.int8),
        "front": [_point(found, point) for point in found.front],
        "layers": [
            {
                "name": reason.layer,
                "chosen": told(reason.chosen),
                "loss": reason.loss,
                **_cost(found.costs, reason.cost),
                "runner_up": None if reason.runner_up is None else told(reason.runner_up),
                "runner_up_cost": None if reason.runner_up_cost is None else _cost(found.costs, reason.runner_up_cost),
                "more_loss": reason.more_loss,
            }
            for reason in reasons(found)
        ],
    }


def _cost(costs: Costs, cost: LayerCost) -> dict[str, Any]:
    """code: of the kernel, which layers that use it share."""
    code = costs.code[cost.kernel]
    return {"bytes": cost.constants, "instructions": cost.instructions, "kernel": cost.kernel, "code": code}


def _point(found: Found, point: Point) -> dict[str, Any]:
    return {
        **vars(point.sizes),
        "sqnr_db": point.quality.sqnr_db,
        "agreement": point.quality.agreement,
        "accuracy": point.quality.accuracy,
        "drop": drop(found.real, point.quality),
        "layers": {name: told(option) for name, option in point.chosen.items()},
    }


def differences(here: Found, there: Found) -> list[dict[str, Any]]:
    """Layers for which two boards choose differently, with what both options cost on each. The losses are the same."""
    rows = []
    for name, option in here.point.chosen.items():
        other = there.point.chosen[name]
        if other != option:
            rows.append(
                {
                    "layer": name,
                    "here": _both(option, here.losses, here.costs, there.costs, name),
                    "there": _both(other, here.losses, here.costs, there.costs, name),
                }
            )
    return rows


def _both(option: LayerPlan, lost: Losses, here: Costs, there: Costs, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"chosen": told(option), "loss": lost.of(name, option)}
    boards: Mapping[str, Costs] = {"here": here, "there": there}
    return found | {place: _cost(costs, costs.layers[name][option]) for place, costs in boards.items()}
