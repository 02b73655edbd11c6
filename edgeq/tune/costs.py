"""What each option costs on a board: exact constants, the kernels' measured cost models, and memory step by step.

A layer's costs depend on its own option and on how its input is stored. Options with one format of activations are
therefore laid out together, in a plan that gives all layers this format, as far as they take it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgeq import resources
from edgeq.boards import Board
from edgeq.emit.manifest import build_manifest
from edgeq.emit.model import model_context
from edgeq.ir.graph import Graph, Node, Value
from edgeq.kernels.features import kernel_features
from edgeq.kernels.registry import kernels
from edgeq.kernels.select import select_kernels
from edgeq.kernels.storage import choose_storage
from edgeq.narrow import narrow
from edgeq.ops.registry import operator
from edgeq.plan import plan_memory
from edgeq.quant.plan import LayerPlan, Plan
from edgeq.quant.schemes import fitting
from edgeq.toolchain import can_read_programs
from edgeq.toolchain.objects import object_bytes
from edgeq.tune.options import Formats, Options
from edgeq.tune.subject import Subject, integer_graph


@dataclass(frozen=True)
class LayerCost:
    """Of one layer under one option: bytes of constants, estimated instructions, the kernel that runs it."""

    constants: int
    instructions: int
    kernel: str


@dataclass(frozen=True)
class Costs:
    """Of all options on one board.

    layers: by name, then option. rest: of the steps that no option changes. tensors: bytes of every value in memory, by
    the format of activations. owner: the layer whose option decides how a value is stored. alive: names of the values
    that are in memory together, step by step.
    """

    board: str
    layers: Mapping[str, Mapping[LayerPlan, LayerCost]]
    rest: tuple[LayerCost, ...]
    tensors: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    owner: Mapping[str, str] = field(default_factory=dict)
    alive: Sequence[frozenset[str]] = ()
    code: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sizes:
    """Bytes of flash (code and constants) and of the arena, and instructions of one inference."""

    flash: int
    ram: int
    instructions: int

    def __str__(self) -> str:
        return f"{self.flash:,} bytes of flash, {self.ram:,} of RAM, {self.instructions:,} instructions"


def _code_bytes(steps: Iterable[LayerCost], board: Board, compiler: str, goal: str) -> dict[str, int]:
    """By kernel, compiled for the board; as the kernels' rows have it where that cannot be."""
    named = {k.name: k for k in kernels()}
    used = [named[name] for name in sorted({step.kernel for step in steps})]
    if board.is_host or not can_read_programs():
        return {kernel.name: kernel.code_bytes for kernel in used}
    root = resources.runtime_dir()
    with tempfile.TemporaryDirectory(prefix="edgeq-tune-") as work:
        found = object_bytes(
            [root / kernel.source for kernel in used],
            [root / "include"],
            board,
            Path(work),
            compiler=compiler,
            optimize=goal,
        )
    return {kernel.name: size for kernel, size in zip(used, found, strict=True)}


def board_costs(
    subject: Subject, options: Options, formats: Formats, board: Board, goal: str, compiler: str = "auto"
) -> Costs:
    """Lays the network out once per pair of formats. goal: of `--optimize`."""
    layers: dict[str, dict[LayerPlan, LayerCost]] = {name: {} for name in options}
    rest: tuple[LayerCost, ...] = ()
    tensors: dict[str, dict[str, int]] = {}
    owner: dict[str, str] = {}
    alive: list[frozenset[str]] = []
    for chosen, form in _uniform(subject.graph, options, formats):
        graph, laid_out = _laid_out(subject, Plan(chosen), board, goal)
        known = tensors.setdefault(form, {})
        for value in graph.values():
            # Whether a value can lie packed depends on its readers' weights: at best it does, and measuring tells.
            if not value.is_constant:
                known[value.name] = min(value.type.bytes, known.get(value.name, value.type.bytes))
        for name, option in chosen.items():
            if option.activations == form or form not in {o.activations for o in options[name]}:
                layers[name].setdefault(option, laid_out[name])
        if not rest:  # the first plan is int8 throughout
            rest = tuple(cost for name, cost in laid_out.items() if name not in options)
            owner, alive = _owners(graph, options), list(_alive(graph))
    steps = [*rest, *(cost for row in layers.values() for cost in row.values())]
    code = _code_bytes(steps, board, compiler, goal)
    return Costs(board.name, layers, rest, tensors, owner, alive, code)


