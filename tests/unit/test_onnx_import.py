"""What the ONNX frontend says of a model: layouts, names, dimensions, and everything that it cannot convert."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto

from edgeq.errors import ModelDataError, ModelFileError, UnsupportedError, UsageError
from edgeq.frontends.onnx import load_onnx
from edgeq.ops.execute import run_real
from tests.tools import need, shared
from tests.unit.onnx_models import (
    array,
    assert_same,
    loaded,
    make_model,
    node,
    onnxruntime_outputs,
    ops,
    run_in_source_layout,
    simplified,
    turned,
)

X = {"x": (1, 3, 8, 8)}


def cnn() -> bytes:
    nodes = [
        node("Conv", ["x", "w", "b"], "c", pads=[1, 1, 1, 1]),
        node("Relu", ["c"], "r"),
        node("MaxPool", ["r"], "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], "f"),
        node("Gemm", ["f", "w2", "b2"], "y", transB=1),
    ]
    constants = {"w": array(4, 3, 3, 3), "b": array(4), "w2": array(5, 64), "b2": array(5)}
    return make_model(nodes, X, ["y"], constants)


def test_the_network_runs_channel_last_and_the_border_remembers_the_files_layout() -> None:
    graph = simplified(cnn())
    assert ops(graph) == ["conv2d", "max_pool2d", "reshape", "dense"]
    assert graph.inputs[0].shape == (1, 8, 8, 3)
    assert graph.meta["inputs"]["x"] == {"source_shape": [1, 3, 8, 8], "perm": [0, 2, 3, 1], "source_dtype": "float32"}
    assert graph.meta["outputs"]["y"] == {"source_shape": [1, 5], "perm": None, "source_dtype": "float32"}
    assert graph.meta["format"] == "onnx" and graph.meta["opset"] == 13


def test_every_value_knows_the_tensor_it_stands_for() -> None:
    need("onnxruntime")
    graph = simplified(cnn())
    model = ModelProto.FromString(cnn())
    names = [o for n in model.graph.node for o in n.output]
    model.graph.output.extend([model.graph.output[0].__class__(name=n) for n in names[:-1]])
    feeds = {"x": array(1, 3, 8, 8, seed=5)}
    wanted = onnxruntime_outputs(model.SerializeToString(), feeds) | feeds
    seen = {}
    inputs = {v.name: turned(graph.meta["inputs"][v.name], v, feeds[v.name]) for v in graph.inputs}
    run_real(graph, inputs, lambda value, data: seen.update({value.name: data}))
    compared = 0
    for value in graph.values():
        if value.name in graph.meta["origin"]:
            tensor, perm = graph.meta["origin"][value.name]
            assert value.name == tensor
            reference = turned({"perm": perm}, value, wanted[tensor])
            np.testing.assert_allclose(seen[value.name], reference, atol=1e-4)
            compared += 1
    assert compared == 4  # the flattened tensor is now in another order, which is not a tensor of the file


def test_nodes_keep_their_names() -> None:
    assert [n.name for n in simplified(cnn()).nodes] == ["c", "p", "f", "y"]


@pytest.mark.parametrize("name", ["ic_resnet8_float", "kws_dscnn_float"])
def test_no_transposition_is_left_in_exports_of_tensorflow(name: str) -> None:
    need("shared", "onnxruntime")
    path = shared() / "models" / "mlperf_tiny" / f"{name}.onnx"
    graph = simplified(path.read_bytes(), path)
    assert "transpose" not in ops(graph)
    assert set(ops(graph)) <= {"conv2d", "depthwise_conv2d", "add", "avg_pool2d", "reshape", "dense", "softmax"}
    assert_same(path.read_bytes(), graph)


def test_a_dynamic_batch_is_one_and_other_dimensions_are_asked_for_by_name() -> None:
    data = make_model([node("Relu", ["x"], "y")], {"x": ("batch", 3, "height", None)}, ["y"])
    with pytest.raises(UnsupportedError) as caught:
        load_onnx("m.onnx", data, None)
    text = str(caught.value)
    assert "-d height:N" in text and "-d x.3:N" in text and "batch" not in text
    graph = loaded(data, dimensions={"height": 5, "x.3": 7})
    assert graph.inputs[0].shape == (1, 3, 5, 7)
    assert loaded(data, dimensions={"height": 5, "x.3": 7, "batch": 2}).inputs[0].shape == (2, 3, 5, 7)
    with pytest.raises(UsageError, match="'width'"):
        load_onnx("m.onnx", data, {"height": 5, "x.3": 7, "width": 3})


def test_all_problems_are_listed_at_once_with_node_operator_and_opset() -> None:
    nodes = [
        node("RNN", ["x"], "a"),
        node("Relu", ["a"], "b"),
        node("Mystery", ["b"], "c"),
        node("ConvTranspose", ["x", "w"], "d"),
        node("AveragePool", ["x"], "e", kernel_shape=[2, 2], dilations=[2, 2]),
        node("Relu", ["x"], "f", surprise=1),
    ]
    data = make_model(nodes, X, ["c", "d", "e", "f"], {"w": array(3, 3, 2, 2)}, opset=19)
    with pytest.raises(UnsupportedError) as caught:
        load_onnx("m.onnx", data, None)
    problems = caught.value.problems
    assert len(problems) == 5
    assert all("opset 19" in p for p in problems)
    assert "'a' (RNN" in problems[0] and "'surprise'" in problems[4]


def test_runtime_weights_are_refused() -> None:
    data = make_model([node("Gemm", ["x", "z"], "y")], {"x": (2, 3), "z": (3, 4)}, ["y"])
    with pytest.raises(UnsupportedError, match="must be constant"):
        load_onnx("m.onnx", data, None)


def test_unused_operator_sets_do_no_harm() -> None:
    data = make_model([node("Relu", ["x"], "y")], X, ["y"], domains=("ai.onnx.ml", "com.example"))
    assert ops(loaded(data)) == ["relu"]


def test_weights_of_not_a_number_and_zero_scales_are_data_errors() -> None:
    bad = array(4, 3, 3, 3)
    bad[0, 0, 0, 0] = np.nan
    with pytest.raises(ModelDataError, match="NaN"):
        load_onnx("m.onnx", make_model([node("Conv", ["x", "w"], "y")], X, ["y"], {"w": bad}), None)
    nodes = [node("QuantizeLinear", ["x", "s", "z"], "q"), node("DequantizeLinear", ["q", "s", "z"], "y")]
    for scale in (0.0, -1.0, float("inf")):
        data = make_model(nodes, X, ["y"], {"s": np.float32(scale), "z": np.uint8(3)})
        with pytest.raises(ModelDataError, match="scale"):
            load_onnx("m.onnx", data, None)


def _external(location: str, length: int = 4 * 4 * 27) -> bytes:
    model = ModelProto.FromString(make_model([node("Conv", ["x", "w"], "y")], X, ["y"], {"w": array(4, 3, 3, 3)}))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "4"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return model.SerializeToString()


def test_external_weights_are_read_from_the_models_own_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    payload = b"head" + array(4, 3, 3, 3).tobytes()
    (folder / "w.data").write_bytes(payload)
    (tmp_path / "secret.data").write_bytes(payload)
    graph = load_onnx(folder / "m.onnx", _external("w.data"), None)
    weights = next(n for n in graph.nodes if n.op == "conv2d").input(1).constant
    np.testing.assert_array_equal(weights, array(4, 3, 3, 3).transpose(0, 2, 3, 1))
    for location in ("../secret.data", str(tmp_path / "secret.data"), "missing.data", "", ".", "w.data\0x"):
        with pytest.raises(ModelFileError):
            load_onnx(folder / "m.onnx", _external(location), None)
    with pytest.raises(ModelFileError):
        load_onnx(folder / "m.onnx", _external("w.data", 12), None)


def test_cycles_missing_tensors_and_double_definitions_are_file_errors() -> None:
    cycle = [node("Add", ["x", "b"], "a"), node("Relu", ["a"], "b")]
    twice = [node("Relu", ["x"], "y"), node("Tanh", ["x"], "y")]
    missing = [node("Conv", ["x", "w"], "y")]
    for nodes, output in ((cycle, "a"), (twice, "y"), (missing, "y"), ([node("Relu", ["x"], "y")], "z")):
        with pytest.raises(ModelFileError):
            load_onnx("m.onnx", make_model(nodes, X, [output]), None)


def test_sizes_that_no_memory_holds_are_refused_before_they_are_made() -> None:
    big = np.array([2**20, 2**20], dtype=np.int64)
    fill = [node("ConstantOfShape", ["s"], "c"), node("Add", ["x", "c"], "y")]
    pads = [node("Pad", ["x", "p"], "y")]
    huge = np.array([0, 0, 2**30, 2**30, 0, 0, 0, 0], dtype=np.int64)
    for nodes, constants in ((fill, {"s": big}), (pads, {"p": huge})):
        with pytest.raises(UnsupportedError):
            load_onnx("m.onnx", make_model(nodes, X, ["y"], constants), None)
    with pytest.raises(UnsupportedError, match="too large"):
        load_onnx("m.onnx", make_model([node("Relu", ["x"], "y")], {"x": (1, 2**40)}, ["y"]), None)


def test_old_and_future_opsets_are_refused_with_the_range() -> None:
    for opset in (6, 999):
        with pytest.raises(UnsupportedError, match="opsets 7 to"):
            load_onnx("m.onnx", make_model([node("Relu", ["x"], "y")], X, ["y"], opset=opset), None)


def test_an_input_that_is_an_output_and_shared_outputs_get_copies() -> None:
    nodes = [node("Identity", ["x"], "same"), node("Relu", ["x"], "r"), node("Identity", ["r"], "r2")]
    graph = loaded(make_model(nodes, X, ["same", "r", "r2"]))
    assert [o.name for o in graph.outputs] == ["same", "r", "r2"]
    found = run_in_source_layout(graph, {"x": array(1, 3, 8, 8)})
    np.testing.assert_array_equal(found["r"], found["r2"])
    np.testing.assert_array_equal(found["same"], array(1, 3, 8, 8))
