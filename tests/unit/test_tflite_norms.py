"""LayerNorm as Keras writes it into float TFLite files becomes one node; in int8 files its parts are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import UnsupportedError
from edgeq.frontends.tflite import load_tflite
from edgeq.ops.execute import run_real
from edgeq.passes.check import check_graph
from edgeq.passes.simplify import simplify
from tests.oracles.litert import LiteRt
from tests.oracles.tflite_writer import OperatorSpec, TensorSpec, model, single_op_model
from tests.tools import need

ROWS, COLUMNS = 5, 8


def keras_layer_norm(*, negated: bool) -> bytes:
    """x g + (offset - mean g), the mean negated first or subtracted."""
    rng = np.random.default_rng(0)

    def real(*shape: int) -> TensorSpec:
        return TensorSpec(shape, "float32")

    def constant(*numbers: float) -> TensorSpec:
        return TensorSpec([len(numbers)], "float32", data=numbers)

    x, y = real(1, ROWS, COLUMNS), real(1, ROWS, COLUMNS)
    mean, negative, variance, more, root = (real(1, ROWS, 1) for _ in range(5))
    square, g, product, back, shift = (real(1, ROWS, COLUMNS) for _ in range(5))
    gain, offset = (constant(*rng.normal(size=COLUMNS)) for _ in range(2))
    axes = TensorSpec([1], "int32", data=[2])
    keep = {"KeepDims": True}
    operators = [
        OperatorSpec("MEAN", [x, axes], [mean], keep),
        OperatorSpec("SQUARED_DIFFERENCE", [x, mean], [square]),
        OperatorSpec("MEAN", [square, axes], [variance], keep),
        OperatorSpec("ADD", [variance, constant(1e-3)], [more]),
        OperatorSpec("RSQRT", [more], [root]),
        OperatorSpec("MUL", [root, gain], [g]),
    ]
    if negated:
        operators += [
            OperatorSpec("NEG", [mean], [negative]),
            OperatorSpec("MUL", [negative, g], [back]),
            OperatorSpec("ADD", [back, offset], [shift]),
        ]
    else:
        operators += [OperatorSpec("MUL", [mean, g], [back]), OperatorSpec("SUB", [offset, back], [shift])]
    operators += [OperatorSpec("MUL", [x, g], [product]), OperatorSpec("ADD", [product, shift], [y])]
    return model(operators, [x], [y])


@pytest.mark.parametrize("negated", [True, False])
def test_the_layer_norm_of_keras_is_one_node(negated: bool) -> None:
    need("litert")
    data = keras_layer_norm(negated=negated)
    graph = load_tflite(Path("net.tflite"), data)
    simplify(graph)
    check_graph(graph, "simplify")
    assert [n.op for n in graph.nodes] == ["layer_norm"] and graph.nodes[0].attrs["epsilon"] == pytest.approx(1e-3)
    x = np.random.default_rng(1).normal(2.0, 3.0, (1, ROWS, COLUMNS)).astype(np.float32)
    (want,) = LiteRt(data).run([x])
    (got,) = run_real(graph, {graph.inputs[0].name: x}).values()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("op", ["RSQRT", "SQUARED_DIFFERENCE"])
def test_parts_of_normalizations_in_int8_are_refused_with_a_hint(op: str) -> None:
    x, y = (TensorSpec([1, 4], scale=0.1) for _ in range(2))
    data = single_op_model(op, [x] if op == "RSQRT" else [x, TensorSpec([1, 4], scale=0.1)], [y])
    with pytest.raises(UnsupportedError, match="float models only") as caught:
        load_tflite(Path("net.tflite"), data)
    assert "let edgeq quantize it" in str(caught.value)
