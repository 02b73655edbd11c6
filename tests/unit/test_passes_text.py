"""Each pass on the smallest graph that shows it, in the IR's text form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgeq.ir.graph import Graph, Value
from edgeq.ir.text import graph_text, node_text
from edgeq.ir.types import DType, Quantization
from edgeq.ops.build import GraphBuilder
from edgeq.passes.absorb_quantization import absorb_quantization
from edgeq.passes.check import check_graph
from edgeq.passes.compose_transposes import compose_transposes
from edgeq.passes.eliminate_transposes import eliminate_transposes
from edgeq.passes.flip_regions import flip_regions
from edgeq.passes.fold_affine import fold_affine
from edgeq.passes.fold_batch_norm import expand_batch_norm, fold_batch_norm
from edgeq.passes.fold_constants import fold_constants
from edgeq.passes.fuse_activations import fuse_activations
from edgeq.passes.fuse_pad import fuse_pad
from edgeq.passes.merge_duplicates import merge_duplicates
from edgeq.passes.merge_reshapes import merge_reshapes
from edgeq.passes.recompose_activations import recompose_activations
from edgeq.passes.remove_identity import remove_identity
from edgeq.passes.reshape_groups import pass_reshape, reshape_groups
from edgeq.passes.sink_reshapes import sink_reshapes
from edgeq.passes.use_depthwise import use_depthwise

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def ones(builder: GraphBuilder, name: str, *shape: int) -> Value:
    return builder.constant(name, np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape))


def lines(graph: Graph) -> list[str]:
    """The nodes' text without attributes that have no say in the test."""
    return [node_text(n).split(" {")[0] for n in graph.nodes]


def applied(step: Callable[[Graph], bool], graph: Graph) -> Graph:
    """The graph after a pass that must find something, once, and leave it legal."""
    assert step(graph)
    check_graph(graph, step.__name__)
    assert not step(graph)
    return graph


def image() -> tuple[GraphBuilder, Value]:
    builder = GraphBuilder("g")
    return builder, builder.input("x", (1, 4, 4, 2))


def convolution(builder: GraphBuilder, x: Value, name: str = "c", **attrs: object) -> Value:
    weights = ones(builder, f"{name}.w", 2, 1, 1, 2)
    return builder.add("conv2d", [x, weights, ones(builder, f"{name}.b", 2)], attrs, name=name)


def test_fold_constants() -> None:
    builder, x = image()
    total = builder.add("add", [ones(builder, "a", 2), ones(builder, "b", 2)], name="t")
    graph = applied(fold_constants, builder.finish([builder.add("mul", [x, total], name="y")]))
    assert lines(graph) == ["%y: float32[1,4,4,2] = mul(%x, $t)"]
    np.testing.assert_array_equal(total.constant, [2, 4])


def test_remove_identity_keeps_the_outputs_name() -> None:
    builder, x = image()
    y = builder.add("relu", [x], name="r")
    y = builder.add("transpose", [y], {"perm": (0, 1, 2, 3)}, name="t")
    y = builder.add("mul", [y, builder.constant("one", np.ones(1, np.float32))], name="m")
    y = builder.add("reshape", [y], {"shape": (1, 4, 4, 2)}, name="y")
    assert lines(applied(remove_identity, builder.finish([y]))) == ["%y: float32[1,4,4,2] = relu(%x)"]


def test_remove_identity_never_makes_an_input_an_output() -> None:
    builder, x = image()
    graph = builder.finish([builder.add("reshape", [x], {"shape": (1, 4, 4, 2)}, name="y")])
    assert not remove_identity(graph)


def test_merge_duplicates() -> None:
    builder, x = image()
    a, b = (builder.add("relu", [x], name=n) for n in "ab")
    graph = applied(merge_duplicates, builder.finish([builder.add("add", [a, b], name="y")]))
    assert lines(graph) == ["%a: float32[1,4,4,2] = relu(%x)", "%y: float32[1,4,4,2] = add(%a, %a)"]


