"""Random TFLite models of products of two tensors and of recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.oracles.tflite_draw import Draw
from tests.oracles.tflite_writer import OperatorSpec, TensorSpec, model, single_op_model


def _matrix(shape: Sequence[int], *, swapped: bool) -> list[int]:
    return [*shape[:-2], shape[-1], shape[-2]] if swapped else list(shape)


def batch_matmul(d: Draw) -> bytes:
    """Either factor may serve several products; the second may be constant, and then asymmetric."""
    batch = d.one([1], [1, 3], [1, 2, 3])
    rows, depth, columns = d.int(1, 6), d.int(1, 12), d.int(1, 6)
    adjoint = {"AdjX": d.one(False, True), "AdjY": d.one(False, True)}
    fewer = d.one(batch, batch, [1] * len(batch), [])
    left, right = d.one((batch, fewer), (batch, fewer), (fewer, batch))
    a = d.tensor(_matrix([*left, rows, depth], swapped=adjoint["AdjX"]))
    b = d.tensor(_matrix([*right, depth, columns], swapped=adjoint["AdjY"]))
    reach = np.sqrt(depth) * 4000 * a.scale * b.scale if d.quantized else 0
    if d.int(0, 1):
        b = d.constant(b.shape, None if not d.quantized else TensorSpec([], scale=b.scale, zero_point=d.one(0, 0, 5)))
    y = d.tensor([*batch, rows, columns], scale=float(np.float32(reach / d.int(30, 120))))
    return single_op_model("BATCH_MATMUL", [a, b], [y], adjoint, version=3)


def sequence_lstm(d: Draw) -> bytes:
    """Samples follow each other: the state lives on in variables."""
    inputs, units, steps, major = d.int(1, 7), d.int(1, 8), d.int(1, 4), d.one(False, True)
    x = d.tensor([steps, 1, inputs] if major else [1, steps, inputs])
    y = d.tensor([steps, 1, units] if major else [1, steps, units], scale=d.one(1 / 128, 0.005, 0.02))
    weights: list[list[TensorSpec]] = []
    for columns in (inputs, units):
        shapes = [[units, columns]] * 4
        if d.quantized:
            sizes = [float(np.float32(np.exp(d.rng.uniform(-7, -3)))) for _ in shapes]
            data = [d.rng.integers(-127, 128, s) for s in shapes]
            weights.append([TensorSpec(s, scale=z, data=w) for s, z, w in zip(shapes, sizes, data, strict=True)])
        else:
            weights.append([TensorSpec(s, "float32", data=d.rng.normal(size=s)) for s in shapes])
    kind = "int32" if d.quantized else "float32"
    reach = d.one(0, 100, 3000) if d.quantized else 1.0
    biases = [TensorSpec([units], kind, data=np.rint(d.rng.normal(size=units) * reach)) for _ in range(4)]
    states = [TensorSpec([1, units], "float32", is_variable=True) for _ in range(2)]
    inside: list[TensorSpec] = []
    if d.quantized:
        assert isinstance(y.scale, float)
        state, rounded = d.one((y.scale, y.scale), (0.006, 0.007))
        hidden = TensorSpec([1, units], scale=state, zero_point=y.zero_point, is_variable=True)
        bits = d.one(9, 10, 11, 11, 12, 14, 15)
        states = [hidden, TensorSpec([1, units], "int16", scale=2.0**-bits, is_variable=True)]
        inside = [TensorSpec([1], "int16", scale=2.0**-12) for _ in range(4)]
        inside.append(TensorSpec([1], scale=rounded, zero_point=d.one(y.zero_point, 5)))
    options = {"FusedActivationFunction": 4, "CellClip": d.one(0.0, 10.0, 0.7), "TimeMajor": major}
    none = [None]
    operands = [x, *weights[0], *weights[1], *none * 3, *biases, *none * 2, *states, *none * 4]
    name = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    return model([OperatorSpec(name, operands, [y], options, 2, intermediates=inside)], [x], [y])
