"""From a network over sound features to one that takes the samples themselves (`--features`).

In front of the network come the newest samples, kept from call to call; their features; and, where the network wants a
window of frames, the newest frames. Before the first call there was silence: samples of 0, and their features.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from edgeq.errors import UsageError
from edgeq.ir.graph import Attr, Graph, Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.ops.build import make_node
from edgeq.ops.registry import operator
from edgeq.ops.sound_reference import features, real_features
from edgeq.ops.sound_settings import Settings
from edgeq.ops.sound_tables import Output, make_tables
from edgeq.passes.stream import stream as over_time

FULL_SCALE = 32768
"""Samples are parts of it."""
LEAST_COMMON = 0.1
"""Of the range of features between silence and full scale, and of that of a network's input, so much must be common:
sounds differ by tens of decibels, normalized features and decibels by a factor of dozens."""


def listen(graph: Graph, settings: Settings, *, every: int | None = None, stream: bool = False) -> Graph:
    """A quantized graph over features -> the same over samples, with a score every `every` frames of features.

    A call takes the samples of one frame, and scores are wanted of every so many calls; but a network that computes the
    newest frames only, with `stream` (`edgeq.passes.stream`) or by state of its own, must see them all: its calls take
    `every` frames. every: None is 1, or the fewest that strides allow, or all that state of its own asks for.
    `meta["sound"]` of the result: `settings`; `frames` and `samples` of a call; `every`, calls per score; `front`, how
    many steps there are before the network; `window`, the network's frames; `silence`, the features of silence;
    `features`, the network's own input, as the manifest has inputs.
    Raises UsageError for a network whose input is not [frames, features] of these settings, UnsupportedError.
    """
    x = _input(graph)
    window = window_frames(x, settings)
    if every is not None and not 1 <= every <= window:
        raise UsageError(f"a score every {every} frames of a network over {window}", where=graph.name)
    _check_range(x, settings)
    x_type, spec = x.type, {"name": x.name, **graph.meta.get("inputs", {}).get(x.name, {})}
    output = Output(x.scale, x.zero_point, 8 * x.type.dtype.bytes)
    silence = features(make_tables(settings, output), np.zeros(settings.window, np.int16))
    frames = 1
    if any(operator(node.op).keeps_state or operator(node.op).keeps_scratch(node) for node in graph.nodes):
        if every not in (None, window):
            raise UsageError(f"the network takes {window} new frames per call, not {every}", where=graph.name)
        frames = window
    elif stream:
        past = np.broadcast_to(silence, (window, settings.features)).reshape(x.shape)
        graph = over_time(graph, frames=every, past=past)
        frames = int(graph.meta["stream"]["frames"])
        x = graph.inputs[0]
    front = _Front(graph, settings, frames)
    heard = front.features(x)
    kept = x.type.elements // settings.features
    if kept > frames:
        heard = front.line(heard, f"{x.name}.frames", kept, silence)
    front.become(heard, x)
    graph.nodes = [*front.nodes, *graph.nodes]
    graph.inputs = [front.samples]
    calls = 1 if stream or frames > 1 else every or 1
    _tell(graph, front, spec, x_type, {"every": calls, "window": window, "silence": silence[0].tolist()})
    return graph


def _input(graph: Graph) -> Value:
    if len(graph.inputs) != 1:
        raise UsageError(f"a network with {len(graph.inputs)} inputs", where=graph.name, hint="sound is one")
    x = graph.inputs[0]
    quantization, facts = x.type.quantization, graph.meta.get("inputs", {}).get(x.name, {})
    plain = x.type.dtype in (DType.INT8, DType.INT16) and not x.type.format and not facts.get("real_offset")
    if quantization is None or not quantization.is_per_tensor or not plain or facts.get("quantizer"):
        raise UsageError(
            f"the network's input {x.name!r} is not plain int8 or int16 with one scale: {x.type}", where=graph.name
        )
    return x


def window_frames(x: Value, settings: Settings) -> int:
    """Frames that a network hears at once: its input x is [frames, features] but for axes of length 1, or one row.

    Raises UsageError.
    """
    shape = [size for size in x.shape if size != 1]
    frames, rest = divmod(x.type.elements, settings.features)
    if rest or (len(shape) > 1 and shape != [size for size in (frames, settings.features) if size != 1]):
        raise UsageError(
            f"the network takes {list(x.shape)}, not frames of {settings.features} features",
            where=x.name,
            hint="mels and mfcc must be those it was trained with; time comes before features",
        )
    return frames


def _check_range(x: Value, settings: Settings) -> None:
    """Refuses features that lie elsewhere than the network's input, which was quantized for those it was trained on."""
    t = np.arange(settings.window)
    loud = np.random.default_rng(0).uniform(-1, 1, settings.window)
    heard = np.stack([real_features(settings, sound) for sound in (0.0 * t, loud, np.sin(t / 3))])
    given, taken = (heard.min(), heard.max()), [(bound - x.zero_point) * x.scale for bound in x.type.bounds]
    common = min(given[1], taken[1]) - max(given[0], taken[0])
    if common < LEAST_COMMON * max(given[1] - given[0], taken[1] - taken[0]):
        raise UsageError(
            f"the network's input reaches from {taken[0]:.3g} to {taken[1]:.3g}, these features from {given[0]:.3g} "
            f"(silence) to {given[1]:.3g}",
            where=x.name,
            hint="gain, offset, unit and floor must be those it was trained with",
        )