def test_merge_reshapes_takes_transpositions_of_ones() -> None:
    builder = GraphBuilder("g")
    x = builder.input("x", (1, 1, 5, 1))
    y = builder.add("transpose", [x], {"perm": TO_LAST}, name="t")
    y = builder.add("reshape", [y], {"shape": (1, 5)}, name="y")
    assert lines(applied(merge_reshapes, builder.finish([y]))) == ["%y: float32[1,5] = reshape(%x)"]


def test_compose_transposes() -> None:
    builder, x = image()
    y = builder.add("transpose", [builder.add("relu", [x], name="r")], {"perm": TO_FIRST}, name="a")
    y = builder.add("transpose", [y], {"perm": TO_LAST}, name="y")
    assert lines(applied(compose_transposes, builder.finish([y]))) == ["%y: float32[1,4,4,2] = relu(%x)"]


def test_flip_regions_runs_element_wise_work_in_the_layout_of_its_neighbours() -> None:
    builder, x = image()
    first = builder.add("transpose", [convolution(builder, x)], {"perm": TO_FIRST}, name="t1")
    y = builder.add("relu", [first], name="r")
    y = builder.add("mul", [y, ones(builder, "k", 2, 1, 1)], name="m")
    y = builder.add("concat", [y, first], {"axis": 1}, name="cat")
    y = builder.add("transpose", [y], {"perm": TO_LAST}, name="t2")
    graph = builder.finish([builder.add("max_pool2d", [y], {"kernel": (2, 2)}, name="y")])
    applied(flip_regions, graph)
    assert [n.op for n in graph.nodes] == ["conv2d", "relu", "mul", "concat", "max_pool2d"]
    assert graph.nodes[3].attrs["axis"] == 3
    assert graph.nodes[2].input(1).shape == (2,)


def test_flip_regions_leaves_alone_what_would_not_gain() -> None:
    builder, x = image()
    y = builder.add("max_pool2d", [x], {"kernel": (1, 2)}, name="p")
    y = builder.add("relu", [y], name="r")
    y = builder.add("transpose", [y], {"perm": (0, 2, 1, 3)}, name="t")
    graph = builder.finish([builder.add("max_pool2d", [y], {"kernel": (1, 2)}, name="y")])
    assert not flip_regions(graph)


def test_eliminate_transposes_reorders_the_columns_of_a_dense_layer() -> None:
    builder, x = image()
    y = builder.add("transpose", [convolution(builder, x)], {"perm": TO_FIRST}, name="t")
    y = builder.add("reshape", [y], {"shape": (1, 32)}, name="f")
    weights = ones(builder, "w", 3, 32)
    graph = builder.finish([builder.add("dense", [y, weights], name="y")])
    applied(eliminate_transposes, graph)
    assert [n.op for n in graph.nodes] == ["conv2d", "reshape", "dense"]
    expected = weights.constant.reshape(3, 2, 4, 4).transpose(0, 2, 3, 1).reshape(3, 32)
    np.testing.assert_array_equal(graph.nodes[2].input(1).constant, expected)


def test_eliminate_transposes_leaves_its_border_to_the_caller_only_where_the_graph_says_so() -> None:
    builder = GraphBuilder("g")
    x = builder.input("x", (1, 2, 4, 5))
    y = builder.add("transpose", [x], {"perm": TO_LAST}, name="t")
    graph = builder.finish([builder.add("max_pool2d", [y], {"kernel": (2, 2)}, name="y")])
    assert not eliminate_transposes(graph)
    graph.meta["inputs"] = {"x": {"source_shape": [1, 2, 4, 5], "perm": None}}
    applied(eliminate_transposes, graph)
    assert graph_text(graph).splitlines()[1] == "  input %x: float32[1,4,5,2]"
    assert graph.meta["inputs"]["x"]["perm"] == [0, 2, 3, 1]


