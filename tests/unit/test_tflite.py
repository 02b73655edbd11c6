"""The TFLite frontend: what graphs say, what is folded, and how what cannot be converted is reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tflite

from edgeq.errors import EdgeqError, ModelDataError, ModelFileError, UnsupportedError, UsageError
from edgeq.frontends.detect import is_onnx, is_tflite, load_model
from edgeq.frontends.problems import Problems
from edgeq.frontends.tflite import load_tflite
from edgeq.ir.graph import Graph
from edgeq.ir.types import DType
from tests.oracles.tflite_writer import OperatorSpec, TensorSpec, model, single_op_model
from tests.tools import need, shared


def load(data: bytes, **dimensions: int) -> Graph:
    return load_tflite(Path("net.tflite"), data, dimensions)


def act(*shape: int, scale: float = 0.5, zero_point: int = 3, **more: object) -> TensorSpec:
    """An int8 activation."""
    return TensorSpec(shape, scale=scale, zero_point=zero_point, **more)  # type: ignore[arg-type]


def real(*shape: int, **more: object) -> TensorSpec:
    return TensorSpec(shape, "float32", **more)  # type: ignore[arg-type]


def ints(*values: int, dtype: str = "int32") -> TensorSpec:
    return TensorSpec([len(values)], dtype, data=values)


def conv_weights(o: int = 2, c: int = 3, **more: object) -> TensorSpec:
    data = np.arange(o * 9 * c).reshape(o, 3, 3, c) % 100
    given = {"scale": [0.25] * o, "data": data, **more}
    return TensorSpec([o, 3, 3, c], **given)  # type: ignore[arg-type]


def conv(x: TensorSpec, w: TensorSpec, y: TensorSpec, bias: TensorSpec | None = None, **options: int) -> bytes:
    given = {"StrideH": 1, "StrideW": 1, "Padding": tflite.Padding.SAME, **options}
    constants = [w, bias or TensorSpec([w.shape[0]], "int32", data=np.zeros(w.shape[0]))]
    return single_op_model("CONV_2D", [x], [y], given, constants, version=3)


def refusal(kind: type[EdgeqError], data: bytes, *words: str) -> EdgeqError:
    with pytest.raises(kind) as caught:
        load(data)
    for word in words:
        assert word in str(caught.value)
    return caught.value


# --- What graphs say


def test_quantization_is_kept_exactly() -> None:
    scales = np.float32([0.1, 1e-6])
    w = conv_weights(scale=scales)
    graph = load(conv(act(1, 5, 5, 3, scale=0.3), w, act(1, 5, 5, 2, scale=0.7, zero_point=-128)))
    (node,) = graph.nodes
    assert node.op == "conv2d"
    assert graph.inputs[0].scale == float(np.float32(0.3)) and graph.inputs[0].zero_point == 3
    assert node.input(1).quantization.scale == tuple(float(s) for s in scales)
    assert node.input(1).quantization.axis == 0
    assert node.output.scale == float(np.float32(0.7)) and node.output.zero_point == -128
    # A bias without a scale has the product of the two others.
    assert node.input(2).quantization.scale == tuple(float(np.float32(0.3)) * float(s) for s in scales)


@pytest.mark.parametrize(
    ("size", "stride", "dilation", "pads"),
    [(5, 1, 1, (1, 1, 1, 1)), (6, 2, 1, (0, 0, 1, 1)), (5, 2, 1, (1, 1, 1, 1)), (7, 1, 2, (2, 2, 2, 2))],
)
def test_same_padding_is_explicit(size: int, stride: int, dilation: int, pads: tuple[int, ...]) -> None:
    out = -(-size // stride)
    strides = {"StrideH": stride, "StrideW": stride, "DilationHFactor": dilation, "DilationWFactor": dilation}
    graph = load(conv(act(1, size, size, 3), conv_weights(), act(1, out, out, 2), **strides))
    assert graph.nodes[0].attrs["pads"] == pads


@pytest.mark.parametrize(("code", "bounds"), [(0, (None, None)), (1, (0, None)), (2, (-1, 1)), (3, (0, 6))])
def test_fused_activations_are_clamps(code: int, bounds: tuple[float | None, float | None]) -> None:
    graph = load(conv(act(1, 5, 5, 3), conv_weights(), act(1, 5, 5, 2), FusedActivationFunction=code))
    attrs = graph.nodes[0].attrs
    assert (attrs["clamp_min"], attrs["clamp_max"]) == bounds


def test_grouped_convolutions_follow_from_the_shapes() -> None:
    graph = load(conv(act(1, 5, 5, 6), conv_weights(4, 3), act(1, 5, 5, 4)))
    assert graph.nodes[0].attrs["groups"] == 2


def test_depthwise_weights_lose_their_first_axis() -> None:
    w = TensorSpec([1, 3, 3, 4], scale=[0.1, 0.2, 0.3, 0.4], axis=3, data=np.ones((1, 3, 3, 4)))
    options = {"StrideH": 1, "StrideW": 1, "Padding": tflite.Padding.VALID, "DepthMultiplier": 2}
    graph = load(single_op_model("DEPTHWISE_CONV_2D", [act(1, 5, 5, 2)], [act(1, 3, 3, 4)], options, [w]))
    weights = graph.nodes[0].input(1)
    assert weights.shape == (3, 3, 4) and weights.quantization.axis == 2
    assert graph.nodes[0].optional(2) is None


def test_dense_layers_flatten_images() -> None:
    w = TensorSpec([5, 12], scale=0.1, data=np.ones((5, 12)))
    graph = load(single_op_model("FULLY_CONNECTED", [act(1, 2, 2, 3)], [act(1, 5)], {}, [w]))
    assert [n.op for n in graph.nodes] == ["reshape", "dense"]
    assert graph.nodes[0].output.shape == (1, 12)


def test_names_are_unique_and_lead_back_to_the_file() -> None:
    x, y, z = act(1, 4, name="same"), act(1, 4, name="same"), act(1, 4, name="")
    relu = OperatorSpec("RELU", [x], [y])
    graph = load(model([relu, OperatorSpec("RELU6", [y], [z])], [x], [z]))
    assert [v.name for v in graph.values()] == ["same", "same_1", "tensor_2"]
    assert graph.meta["origin"] == {"same": 0, "same_1": 1, "tensor_2": 2}
    assert graph.meta["format"] == "tflite" and graph.meta["producer"] == "edgeq test"
    assert [n.name for n in graph.nodes] == ["relu_0", "relu6_1"]


def test_a_constant_with_two_readers_is_one_value() -> None:
    x, y, z, c = act(1, 4), act(1, 4), act(1, 4), act(1, 4, data=[[1, 2, 3, 4]])
    graph = load(model([OperatorSpec("ADD", [x, c], [y]), OperatorSpec("ADD", [y, c], [z])], [x], [z]))
    assert graph.nodes[0].input(1) is graph.nodes[1].input(1)


def test_borders_stay_in_the_graph() -> None:
    x, q, p, y = real(1, 4), act(1, 4), act(1, 4, scale=0.25), real(1, 4)
    steps = [
        OperatorSpec("QUANTIZE", [x], [q]),
        OperatorSpec("QUANTIZE", [q], [p]),
        OperatorSpec("DEQUANTIZE", [p], [y]),
    ]
    graph = load(model(steps, [x], [y]))
    assert [n.op for n in graph.nodes] == ["quantize", "requantize", "dequantize"]
    assert graph.inputs[0].type.dtype is DType.FLOAT32 and graph.outputs[0].type.dtype is DType.FLOAT32


def test_positions_are_int32() -> None:
    graph = load(single_op_model("ARG_MAX", [act(1, 4)], [TensorSpec([1], "int64")], {}, [ints(1)]))
    assert graph.outputs[0].type.dtype is DType.INT32 and graph.nodes[0].attrs["axis"] == 1


# --- What is known at conversion


def test_float16_weights_behind_dequantize_become_float32() -> None:
    half = TensorSpec([2, 3], "float16", data=[[1, 2, 3], [4, 5, 6]])
    x, w, y = real(1, 3), real(2, 3), real(1, 2)
    steps = [OperatorSpec("DEQUANTIZE", [half], [w]), OperatorSpec("FULLY_CONNECTED", [x, w, None], [y])]
    graph = load(model(steps, [x], [y]))
    (node,) = graph.nodes
    np.testing.assert_array_equal(node.input(1).constant, np.float32([[1, 2, 3], [4, 5, 6]]))
    assert node.input(1).constant.dtype == np.float32


def test_hybrid_weights_become_float32() -> None:
    w = TensorSpec([2, 3], scale=[0.5, 2.0], data=[[1, 2, 3], [4, 5, 6]])
    graph = load(single_op_model("FULLY_CONNECTED", [real(1, 3)], [real(1, 2)], {}, [w]))
    np.testing.assert_array_equal(graph.nodes[0].input(1).constant, [[0.5, 1, 1.5], [8, 10, 12]])
    assert graph.nodes[0].input(1).type.quantization is None


def test_shapes_computed_in_the_graph_are_folded() -> None:
    """What Keras writes for Reshape with an open batch: shape -> first entry -> packed with the others -> reshape."""
    x, y = act(1, 2, 6, signature=[-1, 2, 6]), act(1, 4, 3, signature=[-1, 4, 3])
    shape, batch, packed = TensorSpec([3], "int32"), TensorSpec([], "int32"), TensorSpec([3], "int32")
    four, three = (TensorSpec([], "int32", data=n) for n in (4, 3))
    steps = [
        OperatorSpec("SHAPE", [x], [shape]),
        OperatorSpec("STRIDED_SLICE", [shape, ints(0), ints(1), ints(1)], [batch], {"ShrinkAxisMask": 1}),
        OperatorSpec("PACK", [batch, four, three], [packed], {"ValuesCount": 3}),
        OperatorSpec("RESHAPE", [x, packed], [y]),
    ]
    graph = load(model(steps, [x], [y]))
    assert [n.op for n in graph.nodes] == ["reshape"] and graph.outputs[0].shape == (1, 4, 3)


# --- Open dimensions


def test_an_open_batch_is_one() -> None:
    graph = load(single_op_model("RELU", [act(1, 4, signature=[-1, 4])], [act(1, 4, signature=[-1, 4])]))
    assert graph.inputs[0].shape == (1, 4)


def test_other_open_dimensions_need_a_value() -> None:
    x, y = (act(1, 1, 4, signature=[-1, -1, 4], name=name) for name in ("sound", "out"))
    data = single_op_model("RELU", [x], [y])
    refusal(UnsupportedError, data, "'sound'", "axis 1", "sound.1")
    assert load(data, **{"sound.1": 7}).outputs[0].shape == (1, 7, 4)
    with pytest.raises(UsageError, match=r"sound\.2"):
        load(data, **{"sound.1": 7, "sound.2": 7})


# --- What cannot be converted


def test_every_problem_is_listed_at_once() -> None:
    x, a, b, y = (act(1, 4, name=n) for n in ("x", "a", "b", "y"))
    steps = [
        OperatorSpec("FLOOR", [x], [a]),
        OperatorSpec("CUSTOM:MyLayer", [a], [b]),
        OperatorSpec("RELU", [b], [y], version=99),
    ]
    error = refusal(UnsupportedError, model(steps, [x], [y], subgraphs=2))
    assert isinstance(error, UnsupportedError) and len(error.problems) == 4
    listed = "\n".join(error.problems)
    for words in ("2 graphs", "FLOOR (operator 0, 'a')", "CUSTOM 'MyLayer' (operator 1, 'b')", "version 99"):
        assert words in listed


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda: single_op_model("RELU", [TensorSpec([4], "int16", scale=1.0)], [TensorSpec([4], "int16")]), "INT16"),
        (lambda: single_op_model("QUANTIZE", [TensorSpec([4], "uint8", scale=1.0)], [act(4)]), "UINT8 to INT8"),
        (lambda: single_op_model("ADD", [act(4), real(4)], [act(4)]), "mixes"),
        (lambda: single_op_model("RELU", [act(4, is_variable=True)], [act(4)]), "state"),
        (lambda: single_op_model("FULLY_CONNECTED", [act(1, 3), act(2, 3)], [act(1, 2)]), "while the network runs"),
        (lambda: single_op_model("RESHAPE", [act(4, scale=1.0)], [act(2, 2)], {"NewShape": [2, 2]}), "scales"),
        (lambda: conv(act(1, 5, 5, 3), conv_weights(zero_point=1), act(1, 5, 5, 2)), "asymmetric"),
        (lambda: conv(act(1, 5, 5, 4), conv_weights(), act(1, 5, 5, 2)), "do not fit"),
        (lambda: conv(act(1, 5, 5, 3), conv_weights(), act(1, 5, 5, 2), FusedActivationFunction=4), "activation"),
        (lambda: single_op_model("TRANSPOSE", [act(2, 3)], [act(3, 2)], {}, [ints(1, 1)]), "not an order"),
        (lambda: single_op_model("SLICE", [act(4)], [act(9)], {}, [ints(0), ints(9)]), "leave shape"),
    ],
)
def test_what_is_not_supported_is_named(data: Callable[[], bytes], words: str) -> None:
    refusal(UnsupportedError, data(), words, "operator 0")


@pytest.mark.parametrize(
    ("x", "w", "words"),
    [
        ({"scale": 0.0}, {}, "positive"),
        ({"scale": -1.0}, {}, "positive"),
        ({"scale": float("nan")}, {}, "positive"),
        ({"scale": float("inf")}, {}, "positive"),
        ({"scale": None}, {}, "scale"),
        ({"scale": [1.0, 2.0]}, {}, "2 scales"),
        ({"zero_point": 400}, {}, "zero point 400"),
        ({}, {"scale": [0.1, 0.1, 0.1]}, "3 scales"),
        ({}, {"scale": [0.1, 0.1], "zero_point": [0, 0, 0]}, "3 zero points"),
        ({}, {"scale": None}, "no scale"),
    ],
)
def test_senseless_scales(x: dict[str, object], w: dict[str, object], words: str) -> None:
    given = act(1, 5, 5, 3)
    for key, value in x.items():
        setattr(given, key, value)
    refusal(ModelDataError, conv(given, conv_weights(**w), act(1, 5, 5, 2)), words)


def test_weights_that_are_not_numbers() -> None:
    w = real(2, 3, data=[[1, 2, np.nan], [0, 0, np.inf]], name="kernel")
    refusal(ModelDataError, single_op_model("FULLY_CONNECTED", [real(1, 3)], [real(1, 2)], {}, [w]), "NaN", "'kernel'")


def test_a_bias_on_another_scale() -> None:
    bias = TensorSpec([2], "int32", scale=[1.0, 1.0], data=[1, 2])
    refusal(ModelDataError, conv(act(1, 5, 5, 3), conv_weights(), act(1, 5, 5, 2), bias), "bias")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            lambda: single_op_model("FULLY_CONNECTED", [real(1, 3)], [real(1, 2)], {}, [real(2, 3, data=b"1234")]),
            "4 bytes",
        ),
        (lambda: single_op_model("RELU", [act(1, 4)], [act(1, 5)]), "gives shape [1, 4]"),
        (lambda: single_op_model("RELU", [act(1, 1 << 14, 1 << 14)], [act(1, 1 << 14, 1 << 14)]), "elements"),
        (lambda: single_op_model("RELU", [act(1, 0)], [act(1, 0)]), "impossible shape"),
        (lambda: single_op_model("RELU", [act(1, -4)], [act(1, -4)]), "needs|no fixed size"),
        (lambda: conv(act(1, 5, 5, 3), conv_weights(), act(1, 5, 5, 2), StrideH=0), "StrideH 0"),
        (lambda: conv(act(1, 5, 5, 3), conv_weights(), act(1, 5, 5, 2), Padding=9), "padding number 9"),
        (lambda: model([], [act(1)], [act(1)]), "no operators"),
        (lambda: model([OperatorSpec("RELU", [act(1)], [act(1)])], [], []), "before it is computed"),
    ],
)
def test_files_that_contradict_themselves(data: Callable[[], bytes], words: str) -> None:
    with pytest.raises((ModelFileError, UnsupportedError)) as caught:
        load(data())
    assert any(word in str(caught.value) for word in words.split("|"))


def chain(*names: str) -> Sequence[TensorSpec]:
    return [act(1, 4, name=name) for name in names]


def test_outputs_must_be_computed_once() -> None:
    x, y = chain("x", "y")
    relu = OperatorSpec("RELU", [x], [y])
    refusal(UnsupportedError, model([relu], [x], [y, x]), "'x'", "nothing computes")
    refusal(UnsupportedError, model([relu], [x], [y, y]), "twice")
    refusal(ModelFileError, model([relu, relu], [x], [y]), "computed twice")
    refusal(ModelFileError, model([relu], [x], []), "no outputs")


# --- Choosing the reader


def test_the_content_decides_before_the_name(tmp_path: Path) -> None:
    file = tmp_path / "mislabelled.onnx"
    file.write_bytes(single_op_model("RELU", [act(1, 4)], [act(1, 4)]))
    assert load_model(file).meta["format"] == "tflite"


def test_onnx_is_recognized_by_its_fields() -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "g", [], [])
    data = onnx.helper.make_model(graph, producer_name="test").SerializeToString()
    assert is_onnx(data) and not is_tflite(data)
    assert not is_onnx(data[:-1]) and not is_onnx(b"") and not is_onnx(b"\x08\x07")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(20), "TFLiteConverter"),
        ("a.pt", b"PK\x03\x04" + bytes(20), "torch.onnx.export"),
        ("a.txt", b"hello, this is text", "known format"),
        ("a.tflite", b"hello, this is text", "TFL3"),
        ("a.tflite", b"", "empty"),
    ],
)
def test_other_files_are_refused_with_a_hint(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        load_model(file)
    assert words in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.tflite", tmp_path, "\0"):
        with pytest.raises(ModelFileError):
            load_model(path)


def test_problems_are_kept_once_and_counted() -> None:
    problems = Problems()
    problems.raise_if_any("m")
    for number in range(150):
        problems.add("layer", f"problem {number % 120}")
    with pytest.raises(UnsupportedError) as caught:
        problems.raise_if_any("m", "look again")
    assert len(caught.value.problems) == 101 and "20 more" in caught.value.problems[-1]
    assert "120 things" in caught.value.message and caught.value.hint == "look again"


def test_the_real_models_load(tmp_path: Path) -> None:
    need("shared")
    counts = {p.stem: len(load_model(p).nodes) for p in sorted((shared() / "models").glob("*/*.tflite"))}
    assert counts["kws_dscnn_int8"] == 13 and counts["hello_world_int8"] == 3 and len(counts) == 9
