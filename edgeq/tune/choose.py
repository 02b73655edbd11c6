"""The plan within a budget: what the integer program proposes, judged by integer graphs, proposed anew around the best.

The program adds up losses that were measured one layer at a time, all others at int8. Where errors undo or amplify each
other that sum is wrong. So the losses are measured again around the best plan so far, one layer changed at a time: the
sum is right near that plan. The program is solved with them, and so on until it proposes nothing better (sequential
linear programming).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edgeq.quant.plan import LayerPlan
from edgeq.tune.costs import Costs
from edgeq.tune.losses import Chosen, Losses
from edgeq.tune.solve import Budget, Correction, shortlist

SHORTLIST = 6
"""Plans of the integer program between which their integer graphs decide."""
ROUNDS = 4
"""The most times that losses are measured around the best plan; most searches end after one or two."""

Judge = Callable[[Sequence[Chosen]], list[float]]
"""The true losses of plans."""


def choose(
    losses: Losses,
    costs: Costs,
    budget: Budget,
    correction: Correction,
    judge: Judge,
    excluded: Sequence[Chosen] = (),
    rounds: int = ROUNDS,
) -> Chosen:
    """The plan of least true loss among all proposed within the budget. Raises CapacityError when none keeps to it."""
    plans = shortlist(losses, costs, budget, correction, SHORTLIST, excluded)
    best, least = _best(plans, judge)
    for _ in range(rounds):
        around = losses_around(best, costs.layers, judge)
        found, loss = _best(shortlist(around, costs, budget, correction, SHORTLIST, excluded), judge)
        if loss >= least:
            break
        best, least = found, loss
    return best


def _best(plans: Sequence[Chosen], judge: Judge) -> tuple[Chosen, float]:
    true = judge(plans)
    least = min(true)
    return plans[true.index(least)], least


def losses_around(plan: Chosen, options: Mapping[str, Mapping[LayerPlan, object]], judge: Judge) -> Losses:
    """What each option of each layer loses more than the layer's best one, all other layers as in the plan."""
    changes = [(name, option) for name, row in options.items() for option in row]
    true = judge([{**plan, name: option} for name, option in changes])
    table: dict[str, dict[LayerPlan, float]] = {name: {} for name in options}
    for (name, option), loss in zip(changes, true, strict=True):
        table[name][option] = loss
    return Losses(
        {name: {option: loss - min(row.values()) for option, loss in row.items()} for name, row in table.items()}
    )
