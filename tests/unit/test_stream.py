"""Networks over time, frame by frame (`--stream`): every call gives what the original gives for its whole window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array, DType, Quantization
from edgeq.ops.build import GraphBuilder
from edgeq.ops.execute import run_integer
from edgeq.originals import windows
from edgeq.passes.pipeline import to_integer
from edgeq.passes.stream import stream
from edgeq.pipeline import compile_model
from tests.tools import need, shared

Q = Quantization.per_tensor(2.0**-5, -9)
SWW = "models/mlperf_tiny/sww_conv1d_int8.tflite"


class Layers:
    """Draws int8 layers over [1, time, width, channels]."""

    def __init__(self, window: int, width: int, channels: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.builder = GraphBuilder("random")
        self.x = self.builder.input("x", (1, window, width, channels), DType.INT8, Q)
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"layer{self.count}"

    def weights(self, shape: tuple[int, ...], outputs: int, axis: int) -> list[Value]:
        n = self.name()
        scales = tuple(float(s) for s in self.rng.uniform(0.5, 2.0, outputs) / 2.0**8)
        sums = Quantization(tuple(s * Q.scale[0] for s in scales), (0,) * outputs, 0)
        w = self.rng.integers(-127, 128, shape).astype(np.int8)
        b = self.rng.integers(-3000, 3000, outputs).astype(np.int32)
        return [
            self.builder.constant(f"{n}.w", w, Quantization(scales, (0,) * outputs, axis)),
            self.builder.constant(f"{n}.b", b, sums),
        ]

    def add(self, op: str, inputs: list[Value], **attrs: object) -> Value:
        return self.builder.add(op, inputs, attrs, name=self.name(), dtype=DType.INT8, quantizations=[Q])

    def window(self, x: Value, taps: int, stride: int, dilation: int) -> Value:
        """A layer that looks `taps` frames back."""
        kind = self.rng.choice(["conv2d", "depthwise_conv2d", "max_pool2d", "avg_pool2d"])
        c, across = x.shape[3], int(self.rng.integers(1, x.shape[2] + 1))
        over = {"strides": (stride, 1), "pads": (0, across // 2, 0, across // 2)}
        if kind in ("max_pool2d", "avg_pool2d"):
            return self.add(kind, [x], kernel=(taps, across), **over)
        if kind == "conv2d":
            out = int(self.rng.integers(1, 6))
            return self.add(kind, [x, *self.weights((out, taps, across, c), out, 0)], dilations=(dilation, 1), **over)
        return self.add(kind, [x, *self.weights((taps, across, c), c, 2)], dilations=(dilation, 1), **over)


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """A chain of windows and pointwise layers, sometimes with a branch that is cut to fit, and an end of some kind."""
    window, width, channels = draw(st.integers(8, 24)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    layers = Layers(window, width, channels, np.random.default_rng(draw(st.integers(0, 2**31))))
    x = layers.x
    for _ in range(draw(st.integers(1, 4))):
        frames = x.shape[1]
        taps = draw(st.integers(1, min(4, frames)))
        dilation = draw(st.integers(1, 2)) if (taps - 1) * 2 + 1 <= frames else 1
        y = layers.window(x, taps, draw(st.sampled_from([1, 1, 1, 2, 3])), dilation)
        if draw(st.booleans()):
            y = layers.add("leaky_relu", [y], alpha=0.25)
        lost = frames - y.shape[1]
        if y.shape[2:] == x.shape[2:] and y.shape[1] > frames // 2 and draw(st.booleans()):
            first = draw(st.integers(0, lost))
            begin, end = (0, first, 0, 0), (1, first + y.shape[1], *x.shape[2:])
            y = layers.add("add", [y, layers.add("slice", [x], begin=begin, end=end, strides=(1, 1, 1, 1))])
        x = y
    end = draw(st.sampled_from(["frames", "mean", "dense", "concat", "padded"]))
    if end == "mean":
        x = layers.add("mean", [x], axes=(1, 2), keepdims=False)
    elif end == "dense":
        flat = layers.add("reshape", [x], shape=(1, x.type.elements))
        x = layers.add("dense", [flat, *layers.weights((3, x.type.elements), 3, 0)])
    elif end == "concat":
        x = layers.add("concat", [x, layers.add("relu", [x])], axis=3)
    elif end == "padded":
        c = x.shape[3]
        x = layers.add("depthwise_conv2d", [x, *layers.weights((3, 1, c), c, 2)], pads=(1, 0, 1, 0))
    return layers.builder.finish([x])


def whole_windows(graph: Graph, streaming: Graph, frames: Array) -> Array:
    """What the original gives for the windows that end with each call's frames."""
    facts = streaming.meta["stream"]
    feed = windows(facts, {"zero_point": -9}, frames.reshape(len(frames), 1, *frames.shape[1:]))
    lowered = graph.copy()
    to_integer(lowered)
    (outputs,) = run_integer(lowered, {"x": feed.reshape(-1, *feed.shape[2:])}).values()
    (axis,), (y,) = facts["outputs"], streaming.outputs
    return outputs if axis is None else outputs.take(range(-y.shape[axis], 0), axis=axis)


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(0, 2**31))
def test_frame_by_frame_equals_the_whole_window(graph: Graph, seed: int) -> None:
    try:
        streaming = stream(graph)
    except UnsupportedError:
        assert any(n.attrs.get("strides", (1,))[0] > 1 for n in graph.nodes)
        return
    (x,) = streaming.inputs
    calls = 2 * graph.inputs[0].shape[1]
    frames = np.random.default_rng(seed).integers(-128, 128, (calls, *x.shape[1:])).astype(np.int8)
    want = whole_windows(graph, streaming, frames)
    to_integer(streaming)
    (got,) = run_integer(streaming, {"x": frames}).values()
    np.testing.assert_array_equal(got, want)


