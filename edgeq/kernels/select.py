"""Chooses a kernel for every node and says why.

speed: the fastest estimate. size: as few and as small kernels as cover the model. balanced: the fastest, but a kernel
must save at least 2 % of the model's instructions to be linked. Weights keep the width that they were quantized to:
only kernels whose storage is the narrowest are considered; with speed, all that fit as many whole bits (1, 2, 4, 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2

from edgeq.errors import UnsupportedError, UsageError
from edgeq.ir.graph import Node
from edgeq.kernels.matching import PLAIN_BITS, is_wide, storage_bits, stored_as, takes
from edgeq.kernels.names import PLAIN_ACTIVATIONS
from edgeq.kernels.registry import Kernel, kernels_for
from edgeq.ops.registry import operator

BALANCED_SAVING = 0.02
GOALS = ("size", "speed", "balanced")


@dataclass(frozen=True)
class Choice:
    """The kernel of one node. `estimate` in instructions; `runner_up` is the best one not taken, if any.

    in_place: inputs whose bytes the output may take over. int8_estimate: what the best kernel would take if the layer
    of other widths were in int8 throughout; None for int8 layers. overlap: `Kernel.overlap_bytes`. specialised:
    whether the layer has a copy of the kernel to itself (edgeq/kernels/specialise.py).
    """

    kernel: Kernel
    reason: str
    estimate: int
    scratch_bytes: int
    runner_up: str | None
    in_place: tuple[int, ...]
    int8_estimate: int | None
    overlap: int | None = None
    specialised: bool = False


@dataclass(frozen=True)
class _Option:
    kernel: Kernel
    cost: float
    scratch: int
    in_place: tuple[int, ...]
    overlap: int | None


Known = dict[tuple[str, int], tuple[list[_Option], int | None]]
"""Kernels for a node, and what int8 would take, by its operator and `id(node.params)`, for one core and goal: bands of
one layer (edgeq/passes/patches.py) have the same parameters, not only equal ones."""


def select_kernels(
    nodes: Sequence[Node], features: frozenset[str], goal: str, known: Known | None = None
) -> dict[int, Choice]:
    """A choice by `id(node)` for every node that needs a kernel. Raises UnsupportedError listing nodes without one.

    known: from earlier selections for the same core and goal, of nodes that are still there; gets what is found here.
    """
    if goal not in GOALS:
        raise UsageError(f"{goal!r} is not an optimization goal", hint=f"use one of: {', '.join(GOALS)}")
    options: dict[int, list[_Option]] = {}
    homeless: list[str] = []
    by_id = {id(n): n for n in nodes if not operator(n.op).is_view}
    known = {} if known is None else known
    for key, node in by_id.items():
        options[key], _ = _known(node, features, goal, known)
        if not options[key]:
            homeless.append(f"{node.name} ({node.op}): no kernel takes {_shapes(node)}")
    if homeless:
        raise UnsupportedError("some layers have no kernel on this board", problems=homeless)
    linked = _linked(options, goal)
    chosen: dict[tuple[str, int], Choice] = {}
    for node in by_id.values():
        same = node.op, id(node.params)
        if same not in chosen:
            own, int8 = known[same]
            chosen[same] = _choice(own, linked, goal, int8)
    return {key: chosen[node.op, id(node.params)] for key, node in by_id.items()}


def alternatives(node: Node, features: frozenset[str], goal: str, known: Known | None = None) -> list[Choice]:
    """Every kernel that might run a lowered node, as the choice of it would be, the fastest first."""
    options, int8 = _known(node, features, goal, {} if known is None else known)
    return [_choice(options, {o.kernel.name}, goal, int8) for o in options]


def _known(node: Node, features: frozenset[str], goal: str, known: Known) -> tuple[list[_Option], int | None]:
    same = node.op, id(node.params)
    if same not in known:
        known[same] = _options(node, features, goal), _int8_estimate(node, features)
    return known[same]


def _options(node: Node, features: frozenset[str], goal: str) -> list[_Option]:
    """The kernels that run the node, the fastest first."""
    row = operator(node.op)
    facts = row.facts(node)
    kernels = _narrowest([k for k in kernels_for(row.kernels) if fits(k, node, facts, features)], goal)
    return sorted(
        (_option(k, facts, features) for k in kernels), key=lambda o: (o.cost, o.kernel.code_bytes, o.kernel.name)
    )


def _option(kernel: Kernel, facts: Mapping[str, int], features: frozenset[str]) -> _Option:
    cost, scratch = kernel.instructions(facts, features), kernel.scratch_bytes(facts)
    return _Option(kernel, cost, scratch, kernel.in_place_inputs(facts), kernel.overlap_bytes(facts))


def fits(kernel: Kernel, node: Node, facts: Mapping[str, int], features: frozenset[str]) -> bool:
    """Whether the kernel computes this lowered node on a core with these features."""
    return kernel.runs_on(features) and takes(kernel, node) and kernel.accepts(facts)


def _narrowest(kernels: Sequence[Kernel], goal: str) -> list[Kernel]:
    """The kernels that store the weights in the fewest bits."""

    def bits(kernel: Kernel) -> float:
        exact = storage_bits(kernel)
        return 2.0 ** ceil(log2(exact)) if exact and goal == "speed" else exact

    least = min(map(bits, kernels), default=0.0)
    return [k for k in kernels if bits(k) == least]


def _shapes(node: Node) -> str:
    shapes = [f"{stored_as(v)}{list(v.shape)}" for v in node.inputs if v is not None]
    return f"inputs {', '.join(shapes)} with {node.attrs}"


def _fastest(options: list[_Option], linked: set[str] | None) -> _Option:
    return next((o for o in options if linked is None or o.kernel.name in linked), options[0])


def _total(options: dict[int, list[_Option]], linked: set[str] | None) -> float:
    return sum(_fastest(o, linked).cost for o in options.values())


def _linked(options: dict[int, list[_Option]], goal: str) -> set[str]:
    """Names of the kernels that may be used."""
    linked = {_fastest(o, None).kernel.name for o in options.values()}
    if goal == "speed":
        return linked
    smallest = _cover(options)
    if goal == "size":
        return smallest
    linked |= smallest
    limit = BALANCED_SAVING * _total(options, None)
    while True:
        # Drop the kernel that is missed least, as long as every node keeps one.
        losses = []
        for name in sorted(linked):
            rest = linked - {name}
            if all(any(o.kernel.name in rest for o in per_node) for per_node in options.values()):
                losses.append((_total(options, rest) - _total(options, linked), name))
        if not losses or min(losses)[0] > limit:
            return linked
        linked.discard(min(losses)[1])


def _cover(options: dict[int, list[_Option]]) -> set[str]:
    """A small set of kernels that covers every node: repeatedly the one with the fewest bytes per node covered."""
    chosen: set[str] = set()
    open_nodes = dict(options)
    while open_nodes:
        counts: dict[str, tuple[int, float, int]] = {}
        for per_node in open_nodes.values():
            for option in per_node:
                count, cost, _ = counts.get(option.kernel.name, (0, 0.0, 0))
                counts[option.kernel.name] = (count + 1, cost + option.cost, option.kernel.code_bytes)
        best = min(counts, key=lambda n: (counts[n][2] / counts[n][0], counts[n][1], n))
        chosen.add(best)
        open_nodes = {k: v for k, v in open_nodes.items() if all(o.kernel.name != best for o in v)}
    return chosen


def _int8_estimate(node: Node, features: frozenset[str]) -> int | None:
    """Instructions of the fastest int8 kernel for a node's shape whose activations or weights have other widths."""
    row, facts = operator(node.op), operator(node.op).facts(node)
    if is_wide(node):
        # The facts of kernels that copy bytes count those of int16.
        own = [k for k in kernels_for(row.kernels) if k.output_bits == PLAIN_BITS and not k.any_width]
        return _least(own, facts, features)
    if not row.accumulates:
        return None
    if not node.input(0).type.packed and not _fits_four_bits(facts) and node.optional(4) is None:
        return None
    return _least(kernels_for(node.op), facts, features)


