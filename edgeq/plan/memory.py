"""Lifetimes, views, in-place outputs and scratch of a lowered graph -> offsets in the arena."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeq.ir.graph import Graph, Node, Value
from edgeq.kernels.select import Choice
from edgeq.ops.registry import operator
from edgeq.plan.exact import improve
from edgeq.plan.packing import Buffer, lower_bound, pack

TENSOR_ALIGN = 4
"""Every tensor starts on a word, so that kernels may read words."""


@dataclass
class Plan:
    """Where everything lies. Offsets in bytes from the arena's start.

    steps: the nodes that run, in order. peak_step: index of the step at which `lower_bound` bytes are alive, and
    peak_buffers their names. proved: no plan needs fewer bytes.
    """

    steps: list[Node]
    arena_bytes: int
    lower_bound: int
    peak_step: int
    peak_buffers: list[str]
    proved: bool
    offsets: dict[int, int] = field(default_factory=dict)
    scratch: dict[int, int] = field(default_factory=dict)

    def offset(self, value: Value) -> int:
        return self.offsets[id(value)]

    def scratch_offset(self, node: Node) -> int | None:
        return self.scratch.get(id(node))


def plan_memory(graph: Graph, choices: Mapping[int, Choice]) -> Plan:
    """Plans a lowered graph whose kernels are chosen."""
    steps = [n for n in graph.nodes if not operator(n.op).is_view]
    home = _storage(graph, choices)
    buffers = _buffers(graph, steps, home, choices)
    scratch = {
        id(node): Buffer(f"{node.name} scratch", choices[id(node)].scratch_bytes, step, step, TENSOR_ALIGN)
        for step, node in enumerate(steps)
        if choices[id(node)].scratch_bytes
    }
    everything = [*buffers.values(), *scratch.values()]
    for buffer in everything:
        buffer.bytes = -(-buffer.bytes // TENSOR_ALIGN) * TENSOR_ALIGN
    _share(buffers, steps, home, choices)
    bound, peak = lower_bound(everything)
    arena, proved = improve(everything, pack(everything), bound)
    return Plan(
        steps,
        arena,
        bound,
        max(peak, 0),
        [f"{b.name} ({b.bytes})" for b in everything if b.first <= peak <= b.last],
        proved,
        {key: buffers[root].offset for key, root in home.items()},
        {key: buffer.offset for key, buffer in scratch.items()},
    )


def _share(
    buffers: Mapping[int, Buffer], steps: list[Node], home: Mapping[int, int], choices: Mapping[int, Choice]
) -> None:
    """Lets outputs reach into the inputs that end with the step, as far as the kernels' rows say."""
    for step, node in enumerate(steps):
        overlap, x = choices[id(node)].overlap, node.input(0)
        if overlap is None or x.is_constant or sum(i is x for i in node.inputs) > 1:
            continue
        source, result = buffers[home[id(x)]], buffers[home[id(node.output)]]
        if source is not result and source.last == step == result.first:
            result.shares[source] = -(-overlap // TENSOR_ALIGN) * TENSOR_ALIGN


def _storage(graph: Graph, choices: Mapping[int, Choice]) -> dict[int, int]:
    """`id(value)` -> id of the value whose bytes it shares. Views always do, outputs in place where legal."""
    home = {id(v): id(v) for v in graph.values() if not v.is_constant}
    last_use = _last_uses(graph, home)
    for step, node in enumerate(graph.nodes):
        if operator(node.op).is_view:
            home[id(node.output)] = home[id(node.input(0))]
            last_use = _last_uses(graph, home)
            continue
        if choices[id(node)].overlap is not None:
            continue  # sharing part of the bytes leaves the rest of the input's free
        for index in choices[id(node)].in_place:
            value = node.optional(index)
            if value is None or value.is_constant or value.type.bytes < node.output.type.bytes:
                continue
            if sum(home.get(id(i)) == home[id(value)] for i in node.inputs if i is not None) > 1:
                continue  # the same bytes are also read through another input
            if last_use[home[id(value)]] == step:
                home[id(node.output)] = home[id(value)]
                last_use = _last_uses(graph, home)
                break
    return home


def _last_uses(graph: Graph, home: Mapping[int, int]) -> dict[int, int]:
    last: dict[int, int] = {}
    for step, node in enumerate(graph.nodes):
        for value in (*node.inputs, *node.outputs):
            if value is not None and not value.is_constant:
                last[home[id(value)]] = step
    for value in graph.outputs:
        if not value.is_constant:
            last[home[id(value)]] = len(graph.nodes)
    return last


def _buffers(
    graph: Graph, steps: list[Node], home: Mapping[int, int], choices: Mapping[int, Choice]
) -> dict[int, Buffer]:
    """One buffer per storage; inputs live from before the first step, outputs until after the last."""
    buffers: dict[int, Buffer] = {}

    def touch(value: Value, step: int, over_read: int = 0) -> None:
        root = home[id(value)]
        buffer = buffers.setdefault(root, Buffer(value.name, 0, step, step))
        buffer.bytes = max(buffer.bytes, value.type.bytes + over_read)
        buffer.first, buffer.last = min(buffer.first, step), max(buffer.last, step)

    for value in graph.inputs:
        touch(value, -1)
    for step, node in enumerate(steps):
        over_read = choices[id(node)].kernel.over_read
        for operand in node.inputs:
            if operand is not None and not operand.is_constant:
                touch(operand, step, over_read)
        for value in node.outputs:
            touch(value, step)
    for value in graph.outputs:
        if not value.is_constant:
            touch(value, len(steps))
    return buffers
