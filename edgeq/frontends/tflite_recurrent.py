"""UNIDIRECTIONAL_SEQUENCE_LSTM: float files become `lstm`, int8 files `litert_lstm`.

Its state is in variable tensors, which LiteRT keeps from run to run; so does the C, until it is reset.
"""

from __future__ import annotations

from math import log2

import numpy as np

from edgeq.errors import ModelDataError, ModelFileError
from edgeq.frontends.tflite_call import Call, Row
from edgeq.frontends.tflite_file import HINT, FileTensor
from edgeq.frontends.tflite_quantization import check_weights, quantization_of, tensor_where
from edgeq.ir.graph import Attr, Value
from edgeq.ir.types import Array, Quantization

INPUT, STATE, PEEPHOLES, BIAS, PROJECTION, NORMS = (1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11), (12, 13, 14, 15), 16, 20
"""Operands, gate by gate in the file's order i, f, g, o."""
OUTPUT_STATE, CELL_STATE = 18, 19
ORDER = (0, 3, 1, 2)
"""Of the file's gates, here: i, o, f, g."""
TANH = 4
"""TFLite's code of the fused activation."""


def _lstm(call: Call) -> None:
    _check(call)
    x = call.value(0)
    if len(x.shape) != 3:
        call.refuse(f"its input has shape {list(x.shape)}, not three axes")
    turned = call.options.flag("TimeMajor")
    batch, steps = (x.shape[1], x.shape[0]) if turned else x.shape[:2]
    if batch != 1:
        call.refuse(f"a batch of {batch}", "export the model with a batch of 1")
    frames = (1, steps, x.shape[2])
    op, attrs, weights = _float(call, x) if call.is_float else _int8(call, x)
    if not turned:
        call.add(op, [x, *weights], attrs)
        return
    rows = x if x.shape == frames else call.add_before("reshape", x, {"shape": frames}, "steps")
    y = call.add_before(op, rows, attrs, "sequence", weights, call.output_quantization())
    call.reshape(y, (steps, 1, y.shape[2]))


def _check(call: Call) -> None:
    """Refuses what the layers here do not have."""
    kinds = ((PEEPHOLES, "peepholes"), ((PROJECTION, PROJECTION + 1), "a projection"))
    for places, what in (*kinds, (range(NORMS, NORMS + 4), "layer normalization")):
        if any(call.tensor(place) is not None for place in places):
            call.refuse(f"has {what}")
    if call.tensor(INPUT[0]) is None:
        call.refuse("couples its input and forget gates")
    if any(call.tensor(place) is None for place in (*INPUT, *STATE, *BIAS, OUTPUT_STATE, CELL_STATE)):
        raise ModelFileError("lacks weights, biases or states", hint=HINT)
    if call.options.integer("FusedActivationFunction") != TANH or call.options.flag("DiagonalRecurrentTensors"):
        call.refuse("has another activation than tanh, or diagonal weights")


def _gates(call: Call, places: tuple[int, ...], what: str) -> list[Array]:
    """The constants of all gates, in our order; their shapes must be alike."""
    arrays = [call.constant(places[gate], what) for gate in ORDER]
    if len({a.shape for a in arrays}) != 1:
        raise ModelFileError(f"its {what} differ in shape from gate to gate", hint=HINT)
    return arrays


def _named(call: Call, role: str, array: Array, quantization: Quantization | None = None) -> Value:
    return call.importer.builder.constant(call.importer.unique(f"{call.name}_{role}"), array, quantization)


def _attrs(call: Call) -> dict[str, Attr]:
    return {"stateful": True, "cell_clip": max(call.options.real("CellClip"), 0.0)}


def _float(call: Call, x: Value) -> tuple[str, dict[str, Attr], list[Value]]:
    """Weights may be int8 in the file; then their reals count."""
    parts: list[Value] = []
    for role, places in (("weights", INPUT), ("state_weights", STATE), ("bias", BIAS)):
        arrays = []
        for gate, array in zip(ORDER, _gates(call, places, role), strict=True):
            tensor = call.tensor(places[gate])
            assert tensor is not None
            arrays.append(array if array.dtype.kind == "f" else call.real(array, quantization_of(tensor)))
        parts.append(_named(call, role, np.concatenate(arrays).astype(np.float32)))
    parts.append(_named(call, "state_bias", np.zeros(parts[2].shape, np.float32)))
    return "lstm", _attrs(call), parts


def _int8(call: Call, x: Value) -> tuple[str, dict[str, Attr], list[Value]]:
    state_tensor, cell = call.tensor(OUTPUT_STATE), call.tensor(CELL_STATE)
    assert state_tensor is not None and cell is not None
    hidden, state = _numbers(_intermediates(call)), _numbers(state_tensor)
    if state_tensor.type != "INT8":
        call.refuse(f"its state is {state_tensor.type}")
    scale, zero_point = _numbers(cell)
    bits = -log2(scale)
    if cell.type != "INT16" or zero_point or bits != int(bits):
        call.refuse(f"its cell is {cell.type} with the scale {scale}; int16 and a power of two are known")
    parts: list[Value] = []
    for role, places, input_scale in (("weights", INPUT, x.scale), ("state_weights", STATE, state[0])):
        arrays, scales = _gates(call, places, role), _weight_scales(call, places)
        units = arrays[0].shape[0]
        rows = Quantization(tuple(np.repeat(scales, units).tolist()), (0,) * (4 * units), 0)
        parts.append(_named(call, role, np.concatenate(arrays), rows))
        sums = Quantization(tuple(input_scale * s for s in rows.scale), rows.zero_point, 0)
        own = role == "weights"
        bias = np.concatenate(_gates(call, BIAS, "biases")) if own else np.zeros(4 * units, np.int32)
        if bias.dtype != np.int32:
            call.refuse(f"has biases of type {bias.dtype}")
        parts.append(_named(call, "bias" if own else "state_bias", bias, sums))
    attrs = {**_attrs(call), "cell_bits": int(bits), "hidden": hidden, "state": state}
    return "litert_lstm", attrs, [parts[0], parts[2], parts[1], parts[3]]


def _weight_scales(call: Call, places: tuple[int, ...]) -> list[float]:
    scales = []
    for gate in ORDER:
        tensor = call.tensor(places[gate])
        assert tensor is not None
        if tensor.type != "INT8":
            call.refuse(f"has {tensor.type} weights and int8 results")
        quantization = check_weights(quantization_of(tensor), 0, call.where)
        if not quantization.is_per_tensor:
            call.refuse("has a scale per row of its weights")
        scales.append(quantization.tensor_scale)
    return scales


def _numbers(tensor: FileTensor) -> tuple[float, int]:
    quantization = quantization_of(tensor)
    if quantization is None or not quantization.is_per_tensor:
        raise ModelDataError(f"{tensor_where(tensor)} needs one scale")
    return quantization.tensor_scale, quantization.tensor_zero_point


def _intermediates(call: Call) -> FileTensor:
    """The tensor of the hidden numbers, behind those of the four gates."""
    tensors = [call.importer.model.main.tensors[i] for i in call.operator.intermediates]
    if len(tensors) != 5:
        call.refuse(f"says how {len(tensors)} numbers inside are quantized, not 5")
    return tensors[4]


RECURRENT: dict[str, Row] = {
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Row(
        _lstm, 4, (1, 24), options="UnidirectionalSequenceLSTMOptions", states=(OUTPUT_STATE, CELL_STATE)
    )
}
