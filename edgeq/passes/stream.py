"""From a network over a window of time to one that takes the newest frames only (`--stream`).

Layers that look at each frame alone run on the new frames. Layers whose windows reach back in time get a delay line in
front, which keeps as many older frames of their input as they read. What cannot be computed piece by piece (a layer
that pads over time, or mixes all of it) gets the whole window from a delay line, and runs as before. So every call
gives the bits that the original gives for the last window of frames; before the first call, there was silence.

Time is axis 1 of the input, or axis 2 where axis 1 has length 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeq.errors import UnsupportedError, UsageError
from edgeq.ir.graph import Attr, Graph, Node, Value
from edgeq.ir.types import Array, DType, TensorType
from edgeq.ops.build import make_node
from edgeq.ops.execute import run_integer
from edgeq.ops.registry import operator
from edgeq.passes.align_quantization import align_quantization
from edgeq.passes.lower import lower
from edgeq.passes.stream_decoder import attended, constant_of_position, decodes, looked_up, rotated
from edgeq.passes.stream_moves import averaged, joined, padded, reshaped, resized, sliced, transposed

BINARY = ("add", "sub", "mul")
WINDOWS = ("conv2d", "depthwise_conv2d", "max_pool2d", "avg_pool2d")


@dataclass(frozen=True)
class Frames:
    """The newest `count` frames of a value of the original, along `axis`; `whole` when these are all it has."""

    value: Value
    axis: int
    count: int
    whole: bool


class _OtherStepError(Exception):
    """Strides want another number of frames per call."""


def stream(graph: Graph, frames: int | None = None, past: Array | None = None, ring: str = "int8") -> Graph:
    """A quantized graph over a window -> the same with state, which takes `frames` new frames per call.

    frames: None is the fewest that strides allow. past: what the input has always been before the first call, in its
    integers; None is real zero. ring: how keys and values of causal attention are kept, "int8" or "int4".

    Outputs with an axis of time give the newest frames of it. `meta["stream"]` of the result: `window` and `frames`,
    those of the original and of one call; `axis` and `outputs`, the axes that count frames in the original's layout;
    `endless`: recurrent layers remember all frames since the first, so that only a first window is the original's.
    Raises UnsupportedError.
    """
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) < (2 if graph.inputs[0].type.dtype is DType.INT32 else 3):
        shapes = ", ".join(str(list(v.shape)) for v in graph.inputs)
        raise UnsupportedError(
            f"--stream needs a network with one input of frames in time; this one has {shapes}", where=graph.name
        )
    window = graph.inputs[0].shape[_time_axis(graph.inputs[0])]
    quiet = _silence(graph, past)
    for count in range(1, window) if frames is None else [frames]:
        try:
            result = Streaming(graph, count, quiet, ring).result()
        except _OtherStepError:
            continue
        if ring != "int8" and not any(node.op == f"ring_{ring}" for node in result.nodes):
            raise UsageError(f"--ring {ring}: nothing is kept in rings", where=graph.name, hint="leave it out")
        return result
    small = "step smaller than the whole window" if frames is None else f"step of {frames} frames in the window"
    raise UnsupportedError(
        f"--stream: the strides over time allow no {small} of {window} frames",
        where=graph.name,
        hint="convert it without --stream",
    )


def _time_axis(value: Value) -> int:
    return 2 if value.shape[1] == 1 and len(value.shape) > 3 else 1


def _silence(graph: Graph, past: Array | None) -> dict[str, Array]:
    """Every value of the original when its input has always been `past`; None is zero."""
    lowered = graph.copy()
    align_quantization(lowered)
    lower(lowered)
    x = lowered.inputs[0]
    zero = x.type.quantization.zero_point[0] if x.type.quantization is not None else 0
    low, high = x.type.bounds
    found: dict[str, Array] = {}

    def keep(value: Value, array: Array) -> None:
        found[value.name] = array

    before = np.full(x.shape, min(max(zero, low), high), x.type.dtype.numpy) if past is None else past
    run_integer(lowered, {x.name: before}, keep)
    return found


class Streaming:
    """Rebuilds the graph node by node."""

    def __init__(self, graph: Graph, frames: int, quiet: Mapping[str, Array], ring: str) -> None:
        self.old = graph
        self.new = Graph(graph.name, meta=dict(graph.meta))
        self.frames = frames
        self.quiet = quiet
        self.done: dict[int, Frames] = {}
        self.lines: dict[tuple[int, int], Value] = {}
        self.notes: list[str] = []
        self.endless = False
        """Whether a layer remembers all frames since the first."""
        self.decodes = decodes(graph) and frames == 1
        """Whether calls are positions of a window, counted since the last reset."""
        self.position: Value | None = None
        """Their count, once something reads it."""
        self.window = graph.inputs[0].shape[_time_axis(graph.inputs[0])]
        self.ring = ring

    def result(self) -> Graph:
        """The new graph. Raises _OtherStepError when the strides do not divide the frames."""
        x = self.old.inputs[0]
        axis = _time_axis(x)
        window = x.shape[axis]
        fresh = Value(x.name, replace(x.type, shape=resized(x.shape, axis, self.frames)))
        self.new.inputs = [fresh]
        self.done[id(x)] = Frames(fresh, axis, self.frames, False)
        for node in self.old.nodes:
            self._rebuild(node)
        self.new.outputs = [self.done[id(v)].value for v in self.old.outputs]
        self.new.meta["stream"] = {
            "window": window,
            "frames": self.frames,
            "endless": self.endless,
            "axis": self._tell_border("inputs", x),
            "outputs": [self._tell_border("outputs", v) for v in self.old.outputs],
        }
        self.new.meta["notes"] = [*self.old.meta.get("notes", []), *self.notes]
        return self.new

    def _tell_border(self, kind: str, old: Value) -> int | None:
        """The shape in the original layout has fewer frames, too; the axis that counts them there, if any does."""
        known = self.done[id(old)]
        if known.whole:
            return None
        facts = dict(self.old.meta.get(kind, {}).get(old.name, {}))
        source, perm = list(facts.get("source_shape", old.shape)), facts.get("perm")
        same = len(source) == len(old.shape)
        place = int(perm[known.axis]) if perm else known.axis if same else source.index(old.shape[known.axis])
        source[place] = known.count
        facts["source_shape"] = source
        self.new.meta[kind] = {**self.new.meta.get(kind, {}), old.name: facts}
        return place

    def _rebuild(self, node: Node) -> None:
        moving = [v for v in node.inputs if v is not None and id(v) in self.done and not self.done[id(v)].whole]
        if moving:
            found = HANDLERS.get(node.op, _pointwise if operator(node.op).kernels == "lookup" else _opaque)(self, node)
            if found is not None:
                self.done[id(node.output)] = replace(found, whole=found.count == node.output.shape[found.axis])
                return
        if operator(node.op).keeps_scratch(node):
            raise UnsupportedError(
                "--stream: it remembers from call to call, and would see the same frames again and again",
                where=node.name,
                hint="convert it without --stream, or without padding over time before this layer",
            )
        inputs = [None if v is None else self._whole(v) for v in node.inputs]
        made = self.make(node, inputs, node.attrs)
        self.done[id(node.output)] = Frames(made, 0, 0, True)

    def make(self, node: Node, inputs: list[Value | None], attrs: Mapping[str, Attr]) -> Value:
        """The node's output over these inputs instead of its own."""
        return self.put(node.op, node.name, inputs, attrs, node.output.type, node.output.name)

    def put(
        self,
        op: str,
        name: str,
        inputs: Sequence[Value | None],
        attrs: Mapping[str, Attr],
        like: TensorType,
        output: str | None = None,
    ) -> Value:
        """The output of a new node, of the type of `like` but for its shape."""
        made = make_node(op, name, inputs, attrs, output_names=[output or name], dtype=like.dtype)
        made.output.type = replace(like, shape=made.output.shape)
        self.new.nodes.append(made)
        return made.output

    def frames_at(self, value: Value, axis: int, count: int) -> Frames:
        """A value of the new graph as frames."""
        return Frames(value, axis, count, False)

    def view(self, value: Value, shape: tuple[int, ...], name: str) -> Value:
        if value.shape == shape:
            return value
        node = make_node("reshape", name, [value], {"shape": shape}, output_names=[name], dtype=value.type.dtype)
        node.output.type = replace(value.type, shape=shape)
        self.new.nodes.append(node)
        return node.output

    def frames_of(self, value: Value) -> Frames | None:
        """What there is of a value of the original; None for constants."""
        return self.done.get(id(value))

    def _whole(self, value: Value) -> Value:
        """The complete window of a value of the original."""
        known = self.done.get(id(value))
        if known is None:
            return value  # a constant
        return known.value if known.whole else self.line(value, value.shape[known.axis])

    def line(self, value: Value, frames: int) -> Value:
        """The newest `frames` frames of a value of which each call brings some."""
        known = self.done[id(value)]
        if frames == known.count:
            return known.value
        if (id(value), frames) not in self.lines:
            self.lines[id(value), frames] = self._new_line(value, known, frames)
        return self.lines[id(value), frames]

    def _new_line(self, value: Value, known: Frames, frames: int) -> Value:
        name = f"{value.name}.last_{frames}"
        rest = value.shape[known.axis + 1 :]
        x = self.view(known.value, (1, known.count, *rest), f"{value.name}.frames_{frames}")
        quiet = np.ascontiguousarray(self.quiet[value.name].take([0], axis=known.axis).reshape(1, 1, *rest))
        first = Value(f"{name}.first", replace(value.type, shape=quiet.shape), quiet)
        node = make_node("delay_line", name, [x, first], {"frames": frames}, output_names=[name], dtype=x.type.dtype)
        node.output.type = replace(value.type, shape=node.output.shape)
        self.new.nodes.append(node)
        return self.view(node.output, resized(value.shape, known.axis, frames), f"{name}.shaped")

    def cut(self, value: Value, axis: int, begin: int, end: int) -> Value:
        """Frames `begin` to `end` of a value of the new graph."""
        if (begin, end) == (0, value.shape[axis]):
            return value
        name = f"{value.name}.{begin}_{end}"
        ends = resized(value.shape, axis, end)
        begins = tuple(begin if a == axis else 0 for a in range(len(ends)))
        attrs = {"begin": begins, "end": ends, "strides": (1,) * len(ends)}
        node = make_node("slice", name, [value], attrs, output_names=[name], dtype=value.type.dtype)
        node.output.type = replace(value.type, shape=node.output.shape)
        self.new.nodes.append(node)
        return node.output