def _least(rows: Sequence[Kernel], facts: Mapping[str, int], features: frozenset[str]) -> int | None:
    # What the fast kernels ask of int8 layers, and nearly all of those give.
    usual = {**facts, "right_shifts": 1, "untied": 1, "accumulator_bits": min(facts.get("accumulator_bits", 0), 23)}
    costs = [
        k.instructions(usual, features)
        for k in rows
        if k.epilogue == "requantize"
        and k.parts.formats in ("a8_w8", PLAIN_ACTIVATIONS)
        and k.runs_on(features)
        and k.accepts(usual)
    ]
    return round(min(costs)) if costs else None


def _fits_four_bits(facts: Mapping[str, int]) -> bool:
    return facts["weight_low"] >= -8 and facts["weight_high"] <= 7


def _choice(options: list[_Option], linked: set[str], goal: str, int8_estimate: int | None) -> Choice:
    best = _fastest(options, linked)
    others = [o for o in options if o is not best]
    runner_up = others[0] if others else None
    if runner_up is None:
        reason = "the only kernel for this shape"
    elif runner_up.cost >= best.cost:
        ratio = runner_up.cost / max(best.cost, 1)
        reason = f"fastest estimate, {ratio:.2f} times less than {runner_up.kernel.name}"
    else:
        reason = f"--optimize {goal}: shares code; {runner_up.kernel.name} would take {runner_up.cost / best.cost:.0%}"
    second = runner_up.kernel.name if runner_up else None
    estimate = round(best.cost)
    return Choice(best.kernel, reason, estimate, best.scratch, second, best.in_place, int8_estimate, best.overlap)
