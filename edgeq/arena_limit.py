"""Kernels, patches and plan within a limit on the arena (`--max-ram`).

Attention keeps the scores of fewer keys at a time (edgeq/plan/tiles.py). Some fast kernels need scratch, or cannot
write their output over their input. Where the fastest choice does not fit, every layer starts from the kernel that
takes the least memory, and then gets the fastest one with which the plan still fits, the layers with most to gain
first. Where even the least does not fit, or costs much, the first stage of the network runs in patches
(edgeq/passes/patches.py): of all stages, heights and ways to treat the overlap, the one that fits with the fewest
estimated instructions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgeq.errors import CapacityError, UnsupportedError
from edgeq.ir.graph import Graph, Node
from edgeq.kernels.select import Choice, Known, alternatives, select_kernels
from edgeq.passes.patches import ROWS, Params, Patched, Stage, in_patches, stages
from edgeq.plan import Plan, plan_memory
from edgeq.plan.packing import SEARCH_ROUNDS
from edgeq.plan.places import moves_nothing
from edgeq.plan.tiles import shrink_tiles

Choices = Mapping[int, Choice]

CALL = 12
"""Instructions that a step costs besides those of its kernel."""
MOST_STEPS = 320
"""Steps of a network in patches: each is a call, and with more of them planning takes minutes."""
MUCH = 1.02
"""Instructions that slower kernels may cost, against the fastest, before patches are tried."""
NEAR = 1.06
"""A plan made in haste that is this much above the limit is worth a short search."""
SEARCHED = 6
"""Ways in patches that are looked at more closely: slower kernels for some layers, or a longer search for a plan."""


@dataclass(frozen=True)
class Within:
    """What runs, by which kernels, where. patched: how the first stage runs, unless in one piece.

    whole_arena: bytes that the arena takes in one piece, with the kernels that need the least.
    """

    graph: Graph
    choices: Choices
    plan: Plan
    patched: Patched | None = None
    whole_arena: int = 0

    @property
    def instructions(self) -> int:
        """The estimate, calls included."""
        return _instructions(self.choices)

    def facts(self) -> dict[str, Any] | None:
        """The manifest's `patches`."""
        if self.patched is None:
            return None
        return {
            "layers": [n.name for n in self.patched.stage.layers],
            "count": self.patched.patches,
            "rows": self.patched.rows,
            "overlap": "kept" if self.patched.kept else "computed again",
            "extra_macs": self.patched.extra_macs,
            "whole_arena_bytes": self.whole_arena,
        }


def plan_within(graph: Graph, features: frozenset[str], goal: str, limit: int | None) -> Within:
    """Choices for a lowered graph and their plan, within `limit` bytes if there is a limit. Raises CapacityError."""
    wanted = _select(graph, features, goal)
    plan = plan_memory(graph, wanted)
    if limit is None or plan.arena_bytes <= limit:
        return Within(graph, wanted, plan)

    def fits() -> bool:
        return plan_memory(graph, _select(graph, features, goal)).arena_bytes <= limit

    smaller = shrink_tiles(graph, fits)
    wanted = _select(graph, features, goal)
    if smaller:
        return Within(graph, wanted, plan_memory(graph, wanted))
    layers = {id(n): n.name for n in graph.nodes}
    task = _Task(features, goal, limit)
    least = task.smallest(graph, wanted)
    plan = plan_memory(graph, least)
    if plan.arena_bytes > limit:
        return task.patched(graph, plan)
    found = Within(graph, *task.faster(graph, wanted, least, plan, layers, SEARCH_ROUNDS))
    if found.instructions <= MUCH * _instructions(wanted):
        return found
    try:
        return min(found, task.patched(graph, plan), key=lambda w: w.instructions)
    except CapacityError:
        return found


def _instructions(choices: Choices) -> int:
    return sum(c.estimate + CALL for c in choices.values())


def _select(graph: Graph, features: frozenset[str], goal: str) -> dict[int, Choice]:
    still = moves_nothing(graph)
    return select_kernels([n for n in graph.nodes if id(n) not in still], features, goal)


@dataclass(frozen=True)
class _Candidate:
    """A way to run in patches, with the choices that are fastest and their instructions."""

    patched: Patched
    wanted: Choices
    cost: int