Handler = Callable[[Streaming, Node], "Frames | None"]
"""Rebuilds a node over new frames only; None when it needs the whole window."""


def _opaque(_streaming: Streaming, _node: Node) -> None:
    return None


def _pointwise(streaming: Streaming, node: Node) -> Frames | None:
    """Every frame alone, all inputs in step."""
    rank = len(node.output.shape)
    inputs: list[Value | None] = []
    lead: Frames | None = None
    for value in node.inputs:
        known = None if value is None else streaming.frames_of(value)
        if value is None or known is None or known.whole:
            inputs.append(value if known is None else known.value)
            continue
        if lead is not None and (lead.axis, lead.count) != (known.axis, known.count):
            return None
        if len(value.shape) != rank:
            return None
        lead = known
        inputs.append(known.value)
    assert lead is not None
    back = rank - lead.axis
    for index, value in enumerate(inputs):
        if value is not None and value.is_constant and len(value.shape) >= back and value.shape[-back] != 1:
            inputs[index] = constant_of_position(streaming, value, back)
            if inputs[index] is None:
                return None
    others = [v for v in inputs if v is not None and v is not lead.value and len(v.shape) >= back]
    if any(v.shape[-back] not in ((1,) if v.is_constant else (1, lead.count)) for v in others):
        return None
    return Frames(streaming.make(node, inputs, node.attrs), lead.axis, lead.count, False)


