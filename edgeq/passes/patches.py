"""The first stage of a network in patches: bands of rows that run through all its layers, one band after the other.

Only the network's input, the stage's output and a few rows of what lies between exist together, as in the patch-based
inference of MCUNetV2 (Lin et al., 2021, https://arxiv.org/abs/2110.15352). A stage begins at one input of the graph and
ends in one value; within it, layers may branch and join. What a band needs is computed backwards, row for row, with the
images' padding only where they end, so every output has the bits of the whole.

A global average pooling may end a stage: then its input never exists as a whole, every band adds its pixels to sums.

Bands overlap where windows do. Rows of the overlap are either computed again, or kept: then a layer's rows of a band
are a copy of the last rows before, and the new rows behind them.

The result is an ordinary graph of `slice`, `concat` and the layers with other heights and paddings. Slices and joins of
whole rows need no code (edgeq/plan/places.py), and bands of equal shape share descriptors and tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgeq.ir.graph import Attr, Graph, Node, Value
from edgeq.ir.types import DType, TensorType
from edgeq.ops.registry import operator
from edgeq.ops.row_window import RowWindow

ROWS = 1
"""The axis of image rows."""
Rows = tuple[int, int]
"""First row and the one after the last."""
Params = dict[tuple[object, ...], dict[str, Any]]
"""Integer parameters by operator, layer, shapes and attributes: bands of equal shape share them."""


@dataclass(frozen=True)
class Stage:
    """Layers at the start of a graph, from one of its inputs to one value that is all that the rest sees of them.

    result: what the bands are rows of. pool: the global average pooling behind it, where that belongs to the stage.
    """

    nodes: tuple[Node, ...]
    source: Value
    result: Value
    pool: Node | None = None

    @property
    def layers(self) -> tuple[Node, ...]:
        """All nodes of the graph in one piece that the stage replaces."""
        return self.nodes if self.pool is None else (*self.nodes, self.pool)


@dataclass(frozen=True)
class Patched:
    """A graph whose first stage runs in patches of `rows` rows, overlaps kept or computed again.

    extra_macs: more than in one piece; fewer where layers skip rows. layer_of: `id(node)` -> the layer it is a part of.
    """

    graph: Graph
    stage: Stage
    patches: int
    rows: int
    kept: bool
    extra_macs: int
    layer_of: dict[int, str] = field(default_factory=dict)


def stages(graph: Graph) -> list[Stage]:
    """Every stage of a lowered graph that can run in patches, the shortest first."""
    found: list[Stage] = []
    inside: dict[int, Value] = {}
    source: Value | None = None
    for count, node in enumerate(graph.nodes, 1):
        if not _by_rows(node):
            break
        outer = [v for v in _activations(node) if id(v) not in inside]
        source = source or (outer[0] if outer else None)
        if any(v is not source for v in outer):
            break
        inside[id(node.output)] = node.output
        left = [v for v in inside.values() if _leaves(graph, v, graph.nodes[count:])]
        if source is None or _leaves(graph, source, graph.nodes[count:]):
            continue
        if len(left) == 1 and left[0] is node.output and node.output.shape[ROWS] > 1:
            stage = Stage(tuple(graph.nodes[:count]), source, node.output)
            found.append(stage)
            if count < len(graph.nodes) and _pools_all(graph, graph.nodes[count], node.output):
                found.append(replace(stage, pool=graph.nodes[count]))
    return found


def in_patches(graph: Graph, stage: Stage, rows: int, kept: bool, params: Params | None = None) -> Patched | None:
    """The graph with `stage` in patches of `rows` rows of its result; None where a patch would be padding only.

    kept: overlaps are kept instead of computed again. The nodes and values after the stage are the graph's own. params:
    what bands of this graph are known to need; gets what is found here.
    """
    height = stage.result.shape[ROWS]
    starts = range(0, height, rows)
    build = _Builder(stage, len(starts), kept, {} if params is None else params)
    for number, start in enumerate(starts):
        if not build.patch(number, (start, min(start + rows, height))):
            return None
    nodes = [*build.nodes, *graph.nodes[len(stage.layers) :]]
    new = Graph(graph.name, list(graph.inputs), list(graph.outputs), nodes, dict(graph.meta))
    before = sum(operator(n.op).macs(n) for n in stage.layers)
    extra = sum(operator(n.op).macs(n) for n in build.nodes) - before
    return Patched(new, stage, len(starts), rows, kept, extra, build.layer_of)


def _activations(node: Node) -> list[Value]:
    return [v for v in node.inputs if v is not None and not v.is_constant]


def _window(node: Node) -> RowWindow | None:
    return operator(node.op).row_window(node)


def _by_rows(node: Node) -> bool:
    values = [*_activations(node), *node.outputs]
    images = all(len(v.shape) == 4 and v.shape[0] == 1 for v in values)
    return images and len(node.outputs) == 1 and _window(node) is not None


def _leaves(graph: Graph, value: Value, rest: Sequence[Node]) -> bool:
    return graph.is_output(value) or any(v is value for n in rest for v in n.inputs)


def _pools_all(graph: Graph, node: Node, image: Value) -> bool:
    """Whether a node averages all pixels of an image that nothing else reads, each with the same weight."""
    whole = node.op == "avg_pool2d" and node.input(0) is image and node.attrs["kernel"] == image.shape[1:3]
    alone = not graph.is_output(image) and len(graph.consumers(image)) == 1
    return whole and alone and not any(node.attrs["pads"])


@dataclass
class _Band:
    """Rows of a value as a value of their own."""

    value: Value
    rows: Rows


class _Builder:
    """The nodes of all patches so far, and of every layer the last band that was computed."""

    def __init__(self, stage: Stage, patches: int, kept: bool, params: Params) -> None:
        self.stage, self.patches, self.kept = stage, patches, kept
        self.nodes: list[Node] = []
        self.layer_of: dict[int, str] = {}
        self.last: dict[int, _Band] = {}
        self.results: list[Value] = []
        self.params = params
        self.names: tuple[dict[str, int], dict[str, int]] = {}, {}
        self.number = 0

    def patch(self, number: int, rows: Rows) -> bool:
        """Adds the nodes of one patch, and after the last the one that joins them; False where that cannot be."""
        self.number = number
        needed = self._needed(rows)
        if needed is None:
            return False
        here = {id(self.stage.source): _Band(self.stage.source, (0, self.stage.source.shape[ROWS]))}
        for node in self.stage.nodes:
            if id(node.output) in needed:
                here[id(node.output)] = self._band(node, here, *needed[id(node.output)])
        result = here[id(self.stage.result)]
        self.results.append(result.value)
        if self.stage.pool is not None:
            self._pool(self.stage.pool, result.value)
        elif number + 1 == self.patches:
            name = f"{self.stage.nodes[-1].name} joined"
            self._add("concat", name, list(self.results), self.stage.result, {"axis": ROWS})
        return True

    def _pool(self, pool: Node, band: Value) -> None:
        """Adds the pixels of a band to the sums of those before; after the last, divides."""
        shape = (1, 1, 1, band.shape[3])
        if self.number == 0:
            kind = TensorType(shape, DType.INT32)
            self.sums = Value(f"{pool.name} no sums", kind, np.zeros(shape, np.int32))
        sums = Value(self._name(f"{pool.output.name} sums", 0), self.sums.type)
        self._add("sum_pixels", f"{pool.name} sums", [band, self.sums], sums, {})
        self.sums = sums
        if self.number + 1 == self.patches:
            height, width = pool.attrs["kernel"]
            attrs = {
                "count": height * width,
                "clamp_min": pool.attrs["clamp_min"],
                "clamp_max": pool.attrs["clamp_max"],
            }
            self._add("average_sums", pool.name, [sums], pool.output, attrs)

    def _needed(self, rows: Rows) -> dict[int, tuple[Rows, int]] | None:
        """Backwards: of every layer the rows that this patch needs, and the first of them that it must compute."""
        wanted = {id(self.stage.result): rows}
        needed: dict[int, tuple[Rows, int]] = {}
        for node in reversed(self.stage.nodes):
            key = id(node.output)
            if key not in wanted:
                continue
            first, end = wanted[key]
            known = self.last[key].rows[1] if self.kept and key in self.last else first
            start = min(max(first, known), end)
            needed[key] = (first, end), start
            if start == end:
                continue
            low, high = _inside(node, (start, end))
            if low >= high:
                return None
            for value in _activations(node):
                a, b = wanted.get(id(value), (low, high))
                wanted[id(value)] = min(a, low), max(b, high)
        return needed

    def _band(self, node: Node, here: dict[int, _Band], rows: Rows, start: int) -> _Band:
        """The rows of a node's output, those before `start` from the last band."""
        whole, (first, end) = node.output, rows
        before = self.last.get(id(whole))
        if start == end:
            assert before is not None
            band = _Band(self._cut(before, rows, whole, node), rows)
        elif start == first:
            band = _Band(self._compute(node, here, rows), rows)
        else:
            assert before is not None
            kept = self._cut(before, (first, start), whole, node)
            new = self._compute(node, here, (start, end))
            joined = self._value(whole, rows)
            self._add("concat", f"{node.name} joined", [kept, new], joined, {"axis": ROWS})
            band = _Band(joined, rows)
        self.last[id(whole)] = band
        return band

    def _compute(self, node: Node, here: dict[int, _Band], rows: Rows) -> Value:
        """The layer over the rows of its inputs that it needs for `rows` of its output."""
        window = _window(node)
        assert window is not None
        low, high = window.read(*rows)
        inside = _inside(node, rows)
        height = _activations(node)[0].shape[ROWS]
        inputs = [v if v is None or v.is_constant else self._cut(here[id(v)], inside, v, node) for v in node.inputs]
        attrs = operator(node.op).with_row_pads(node, max(0, -low), max(0, high - height))
        output = self._value(node.output, rows)
        self._add(node.op, node.name, inputs, output, attrs, like=node)
        return output

    def _cut(self, band: _Band, rows: Rows, whole: Value, layer: Node) -> Value:
        """Rows of a band as a value; the band's own where it has no others."""
        if rows == band.rows:
            return band.value
        part = self._value(whole, rows)
        begin = (0, rows[0] - band.rows[0], 0, 0)
        end = (1, rows[1] - band.rows[0], *whole.shape[2:])
        self._add("slice", f"{layer.name} rows", [band.value], part, {"begin": begin, "end": end, "strides": (1,) * 4})
        return part

    def _value(self, whole: Value, rows: Rows) -> Value:
        shape = (1, rows[1] - rows[0], *whole.shape[2:])
        return Value(self._name(whole.name, 0), replace(whole.type, shape=shape))

    def _name(self, name: str, kind: int) -> str:
        """A name that no other value (kind 0) or node (1) of the graph has."""
        base = f"{name} [patch {self.number + 1}/{self.patches}]"
        count = self.names[kind].get(base, 0) + 1
        self.names[kind][base] = count
        return base if count == 1 else f"{base} ({count})"

    def _add(
        self,
        op: str,
        name: str,
        inputs: Sequence[Value | None],
        output: Value,
        attrs: dict[str, Attr],
        like: Node | None = None,
    ) -> None:
        """Adds a lowered node. Bands of equal shape share their parameters."""
        node = Node(op, self._name(name, 1), list(inputs), [output], attrs)
        key = (op, id(like), output.type, *(v and v.type for v in inputs), *attrs.items())
        if key not in self.params:  # how the whole is stored holds for its bands
            self.params[key] = {**(like.params if like else {}), **operator(op).lower(node)}
        node.params = self.params[key]
        self.layer_of[id(node)] = name
        self.nodes.append(node)


def _inside(node: Node, rows: Rows) -> Rows:
    """The rows of the inputs, without padding, that a layer reads for `rows` of its output."""
    window = _window(node)
    assert window is not None
    low, high = window.read(*rows)
    return max(0, low), min(high, _activations(node)[0].shape[ROWS])