def test_sink_reshapes_past_one_and_two_operands() -> None:
    builder, x = image()
    a = builder.add("reshape", [builder.add("relu", [x], name="r")], {"shape": (1, 16, 2)}, name="s")
    b = builder.add("reshape", [builder.add("tanh", [x], name="h")], {"shape": (1, 16, 2)}, name="u")
    y = builder.add("add", [a, b], name="sum")
    y = builder.add("mul", [y, ones(builder, "k", 1, 1, 2)], name="scaled")
    graph = builder.finish([builder.add("sigmoid", [y], name="y")])
    applied(sink_reshapes, graph)
    assert [n.op for n in graph.nodes] == ["relu", "tanh", "add", "mul", "sigmoid", "reshape"]
    assert graph.outputs[0].name == "y"


def test_fold_batch_norm_into_the_layer_before() -> None:
    builder, x = image()
    y = builder.add("batch_norm", [convolution(builder, x), ones(builder, "s", 2), ones(builder, "o", 2)], name="y")
    graph = applied(fold_batch_norm, builder.finish([y]))
    assert lines(graph) == ["%y: float32[1,4,4,2] = conv2d(%x, $c.weights, $c.bias)"]
    np.testing.assert_array_equal(graph.nodes[0].input(1).constant.reshape(2, 2), [[1, 2], [6, 8]])
    np.testing.assert_array_equal(graph.nodes[0].input(2).constant, [2, 6])


def test_fold_batch_norm_into_the_layer_behind_unless_padding_forbids_it() -> None:
    def graph(pads: tuple[int, ...]) -> Graph:
        builder, x = image()
        x = builder.add("batch_norm", [x, ones(builder, "s", 2), ones(builder, "o", 2)], name="n")
        return builder.finish([convolution(builder, x, pads=pads)])

    assert len(applied(fold_batch_norm, graph((0, 0, 0, 0))).nodes) == 1
    padded = graph((1, 0, 0, 0))
    assert not fold_batch_norm(padded)
    expand_batch_norm(padded)
    check_graph(padded, "expand")
    assert [n.op for n in padded.nodes] == ["mul", "add", "conv2d"]


def test_fold_affine_both_ways_and_only_real() -> None:
    builder, x = image()
    x = builder.add("sub", [x, ones(builder, "m", 1, 1, 1, 2)], name="shifted")
    y = builder.add("mul", [convolution(builder, x), ones(builder, "k", 2)], {"clamp_min": 0.0}, name="y")
    graph = applied(fold_affine, builder.finish([y]))
    assert [n.op for n in graph.nodes] == ["conv2d"]
    assert graph.nodes[0].attrs["clamp_min"] == 0.0
    builder, x = image()
    y = builder.add("mul", [convolution(builder, x, clamp_min=0.0), ones(builder, "k", 2)], name="y")
    assert not fold_affine(builder.finish([y]))


def test_use_depthwise() -> None:
    builder, x = image()
    weights = ones(builder, "w", 4, 3, 2, 1)
    graph = builder.finish([builder.add("conv2d", [x, weights], {"groups": 2}, name="y")])
    applied(use_depthwise, graph)
    assert lines(graph) == ["%y: float32[1,2,3,4] = depthwise_conv2d(%x, $y.weights)"]


@pytest.mark.parametrize("value,fuses", [(0.0, True), (1.0, False)])
def test_fuse_pad(value: float, fuses: bool) -> None:
    builder, x = image()
    pads = ((0, 0), (1, 2), (0, 3), (0, 0))
    y = builder.add("pad", [x], {"pads": pads, "value": value}, name="p")
    graph = builder.finish([convolution(builder, y, pads=(1, 1, 1, 1))])
    assert fuse_pad(graph) == fuses
    check_graph(graph, "fuse_pad")
    if fuses:
        assert graph.nodes[0].attrs["pads"] == (2, 1, 3, 4)


