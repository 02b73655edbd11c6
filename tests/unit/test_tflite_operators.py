"""TFLite operators against LiteRT's reference kernels: int8 bit for bit, float to rounding, real models per tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.frontends.detect import load_model
from edgeq.frontends.tflite import ROWS, load_tflite
from edgeq.frontends.tflite_state import VARIABLES
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer, run_real
from edgeq.passes.check import check_graph
from edgeq.passes.pipeline import to_integer
from tests.oracles.litert import LiteRt, random_inputs
from tests.oracles.tflite_cases import BOTH, FLOAT_ONLY, INT8_ONLY
from tests.oracles.tflite_draw import Draw
from tests.oracles.tflite_writer import TensorSpec, single_op_model
from tests.tools import need, shared

SAMPLES = 3
GRID = range(25)
MODELS = [
    "mlperf_tiny/ad_autoencoder_int8.tflite",
    "mlperf_tiny/ic_resnet8_int8.tflite",
    "mlperf_tiny/kws_dscnn_int8.tflite",
    "mlperf_tiny/sww_conv1d_int8.tflite",
    "mlperf_tiny/vww_mobilenet_int8.tflite",
    "tflm/hello_world_int8.tflite",
    "tflm/micro_speech_int8.tflite",
]


def both_outputs(data: bytes, seed: int, *, quantized: bool) -> list[tuple[Array, Array]]:
    """(edgeq's, LiteRT's) outputs of the same random samples."""
    graph = load_tflite(Path("case.tflite"), data)
    check_graph(graph, "import")
    if quantized:
        to_integer(graph)
    oracle, rng = LiteRt(data), np.random.default_rng(seed)
    samples = [random_inputs(oracle, rng) for _ in range(SAMPLES)]
    theirs = [oracle.run(sample) for sample in samples]
    stacked = {v.name: np.concatenate([s[i] for s in samples]) for i, v in enumerate(graph.inputs)}
    ours = (run_integer if quantized else run_real)(graph, stacked)
    return [(ours[v.name], np.concatenate([t[i] for t in theirs])) for i, v in enumerate(graph.outputs)]


def assert_same_bits(op: str, seed: int) -> None:
    data = (BOTH | INT8_ONLY)[op](Draw(seed, quantized=True))
    for ours, theirs in both_outputs(data, seed, quantized=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=f"{op}, seed {seed}")


@pytest.mark.parametrize("op", BOTH | INT8_ONLY)
def test_int8_operators_give_the_bits_of_litert(op: str) -> None:
    need("litert")
    for seed in GRID:
        assert_same_bits(op, seed)


@settings(max_examples=200)
@given(op=st.sampled_from(sorted(BOTH | INT8_ONLY)), seed=st.integers(1000, 2**32))
def test_any_int8_operator_gives_the_bits_of_litert(op: str, seed: int) -> None:
    need("litert")
    assert_same_bits(op, seed)


@pytest.mark.parametrize("op", BOTH | FLOAT_ONLY)
def test_float_operators_agree_with_litert(op: str) -> None:
    need("litert")
    for seed in GRID:
        for ours, theirs in both_outputs((BOTH | FLOAT_ONLY)[op](Draw(seed, quantized=False)), seed, quantized=False):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5, err_msg=f"{op}, seed {seed}")


def test_every_converted_operator_has_cases() -> None:
    """DEQUANTIZE stands at the border only, where test_tflite looks at it; variables are test_tflite_state's."""
    assert set(ROWS) - {"DEQUANTIZE"} - set(VARIABLES) == {op.split(" ")[0] for op in BOTH | FLOAT_ONLY | INT8_ONLY}


def unequal_tensors(graph: Graph, oracle: LiteRt, samples: int, *, tolerance: float | None) -> list[str]:
    """Tensors that differ in any of several random samples, in execution order."""
    rng, wrong = np.random.default_rng(7), []
    origin = graph.meta["origin"]
    for _ in range(samples):
        inputs = random_inputs(oracle, rng)
        oracle.run(inputs)

        def compare(value: Value, array: Array) -> None:
            if value.name not in origin:
                return
            theirs = oracle.tensor(origin[value.name])
            same = (
                np.array_equal(array, theirs)
                if tolerance is None
                else np.allclose(array, theirs, rtol=tolerance, atol=tolerance * float(np.abs(theirs).max()))
            )
            if not same:
                wrong.append(value.name)

        run = run_real if tolerance is not None else run_integer
        run(graph, {v.name: a for v, a in zip(graph.inputs, inputs, strict=True)}, compare)
    return wrong


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_of_real_int8_models_equals_litert(name: str) -> None:
    need("litert", "shared")
    path = shared() / "models" / name
    graph = load_model(path)
    to_integer(graph)
    oracle = LiteRt(path.read_bytes(), keep_all=True)
    assert len(graph.meta["origin"]) >= len(graph.nodes)
    assert unequal_tensors(graph, oracle, 3, tolerance=None) == []


@pytest.mark.parametrize("name", ["ic_resnet8_float.tflite", "kws_dscnn_float.tflite"])
def test_every_tensor_of_real_float_models_agrees_with_litert(name: str) -> None:
    need("litert", "shared")
    path = shared() / "models" / "mlperf_tiny" / name
    graph = load_model(path)
    assert unequal_tensors(graph, LiteRt(path.read_bytes(), keep_all=True), 2, tolerance=1e-4) == []


def near_ties(op: str, scales: tuple[float, float, float], *, per_channel: bool) -> bytes:
    """A layer of one input whose biases alone are its sums: those within 3 of every rounding threshold."""
    sx, sw, sy = scales
    halves = (np.arange(-100, 100) + 0.5) / (sx * sw / sy)
    sums = np.unique(np.round(halves).astype(np.int64)[:, None] + np.arange(-3, 4))
    n = len(sums)
    shape, axis = {
        "CONV_2D": ([n, 1, 1, 1], 0),
        "DEPTHWISE_CONV_2D": ([1, 1, 1, n], 3),
        "FULLY_CONNECTED": ([n, 1], 0),
    }[op]
    count = n if per_channel else 1
    bias_scale = np.repeat(np.float32(sx) * np.float32(sw), count)
    w = TensorSpec(shape, scale=[sw] * count, axis=axis, data=np.zeros(shape))
    b = TensorSpec([n], "int32", scale=bias_scale, data=sums)
    dense = op == "FULLY_CONNECTED"
    options = {} if dense else {"StrideH": 1, "StrideW": 1, "Padding": 1}
    x = TensorSpec([1, 1] if dense else [1, 1, 1, 1], scale=sx)
    y = TensorSpec([1, n] if dense else [1, 1, 1, n], scale=sy)
    return single_op_model(op, [x], [y], options, [w, b], version=5)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_sums_beside_every_threshold_round_as_litert_does(op: str, per_channel: bool) -> None:
    need("litert")
    rng = np.random.default_rng(11)
    for case in range(12):
        sx, sw = (float(np.float32(rng.uniform(0.001, 0.1))) for _ in range(2))
        sy = float(np.float32(sx * sw * 2.0 ** rng.uniform(6, 20) / 100))
        if case % 4 == 0:
            # Powers of two: sums that lie exactly between two results.
            sx, sw, sy = 0.5, 0.25, 2.0 ** (case // 4)
        ((ours, theirs),) = both_outputs(near_ties(op, (sx, sw, sy), per_channel=per_channel), case, quantized=True)
        np.testing.assert_array_equal(ours, theirs, err_msg=f"scales {sx}, {sw}, {sy}")
