"""Post-training quantization: what becomes of weights, biases and activations."""

from __future__ import annotations

import numpy as np
import pytest

from edgeq.errors import CalibrationError, ModelDataError
from edgeq.ir.graph import Graph
from edgeq.ops.build import GraphBuilder
from edgeq.ops.execute import run_integer, run_real
from edgeq.passes.check import check_graph, check_quantized
from edgeq.passes.lower import lower
from edgeq.quant.observe import Range, observe_ranges
from edgeq.quant.quality import sqnr_db
from edgeq.quant.quantize import activation_quantization, quantize_graph


def dense_net(weights: np.ndarray, bias: np.ndarray) -> Graph:
    builder = GraphBuilder("net")
    x = builder.input("x", (1, weights.shape[1]))
    w, b = builder.constant("w", weights), builder.constant("b", bias)
    y = builder.add("dense", [x, w, b], {"clamp_min": 0.0}, name="fc")
    return builder.finish([y])


def quantized(graph: Graph, samples: np.ndarray) -> Graph:
    result = quantize_graph(graph, observe_ranges(graph, {"x": samples}))
    check_graph(result, "quantize")
    check_quantized(result)
    lower(result)
    return result


def test_a_quantized_layer_follows_the_real_one() -> None:
    rng = np.random.default_rng(0)
    graph = dense_net(rng.normal(size=(16, 32)), rng.normal(size=16))
    samples = rng.normal(size=(200, 32))
    integer = quantized(graph, samples)
    real = run_real(graph, {"x": samples})["fc"]
    q = integer.inputs[0].quantization.quantize(samples, integer.inputs[0].type.dtype)
    out = run_integer(integer, {"x": q})["fc"]
    noise = sqnr_db(real, integer.outputs[0].quantization.dequantize(out))
    assert noise is not None and noise > 35


def test_a_dead_channel_keeps_its_bias() -> None:
    weights = np.ones((3, 4))
    weights[1] = 0
    samples = np.linspace(-1, 1, 40).reshape(10, 4)
    integer = quantized(dense_net(weights, np.array([0.0, 2.5, 1.0])), samples)
    x = integer.inputs[0]
    out = run_integer(integer, {"x": x.quantization.quantize(samples, x.type.dtype)})["fc"]
    real = integer.outputs[0].quantization.dequantize(out)
    assert np.abs(real[:, 1] - 2.5).max() < 0.05


def test_zero_is_exact_in_every_activation() -> None:
    for low, high in ((0.0, 6.0), (-3.0, 0.0), (-1.0, 2.0), (0.0, 0.0), (-1e-20, 1e-20)):
        quantization = activation_quantization(Range(low, high))
        assert quantization.dequantize(np.array([quantization.tensor_zero_point]))[0] == 0
        assert -128 <= quantization.tensor_zero_point <= 127


def test_weights_that_are_not_finite_are_refused() -> None:
    weights = np.ones((2, 3))
    weights[0, 0] = np.nan
    graph = dense_net(weights, np.zeros(2))
    with pytest.raises(ModelDataError, match="NaN"):
        quantize_graph(graph, {"x": Range(-1, 1), "fc": Range(0, 1)})


def test_calibration_that_overflows_is_refused() -> None:
    graph = dense_net(np.ones((2, 3), dtype=np.float32), np.zeros(2, dtype=np.float32))
    with pytest.raises(CalibrationError, match="infinite"):
        observe_ranges(graph, {"x": np.full((1, 3), np.inf)})