def _rows(streaming: Streaming, node: Node) -> Frames | None:
    """Operators along the last axis: dense, softmax."""
    known = streaming.frames_of(node.input(0))
    if known is None or known.axis == len(node.input(0).shape) - 1:
        return None
    made = streaming.make(node, [known.value, *node.inputs[1:]], node.attrs)
    return Frames(made, known.axis, known.count, False)


def _window(streaming: Streaming, node: Node) -> Frames | None:
    """Convolution and pooling: the frames that the new outputs read."""
    x = node.input(0)
    known = streaming.frames_of(x)
    assert known is not None
    axis = known.axis
    if axis not in (1, 2):
        return None
    a, at = node.attrs, axis - 1
    if a["pads"][at] or a["pads"][at + 2]:
        streaming.notes.append(f"{node.name} pads over time: it and what follows run over the whole window every call")
        return None
    taps = a["kernel"][at] if "kernel" in a else node.input(1).shape[0 if node.op == "depthwise_conv2d" else 1 :][at]
    span, stride = (taps - 1) * a.get("dilations", (1, 1))[at] + 1, a["strides"][at]
    outputs = node.output.shape[axis]
    if outputs == 1:
        count = 1  # only the newest result matters, whatever the stride
    elif known.count % stride:
        raise _OtherStepError
    else:
        count = known.count // stride
    read = (count - 1) * stride + span
    late = x.shape[axis] - ((outputs - 1) * stride + span)  # frames at the end that no window of the original reaches
    kept = max(read + late, known.count)
    part = streaming.cut(streaming.line(x, kept), axis, kept - late - read, kept - late)
    return Frames(streaming.make(node, [part, *node.inputs[1:]], a), axis, count, False)


def _recurrent(streaming: Streaming, node: Node) -> Frames | None:
    """The layer goes on where the last call left it: it remembers since the first call, not since a window's start."""
    parts = [None if v is None else streaming.frames_of(v) for v in node.inputs]
    moving = [p for p in parts if p is not None]
    if not node.attrs.get("causal", True) or any(p.whole or (p.axis, p.count) != (1, moving[0].count) for p in moving):
        return None
    inputs = [v if p is None else p.value for v, p in zip(node.inputs, parts, strict=True)]
    made = streaming.make(node, inputs, {**node.attrs, "stateful": True})
    streaming.endless = True
    return Frames(made, 1, moving[0].count, False)


HANDLERS: dict[str, Handler] = {
    "attention": attended,
    "gather": looked_up,
    "layer_norm": _rows,
    "rotary": rotated,
    **dict.fromkeys(BINARY, _pointwise),
    **dict.fromkeys(WINDOWS, _window),
    "concat": joined,
    "dense": _rows,
    "gru": _recurrent,
    "linear_attention": _recurrent,
    "litert_lstm": _recurrent,
    "lstm": _recurrent,
    "mean": averaged,
    "pad": padded,
    "reshape": reshaped,
    "rnn": _recurrent,
    "slice": sliced,
    "softmax": _rows,
    "transpose": transposed,
}
