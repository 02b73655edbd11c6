"""Attention over binary codes: integers against reals, ONNX's own evaluation, and a stream against whole sequences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgeq.errors import EdgeqError, ModelDataError, UnsupportedError
from edgeq.frontends.detect import load_model
from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.kernels.registry import Kernel, kernels_for
from edgeq.kernels.storage import choose_storage
from edgeq.ops.execute import run_integer
from edgeq.ops.linear_attention import MOST_KEYS, exact_denominator, weight_shift
from edgeq.passes.pipeline import to_integer
from edgeq.passes.stream import stream
from edgeq.pipeline import compile_model
from tests.tools import need
from tests.unit.quantized_nodes import integers, lowered, random_arrays, reals, tensor
from tests.unit.test_kernels_elementwise import main_text, message, program, run

PACKED = [kernel for kernel in kernels_for("linear_attention") if kernel.parts.activations == "a1"]


def layer(bits: int, tokens: int, fraction: int = 0, *, causal: bool = False, stateful: bool = False) -> Node:
    inputs = [tensor((1, tokens, 2 * bits), (1.0, 0)) for _ in range(2)] + [tensor((1, tokens, 6), (0.5, 0))]
    attrs = {"heads": 2, "causal": causal, "stateful": stateful}
    return lowered("linear_attention", inputs, (0.5 / 2**fraction, 0), **attrs)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    bits=st.sampled_from([1, 7, 15, 31]),
    tokens=st.sampled_from([1, 2, 16, 100]),
    fraction=st.integers(0, 3),
    causal=st.booleans(),
    extreme=st.booleans(),
)
def test_rounding_is_exact(seed: int, bits: int, tokens: int, fraction: int, causal: bool, extreme: bool) -> None:
    """Nearest, halves up: quotients of integers, which float64 divides without doubt."""
    rng = np.random.default_rng(seed)
    node = layer(bits, tokens, fraction, causal=causal)
    assert tokens * (bits + (1 << weight_shift(bits))) < exact_denominator(node.params["right"])
    arrays = random_arrays(node, rng, extreme=extreme)
    if seed % 2:  # few distinct values, so that halves occur
        arrays[2] = (arrays[2] & 1).astype(np.int8)
    want = np.clip(np.floor(reals(node, arrays) + 0.5), -128, 127)
    np.testing.assert_array_equal(integers(node, arrays), want)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.02, 50.0), zero_points=st.tuples(*[st.integers(-128, 127)] * 2))
def test_any_scale_is_right_to_half_a_unit(seed: int, scale: float, zero_points: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    inputs = [tensor((1, 9, 14), (1.0, 3)), tensor((1, 9, 14), (1.0, -5)), tensor((1, 9, 4), (1.0, zero_points[0]))]
    node = lowered("linear_attention", inputs, (scale, zero_points[1]), heads=2)
    arrays = random_arrays(node, rng)
    assert np.abs(np.clip(reals(node, arrays), -128, 127) - integers(node, arrays)).max() <= 0.5001


def test_a_query_sees_its_own_key_and_those_before() -> None:
    node = layer(15, 12, causal=True)
    arrays = random_arrays(node, np.random.default_rng(0))
    whole = integers(node, arrays)
    later = [a.copy() for a in arrays]
    for array in later:
        array[0, 7:] = random_arrays(node, np.random.default_rng(1))[0][0, 7:, : array.shape[2]]
    changed = integers(node, later)
    np.testing.assert_array_equal(whole[0, :7], changed[0, :7])
    assert not np.array_equal(whole[0, 7:], changed[0, 7:])
    np.testing.assert_array_equal(whole[0, 0], arrays[2][0, 0])  # the first query sees one key


def test_calls_go_on_and_forget_the_oldest() -> None:
    """One token per call gives what the sequence gives; after MOST_KEYS, older values count half."""
    steps, whole = layer(3, 1, causal=True, stateful=True), layer(3, 40, causal=True)
    arrays = [a.reshape(40, 1, -1) for a in random_arrays(whole, np.random.default_rng(2))]
    want = integers(whole, [a.reshape(1, 40, -1) for a in arrays])
    np.testing.assert_array_equal(integers(steps, arrays).reshape(want.shape), want)
    finely, codes = layer(3, 1, 5, causal=True, stateful=True), np.ones((MOST_KEYS + 1, 1, 6), np.int8)
    for place, kept in ((MOST_KEYS - 1, MOST_KEYS), (MOST_KEYS, MOST_KEYS // 2 + 1)):
        values = np.where(np.arange(MOST_KEYS + 1) == place, 127, 0).astype(np.int8).repeat(6).reshape(-1, 1, 6)
        assert integers(finely, [codes, codes, values])[place, 0, 0] == round(127 * 2**5 / kept)


@pytest.mark.parametrize(("bits", "tokens", "scale"), [(32, 4, 1.0), (4, MOST_KEYS + 1, 1.0), (4, 4, 1e-9)])
def test_what_does_not_fit_is_refused(bits: int, tokens: int, scale: float) -> None:
    inputs = [tensor((1, tokens, n), (1.0, 0)) for n in (bits, bits, 3)]
    with pytest.raises((UnsupportedError, ModelDataError)):
        lowered("linear_attention", inputs, (scale, 0))


def network(file: Path, causal: bool, *, step: float = 0.25, offset: float = 16.0, body: bool = True) -> Path:
    """Binary codes and int8 values straight from one input, cut in three, as a QONNX file."""
    need("torch")
    from edgeq.nn.onnx_attention import DOMAIN, attention_function, function_name

    shape = [1, 20, 60 + 12]
    quantizers = [
        helper.make_node(
            "Quant", ["x", "scale", "zero", "bits"], ["grid"], domain="qonnx.custom_op.general", name="in"
        ),
        helper.make_node("Split", ["grid", "parts"], ["q", "k", "v"], axis=2),
        helper.make_node("BipolarQuant", ["q", "one"], ["qb"], domain="qonnx.custom_op.general", name="qb"),
        helper.make_node("BipolarQuant", ["k", "one"], ["kb"], domain="qonnx.custom_op.general", name="kb"),
    ]
    attrs = {"heads": 2, "offset": offset, "step": step}
    call = helper.make_node(function_name(causal), ["qb", "kb", "v"], ["y"], domain=DOMAIN, name="attend", **attrs)
    constants = [
        helper.make_tensor(n, kind, [len(v)] if n == "parts" else [], v)
        for n, kind, v in (
            ("scale", TensorProto.FLOAT, [1.0]),
            ("zero", TensorProto.FLOAT, [0.0]),
            ("bits", TensorProto.FLOAT, [8.0]),
            ("one", TensorProto.FLOAT, [1.0]),
            ("parts", TensorProto.INT64, [30, 30, 12]),
        )
    ]
    ends = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, s)] for n, s in (("x", shape), ("y", [1, 20, 12]))]
    graph = helper.make_graph([*quantizers, call], "attend", *ends, constants)
    opsets = [helper.make_opsetid(d, v) for d, v in (("", 17), ("qonnx.custom_op.general", 1), (DOMAIN, 1))]
    functions = [attention_function(causal)] if body else []
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9), str(file))
    return file


def quantized(file: Path) -> Graph:
    from edgeq.passes.exact_quant import exact_quant
    from edgeq.passes.pipeline import prepare

    graph = load_model(file)
    prepare(graph)
    return exact_quant(graph)


def samples(count: int) -> Array:
    return np.random.default_rng(0).integers(-128, 128, (count, 20, 72)).astype(np.int8)


@pytest.mark.parametrize("causal", [False, True])
def test_a_call_and_its_body_are_the_same(causal: bool, tmp_path: Path) -> None:
    """onnx's reference and onnxruntime execute the function's body; edgeq knows the call."""
    runtime = pytest.importorskip("onnxruntime")
    from onnx.reference import ReferenceEvaluator

    file = network(tmp_path / "net.onnx", causal)
    graph = quantized(file)
    to_integer(graph)
    assert any(n.op == "linear_attention" and n.attrs["causal"] == causal for n in graph.nodes)
    x = samples(3)
    (got,) = run_integer(graph, {"x": x}).values()
    model = onnx.load(file)
    # Without the quantizers: their domain is none of onnxruntime's, and x is on the grid; the body takes signs itself.
    nodes = [n for n in model.graph.node if n.domain != "qonnx.custom_op.general"]
    nodes[0].input[0], nodes[1].input[0], nodes[1].input[1] = "x", "q", "k"
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    reference = ReferenceEvaluator(model)
    for sample, want in zip(x[:, None].astype(np.float32), got, strict=True):
        for runner in (session, reference):
            np.testing.assert_array_equal(runner.run(None, {"x": sample})[0][0] / 0.25, want)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"offset": 8.0}, "for 15 bits it is 16"),
        ({"step": 0.0}, "must be positive"),
        ({"step": 0.3}, "power of two"),
        ({"step": 2.0**-19}, "more than can be divided exactly"),
    ],
)
def test_what_is_not_exact_is_refused(change: dict[str, float], words: str, tmp_path: Path) -> None:
    with pytest.raises(EdgeqError) as error:
        quantized(network(tmp_path / "net.onnx", True, **change))
    assert words in str(error.value)


def test_one_token_per_call_equals_the_whole_sequence(tmp_path: Path) -> None:
    whole = quantized(network(tmp_path / "net.onnx", True))
    steps = stream(whole)
    to_integer(whole)
    to_integer(steps)
    x = samples(1)
    (want,) = run_integer(whole, {"x": x}).values()
    (got,) = run_integer(steps, {"x": x.reshape(20, 1, 72)}).values()
    np.testing.assert_array_equal(got.reshape(want.shape), want)
    assert steps.meta["stream"]["endless"]


def test_a_window_that_is_seen_whole_is_streamed_whole(tmp_path: Path) -> None:
    whole = quantized(network(tmp_path / "net.onnx", False))
    steps = stream(whole)
    to_integer(whole)
    to_integer(steps)
    frames = samples(2).reshape(40, 1, 72)
    (got,) = run_integer(steps, {"x": frames}).values()
    (want,) = run_integer(whole, {"x": frames.reshape(2, 20, 72)}).values()
    np.testing.assert_array_equal(got[39], want[1])


@pytest.mark.tools
def test_sums_are_halved_in_c(tmp_path: Path) -> None:
    need("cc")
    result = compile_model(network(tmp_path / "net.onnx", True), "host", out=tmp_path / "c", stream=True)
    frames = np.random.default_rng(0).integers(-128, 128, (MOST_KEYS + 50, 1, 72)).astype(np.float32)
    # All means rise from 0 at that moment, and how fast tells how many keys are in the sums.
    frames[:, :, 60:] = np.abs(frames[:, :, 60:]) * (np.arange(len(frames)) >= MOST_KEYS)[:, np.newaxis, np.newaxis]
    assert result.verify(on=["host"], inputs={"x": frames}).bit_exact


@pytest.mark.tools
@pytest.mark.parametrize(
    "kernel", [k for k in kernels_for("linear_attention") if k.parts.activations == "a1"], ids=lambda k: k.name
)
def test_packed_codes_give_the_reference_bits(kernel: Kernel, tmp_path: Path) -> None:
    """As int8 ones do: heads begin anywhere in a byte, and no byte beside a buffer is touched."""
    need("gcc")
    sent, expected = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        heads, bits, width, tokens = (int(rng.integers(1, most)) for most in (5, 32, 10, 12))
        codes = TensorType((1, tokens, heads * bits), DType.INT8, Quantization.per_tensor(1.0, 0), "a1", packed=True)
        values = tensor((1, tokens, heads * width), (1.0, int(rng.integers(-5, 5))))
        causal = kernel.parts.shape != "tables"
        node = lowered("linear_attention", [Value("q", codes), Value("k", codes), values], heads=heads, causal=causal)
        arrays = random_arrays(node, rng)
        arrays[:2] = [np.where(a < 0, -1, 1).astype(np.int8) for a in arrays[:2]]
        stored = [np.frombuffer(codes.stored(a), np.uint8) for a in arrays[:2]]
        sent.append(message(kernel, node, [*stored, arrays[2]], -1))
        expected.append(integers(node, arrays))
    received = run(program(kernel, "gcc", 1, main_text(kernel, node), tmp_path), b"".join(sent))
    assert received == b"".join(array.tobytes() for array in expected)


def test_codes_are_packed_where_a_layer_makes_them(tmp_path: Path) -> None:
    """Queries and keys alone: values, read by the same kernel, stay plain, whatever their format."""
    graph = quantized(network(tmp_path / "net.onnx", False))
    to_integer(graph)
    node = next(n for n in graph.nodes if n.op == "linear_attention")
    for value, format in zip(node.inputs, ("a1", "a1", "au4"), strict=True):
        assert value is not None
        value.type = replace(value.type, format=format)
    _inputs_of_their_own(graph, node)
    choose_storage(graph, frozenset())
    assert [v.type.packed for v in node.inputs if v is not None] == [True, True, False]
    node.input(1).type = replace(node.input(1).type, format="a2")
    choose_storage(graph, frozenset())
    assert not any(v.type.packed for v in node.inputs if v is not None)


def _inputs_of_their_own(graph: Graph, node: Node) -> None:
    """Leaves the node alone in its graph, which then takes what it reads."""
    graph.nodes, graph.inputs = [node], [v for v in node.inputs if v is not None]
