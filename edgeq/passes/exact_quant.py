"""A QONNX network becomes integers: the same results as its reals, or a refusal with the node's name.

Every real value is either on a grid (integers of few bits times a scale), or known as a chain of element-wise functions
on integers: on a grid, or on the sums of an accumulation. A quantization at the end of a chain is a step function of
those integers; where it steps is computed here, and becomes thresholds (docs/qonnx.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array, DType, TensorType
from edgeq.ops.lookup import TableOperator
from edgeq.ops.quant import quant_bounds
from edgeq.ops.registry import operator
from edgeq.passes.exact_attention import linear_attention
from edgeq.passes.exact_borders import Borders
from edgeq.passes.exact_chain import (
    MOVERS,
    PAIRS,
    QUANTIZERS,
    Grid,
    Input,
    Pending,
    Sums,
    affine,
    evaluate,
    levels,
    make_step,
)
from edgeq.passes.exact_layers import INT8, Levels, Writer, make_levels
from edgeq.passes.exact_sums import accumulation, aligned, average, each_channel, joined_type, pair
from edgeq.passes.rewrite import Uses

NEAR = 1e-5
"""How far, in steps of the grid, single precision may put a real beside its grid point."""


@dataclass(frozen=True)
class Softmax:
    """A softmax of a state, which only the end of the network may have."""

    node: Node
    state: Pending


T = TypeVar("T")
State = Pending | Softmax | Value
"""A Value is one that is final as it is: the int32 indices of argmax."""


def exact_quant(graph: Graph, samples: Mapping[str, Array] | None = None) -> Graph:
    """The quantized graph of a real one with `quant` nodes. samples: real arrays by input name, channel-last.

    Raises UnsupportedError, which lists every node that is not exactly integer; CalibrationError when an input is
    taken as reals and there are no samples.
    """
    return _Fold(graph, samples).run()


class _Fold:
    def __init__(self, graph: Graph, samples: Mapping[str, Array] | None) -> None:
        self.real = graph.copy()
        _quantize_before_concat(self.real)
        new = Graph(graph.name, [replace(i) for i in self.real.inputs], meta=self.real.meta)
        self.writer = Writer(new, {v.name for v in (*graph.inputs, *graph.outputs)})
        self.borders = Borders(self.writer, samples)
        pairs = zip(self.real.inputs, new.inputs, strict=True)
        self.states: dict[int, State] = {id(old): Pending(Input(i), i.shape) for old, i in pairs}
        self.problems: dict[str, None] = {}

    def run(self) -> Graph:
        for node in self.real.nodes:
            if all(v is None or v.is_constant or id(v) in self.states for v in node.inputs):
                self._try(node.name, partial(self._visit, node))
        outputs = [self._output(v) for v in self.real.outputs if id(v) in self.states]
        if self.problems:
            count = len(self.problems)
            raise UnsupportedError(
                f"{count} thing{'s' if count > 1 else ''} in this network cannot be computed exactly with integers",
                where=self.real.name,
                problems=list(self.problems),
            )
        new = self.writer.graph
        new.outputs = [o for o in outputs if o is not None]
        new.remove_dead()
        for value in new.inputs:
            if value.type.dtype.is_float:
                raise UnsupportedError(f"input {value.name!r} is never used", where=new.name, hint="remove it")
        return new

    def _try(self, where: str, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except UnsupportedError as error:
            name = error.where or where
            self.problems.setdefault(f"{name}: {error.message}" + (f" ({error.hint})" if error.hint else ""))
            return None

    # nodes

    def _visit(self, node: Node) -> None:
        self.states[id(node.output)] = self._state(node)

    def _state(self, node: Node) -> State:
        op = node.op
        computed = [v for v in node.inputs if v is not None and not v.is_constant]
        if op in QUANTIZERS:
            return self._quantize(node)
        if op in ("conv2d", "depthwise_conv2d", "dense"):
            return accumulation(self.writer, node, self._grid(node, 0))
        if op in ("avg_pool2d", "mean"):
            return average(self.writer, node, self._grid(node, 0))
        if op in ("add", "sub") and len(computed) == 2:
            return pair(self.writer, node, self._grid(node, 0), self._grid(node, 1))
        if (op in PAIRS and len(computed) == 1) or op == "batch_norm" or isinstance(operator(op), TableOperator):
            state = self._pending(computed[0], node)
            return state.then(make_step(node, state), node.output.shape)
        if op in MOVERS:
            return self._move(node)
        if op == "concat":
            return self._concat(node)
        if op == "pad":
            return self._pad(node)
        if op == "linear_attention":
            grid = linear_attention(self.writer, node, (self._grid(node, 0), self._grid(node, 1), self._grid(node, 2)))
            return Pending(grid, grid.value.shape)
        if op == "softmax":
            return Softmax(node, self._pending(computed[0], node))
        if op == "argmax":
            if isinstance(self._pending(computed[0], node).source, Sums):
                raise UnsupportedError(
                    "argmax of sums that are not quantized",
                    where=node.name,
                    hint="end the network before it: where scales are alike, its 32-bit sums are in the same order",
                )
            value = self._grid(node, 0).value
            kind = TensorType(node.output.shape, DType.INT32)
            return self.writer.add(op, node.name, [value], node.attrs, kind)
        raise UnsupportedError(
            f"{op} has no exact integer form in a QONNX network", where=node.name, hint="quantize around it otherwise"
        )

    def _pending(self, value: Value, node: Node) -> Pending:
        if value.is_constant:
            raise UnsupportedError(f"{node.op} of a constant", where=node.name, hint="fold it when exporting")
        state = self.states[id(value)]
        if isinstance(state, Pending):
            return state
        if isinstance(state, Softmax):
            raise UnsupportedError(
                "softmax inside the network", where=state.node.name, hint="only a last softmax can be left out"
            )
        raise UnsupportedError(f"{node.op} of indices", where=node.name)

    def _grid(self, node: Node, index: int) -> Grid:
        """Input `index` as integers. Raises UnsupportedError where it is not on a grid."""
        state = self._pending(node.input(index), node)
        if isinstance(state.source, Input):
            bare = replace(state, steps=state.functions)
            grid = self.borders.calibrated_input(bare, node.name)
            return self._moved(grid, state)
        if isinstance(state.source, Sums):
            raise UnsupportedError(
                f"reads {node.input(index).name!r}, sums of {state.source.name!r} that are not quantized",
                where=node.name,
                hint="put a Quant on every activation that a layer reads",
            )
        return self._moved(self._on_grid(state, node), state)

    def _on_grid(self, state: Pending, node: Node) -> Grid:
        """The source's integers after element-wise functions that lead from grid point to grid point."""
        grid = state.source
        assert isinstance(grid, Grid)
        if not state.functions:
            return grid
        factor = 1.0
        for step in state.functions:
            found = step.affine()
            factor *= abs(float(found[0][0])) if found is not None and len(found[0]) == 1 else 1.0
        scale = grid.value.scale * factor
        wrong = UnsupportedError(
            f"reads {node.input(0).name!r}, which {state.functions[-1].node.op} has taken off its grid of integers",
            where=node.name,
            hint="put a Quant behind that function",
        )
        if state.channels > 1 or not scale > 0:
            raise wrong
        points = _real(grid, _integers(grid))
        integers = evaluate(state.functions, points).astype(np.float64)[0] / scale
        whole = np.rint(integers)
        if not (np.abs(integers - whole) <= NEAR).all() or whole.max() - whole.min() > INT8[1] - INT8[0]:
            raise wrong
        low, high = int(whole.min()), int(whole.max())
        offset = 0 if low >= INT8[0] and high <= INT8[1] else INT8[0] - low
        wanted = Levels(low + offset, high + offset, 1, scale, offset, offset)
        name = state.functions[-1].node.name
        return self.writer.table(grid, wanted, whole.astype(np.int64) + offset, name)

    def _quantize(self, node: Node) -> Pending:
        state = self._pending(node.input(0), node)
        _check_order(state, node)
        wanted = self._levels(state, node)
        source = state.source
        if isinstance(source, Input):
            if node.op != "quant":
                raise UnsupportedError("truncates an input", where=node.name, hint="put a Quant before it")
            grid = self.borders.quantized_input(replace(state, steps=state.functions), node, wanted)
        elif isinstance(source, Sums):
            grid = self.writer.levels(source, state.functions, node, wanted)
        elif state.channels > 1:
            sums = each_channel(self.writer, node.name, source, state.channels)
            grid = self.writer.levels(sums, state.functions, node, wanted)
        else:
            grid = self._table(source, state, node, wanted)
        if isinstance(source, Input) and not state.moves and state.channels == 1:
            grid.value.type = replace(grid.value.type, shape=self._only_view(node.output))
        grid = self._moved(grid, state)
        self._name(grid.value, node.output.name)
        return Pending(grid, grid.value.shape)

    def _only_view(self, value: Value) -> tuple[int, ...]:
        """The one shape under which all readers see `value`: an input may as well come in it."""
        uses = Uses(self.real)
        views = {n.output.shape if n.op == "reshape" else value.shape for n in uses.consumers(value)}
        return views.pop() if len(views) == 1 and not uses.is_output(value) else value.shape

    def _table(self, grid: Grid, state: Pending, node: Node, wanted: Levels) -> Grid:
        integers = _integers(grid)
        results = levels(node, evaluate(state.functions, _real(grid, integers)))[0] + wanted.offset
        same_type = grid.value.type == wanted.type(grid.value.shape)
        if same_type and (results == integers).all():
            return grid
        return self.writer.table(grid, wanted, results, node.name)

    def _levels(self, state: Pending, node: Node) -> Levels:
        a = node.attrs
        if node.op == "quant":
            binary = a["bits"] == 1 and a["signed"]
            return make_levels(*quant_bounds(node), a["scale"], a["zero_point"], node.name, binary=binary)
        low, high = a["low"], a["high"]
        if low is None or high is None:  # the integers that come in bound those that go out
            found = levels(node, evaluate(state.functions, _extremes(state, node)))
            low, high = int(found.min()), int(found.max())
        return make_levels(low, high, a["out_scale"], a["out_zero_point"], node.name)

    def _name(self, value: Value, name: str) -> None:
        """The name that users know, unless the value or another one has its final name already."""
        taken = {v.name for v in (*self.real.outputs, *self.real.inputs)}
        if value.name not in taken and name not in taken:
            value.name = self.writer.fresh(name)

    # movers

    def _move(self, node: Node) -> Pending:
        state = self._pending(node.input(0), node)
        if not state.is_grid:
            return state.then(node, node.output.shape)
        assert isinstance(state.source, Grid)
        return Pending(self._moved(state.source, replace(state, steps=(node,))), node.output.shape)

    def _moved(self, grid: Grid, state: Pending) -> Grid:
        for node in state.moves:
            if node.op == "reshape" and node.output.shape == grid.value.shape:
                continue
            value = self.writer.add(node.op, node.name, [grid.value], node.attrs, grid.value.type)
            grid = replace(grid, value=value)
        return grid

    def _concat(self, node: Node) -> Pending:
        grids = aligned(self.writer, [self._grid(node, i) for i in range(len(node.inputs))], node.name)
        value = self.writer.add("concat", node.name, [g.value for g in grids], node.attrs, joined_type(grids))
        return Pending(Grid(value, min(g.low for g in grids), max(g.high for g in grids)), node.output.shape)

    def _pad(self, node: Node) -> Pending:
        grid = self._grid(node, 0)
        level = node.attrs["value"] / grid.value.scale + grid.value.zero_point
        if level != round(level) or not INT8[0] <= level <= INT8[1]:
            raise UnsupportedError(
                f"pads with {node.attrs['value']}, which its grid does not have", where=node.name, hint="pad with 0"
            )
        wide = Grid(grid.value, min(grid.low, int(level)), max(grid.high, int(level)))
        binary = grid.value.type.format == "a1" and level not in (-1, 1)
        fits = not binary and wide.low >= grid.value.type.bounds[0] and wide.high <= grid.value.type.bounds[1]
        format = make_levels(wide.low, wide.high, 1.0, 0, node.name).type(()).format
        kind = grid.value.type if fits else replace(grid.value.type, format=format)
        value = self.writer.add("pad", node.name, [grid.value], node.attrs, kind)
        return Pending(replace(wide, value=value), node.output.shape)

    # outputs

    def _output(self, value: Value) -> Value | None:
        return self._try(value.name, partial(self._finish, value, self.states[id(value)]))

    def _finish(self, value: Value, state: State) -> Value:
        if isinstance(state, Softmax):
            self.writer.graph.meta.setdefault("notes", []).append(
                f"the last softmax ({state.node.name}) was left out: the outputs are its exact inputs, "
                "in the same order of classes"
            )
            self.writer.graph.meta["outputs"].setdefault(value.name, {})["left_out"] = "softmax"
            state = state.state
        result = state if isinstance(state, Value) else self._real_output(value, state)
        inputs = self.writer.graph.inputs
        named = {v.name for v in (*self.real.outputs, *inputs)}
        if result.name in named:
            result = self.writer.add("reshape", f"{value.name}.copy", [result], {"shape": result.shape}, result.type)
        result.name = value.name
        return result

    def _real_output(self, value: Value, state: Pending) -> Value:
        if isinstance(state.source, Input):
            raise UnsupportedError("an output is an input", where=value.name, hint="remove that output")
        _check_order(state, None)
        producer = Uses(self.real).producer(value)
        where = value.name if producer is None else producer.name
        source = state.source
        functions = replace(state, steps=state.functions)
        if isinstance(source, Grid) and not isinstance(affine(state.functions), tuple):
            assert producer is not None
            result: Value = self._on_grid(functions, producer).value
        else:
            result = self.borders.output(functions, value.name, where)
        for node in state.moves:
            result = self.writer.add(node.op, node.name, [result], node.attrs, result.type)
        return result


