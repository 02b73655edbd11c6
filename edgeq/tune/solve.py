"""The integer program: one option per layer, the least loss within linear budgets. HiGHS through scipy solves it.

Variables are x[layer, option] in {0, 1}, one of them 1 per layer, and y[kernel] in {0, 1}, 1 where any chosen option
links the kernel. Flash is the constants of the options, the code of the linked kernels, and what is always there; the
arena holds, at every step, the tensors that are alive then; instructions add up. Where the losses of two layers depend
on each other, z[option, other option] is the product of their x, by its sums: the row of an option adds up to its x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeq.errors import CapacityError, UsageError
from edgeq.ir.types import Array
from edgeq.tune.costs import Costs, Sizes, predict
from edgeq.tune.losses import Chosen, Losses

TIE = 1e-7
"""Weight of flash and instructions in the objective, relative to the largest loss: decides between equal losses."""


@dataclass(frozen=True)
class Budget:
    """The most that a plan may take; None: no limit."""

    flash: int | None = None
    ram: int | None = None
    instructions: int | None = None

    def holds(self, sizes: Sizes) -> bool:
        """Whether measured sizes keep to it."""
        return all(limit is None or getattr(sizes, name) <= limit for name, limit in vars(self).items())


@dataclass(frozen=True)
class Correction:
    """What the firmware measures beside the models: bytes to add, and the factor of instructions."""

    flash: int = 0
    ram: int = 0
    instructions: float = 1.0

    def apply(self, sizes: Sizes) -> Sizes:
        """Predicted sizes as the firmware would measure them."""
        instructions = round(sizes.instructions * self.instructions)
        return replace(sizes, flash=sizes.flash + self.flash, ram=sizes.ram + self.ram, instructions=instructions)

    @staticmethod
    def between(predicted: Sizes, measured: Sizes) -> Correction:
        """What turns one into the other."""
        factor = measured.instructions / max(predicted.instructions, 1)
        return Correction(measured.flash - predicted.flash, measured.ram - predicted.ram, factor)


def solve(
    losses: Losses,
    costs: Costs,
    budget: Budget,
    correction: Correction = Correction(),
    excluded: Sequence[Chosen] = (),
) -> Chosen:
    """The plan of least loss within the budget, none of the `excluded`. Raises CapacityError when there is none."""
    program = _Program(losses, costs)
    chosen = program.solve(budget, correction, excluded)
    if chosen is None:
        least = program.solve(Budget(), smallest=True)
        sizes = f": the smallest takes about {correction.apply(predict(costs, least))}" if least else ""
        raise CapacityError(
            f"no choice of these formats keeps to the budget{sizes}",
            hint="raise the budget, or allow more formats with --formats and --activations",
        )
    return chosen


def shortlist(
    losses: Losses,
    costs: Costs,
    budget: Budget,
    correction: Correction,
    count: int,
    excluded: Sequence[Chosen] = (),
) -> list[Chosen]:
    """The plans of least loss within the budget, best first, up to `count`. Raises CapacityError when there is none."""
    found = [solve(losses, costs, budget, correction, excluded)]
    program = _Program(losses, costs)
    while len(found) < count and (plan := program.solve(budget, correction, [*excluded, *found])) is not None:
        found.append(plan)
    return found


class _Program:
    def __init__(self, losses: Losses, costs: Costs) -> None:
        self.costs = costs
        self.pairs = [(name, option) for name, options in costs.layers.items() for option in options]
        always = {step.kernel for step in costs.rest}
        used = {costs.layers[name][option].kernel for name, option in self.pairs}
        self.kernels = sorted(used - always)
        self.always = always
        self.loss = np.array([losses.of(name, option) for name, option in self.pairs])
        self.products = self._products(losses)

    def _products(self, losses: Losses) -> list[tuple[int, int, float]]:
        """(option, other option, loss of both together) of all pairs of layers that have one."""
        index = {pair: i for i, pair in enumerate(self.pairs)}
        return [
            (index[a, option], index[b, other], losses.pair(a, option, b, other))
            for a, b in losses.cosines
            for option in self.costs.layers[a]
            for other in self.costs.layers[b]
        ]

    def _row(self, value: Mapping[int, float]) -> Array:
        row = np.zeros(len(self.pairs) + len(self.kernels) + len(self.products))
        for index, number in value.items():
            row[index] = number
        return row

    def _cost(self, index: int, field: str) -> float:
        name, option = self.pairs[index]
        return float(getattr(self.costs.layers[name][option], field))

    def solve(
        self,
        budget: Budget,
        correction: Correction = Correction(),
        excluded: Sequence[Chosen] = (),
        smallest: bool = False,
    ) -> Chosen | None:
        """smallest: the least flash, whatever is lost."""
        try:
            from scipy.optimize import Bounds, LinearConstraint, milp
        except ImportError:
            raise UsageError("edgeq tune needs scipy", hint="pip install 'edgeq[tune]'") from None
        count, rest = len(self.pairs), self.costs.rest
        flash = {i: self._cost(i, "constants") for i in range(count)}
        flash |= {count + k: float(self.costs.code[name]) for k, name in enumerate(self.kernels)}
        time = {i: self._cost(i, "instructions") for i in range(count)}
        rows, low, high = self._structure()
        for plan in excluded:
            rows.append(self._row({i: 1.0 for i, (name, option) in enumerate(self.pairs) if plan[name] == option}))
            low.append(-np.inf)
            high.append(len(plan) - 1.0)
        if budget.flash is not None:
            fixed = sum(step.constants for step in rest) + sum(self.costs.code[name] for name in self.always)
            rows.append(self._row(flash))
            low.append(-np.inf)
            high.append(budget.flash - fixed - correction.flash)
        if budget.instructions is not None:
            fixed = sum(step.instructions for step in rest)
            rows.append(self._row(time))
            low.append(-np.inf)
            # The models' sum is rounded after the factor, so half an instruction more would still be right.
            high.append(budget.instructions / correction.instructions - fixed)
        if budget.ram is not None:
            for row, fixed in self._memory():
                rows.append(row)
                low.append(-np.inf)
                high.append(budget.ram - fixed - correction.ram)
        sizes = self._row(flash) / max(sum(flash.values()), 1.0), self._row(time) / max(sum(time.values()), 1.0)
        scale = max(float(np.abs(self.loss).max(initial=0.0)), 1e-300)
        first = count + len(self.kernels)
        losses = self._row({i: loss / scale for i, loss in enumerate(self.loss)})
        losses += self._row({first + i: loss / scale for i, (_, _, loss) in enumerate(self.products)})
        objective = sizes[0] if smallest else losses + TIE * (sizes[0] + sizes[1])
        found = milp(
            objective,
            integrality=np.arange(len(objective)) < first,
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(np.array(rows), np.array(low), np.array(high)),
            options={"mip_rel_gap": 0.0},
        )
        if found.x is None:
            return None
        return {name: option for i, (name, option) in enumerate(self.pairs) if found.x[i] > 0.5}

    def _structure(self) -> tuple[list[Array], list[float], list[float]]:
        """One option per layer; an option brings its kernel."""
        rows, low, high = [], [], []
        for layer in self.costs.layers:
            rows.append(self._row({i: 1.0 for i, (name, _) in enumerate(self.pairs) if name == layer}))
            low.append(1.0)
            high.append(1.0)
        for k, kernel in enumerate(self.kernels):
            for i in range(len(self.pairs)):
                if self.costs.layers[self.pairs[i][0]][self.pairs[i][1]].kernel == kernel:
                    rows.append(self._row({i: 1.0, len(self.pairs) + k: -1.0}))
                    low.append(-np.inf)
                    high.append(0.0)
        for sums in self._sums_of_products():
            rows.append(self._row(sums))
            low.append(0.0)
            high.append(0.0)
        return rows, low, high

    def _sums_of_products(self) -> list[dict[int, float]]:
        """For each option and each layer with which it has products: their sum less the option, which must be 0."""
        first = len(self.pairs) + len(self.kernels)
        sums: dict[tuple[int, str], dict[int, float]] = {}
        for i, (option, other, _) in enumerate(self.products):
            for one, partner in ((option, other), (other, option)):
                sums.setdefault((one, self.pairs[partner][0]), {one: -1.0})[first + i] = 1.0
        return list(sums.values())

    def _memory(self) -> list[tuple[Array, int]]:
        """Per step, the bytes that options decide, and the others."""
        costs, plain, found = self.costs, next(iter(self.costs.tensors.values()), {}), []
        for step in costs.alive:
            fixed, row = 0, dict.fromkeys(range(len(self.pairs)), 0.0)
            for value in step:
                if value not in costs.owner:
                    fixed += plain[value]
                    continue
                for i, (name, option) in enumerate(self.pairs):
                    if name == costs.owner[value]:
                        row[i] += costs.tensors[option.activations].get(value, plain[value])
            found.append((self._row(row), fixed))
        return found


def front(losses: Losses, costs: Costs, points: int, correction: Correction = Correction()) -> list[Chosen]:
    """Plans of least loss for falling budgets of flash, each once: from the largest that pays to the smallest."""
    best = solve(losses, costs, Budget())
    least = _Program(losses, costs).solve(Budget(), smallest=True)
    ends = [correction.apply(predict(costs, plan)).flash for plan in (best, least or best)]
    found = [best]
    for limit in np.linspace(ends[0], ends[1], max(points, 2))[1:]:
        try:
            plan = solve(losses, costs, Budget(flash=int(limit)), correction)
        except CapacityError:
            break
        if plan not in found:
            found.append(plan)
    return found
