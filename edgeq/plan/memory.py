"""Lifetimes, views, in-place outputs and scratch of a lowered graph -> offsets in the arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from edgeq.ir.graph import Graph, Node, Value
from edgeq.kernels.select import Choice
from edgeq.ops.registry import operator
from edgeq.plan.exact import improve
from edgeq.plan.packing import SEARCH_ROUNDS, Buffer, alive_at, lower_bound, pack
from edgeq.plan.places import TENSOR_ALIGN, Place, places, read_of


@dataclass
class Plan:
    """Where everything lies. Offsets in bytes from the arena's start; of what is `in_state` from the state's.

    steps: the nodes that run, in order. peak_step: index of the step at which `lower_bound` bytes are alive, and
    peak_buffers their names. proved: no plan needs fewer bytes. state_bytes: of what outlives a run.
    """

    steps: list[Node]
    arena_bytes: int
    lower_bound: int
    peak_step: int
    peak_buffers: list[str]
    proved: bool
    offsets: dict[int, int] = field(default_factory=dict)
    scratch: dict[int, int] = field(default_factory=dict)
    state_bytes: int = 0
    state: frozenset[int] = frozenset()

    def in_state(self, item: Value | Node) -> bool:
        """Whether a value, or the scratch of a node, lies in the model's state instead of the arena."""
        return id(item) in self.state

    def offset(self, value: Value) -> int:
        return self.offsets[id(value)]

    def scratch_offset(self, node: Node) -> int | None:
        return self.scratch.get(id(node))