def test_fuse_pad_into_an_average_counts_the_zeros() -> None:
    builder, x = image()
    y = builder.add("pad", [x], {"pads": ((0, 0), (1, 1), (1, 1), (0, 0))}, name="p")
    graph = builder.finish([builder.add("avg_pool2d", [y], {"kernel": (2, 2)}, name="y")])
    applied(fuse_pad, graph)
    assert graph.nodes[0].attrs["count_include_pad"] is True


def test_fuse_activations_clamps_once() -> None:
    builder, x = image()
    y = builder.add("relu6", [convolution(builder, x)], name="r")
    graph = builder.finish([builder.add("clip", [y], {"clamp_min": -1.0, "clamp_max": 4.0}, name="y")])
    applied(fuse_activations, graph)
    assert [(n.op, n.attrs["clamp_min"], n.attrs["clamp_max"]) for n in graph.nodes] == [("conv2d", 0.0, 4.0)]


def test_fuse_activations_leaves_results_that_others_read() -> None:
    builder, x = image()
    c = convolution(builder, x)
    graph = builder.finish([builder.add("relu", [c], name="r"), c])
    assert not fuse_activations(graph)


def test_recompose_activations() -> None:
    builder, x = image()
    a = builder.add("mul", [x, builder.add("sigmoid", [x], name="s")], name="a")
    gate = builder.add("hard_sigmoid", [a], {"alpha": 1 / 6, "beta": 0.5}, name="h")
    graph = builder.finish([builder.add("mul", [gate, a], name="y")])
    applied(recompose_activations, graph)
    assert [n.op for n in graph.nodes] == ["silu", "hard_swish"]


def test_absorb_quantization_types_the_operator_between() -> None:
    builder = GraphBuilder("g")
    q8 = Quantization.per_tensor(0.5, 3)
    out8 = Quantization.per_tensor(0.25, -128)
    x = builder.input("x", (1, 2, 2, 2), DType.INT8, q8)
    y = builder.add("dequantize", [x], name="d")
    weights = builder.constant("w", np.ones((2, 1, 1, 2), np.int8), Quantization((0.1, 0.2), (0, 0), 0))
    y = builder.add("conv2d", [y, weights, builder.constant("b", np.array([1.0, -1.0], np.float32))], name="c")
    y = builder.add("quantize", [y], name="q", dtype=DType.INT8, quantizations=[out8])
    graph = applied(absorb_quantization, builder.finish([y]))
    assert lines(graph) == ["%q: int8[1,2,2,2] * 0.25 @ -128 = conv2d(%x, $w, $c.bias)"]
    np.testing.assert_array_equal(graph.nodes[0].input(2).constant, [20, -10])
    assert graph.nodes[0].attrs["clamp_min"] == 0.0


def test_reshape_groups_and_what_a_transposition_can_pass() -> None:
    assert reshape_groups([2, 3, 4], [6, 1, 4]) == [([0, 1], [0]), ([], [1]), ([2], [2])]
    # N,H,W,C -> N,C,H,W -> N,C,H*W is N,H*W,C -> N,C,H*W.
    assert pass_reshape([1, 4, 5, 3], TO_FIRST, [1, 3, 20]) == ((1, 20, 3), (0, 2, 1))
    assert pass_reshape([1, 4, 5, 3], TO_FIRST, [1, 60]) is None
    rng = np.random.default_rng(0)
    for _ in range(300):
        shape = tuple(rng.choice([1, 2, 3, 4], size=rng.integers(1, 5)))
        perm = tuple(rng.permutation(len(shape)))
        x = rng.normal(size=shape)
        after = tuple(int(d) for d in rng.permutation([*shape, 1]))
        found = pass_reshape(shape, perm, after)
        if found is not None:
            np.testing.assert_array_equal(x.transpose(perm).reshape(after), x.reshape(found[0]).transpose(found[1]))