def test_only_what_pads_over_time_runs_over_the_whole_window() -> None:
    layers = Layers(12, 1, 2, np.random.default_rng(0))
    y = layers.add("depthwise_conv2d", [layers.x, *layers.weights((3, 1, 2), 2, 2)])
    z = layers.add("max_pool2d", [y], kernel=(3, 1), strides=(1, 1), pads=(1, 0, 1, 0))
    streaming = stream(layers.builder.finish([z]))
    lines = {n.name: n.attrs["frames"] for n in streaming.nodes if n.op == "delay_line"}
    assert lines == {"x.last_3": 3, f"{y.name}.last_10": 10}
    assert streaming.meta["notes"] == [
        f"{z.name} pads over time: it and what follows run over the whole window every call"
    ]


def test_a_network_without_frames_is_refused() -> None:
    builder = GraphBuilder("flat")
    x = builder.input("x", (1, 8), DType.INT8, Q)
    graph = builder.finish([builder.add("relu", [x], name="r", dtype=DType.INT8, quantizations=[Q])])
    with pytest.raises(UnsupportedError, match=r"one input of frames in time; this one has \[1, 8\]"):
        stream(graph)


@pytest.mark.tools
def test_streaming_wake_word_gives_the_whole_windows_of_litert(tmp_path: Path) -> None:
    """One frame of 40 features per call, 200 calls; a tenth of the instructions, promised is a fifth."""
    need("shared", "litert", "zig", "unicorn")
    spent = {}
    for flag in (False, True):
        result = compile_model(shared() / SWW, "cortex-m4", out=tmp_path / "m", optimize="speed", stream=flag)
        if flag:
            assert result.manifest["inputs"][0]["bytes"] == 40
            proof = result.verify(on=["host", "emulator"], samples=200, reference="original")
            assert proof.bit_exact and proof.reference is not None and proof.reference["exact"]
        spent[flag] = result.bench().instructions
    assert spent[False] and spent[True] and spent[True] * 5 <= spent[False]


@pytest.mark.tools
def test_a_wrong_delay_line_is_found_and_named(tmp_path: Path) -> None:
    """The comparison itself: a line that loses its oldest frame is the first difference."""
    need("shared", "cc")
    result = compile_model(shared() / SWW, "host", out=tmp_path / "m", stream=True)
    kernel = next((tmp_path / "m").rglob("edgeq_delay_line_a8__c.c"))
    kernel.write_text(
        kernel.read_text().replace("memmove(line, line + step, kept)", "memmove(line + step, line, kept)")
    )
    proof = result.verify(on=["host"], samples=40)
    assert not proof.bit_exact and proof.first_mismatch is not None
    assert proof.first_mismatch["op"] == "delay_line"
