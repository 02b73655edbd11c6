"""UNIDIRECTIONAL_SEQUENCE_LSTM in C, from call to call and step by step, and what of it is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.errors import ModelDataError, ModelFileError, UnsupportedError
from edgeq.frontends.tflite import load_tflite
from edgeq.ops.execute import run_integer
from edgeq.ops.fixed16 import MOST_INTEGER_BITS, logistic16, tanh16
from edgeq.passes.pipeline import to_integer
from edgeq.passes.stream import stream
from edgeq.pipeline import compile_model
from tests.oracles.tflite_writer import OperatorSpec, TensorSpec, model
from tests.tools import ROOT, need

STEPS, INPUTS, UNITS, CLASSES = 10, 6, 16, 3


def test_functions_of_16_bits_are_near_their_reals() -> None:
    x = np.arange(-(2**15), 2**15)
    assert np.abs(logistic16(x) / 2.0**15 - 1 / (1 + np.exp(-x / 2.0**12))).max() < 2e-4
    for bits in range(MOST_INTEGER_BITS + 1):
        assert np.abs(tanh16(x, bits) / 2.0**15 - np.tanh(x / 2.0 ** (15 - bits))).max() < 4e-4


def layer(*, quantized: bool) -> OperatorSpec:
    """A layer as Keras exports it: its cell clipped at 10, int8 weights with a scale per gate."""
    rng = np.random.default_rng(0)
    weights: list[TensorSpec] = []
    for shape in [(UNITS, INPUTS)] * 4 + [(UNITS, UNITS)] * 4:
        real = rng.normal(size=shape) / np.sqrt(shape[1])
        scale = float(np.float32(np.abs(real).max() / 127))
        stored = TensorSpec(shape, scale=scale, data=np.rint(real / scale))
        weights.append(stored if quantized else TensorSpec(shape, "float32", data=real))
    kind = "int32" if quantized else "float32"
    biases = [TensorSpec([UNITS], kind, data=rng.normal(size=UNITS) * (2000 if quantized else 0.2)) for _ in range(4)]
    numbers: dict[str, Any] = {"scale": 1 / 128, "zero_point": 3} if quantized else {"dtype": "float32"}
    x = TensorSpec([1, STEPS, INPUTS], **(numbers | {"scale": 0.025} if quantized else numbers))
    y = TensorSpec([1, STEPS, UNITS], **numbers)
    cell = {"dtype": "int16", "scale": 2.0**-11} if quantized else {"dtype": "float32"}
    states = [TensorSpec([1, UNITS], is_variable=True, **numbers), TensorSpec([1, UNITS], is_variable=True, **cell)]
    inside = [TensorSpec([1], "int16", scale=2.0**-12) for _ in range(4)] + [TensorSpec([1], **numbers)]
    operands = [x, *weights, *[None] * 3, *biases, *[None] * 2, *states, *[None] * 4]
    options = {"FusedActivationFunction": 4, "CellClip": 10.0}
    made = inside if quantized else []
    return OperatorSpec("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [y], options, 2, intermediates=made)


def network(*, quantized: bool) -> bytes:
    """The layer and a dense one over every step."""
    lstm = layer(quantized=quantized)
    numbers: dict[str, Any] = {} if quantized else {"dtype": "float32"}
    real = np.random.default_rng(1).normal(size=(CLASSES, UNITS))
    scale = {"scale": float(np.float32(np.abs(real).max() / 127))} if quantized else {}
    w = TensorSpec([CLASSES, UNITS], data=np.rint(real / scale["scale"]) if quantized else real, **numbers, **scale)
    y = TensorSpec([1, STEPS, CLASSES], **numbers, **({"scale": 0.05, "zero_point": -7} if quantized else {}))
    dense = OperatorSpec("FULLY_CONNECTED", [lstm.outputs[0], w], [y], {"KeepNumDims": True}, 5)
    assert lstm.inputs[0] is not None
    return model([lstm, dense], [lstm.inputs[0]], [y])


@pytest.mark.tools
def test_an_int8_network_in_c_gives_the_bits_of_litert_over_many_calls(tmp_path: Path) -> None:
    need("litert", "cc", "zig", "unicorn")
    (tmp_path / "net.tflite").write_bytes(network(quantized=True))
    result = compile_model(tmp_path / "net.tflite", "riscv", out=tmp_path / "m")
    assert result.manifest["state_bytes"] >= 3 * UNITS
    proof = result.verify(samples=30, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["exact"]


@pytest.mark.tools
def test_an_export_of_keras_in_c_gives_the_bits_of_litert(tmp_path: Path) -> None:
    """Two layers, only the last step of the second one read."""
    need("litert", "cc", "zig", "unicorn")
    result = compile_model(ROOT / "tests" / "oracles" / "keras_lstm_int8.tflite", "cortex-m4", out=tmp_path / "m")
    proof = result.verify(samples=20, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["exact"]


@pytest.mark.tools
def test_a_float_network_is_quantized(tmp_path: Path) -> None:
    need("litert", "cc", "zig", "unicorn")
    (tmp_path / "net.tflite").write_bytes(network(quantized=False))
    name = load_tflite(tmp_path / "net.tflite", network(quantized=False)).inputs[0].name
    x = np.random.default_rng(2).normal(size=(220, STEPS, INPUTS)).astype(np.float32)
    result = compile_model(tmp_path / "net.tflite", "cortex-m4", out=tmp_path / "m", calibrate={name: x[:200]})
    proof = result.verify(inputs={name: x[200:]}, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["sqnr_db"] > 30


def test_one_step_per_call_equals_the_whole_sequence() -> None:
    whole = load_tflite(Path("net.tflite"), network(quantized=True))
    steps = stream(whole)
    to_integer(whole)
    to_integer(steps)
    x = np.random.default_rng(3).integers(-128, 128, (4, STEPS, INPUTS)).astype(np.int8)
    (want,) = run_integer(whole, {whole.inputs[0].name: x}).values()
    (got,) = run_integer(steps, {steps.inputs[0].name: x.reshape(-1, 1, INPUTS)}).values()
    np.testing.assert_array_equal(got.reshape(-1, CLASSES), want.reshape(-1, CLASSES))


def test_a_layer_with_a_memory_of_its_own_takes_no_whole_windows() -> None:
    """Behind padding over time, every call would give it the frames of the last call once more."""
    lstm = layer(quantized=True)
    x = lstm.inputs[0]
    assert x is not None
    fewer = TensorSpec([1, STEPS - 2, INPUTS], scale=x.scale, zero_point=x.zero_point)
    pads = TensorSpec([3, 2], "int32", data=[[0, 0], [1, 1], [0, 0]])
    padded = model([OperatorSpec("PAD", [fewer, pads], [x]), lstm], [fewer], list(lstm.outputs))
    with pytest.raises(UnsupportedError, match="again and again"):
        stream(load_tflite(Path("net.tflite"), padded))


def _with_operand(place: int, tensor: TensorSpec | None) -> Callable[[OperatorSpec], None]:
    def change(lstm: OperatorSpec) -> None:
        lstm.inputs = [tensor if i == place else t for i, t in enumerate(lstm.inputs)]

    return change


def _with_option(name: str, value: float) -> Callable[[OperatorSpec], None]:
    def change(lstm: OperatorSpec) -> None:
        lstm.options = {**lstm.options, name: value}

    return change


def _cell(**kind: Any) -> Callable[[OperatorSpec], None]:
    return _with_operand(19, TensorSpec([1, UNITS], is_variable=True, **kind))


PEEPHOLE = TensorSpec([UNITS], "int16", scale=0.1, data=np.ones(UNITS))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (_with_operand(9, PEEPHOLE), UnsupportedError, "peepholes"),
        (_with_operand(1, None), UnsupportedError, "couples"),
        (_with_operand(2, None), ModelFileError, "lacks weights"),
        (_with_option("FusedActivationFunction", 1), UnsupportedError, "another activation"),
        (_cell(dtype="int16", scale=0.01), UnsupportedError, "power of two"),
        (_cell(dtype="int8", scale=0.5), UnsupportedError, "its cell is INT8"),
        (lambda lstm: setattr(lstm, "intermediates", []), UnsupportedError, "0 numbers inside"),
        (_with_operand(18, TensorSpec([1, UNITS], "float32", is_variable=True)), ModelDataError, "needs one scale"),
    ],
)
def test_what_the_layer_cannot_be_says_so(
    change: Callable[[OperatorSpec], None], error: type[Exception], words: str
) -> None:
    lstm = layer(quantized=True)
    change(lstm)
    x = lstm.inputs[0]
    assert x is not None
    with pytest.raises(error, match=words):
        load_tflite(Path("net.tflite"), model([lstm], [x], list(lstm.outputs)))
