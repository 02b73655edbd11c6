"""Exact quantization at the border of a network, and what it refuses: each case with its node's name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import CalibrationError, ToolchainError, UnsupportedError
from edgeq.inspect import inspect_model
from edgeq.npz import random_samples, to_internal, to_original
from edgeq.originals import run_original
from tests.tools import need
from tests.unit.qonnx_models import Net, dense_net, disagreements, endpoint, folded, layer, normal, whole

pytestmark = pytest.mark.filterwarnings("ignore")


# borders


def test_input_preparation_is_repeated_exactly() -> None:
    net = Net(1, 3, 4, 4)
    scaled = net.add("Div", net.add("Sub", "x", net.constant([[[0.4]], [[0.5]], [[0.3]]])), net.constant(0.226))
    conv = net.add("Conv", net.quant(scaled, 8, 0.0173), net.quant(net.constant(normal(4, 3, 3, 3)), 4))
    data = net.model(net.quant(conv, 4, 0.3))
    samples = np.random.default_rng(0).random((20, 3, 4, 4)).astype(np.float32)
    assert disagreements(data, samples) == 0
    spec = endpoint(folded(data), "x")
    assert isinstance(spec["real_offset"], list)


def test_integers_of_an_input_survive_their_reals() -> None:
    """What the C takes, as reals of the model, quantized again: the same integers."""
    for bits, signed in ((1, 1), (1, 0), (2, 1), (4, 0), (8, 0), (8, 1)):
        net = Net(1, 3, 4, 4)
        scaled = net.add("Sub", net.add("Mul", "x", net.constant([[[2.0]], [[3.0]], [[-0.7]]])), net.constant(1.0))
        conv = net.add(
            "Conv",
            net.quant(scaled, bits, 0.3, signed=signed, narrow=int(bits == 2)),
            net.quant(net.constant(normal(4, 3, 3, 3)), 4),
        )
        spec = endpoint(folded(net.model(conv)), "x")
        given = random_samples([spec], 10).inputs["x"]
        back = to_internal(spec, to_original({**spec, "source_dtype": "float32"}, given)[:, 0])
        assert np.array_equal(back, to_internal(spec, given))
        rule = spec["quantizer"]
        assert given.min() >= rule["low"] and given.max() <= rule["high"]


def test_inputs_that_are_never_quantized_need_samples() -> None:
    net = Net(1, 5)
    y = net.add("MatMul", "x", net.quant(net.constant(normal(5, 3)), 4, 0.25))
    data = net.model(net.quant(y, 4, 0.5))
    with pytest.raises(CalibrationError, match="'x' is taken as reals"):
        folded(data)
    samples = normal(50, 5, scale=2)
    graph = folded(data, {"x": samples})
    scale = graph.meta["inputs"]["x"]["real_scale"]
    assert np.log2(scale) == round(np.log2(scale))
    assert abs(samples).max() <= 128 * scale
    assert abs(samples).max() > 63 * scale
    assert disagreements(data, np.rint(samples / scale) * scale, {"x": samples}) == 0


def test_a_last_softmax_is_left_out_and_said() -> None:
    net, sums = dense_net(normal(6, 3, scale=3))
    graph = folded(net.model(net.add("Softmax", sums, axis=1, name="probabilities")))
    assert "probabilities" in graph.meta["notes"][0]
    assert graph.meta["outputs"]["probabilities"]["left_out"] == "softmax"
    assert graph.outputs[0].type.dtype.value == "int32"


def test_outputs_per_channel_keep_their_order_within_lists() -> None:
    net, sums = dense_net(whole(6, 3, low=-7, high=7))
    data = net.model(net.norm(sums, [1.5, -2.0, 0.1], normal(3), normal(3), np.ones(3)))
    graph = folded(data)
    (name,) = graph.meta["outputs"]
    assert len(graph.meta["outputs"][name]["real_scale"]) == 3
    assert disagreements(data, whole(20, 6, low=-8, high=7)) == 0


def test_offsets_that_are_whole_sums_become_a_bias() -> None:
    net, sums = dense_net(whole(6, 3, low=-7, high=7))
    data = net.model(net.add("Add", sums, net.constant([4.0, -2.0, 9.0])))
    graph = folded(data)
    assert layer(graph, "dense").input(2).constant.tolist() == [4, -2, 9]
    assert disagreements(data, whole(20, 6, low=-8, high=7)) == 0


def test_doubt_about_float_sums_is_told() -> None:
    net = Net(1, 4)
    x = net.quant("x", 3, 0.1)
    y = net.bipolar(net.add("MatMul", x, net.quant(net.constant(whole(4, 2, low=-3, high=3)), 3, 1.0)))
    notes = folded(net.model(y)).meta["notes"]
    assert len(notes) == 1
    assert "rounding of float32 sums" in notes[0]


# refusals: each names its node


def refused(net: Net, *outputs: str) -> str:
    with pytest.raises(UnsupportedError) as caught:
        folded(net.model(*outputs))
    return str(caught.value)


def test_weights_that_are_not_quantized() -> None:
    net = Net(1, 4)
    y = net.add("MatMul", net.quant("x", 4), net.constant(normal(4, 2)), name="plain")
    assert "plain: its weights" in refused(net, net.quant(y, 4))


def test_activations_that_are_not_quantized() -> None:
    net, sums = dense_net(normal(4, 4, scale=3))
    y = net.add("MatMul", net.add("Relu", sums), net.quant(net.constant(normal(4, 2)), 4), name="second")
    text = refused(net, net.quant(y, 4))
    assert "second: reads" in text
    assert "not quantized" in text


def test_functions_that_leave_the_grid() -> None:
    net = Net(1, 4)
    y = net.add("MatMul", net.add("Tanh", net.quant("x", 4)), net.quant(net.constant(normal(4, 2)), 4), name="layer")
    assert "tanh has taken off its grid" in refused(net, y)


def test_scales_without_a_common_measure() -> None:
    net = Net(1, 4)
    x = net.quant("x", 4, 0.1)
    y = net.add("Add", net.quant(x, 4, 0.2), net.quant(x, 4, 0.3137), name="sum")
    assert "sum: add of grids with scales" in refused(net, net.quant(y, 4))


def test_activations_without_direction() -> None:
    net, sums = dense_net(normal(4, 4, scale=3))
    gelu = net.add("Mul", sums, net.add("Sigmoid", sums))
    assert "rises and falls" in refused(net, net.quant(gelu, 4, 0.1))


def test_a_maximum_before_a_falling_function() -> None:
    net = Net(1, 2, 4, 4)
    conv = net.add("Conv", net.quant("x", 3), net.quant(net.constant(normal(3, 2, 1, 1)), 3))
    pooled = net.add("MaxPool", conv, kernel_shape=[2, 2], name="pool")
    y = net.quant(net.add("Mul", pooled, net.constant(-1.0), name="minus"), 3)
    assert "minus: mul behind the maximum of 'pool' falls" in refused(net, y)


def test_functions_at_the_end() -> None:
    net, sums = dense_net(normal(4, 4, scale=3))
    assert "last: sigmoid at the end" in refused(net, net.add("Sigmoid", sums, name="last"))


def test_all_refusals_come_in_one_list() -> None:
    net = Net(1, 4)
    first = net.add("MatMul", net.quant("x", 4), net.constant(normal(4, 4)), name="one")
    second = net.add("MatMul", net.quant("x", 4), net.constant(normal(4, 4)), name="two")
    text = refused(net, net.quant(first, 4), net.quant(second, 4))
    assert "2 things" in text
    assert "one:" in text and "two:" in text


def test_argmax_of_levels_and_of_sums() -> None:
    net, sums = dense_net(normal(6, 3, scale=3))
    assert "biggest: argmax of sums" in refused(net, net.add("ArgMax", sums, axis=1, name="biggest"))
    net, sums = dense_net(normal(6, 3, scale=3))
    graph = folded(net.model(net.add("ArgMax", net.quant(sums, 4, 2.0), axis=1)))
    assert [n.op for n in graph.nodes][-2:] in (["dense", "argmax"], ["argmax", "reshape"])


def test_inspect_tells_what_qonnx_needs(tmp_path: Path) -> None:
    net = Net(1, 5)
    y = net.add("MatMul", "x", net.quant(net.constant(normal(5, 3)), 4, 0.25))
    good, bad = tmp_path / "good.onnx", tmp_path / "bad.onnx"
    good.write_bytes(net.model(net.quant(y, 4, 0.5)))
    found = inspect_model(good)
    assert found.convertible and found.format == "qonnx" and found.quantized
    assert any("--calibrate" in note for note in found.notes)
    plain = net.add("MatMul", y, net.constant(normal(3, 3)), name="plain")
    bad.write_bytes(net.model(net.quant(plain, 4)))
    assert any(p.startswith("plain: ") for p in inspect_model(bad).problems)


def test_originals_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("onnxruntime")
    net = Net(1, 4)
    file = tmp_path / "original.onnx"
    file.write_bytes(net.model(net.quant("x", 4)))
    monkeypatch.setitem(sys.modules, "qonnx.custom_op.registry", None)
    with pytest.raises(ToolchainError, match="pip install qonnx"):
        run_original(file, [normal(2, 1, 4)])
