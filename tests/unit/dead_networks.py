"""Random quantized networks, many of whose channels have no weight but zeros, or are read with zeros only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array
from edgeq.ops.build import GraphBuilder
from edgeq.passes.align_quantization import align_quantization
from edgeq.passes.lower import lower
from edgeq.quant.observe import observe_ranges
from edgeq.quant.quantize import quantize_graph

Draw = Callable[[st.SearchStrategy[Any]], Any]


class Maker:
    """Grows a channel-last network layer by layer."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.builder = GraphBuilder("random")
        self.rng = np.random.default_rng(draw(st.integers(0, 10_000)))
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def chance(self) -> bool:
        return bool(self.draw(st.booleans()))

    def constant(self, array: Array) -> Value:
        return self.builder.constant(self.name(), array.astype(np.float32))

    def weights(self, *shape: int, outputs: int, inputs: int | None) -> Value:
        """Weights whose channels on the axes `outputs` and `inputs` are zero here and there."""
        w = self.rng.normal(size=shape)
        for axis in (a for a in (outputs, inputs) if a is not None):
            share = self.draw(st.sampled_from([0.0, 0.3, 0.8]))
            dead = np.flatnonzero(self.rng.random(shape[axis]) < share)
            np.moveaxis(w, axis, 0)[dead] = 0
        return self.constant(w)

    def bias(self, channels: int) -> Value | None:
        """Often below zero, so that a clamp at zero leaves the zero point behind."""
        return (
            self.constant(self.rng.normal(self.draw(st.sampled_from([-1, 1])), 1, channels)) if self.chance() else None
        )

    def add(self, op: str, inputs: list[Value | None], **attrs: Any) -> Value:
        return self.builder.add(op, inputs, attrs, name=self.name())

    def clamps(self) -> dict[str, float | None]:
        return {"clamp_min": 0.0, "clamp_max": self.draw(st.sampled_from([None, 1.0]))} if self.chance() else {}

    def convolution(self, x: Value) -> Value:
        _, h, w, c = x.shape
        pads = tuple(self.draw(st.integers(0, 1)) for _ in range(4)) if self.chance() else (0, 0, 0, 0)
        side = self.draw(st.integers(1, 3))
        kernel = min(side, h + pads[0] + pads[2]), min(side, w + pads[1] + pads[3])
        strides = (self.draw(st.integers(1, 2)), 1)
        kind = self.draw(st.sampled_from(["conv2d", "conv2d", "depthwise_conv2d", "depthwise_conv2d", "grouped"]))
        shape = {"pads": pads, "strides": strides, **self.clamps()}
        if kind == "depthwise_conv2d":
            out = c * self.draw(st.sampled_from([1, 1, 1, 2]))
            weights = self.weights(*kernel, out, outputs=2, inputs=None)
            return self.add(kind, [x, weights, self.bias(out)], **shape)
        groups = 2 if kind == "grouped" and c % 2 == 0 else 1
        out = groups * self.draw(st.integers(1, 5))
        weights = self.weights(out, *kernel, c // groups, outputs=0, inputs=3)
        return self.add("conv2d", [x, weights, self.bias(out)], groups=groups, **shape)

    def pooling(self, x: Value) -> Value:
        pads = tuple(self.draw(st.integers(0, 1)) for _ in range(4))
        kernel = (min(2, x.shape[1] + pads[0] + pads[2]), min(2, x.shape[2] + pads[1] + pads[3]))
        pads = tuple(min(p, kernel[i % 2] - 1) for i, p in enumerate(pads))
        return self.add(self.draw(st.sampled_from(["max_pool2d", "avg_pool2d"])), [x], kernel=kernel, pads=pads)

    def unary(self, x: Value) -> Value:
        return self.add(self.draw(st.sampled_from(["relu", "tanh", "hard_swish", "sigmoid"])), [x])

    def paired(self, x: Value) -> Value:
        shape = self.draw(st.sampled_from([(x.shape[3],), (1,), x.shape[1:]]))
        operands = [x, self.constant(self.rng.normal(size=shape))]
        return self.add(self.draw(st.sampled_from(["add", "mul", "sub"])), operands, **self.clamps())

    def moved(self, x: Value) -> Value:
        _, h, w, c = x.shape
        kind = self.draw(st.sampled_from(["pad", "slice", "turn", "resize", "flat", "fold", "softmax", "channels"]))
        if kind == "pad":
            return self.add("pad", [x], pads=((0, 0), (1, 0), (0, 1), (0, 0)), value=self.draw(st.sampled_from([0, 1])))
        if kind == "slice":
            return self.add("slice", [x], begin=(0, h - 1, 0, 0), end=(1, h, w, c), strides=(1, 1, 1, 1))
        if kind == "channels":
            return self.add("slice", [x], begin=(0, 0, 0, c // 2), end=(1, h, w, c), strides=(1, 1, 1, 1))
        if kind == "turn":
            return self.add("transpose", [x], perm=self.draw(st.sampled_from([(0, 2, 1, 3), (0, 3, 1, 2)])))
        if kind == "resize":
            return self.add("resize_nearest", [x], out_h=h + 1, out_w=w)
        if kind == "fold":
            return self.add("reshape", [x], shape=(1, h, 1, w * c))
        if kind == "flat":
            return self.add("reshape", [self.add("mean", [x], axes=(1, 2), keepdims=self.chance())], shape=(1, 1, 1, c))
        return self.add("softmax", [x], axis=3)

    def joined(self, a: Value, b: Value) -> Value:
        if a.shape == b.shape:
            return self.add(self.draw(st.sampled_from(["add", "mul", "sub"])), [a, b], **self.clamps())
        if a.shape[:3] == b.shape[:3]:
            return self.add("concat", [a, b], axis=3)
        return a

    def graph(self) -> Graph:
        values = [self.builder.input("x", (1, self.draw(st.integers(1, 4)), 3, self.draw(st.integers(1, 3))))]
        kinds = ["convolution"] * 5 + ["pooling", "unary", "paired", "moved", "joined", "joined"]
        for _ in range(self.draw(st.integers(2, 9))):
            value = self.draw(st.sampled_from([values[-1]] * 3 + values[-2:]))
            kind = self.draw(st.sampled_from(kinds))
            if kind == "joined":
                value = self.joined(value, self.draw(st.sampled_from(values)))
            else:
                value = getattr(self, kind)(value)
            if value.type.elements > 1500:
                break
            values.append(value)
        y = values[-1]
        if y is values[0]:
            y = self.unary(y)
        if self.chance():
            size = y.type.elements
            flat = self.add("reshape", [y], shape=(1, size))
            y = self.add("dense", [flat, self.weights(3, size, outputs=0, inputs=1), self.bias(3)])
        outputs = [y]
        if len(values) > 2 and values[1] is not y and self.chance():
            outputs.append(values[1])
        return self.builder.finish(outputs)


@st.composite
def networks(draw: Draw) -> Graph:
    """A lowered network."""
    real = Maker(draw).graph()
    real.remove_dead()
    x = np.random.default_rng(0).normal(size=(4, *real.inputs[0].shape[1:])).astype(np.float32)
    graph = quantize_graph(real, observe_ranges(real, {"x": x}))
    align_quantization(graph)
    lower(graph)
    return graph
