"""Random networks with exporters' detours in them: simplifying changes no real result and no integer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.ir.graph import Graph, Value
from edgeq.ir.text import graph_text
from edgeq.ops.build import GraphBuilder
from edgeq.ops.execute import run_integer, run_real
from edgeq.passes.align_quantization import align_quantization
from edgeq.passes.check import check_graph
from edgeq.passes.lower import lower
from edgeq.passes.simplify import simplify
from edgeq.quant.observe import observe_ranges
from edgeq.quant.quantize import quantize_graph
from tests.unit.onnx_models import turned

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Maker:
    """Grows a network node by node; every layer keeps values of four axes, in either layout."""

    def __init__(self, draw: Draw, real: bool) -> None:
        self.draw = draw
        self.real = real
        self.builder = GraphBuilder("random")
        self.rng = np.random.default_rng(draw(st.integers(0, 1000)))
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def constant(self, *shape: int) -> Value:
        return self.builder.constant(self.name(), self.rng.normal(size=shape).astype(np.float32))

    def add(self, op: str, inputs: list[Value | None], **attrs: Any) -> Value:
        return self.builder.add(op, inputs, attrs, name=self.name())

    def turn(self, x: Value, perm: tuple[int, ...]) -> Value:
        return self.add("transpose", [x], perm=perm)

    def spatial(self, x: Value) -> Value:
        """A layer with a fixed layout, between transpositions as exporters write them."""
        x = self.turn(x, TO_LAST)
        _, h, w, c = x.shape
        kind = self.draw(st.sampled_from(["conv", "grouped", "depthwise", "max", "avg", "norm", "resize"]))
        pads = tuple(self.draw(st.integers(0, 1)) for _ in range(4))
        kh, kw = min(2, h + pads[0] + pads[2]), min(2, w + pads[1] + pads[3])
        if kind in ("conv", "grouped", "depthwise"):
            groups = {"conv": 1, "grouped": 2 if c % 2 == 0 else 1, "depthwise": c}[kind]
            out = groups * self.draw(st.integers(1, 2))
            weights = self.constant(out, kh, kw, c // groups)
            bias = self.constant(out) if self.draw(st.booleans()) else None
            y = self.add("conv2d", [x, weights, bias], pads=pads, groups=groups)
        elif kind in ("max", "avg"):
            kernel = (kh, kw)
            pads = tuple(min(p, kernel[i % 2] - 1) for i, p in enumerate(pads))
            y = self.add(f"{kind}_pool2d", [x], kernel=kernel, pads=pads, strides=(1, 2))
        elif kind == "norm" and self.real:
            y = self.add("batch_norm", [x, self.constant(c), self.constant(c)])
        else:
            y = self.add("resize_nearest", [x], out_h=h + 1, out_w=w)
        return self.turn(y, TO_FIRST)

    def unary(self, x: Value) -> Value:
        op = self.draw(st.sampled_from(["relu", "clip", "relu6", "tanh", "leaky_relu", "sigmoid"]))
        attrs = {"clip": {"clamp_min": -0.5, "clamp_max": 1.0}, "leaky_relu": {"alpha": 0.1}}.get(op, {})
        return self.add(op, [x], **attrs)

    def scaled(self, x: Value) -> Value:
        shape = self.draw(st.sampled_from([(x.shape[1], 1, 1), (1,), x.shape[1:], (x.shape[3],)]))
        op = self.draw(st.sampled_from(["add", "mul", "sub"]))
        operands = [x, self.constant(*shape)]
        return self.add(op, operands[:: self.draw(st.sampled_from([1, -1]))])

    def moved(self, x: Value) -> Value:
        kind = self.draw(st.sampled_from(["pad", "slice", "reshape", "turn", "mean", "softmax"]))
        n, c, h, w = x.shape
        if kind == "pad":
            return self.add("pad", [x], pads=((0, 0), (0, 0), (1, 0), (0, 1)), value=self.draw(st.sampled_from([0, 1])))
        if kind == "slice":
            end = (n, c, max(h - 1, 1), w)
            return self.add("slice", [x], begin=(0, 0, 0, 0), end=end, strides=(1, 1, 1, 1))
        if kind == "reshape":
            shape = self.draw(st.sampled_from([(n, c, 1, h * w), (n, c, w, h), (n, h, c, w), (n, c * h, w, 1)]))
            return self.add("reshape", [x], shape=shape)
        if kind == "turn":
            return self.turn(x, self.draw(st.sampled_from([TO_LAST, TO_FIRST, (0, 1, 3, 2), (0, 2, 1, 3)])))
        if kind == "mean":
            flat = self.add("mean", [x], axes=(2, 3), keepdims=self.draw(st.booleans()))
            return self.add("reshape", [flat], shape=(n, c, 1, 1))
        last = self.turn(x, (0, 2, 3, 1))
        return self.turn(self.add("softmax", [last], axis=3), TO_FIRST)

    def joined(self, a: Value, b: Value) -> Value:
        if a.shape == b.shape:
            op = self.draw(st.sampled_from(["add", "mul", "sub", "concat"]))
            return self.add(op, [a, b], **({"axis": 1} if op == "concat" else {}))
        return a

    def graph(self) -> Graph:
        x = self.builder.input("x", (1, 2, self.draw(st.integers(1, 4)), 3))
        values = [x]
        for _ in range(self.draw(st.integers(1, 9))):
            value = self.draw(st.sampled_from([values[-1], values[-1], values[-1], *values[-2:]]))
            kind = self.draw(st.sampled_from(["spatial", "spatial", "unary", "unary", "scaled", "moved", "joined"]))
            if kind == "joined":
                value = self.joined(value, self.draw(st.sampled_from(values)))
            else:
                value = getattr(self, kind)(value)
            if value.type.elements > 2000:
                break
            values.append(value)
        y = values[-1]
        if self.draw(st.booleans()):
            size = y.type.elements
            flat = self.add("reshape", [y], shape=(1, size))
            if self.draw(st.booleans()):
                flat = self.unary(flat)
            y = self.add("dense", [flat, self.constant(3, size), self.constant(3)])
        outputs = [y] if y is not x else [self.unary(x)]
        if len(values) > 2 and values[1] is not y and self.draw(st.booleans()):
            outputs.append(values[1])
        graph = self.builder.finish(outputs)
        graph.meta = {
            key: {v.name: {"source_shape": list(v.shape), "perm": None} for v in border}
            for key, border in (("inputs", graph.inputs), ("outputs", outputs))
        }
        graph.meta["origin"] = {}
        return graph


@st.composite
def real_graphs(draw: Draw) -> Graph:
    return Maker(draw, real=True).graph()


@st.composite
def plain_graphs(draw: Draw) -> Graph:
    return Maker(draw, real=False).graph()


def assert_same(before: Graph, after: Graph, found: dict[str, Any], wanted: dict[str, Any], tolerance: float) -> None:
    assert [o.name for o in after.outputs] == [o.name for o in before.outputs]
    for value in after.outputs:
        reference = turned(after.meta["outputs"][value.name], value, wanted[value.name])
        np.testing.assert_allclose(found[value.name], reference, rtol=tolerance, atol=tolerance)


@settings(max_examples=250)
@given(real_graphs())
def test_reals_stay_the_same_and_a_second_time_finds_nothing(graph: Graph) -> None:
    after = graph.copy()
    simplify(after)
    check_graph(after, "simplify")
    assert len(after.nodes) <= len(graph.nodes) + sum(n.op in ("batch_norm", "mean") for n in graph.nodes)
    x = np.random.default_rng(0).normal(size=(3, *graph.inputs[0].shape[1:]))
    (inside,) = after.inputs
    found = run_real(after, {inside.name: turned(after.meta["inputs"][inside.name], inside, x)})
    assert_same(graph, after, found, run_real(graph, {"x": x}), 1e-4)
    again = after.copy()
    simplify(again)
    assert graph_text(again) == graph_text(after)


@settings(max_examples=120)
@given(plain_graphs())
def test_integers_stay_the_same(graph: Graph) -> None:
    x = np.random.default_rng(0).normal(size=(4, *graph.inputs[0].shape[1:])).astype(np.float32)
    before = quantize_graph(graph, observe_ranges(graph, {"x": x}))
    after = before.copy()
    simplify(after)
    check_graph(after, "simplify")
    for one in (before, after):
        align_quantization(one)
        lower(one)
    q = before.inputs[0].quantization.quantize(x, before.inputs[0].type.dtype)
    (inside,) = after.inputs
    found = run_integer(after, {inside.name: turned(after.meta["inputs"][inside.name], inside, q)})
    assert_same(before, after, found, run_integer(before, {"x": q}), 0)