def plan_memory(graph: Graph, choices: Mapping[int, Choice], rounds: int = SEARCH_ROUNDS) -> Plan:
    """Plans a lowered graph whose kernels are chosen; nodes without a choice move nothing. rounds: see `pack`."""
    steps = [n for n in graph.nodes if id(n) in choices]
    kept = [id(n.output) for n in steps if operator(n.op).keeps_state]
    home = _storage(graph, choices, kept)
    buffers = _buffers(graph, steps, home, choices)
    scratch = {
        id(node): Buffer(f"{node.name} scratch", choices[id(node)].scratch_bytes, step, step, TENSOR_ALIGN)
        for step, node in enumerate(steps)
        if choices[id(node)].scratch_bytes
    }
    kept += [id(n) for n in steps if id(n) in scratch and operator(n.op).keeps_scratch(n)]
    state, state_bytes = _lay_out_state(buffers, scratch, kept)
    everything = [*buffers.values(), *scratch.values()]
    for buffer in everything:
        buffer.bytes = -(-buffer.bytes // TENSOR_ALIGN) * TENSOR_ALIGN
    _share(buffers, steps, home, choices)
    bound, peak = lower_bound(everything)
    arena = pack(everything, rounds)
    arena, proved = improve(everything, arena, bound) if rounds else (arena, arena == bound)
    return Plan(
        steps,
        arena,
        bound,
        max(peak, 0),
        [f"{b.name} ({sum(p.bytes for p in alive_at([b], peak))})" for b in everything if alive_at([b], peak)],
        proved,
        {key: start + (state[root] if root in state else buffers[root].offset) for key, (root, start) in home.items()},
        {**{key: buffer.offset for key, buffer in scratch.items()}, **state},
        state_bytes,
        frozenset(state) | frozenset(key for key, (root, _) in home.items() if root in state),
    )


def _lay_out_state(
    buffers: dict[int, Buffer], scratch: dict[int, Buffer], kept: Sequence[int]
) -> tuple[dict[int, int], int]:
    """Offsets of what outlives a run, one after the other, and the bytes of all. Takes them out of the buffers."""
    offsets: dict[int, int] = {}
    end = 0
    for key in kept:
        offsets[key] = end
        buffer = buffers.pop(key) if key in buffers else scratch.pop(key)
        end += -(-buffer.bytes // TENSOR_ALIGN) * TENSOR_ALIGN
    return offsets, end


def _share(
    buffers: Mapping[int, Buffer], steps: list[Node], home: Mapping[int, Place], choices: Mapping[int, Choice]
) -> None:
    """Lets outputs reach into the inputs that end with the step, as far as the kernels' rows say."""
    for step, node in enumerate(steps):
        overlap, x, y = choices[id(node)].overlap, node.input(0), node.output
        if overlap is None or x.is_constant or sum(i is x for i in node.inputs) > 1:
            continue
        source, result = buffers.get(home[id(x)][0]), buffers.get(home[id(y)][0])
        if source is None or result is None:
            continue  # the state of the model is shared with nothing
        if source is result:
            continue
        lead = -(-overlap // TENSOR_ALIGN) * TENSOR_ALIGN
        for start, part in _parts_within(result, y, home):
            for begin, other in _parts_within(source, x, home):
                if other.last == step == part.first:
                    part.shares[other] = lead - (start - home[id(y)][1]) + (begin - home[id(x)][1])


def _parts_within(buffer: Buffer, value: Value, home: Mapping[int, Place]) -> list[tuple[int, Buffer]]:
    """The parts of a buffer in which bytes of a value lie."""
    first = home[id(value)][1]
    return [(s, p) for s, p in buffer.pieces() if s < first + value.type.bytes and first < s + p.bytes]


def _storage(graph: Graph, choices: Mapping[int, Choice], kept: Sequence[int]) -> dict[int, Place]:
    """`id(value)` -> the value whose bytes it shares, and where. Views always do, outputs in place where legal.

    kept: values that outlive a run; nothing is written over them.
    """
    inside = places(graph, {id(n): n for n in graph.nodes if id(n) not in choices})
    home = {id(v): _outermost(id(v), inside) for v in graph.values() if not v.is_constant}
    last_use = _last_uses(graph, home)
    for step, node in enumerate(graph.nodes):
        if id(node) not in choices or id(node.output) in inside:
            continue
        if choices[id(node)].overlap is not None:
            continue  # sharing part of the bytes leaves the rest of the input's free
        for index in choices[id(node)].in_place:
            value = node.optional(index)
            if value is None or value.is_constant or value.type.bytes < node.output.type.bytes:
                continue
            root = home[id(value)][0]
            if root in kept:
                continue
            if sum(home[id(i)][0] == root for i in node.inputs if i is not None and id(i) in home) > 1:
                continue  # the same bytes are also read through another input
            if last_use[root] == step:
                inside[id(node.output)] = id(value), 0
                home = {key: _outermost(key, inside) for key in home}
                last_use = _last_uses(graph, home)
                break
    return home


def _outermost(key: int, inside: Mapping[int, Place]) -> Place:
    """The value in whose bytes a value lies in the end."""
    offset = 0
    while key in inside:
        key, start = inside[key]
        offset += start
    return key, offset


def _last_uses(graph: Graph, home: Mapping[int, Place]) -> dict[int, int]:
    last: dict[int, int] = {}
    for step, node in enumerate(graph.nodes):
        for value in (*node.inputs, *node.outputs):
            if value is not None and not value.is_constant:
                last[home[id(value)][0]] = step
    for value in graph.outputs:
        if not value.is_constant:
            last[home[id(value)][0]] = len(graph.nodes)
    return last


def _buffers(
    graph: Graph, steps: list[Node], home: Mapping[int, Place], choices: Mapping[int, Choice]
) -> dict[int, Buffer]:
    """One buffer per storage; inputs live from before the first step, outputs until after the last."""
    names = {id(v): v.name for v in graph.values()}
    spans: dict[int, dict[tuple[int, int], tuple[int, int]]] = {}
    ends: dict[int, int] = {}

    def touch(value: Value, step: int, read: Place | None = None, over_read: int = 0) -> None:
        root, start = home[id(value)]
        known = spans.setdefault(root, {})
        first, size = read or (0, value.type.bytes)
        span = start + first, start + first + size
        first, last = known.get(span, (step, step))
        known[span] = min(first, step), max(last, step)
        ends[root] = max(ends.get(root, 0), span[1] + over_read)

    for value in graph.inputs:
        touch(value, -1)
    for step, node in enumerate(steps):
        over_read = choices[id(node)].kernel.over_read
        for operand in node.inputs:
            if operand is not None and not operand.is_constant:
                touch(operand, step, read_of(node, operand), over_read)
        for value in node.outputs:
            touch(value, step)
    for value in graph.outputs:
        if not value.is_constant:
            touch(value, len(steps))
    return {root: _buffer(names[root], known, ends[root]) for root, known in spans.items()}


def _buffer(name: str, spans: Mapping[tuple[int, int], tuple[int, int]], end: int) -> Buffer:
    """The buffer of spans of bytes, each with its first and last step; in parts where values lie inside another."""
    whole = Buffer(name, end, min(f for f, _ in spans.values()), max(last for _, last in spans.values()))
    if all(start == 0 for start, _ in spans):
        return whole
    bounds = sorted({bound for span in spans for bound in span})
    for start, stop in pairwise([*bounds[:-1], end]):
        lives = [life for (s, e), life in spans.items() if s <= start < e]
        if not lives:
            continue
        first, last = min(f for f, _ in lives), max(last for _, last in lives)
        begin, before = whole.parts[-1] if whole.parts else (0, None)
        if before is not None and begin + before.bytes == start and (before.first, before.last) == (first, last):
            before.bytes = stop - begin
        else:
            whole.parts.append((start, Buffer(name, stop - start, first, last)))
    return whole
