"""Decides which layers get a kernel to themselves: a copy in whose code their shape and zero points are constants.

A copy computes the same with fewer instructions, and is code of its own. Where every layer of a kernel has one, the
kernel itself goes, and a single copy is mostly smaller: branches for other shapes are not in it. What a copy saves and
how large it is are promises of rows of runtime/kernels.toml, measured by benchmarks/specialised.py. With speed, copies
are made where they save enough for their bytes; with balanced, only in the place of the kernel; with size, never.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgeq.ir.graph import Node
from edgeq.kernels.registry import Kernel
from edgeq.kernels.select import Choice
from edgeq.ops.registry import operator

WORTH = 0.01 / 1024
"""The share of the network's instructions that a byte of code has to save."""


def specialise(
    nodes: Sequence[Node], choices: Mapping[int, Choice], features: frozenset[str], goal: str
) -> dict[int, Choice]:
    """The choices by `id(node)`, those of layers that get a kernel to themselves marked so. goal: as for kernels."""
    chosen = dict(choices)
    if goal == "size":
        return chosen
    price = WORTH * sum(choices[id(n)].estimate for n in nodes)
    users: dict[str, list[tuple[int, Node]]] = {}
    for node in nodes:
        choice = choices[id(node)]
        saved = choice.kernel.saved_alone(operator(node.op).facts(node), features)
        users.setdefault(choice.kernel.name, []).append((saved, node))
    for layers in users.values():
        if goal == "speed" or len(layers) == 1:
            kernel = choices[id(layers[0][1])].kernel
            for saved, node in _worth_it(layers, kernel, price):
                chosen[id(node)] = _alone(choices[id(node)], saved, len(layers))
    return chosen


def _worth_it(layers: list[tuple[int, Node]], kernel: Kernel, price: float) -> list[tuple[int, Node]]:
    """Of a kernel's layers, with what a copy saves, those whose copies together bring most beyond their price."""
    ranked = sorted((pair for pair in layers if pair[0] > 0), key=lambda pair: -pair[0])

    def gain(count: int) -> float:
        copies = kernel.alone_code * count - (count == len(layers))
        return sum(saved for saved, _ in ranked[:count]) - price * kernel.code_bytes * copies

    return ranked[: max(range(len(ranked) + 1), key=gain)]


def _alone(choice: Choice, saved: int, users: int) -> Choice:
    which = "this layer, its only one" if users == 1 else "this layer alone"
    reason = f"{choice.reason}; compiled for {which}, which saves some {saved:,} instructions"
    return replace(choice, specialised=True, reason=reason, estimate=choice.estimate - saved)
