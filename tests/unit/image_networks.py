"""Random quantized networks over images: windows of any size, stride, dilation and padding, and blocks that add."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import DType, Quantization
from edgeq.ops.build import GraphBuilder
from edgeq.passes.lower import lower

NUMBERS = Quantization.per_tensor(0.05, -7)


class Images:
    """Appends layers with random weights; all activations have one quantization."""

    def __init__(self, height: int, width: int, channels: int, seed: int) -> None:
        self.builder = GraphBuilder("net")
        self.rng = np.random.default_rng(seed)
        self.last = self.builder.input("x", (1, height, width, channels), DType.INT8, NUMBERS)

    def add(self, op: str, *others: Value, **attrs: Any) -> Value:
        """A layer on the last value and `others`."""
        name = f"{op}{len(self.builder.graph.nodes)}"
        inputs = [self.last, *others]
        self.last = self.builder.add(op, inputs, attrs, name=name, dtype=DType.INT8, quantizations=[NUMBERS])
        return self.last

    def weighted(self, op: str, *shape: int, **attrs: Any) -> Value:
        """A convolution with weights of a shape."""
        axis = 0 if op == "conv2d" else 2
        count, index = shape[axis], len(self.builder.graph.nodes)
        factors = Quantization(tuple(self.rng.uniform(0.002, 0.02, count)), (0,) * count, axis)
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-3000, 3000, count).astype(np.int32)
        constants = self.builder.constant(f"w{index}", weights, factors), self.builder.constant(f"b{index}", bias)
        return self.add(op, *constants, **attrs)

    def finish(self) -> Graph:
        """The lowered graph with the last value as its output."""
        graph = self.builder.finish([self.last])
        lower(graph)
        return graph


@st.composite
def image_networks(draw: st.DrawFn) -> Graph:
    """Two to five layers, some of them blocks whose input is added to their output; then perhaps one pixel of all."""
    net = Images(
        draw(st.integers(5, 16)), draw(st.integers(3, 6)), draw(st.sampled_from([1, 2, 4])), draw(st.integers(0, 99))
    )
    for _ in range(draw(st.integers(2, 5))):
        kind = draw(st.sampled_from(["conv2d", "depthwise_conv2d", "max_pool2d", "avg_pool2d", "pad", "relu", "add"]))
        shape = net.last.shape
        if kind == "relu":
            net.add("relu")
        elif kind == "pad":
            edges = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(2))
            net.add("pad", pads=((0, 0), *edges, (0, 0)), value=float(draw(st.sampled_from([0.0, 1.0]))))
        elif kind == "add":
            before = net.last
            net.weighted("depthwise_conv2d", 3, 3, shape[3], pads=(1, 1, 1, 1))
            net.add("add", before)
        else:
            net_window(draw, net, kind)
    if draw(st.booleans()):
        net.add("avg_pool2d", kernel=net.last.shape[1:3])
    return net.finish()


def net_window(draw: st.DrawFn, net: Images, op: str) -> None:
    """A sliding window that fits, its padding smaller than the window."""
    _, h, w, c = net.last.shape
    dilation = draw(st.sampled_from([1, 1, 2])) if "conv" in op else 1
    kernel = [draw(st.integers(1, 4)) for _ in range(2)]
    pads = [draw(st.integers(0, k - 1)) for k in (*kernel, *kernel)]
    for axis, size in enumerate((h, w)):  # shrink what does not fit
        while (kernel[axis] - 1) * dilation + 1 > size + pads[axis] + pads[axis + 2]:
            kernel[axis] -= 1
            pads[axis], pads[axis + 2] = min(pads[axis], kernel[axis] - 1), min(pads[axis + 2], kernel[axis] - 1)
    attrs: dict[str, Any] = {"strides": (draw(st.integers(1, 3)), draw(st.integers(1, 2))), "pads": tuple(pads)}
    if op == "conv2d":
        net.weighted(op, draw(st.sampled_from([1, 3, 4])), *kernel, c, dilations=(dilation,) * 2, **attrs)
    elif op == "depthwise_conv2d":
        net.weighted(op, *kernel, c, dilations=(dilation,) * 2, **attrs)
    else:
        net.add(op, kernel=tuple(kernel), **attrs)