class _Front:
    """The nodes in front of the network."""

    def __init__(self, graph: Graph, settings: Settings, frames: int) -> None:
        self.settings, self.frames = settings, frames
        self.nodes: list[Node] = []
        taken = {value.name for value in graph.values()}
        self.name = next(name for i in range(len(taken) + 1) if (name := "samples" + "_" * i) not in taken)
        quantization = Quantization.per_tensor(1 / FULL_SCALE, 0)
        self.samples = Value(self.name, TensorType((1, frames * settings.hop), DType.INT16, quantization))

    def features(self, x: Value) -> Value:
        """Of one call, [1, frames, features] in the type of the network's input x."""
        s, heard = self.settings, self.samples
        reach = (self.frames - 1) * s.hop + s.window
        if reach > heard.shape[1]:
            heard = self.line(heard, f"{self.name}.last_{reach}", reach, np.zeros((1, 1), np.int16))
        return self._add("sound_features", f"{x.name}.new", heard, asdict(s), x.type)

    def line(self, x: Value, name: str, frames: int, first: Array) -> Value:
        """The newest `frames` of x, [1, frames, ...]. first: what each was before the first call."""
        shape = (1, 1, *x.shape[2:])
        before = Value(f"{name}.first", replace(x.type, shape=shape), first.reshape(shape))
        return self._add("delay_line", name, x, {"frames": frames}, x.type, before)

    def become(self, heard: Value, x: Value) -> None:
        """The network's input x becomes what the last node gives."""
        if heard.shape != x.shape:
            self._add("reshape", f"{x.name}.shaped", heard, {"shape": x.shape}, x.type)
        self.nodes[-1].outputs = [x]

    def _add(self, op: str, name: str, x: Value, attrs: dict[str, Attr], kind: TensorType, *more: Value) -> Value:
        node = make_node(op, name, [x, *more], attrs, output_names=[name], dtype=kind.dtype)
        node.output.type = replace(kind, shape=node.output.shape)
        self.nodes.append(node)
        return node.output


def _tell(graph: Graph, front: _Front, spec: dict[str, Any], x_type: TensorType, facts: dict[str, Any]) -> None:
    """What the manifest says of the samples and of the features, which no caller sees any more."""
    assert x_type.quantization is not None
    s, count = front.settings, front.samples.shape[1]
    kind = "MFCC" if s.mfcc else "log-Mel features"
    note = (
        f"A call takes {count:,} samples, {s.rate:,} per second, which become {front.frames} new of {facts['window']} "
        f"frames of {s.features} {kind}; a score every {1000 * count * facts['every'] / s.rate:g} ms."
    )
    graph.meta["notes"] = [*graph.meta.get("notes", []), note]
    graph.meta["inputs"] = {front.name: {"source_shape": list(front.samples.shape), "source_dtype": "int16"}}
    graph.meta["sound"] = {
        "settings": asdict(s),
        "frames": front.frames,
        "samples": count,
        "front": sum(not operator(node.op).is_view for node in front.nodes),
        **facts,
        "features": {
            "shape": list(x_type.shape),
            "dtype": x_type.dtype.value,
            "scale": x_type.quantization.tensor_scale,
            "zero_point": x_type.quantization.tensor_zero_point,
            "source_shape": list(spec.get("source_shape", x_type.shape)),
            "source_perm": spec.get("perm"),
            "source_dtype": spec.get("source_dtype", x_type.dtype.value),
            "name": spec["name"],
        },
    }