def _uniform(graph: Graph, options: Options, formats: Formats) -> Iterator[tuple[dict[str, LayerPlan], str]]:
    """Plans in which all layers have the same option, as far as they take it; with the format of activations."""
    nodes = {node.name: node for node in graph.nodes}
    for form in formats.activations:
        for scheme in formats.weights:
            chosen = {}
            for name, legal in options.items():
                weighted = operator(nodes[name].op).accumulates
                own = fitting(nodes[name], scheme) if weighted else LayerPlan().weights
                wanted = (LayerPlan(own, form), LayerPlan(own), LayerPlan())
                chosen[name] = next(o for o in wanted if o in legal)
            yield chosen, form


def _laid_out(subject: Subject, plan: Plan, board: Board, goal: str) -> tuple[Graph, dict[str, LayerCost]]:
    """The integer graph as the board stores it, and the costs of its steps by name."""
    graph = integer_graph(subject, plan, quick=True)  # the sizes are the same by all methods
    features = kernel_features(board)
    narrow(graph, features, goal)
    choose_storage(graph, features)
    choices = select_kernels(graph.nodes, features, goal)
    memory = plan_memory(graph, choices)
    facts = {"name": "m", "board": board.name, "optimize": goal}
    _, sizes = model_context(memory, choices, "m", build_manifest(graph, memory, choices, facts, {}))
    steps = {
        node.name: LayerCost(sizes.get(id(node), 0), choices[id(node)].estimate, choices[id(node)].kernel.name)
        for node in memory.steps
    }
    return graph, steps


def _owners(graph: Graph, options: Options) -> dict[str, str]:
    """By value: the layer that decides its format, itself or through operators that hand it on."""
    owner: dict[str, str] = {}
    for node in graph.nodes:
        if node.name in options:
            owner[node.output.name] = node.name
        elif operator(node.op).keeps_quantization and node.input(0).name in owner:
            owner[node.output.name] = owner[node.input(0).name]
    return owner


def _alive(graph: Graph) -> Iterator[frozenset[str]]:
    """For every step the values that must be in memory, views counted once."""
    home: dict[int, Value] = {}
    for node in graph.nodes:
        if operator(node.op).is_view:
            home[id(node.output)] = home.get(id(node.input(0)), node.input(0))

    def read(node: Node) -> set[Value]:
        return {home.get(id(v), v) for v in node.inputs if v is not None and not v.is_constant}

    last: dict[int, int] = {id(home.get(id(v), v)): len(graph.nodes) for v in graph.outputs}
    for index, node in enumerate(graph.nodes):
        for value in read(node):
            last[id(value)] = max(index, last.get(id(value), 0))
    living = set(graph.inputs)
    for index, node in enumerate(graph.nodes):
        if not operator(node.op).is_view:
            living.add(node.output)
        yield frozenset(v.name for v in living)
        living = {v for v in living if last.get(id(v), -1) > index}


def predict(costs: Costs, chosen: Mapping[str, LayerPlan]) -> Sizes:
    """What the models say of a plan: bytes of flash and of the arena, instructions."""
    steps = [costs.layers[name][option] for name, option in chosen.items()] + list(costs.rest)
    linked = {step.kernel for step in steps}
    flash = sum(step.constants for step in steps) + sum(costs.code[name] for name in linked)
    return Sizes(flash, predicted_ram(costs, chosen), sum(step.instructions for step in steps))


def predicted_ram(costs: Costs, chosen: Mapping[str, LayerPlan]) -> int:
    """The most bytes that are alive at once, before the planner shares any."""
    return max((sum(tensor_bytes(costs, name, chosen) for name in step) for step in costs.alive), default=0)


def tensor_bytes(costs: Costs, name: str, chosen: Mapping[str, LayerPlan]) -> int:
    """Of one value under a plan."""
    plain = next(iter(costs.tensors.values()))
    if name not in costs.owner:
        return plain[name]
    return costs.tensors[chosen[costs.owner[name]].activations].get(name, plain[name])
