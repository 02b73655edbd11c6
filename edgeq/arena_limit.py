"""Kernels and plan within a limit on the arena (`--max-ram`).

Some fast kernels need scratch, or cannot write their output over their input. Where the fastest choice does not fit,
every layer starts from the kernel that takes the least memory, and then gets the fastest one with which the plan still
fits, the layers with most to gain first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgeq.errors import CapacityError
from edgeq.ir.graph import Graph, Node
from edgeq.kernels.select import Choice, alternatives, select_kernels
from edgeq.plan import Plan, plan_memory

Choices = Mapping[int, Choice]


def plan_within(graph: Graph, features: frozenset[str], goal: str, limit: int | None) -> tuple[Choices, Plan]:
    """Choices for a lowered graph and their plan, within `limit` bytes if there is a limit. Raises CapacityError."""
    wanted = select_kernels(graph.nodes, features, goal)
    plan = plan_memory(graph, wanted)
    if limit is None or plan.arena_bytes <= limit:
        return wanted, plan
    choices = {id(n): _smallest(n, wanted[id(n)], features, goal) for n in graph.nodes if id(n) in wanted}
    plan = plan_memory(graph, choices)
    if plan.arena_bytes > limit:
        raise CapacityError(
            f"the arena takes {plan.arena_bytes:,} bytes with the kernels that need the least; --max-ram is {limit:,}",
            hint="a smaller network, or smaller inputs",
        )
    slower = [n for n in graph.nodes if id(n) in choices and choices[id(n)].kernel is not wanted[id(n)].kernel]
    for node in sorted(slower, key=lambda n: wanted[id(n)].estimate - choices[id(n)].estimate):
        for option in [wanted[id(node)], *alternatives(node, features, goal)]:
            if option.estimate >= choices[id(node)].estimate:
                break
            reason = option.reason if option is wanted[id(node)] else _because(wanted[id(node)])
            faster = {**choices, id(node): replace(option, reason=reason)}
            attempt = plan_memory(graph, faster)
            if attempt.arena_bytes <= limit:
                choices, plan = faster, attempt
                break
    return choices, plan


def _because(wanted: Choice) -> str:
    return f"--max-ram: takes less memory than {wanted.kernel.name}"


def _smallest(node: Node, wanted: Choice, features: frozenset[str], goal: str) -> Choice:
    """The kernel with the least memory at its step, of those the fastest; `wanted` where none takes less than it."""
    best = min(alternatives(node, features, goal), key=lambda c: (_step_bytes(node, c), c.estimate))
    if _step_bytes(node, best) >= _step_bytes(node, wanted):
        return wanted
    return replace(best, reason=_because(wanted), runner_up=wanted.kernel.name)


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