def _integers(grid: Grid) -> Array:
    return np.arange(grid.low, grid.high + 1)


def _real(grid: Grid, integers: Array) -> Array:
    """float32 [1, count], each product rounded once."""
    reals: Array = (integers - grid.value.zero_point).astype(np.float32) * np.float32(grid.value.scale)
    return reals[np.newaxis, :]


def _extremes(state: Pending, node: Node) -> Array:
    """The reals of the source between which all others lie."""
    source = state.source
    if isinstance(source, Sums):
        return source.reals(np.stack([source.low, source.high], axis=1))
    if isinstance(source, Grid):
        return _real(source, _integers(source))
    raise UnsupportedError("truncates an input", where=node.name, hint="put a Quant before it")


def _check_order(state: Pending, node: Node | None) -> None:
    """A maximum may be taken of levels instead of reals only if what follows it never falls."""
    pooled: Node | None = None
    for step in state.steps:
        if isinstance(step, Node):
            pooled = step if step.op == "max_pool2d" else pooled
            if node is None and step.op == "max_pool2d" and isinstance(state.source, Sums):
                raise UnsupportedError(
                    "takes the maximum of sums that are not quantized", where=step.name, hint="quantize before it"
                )
        elif pooled is not None and not step.never_falls:
            raise UnsupportedError(
                f"{step.node.op} behind the maximum of {pooled.name!r} falls in some channel",
                where=step.node.name,
                hint="quantize before the pooling, or use positive gains",
            )


def _quantize_before_concat(graph: Graph) -> None:
    """quant(concat(a, b)) -> concat(quant(a), quant(b)): what is joined need not share a scale before."""
    for node in list(graph.nodes):
        joined = Uses(graph).private_producer(node.input(0), "concat") if node.op == "quant" else None
        if joined is None:
            continue
        early = []
        for value in joined.inputs:
            assert value is not None
            name = graph.unique_name(f"{node.name}.part")
            output = Value(name, replace(node.output.type, shape=value.shape))
            early.append(Node("quant", name, [value], [output], node.attrs))
            place = next(i for i, n in enumerate(graph.nodes) if n is joined)
            graph.nodes.insert(place, early[-1])
        joined.inputs = [n.output for n in early]
        joined.outputs = [node.output]
        graph.nodes = [n for n in graph.nodes if n is not node]