@dataclass(frozen=True)
class _Task:
    """The core, the goal and the limit for which is chosen."""

    features: frozenset[str]
    goal: str
    limit: int
    known: Known = field(default_factory=dict)
    params: Params = field(default_factory=dict)

    def smallest(self, graph: Graph, wanted: Choices) -> Choices:
        """For every node the kernel with the least memory at its step."""
        chosen: dict[tuple[str, int], Choice] = {}
        for node in (n for n in graph.nodes if id(n) in wanted):
            key = node.op, id(node.params)
            if key not in chosen:
                chosen[key] = self._smallest(node, wanted[id(node)])
        return {id(n): chosen[n.op, id(n.params)] for n in graph.nodes if id(n) in wanted}

    def _smallest(self, node: Node, wanted: Choice) -> Choice:
        """The kernel with the least memory at its step, of those the fastest; `wanted` where none takes less."""
        options = alternatives(node, self.features, self.goal, self.known)
        best = min(options, key=lambda c: (_step_bytes(node, c), c.estimate))
        if _step_bytes(node, best) >= _step_bytes(node, wanted):
            return wanted
        return replace(best, reason=_because(wanted), runner_up=wanted.kernel.name)

    def faster(
        self,
        graph: Graph,
        wanted: Choices,
        choices: Choices,
        plan: Plan,
        layers: Mapping[int, str],
        rounds: int,
    ) -> tuple[Choices, Plan]:
        """Gives layers faster kernels as long as the plan fits. layers: name by `id(node)`, one for all its bands."""
        slower: dict[str, list[Node]] = {}
        for node in graph.nodes:
            if id(node) in choices and choices[id(node)].kernel is not wanted[id(node)].kernel:
                slower.setdefault(layers.get(id(node), node.name), []).append(node)

        def gain(nodes: list[Node]) -> int:
            return sum(wanted[id(n)].estimate - choices[id(n)].estimate for n in nodes)

        for nodes in sorted(slower.values(), key=gain):
            one = nodes[0]
            for option in [wanted[id(one)], *alternatives(one, self.features, self.goal, self.known)]:
                if option.estimate >= choices[id(one)].estimate:
                    break
                attempt = {**choices}
                for node in nodes:
                    attempt[id(node)] = self._with(node, option, wanted[id(node)], choices[id(node)])
                trial = plan_memory(graph, attempt, rounds)
                if trial.arena_bytes <= self.limit:
                    choices, plan = attempt, trial
                    break
        return choices, plan

    def _with(self, node: Node, option: Choice, wanted: Choice, otherwise: Choice) -> Choice:
        """The choice of `option`'s kernel for another band of the layer."""
        if option.kernel is wanted.kernel:
            return wanted
        found = (c for c in alternatives(node, self.features, self.goal, self.known) if c.kernel is option.kernel)
        return next((replace(c, reason=_because(wanted)) for c in found), otherwise)

    def patched(self, graph: Graph, whole: Plan) -> Within:
        """The cheapest way in patches that fits. Raises CapacityError with the least that was reached."""
        least = whole.arena_bytes
        mixed: list[_Candidate] = []
        close: list[tuple[int, _Candidate]] = []
        best: Within | None = None
        for candidate in sorted(self._candidates(graph), key=lambda c: c.cost):
            plan = plan_memory(candidate.patched.graph, candidate.wanted, 0)
            if plan.lower_bound <= self.limit < plan.arena_bytes <= NEAR * self.limit:
                plan = plan_memory(candidate.patched.graph, candidate.wanted, SEARCH_ROUNDS // 8)
            if plan.arena_bytes <= self.limit:
                best = self._within(candidate, candidate.wanted, plan, whole)
                break
            arena = self._least(candidate, 0).arena_bytes
            least = min(least, arena)
            if arena <= self.limit:
                mixed.append(candidate)
            else:
                close.append((arena, candidate))
        tried = [(c, 0) for c in mixed] + [(c, SEARCH_ROUNDS) for _, c in sorted(close, key=lambda c: c[0])]
        for candidate, rounds in tried[:SEARCHED]:
            if best is not None and (rounds or candidate.cost >= best.instructions):
                continue
            plan = self._least(candidate, rounds)
            least = min(least, plan.arena_bytes)
            if plan.arena_bytes <= self.limit:
                found = self._faster(candidate, plan, whole, rounds)
                best = found if best is None else min(best, found, key=lambda w: w.instructions)
        if best is not None:
            return best
        how = "with its first stage in patches and " if close else ""
        raise CapacityError(
            f"the arena takes {least:,} bytes {how}with the kernels that need the least; --max-ram is {self.limit:,}",
            hint="a smaller network, or smaller inputs",
        )

    def _least(self, candidate: _Candidate, rounds: int) -> Plan:
        graph = candidate.patched.graph
        return plan_memory(graph, self.smallest(graph, candidate.wanted), rounds)

    def _faster(self, candidate: _Candidate, plan: Plan, whole: Plan, rounds: int) -> Within:
        """A candidate that fits with the smallest kernels, with faster ones."""
        patched, wanted = candidate.patched, candidate.wanted
        choices = self.smallest(patched.graph, wanted)
        choices, plan = self.faster(patched.graph, wanted, choices, plan, patched.layer_of, rounds)
        return self._within(candidate, choices, plan, whole)

    @staticmethod
    def _within(candidate: _Candidate, choices: Choices, plan: Plan, whole: Plan) -> Within:
        return Within(candidate.patched.graph, choices, plan, candidate.patched, whole.arena_bytes)

    def _candidates(self, graph: Graph) -> Iterator[_Candidate]:
        """Every stage in patches of every height, the overlap kept or computed again."""
        for stage in stages(graph):
            for rows in _heights(stage):
                ways = [in_patches(graph, stage, rows, kept, self.params) for kept in (True, False)]
                if ways[0] and ways[1] and ways[0].extra_macs == ways[1].extra_macs:
                    ways.pop()  # no overlap
                for patched in ways:
                    if patched is None:
                        continue
                    still = moves_nothing(patched.graph)
                    steps = [n for n in patched.graph.nodes if id(n) not in still]
                    if len(steps) > MOST_STEPS:
                        continue
                    try:
                        wanted = select_kernels(steps, self.features, self.goal, self.known)
                    except UnsupportedError:
                        continue  # rows that are no whole words would have to be moved, in a format that nothing moves
                    yield _Candidate(patched, wanted, _instructions(wanted))


def _heights(stage: Stage) -> list[int]:
    """Rows per patch, one height for every number of patches."""
    height = stage.result.shape[ROWS]
    return sorted({-(-height // patches) for patches in range(2, height + 1)})


def _because(wanted: Choice) -> str:
    return f"--max-ram: takes less memory than {wanted.kernel.name}"


def _step_bytes(node: Node, choice: Choice) -> int:
    """Input, output and scratch, as far apart as the kernel wants them."""
    source, result = node.input(0).type.bytes, node.output.type.bytes
    if 0 in choice.in_place:
        together = max(source, result)
    elif choice.overlap is not None:
        together = min(source + result, max(result, choice.overlap + source))
    else:
        together = source + result
    return together + choice.scratch_bytes
