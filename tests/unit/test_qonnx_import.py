"""QONNX operators as they are read: what they mean, every name they go by, and how damage is refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeq.errors import EdgeqError, InternalError, ModelDataError, UnsupportedError
from edgeq.formats.quantizer import legal_integers, quantize_input
from edgeq.frontends.onnx import load_onnx
from edgeq.frontends.onnx.rows import QONNX_DOMAINS
from edgeq.ir.graph import Graph, Node
from edgeq.ir.types import Array, DType
from edgeq.ops.execute import run_real
from tests.unit.qonnx_models import Net, by_qonnx, folded
from tests.unit.random_qonnx import random_net


def loaded(net: Net, *outputs: str) -> Graph:
    return load_onnx("net.onnx", net.model(*outputs), None)


def quants(graph: Graph) -> list[Node]:
    return [n for n in graph.nodes if n.op == "quant"]


def weights_net(quantize: Any, shape: tuple[int, ...] = (3, 4), domain: str = QONNX_DOMAINS[0]) -> Graph:
    net = Net(1, shape[1], domain=domain)
    reals = net.constant(np.random.default_rng(0).normal(size=shape) * 3)
    turned = net.add("Transpose", quantize(net, reals), perm=[1, 0])
    return loaded(net, net.add("MatMul", net.quant("x", 4), turned))


@pytest.mark.parametrize("domain", QONNX_DOMAINS)
def test_every_domain(domain: str) -> None:
    graph = weights_net(lambda net, w: net.quant(w, 4, 0.5), domain=domain)
    assert graph.meta["format"] == "qonnx"
    assert [n.op for n in graph.nodes] == ["quant", "dense"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "rounding", ["ROUND", "round", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"]
)
@pytest.mark.parametrize(("bits", "signed", "narrow"), [(1, 1, 0), (1, 0, 0), (3, 1, 1), (4, 0, 1), (8, 1, 0)])
def test_reals_are_those_of_qonnx(rounding: str, bits: int, signed: int, narrow: int) -> None:
    net = Net(1, 64)
    y = net.quant("x", bits, 0.5, 1.0, signed=signed, narrow=narrow, rounding=rounding)
    data = net.model(y)
    samples = (np.arange(-128, 128).reshape(4, 64) / 8).astype(np.float32)
    (found,) = run_real(load_onnx("net.onnx", data, None), {"x": samples}).values()
    (wanted,) = by_qonnx(data, samples).values()
    assert np.array_equal(found, wanted.reshape(found.shape))


def test_weights_become_integers_with_their_scale() -> None:
    scales = np.array([[0.5], [0.25], [1.0]])
    graph = weights_net(lambda net, w: net.quant(w, 3, scales, narrow=1))
    weights = next(n for n in graph.nodes if n.op == "dense").input(1)
    assert weights.type.dtype is DType.INT8
    assert weights.quantization.scale == (0.5, 0.25, 1.0)
    assert weights.quantization.axis == 0
    assert np.abs(weights.constant).max() <= 3


def test_zero_points_of_weights_vanish_into_their_integers() -> None:
    graph = weights_net(lambda net, w: net.quant(w, 4, 0.5, 7.0, signed=0))
    weights = next(n for n in graph.nodes if n.op == "dense").input(1)
    assert weights.quantization.zero_point == (0,)
    assert weights.constant.min() >= -7
    assert weights.constant.max() <= 8


def test_binary_weights() -> None:
    graph = weights_net(lambda net, w: net.bipolar(w, 0.7))
    weights = next(n for n in graph.nodes if n.op == "dense").input(1)
    assert set(np.unique(weights.constant)) == {-1, 1}
    assert weights.scale == pytest.approx(0.7)


def test_wide_constants_stay_int32() -> None:
    """A bias of 16 bits is no weight: it may be wide."""
    net = Net(1, 4)
    sums = net.add("MatMul", net.quant("x", 4), net.quant(net.constant(np.eye(4)), 4))
    bias = net.quant(net.constant([300.0, -7.0, 2.0, 0.5]), 16, 0.25)
    graph = loaded(net, net.add("Add", sums, bias))
    operand = next(n for n in graph.nodes if n.op == "add").input(1)
    assert operand.type.dtype is DType.INT32
    assert operand.constant.tolist() == [1200, -28, 8, 2]


BROKEN: dict[str, Any] = {
    "bits 0": {"bits": 0},
    "bits 9": {"bits": 9},
    "bits 2.5": {"bits": 2.5},
    "bits NaN": {"bits": np.nan},
    "bits per channel": {"bits": [2.0, 4.0, 2.0, 2.0]},
    "scale 0": {"scale": 0.0},
    "scale negative": {"scale": -1.0},
    "scale NaN": {"scale": np.nan},
    "scale infinite": {"scale": np.inf},
    "scale per channel": {"scale": [1.0, 2.0, 1.0, 1.0]},
    "scale empty": {"scale": np.zeros(0)},
    "zero point 0.5": {"zero": 0.5},
    "zero point NaN": {"zero": np.nan},
    "zero point per channel": {"zero": [0.0, 1.0, 0.0, 0.0]},
    "rounding": {"rounding": "STOCHASTIC"},
    "signed 2": {"signed": 2},
    "one level": {"bits": 1, "signed": 0, "narrow": 1},
}


@pytest.mark.parametrize("what", list(BROKEN))
def test_damage_is_refused_with_the_nodes_name(what: str) -> None:
    net = Net(1, 4)
    arguments = {"bits": 4, **BROKEN[what]}
    y = net.quant("x", arguments.pop("bits"), arguments.pop("scale", 1.0), arguments.pop("zero", 0.0), **arguments)
    with pytest.raises((UnsupportedError, ModelDataError)) as caught:
        loaded(net, y)
    assert y in str(caught.value)


@pytest.mark.parametrize("shape", [(2, 1), (3, 4), (1, 3), (3, 1, 1)])
def test_scales_that_do_not_fit_weights(shape: tuple[int, ...]) -> None:
    with pytest.raises(EdgeqError):
        scales = np.arange(1, 1 + np.prod(shape)).reshape(shape)
        graph = weights_net(lambda net, w: net.quant(w, 4, scales))
        assert graph is None


def test_missing_inputs_and_attributes() -> None:
    net = Net(1, 4)
    net.add("Quant", "x", net.constant(1.0), domain=net.domain, name="short")
    with pytest.raises(UnsupportedError, match=r"short.*lacks input 2"):
        loaded(net, "short")
    net = Net(1, 4)
    net.add("BipolarQuant", "x", net.constant(1.0), domain=net.domain, name="odd", strange=3)
    with pytest.raises(UnsupportedError, match=r"odd.*does not understand attribute 'strange'"):
        loaded(net, "odd")
    net = Net(1, 4)
    net.add("FloatQuant", "x", domain=net.domain, name="float")
    with pytest.raises(UnsupportedError, match=r"float.*not supported"):
        loaded(net, "float")


def test_computed_scales_are_refused() -> None:
    net = Net(1, 4)
    scale = net.add("Sigmoid", "x")
    net.add("Quant", "x", scale, net.constant(0.0), net.constant(4.0), domain=net.domain, name="dynamic")
    with pytest.raises(UnsupportedError, match=r"dynamic.*its scale must be constant"):
        loaded(net, "dynamic")


def outcome(data: bytes) -> str:
    """'graph', or the class of the error; anything but an EdgeqError of the file's own fault propagates."""
    try:
        folded(data)
    except InternalError:
        raise
    except EdgeqError as error:
        assert error.message
        return type(error).__name__
    return "graph"


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One number, attribute or connection of the model is changed."""
    model = onnx.load_from_string(data)
    node = rng.choice(list(model.graph.node))
    kind = rng.randrange(4)
    if kind == 0:
        tensor = rng.choice(list(model.graph.initializer))
        array = numpy_helper.to_array(tensor).copy()
        array.reshape(-1)[rng.randrange(array.size)] = rng.choice([0, -1, 0.5, 1e30, np.nan, np.inf, 300, -0.0])
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    elif kind == 1 and node.attribute:
        attribute = rng.choice(list(node.attribute))
        value = rng.choice([-1, 0, 2, 1000, "x", 0.5, [1, 2, 3]])
        attribute.CopyFrom(helper.make_attribute(attribute.name, value))
    elif kind == 2 and len(node.input):
        del node.input[rng.randrange(len(node.input))]
    else:
        names = [i.name for i in model.graph.initializer] + [o for n in model.graph.node for o in n.output] + ["x", ""]
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    return bytes(model.SerializeToString())


@pytest.mark.filterwarnings("ignore")
def test_damaged_networks_end_in_a_graph_or_one_error() -> None:
    rng = random.Random(3)
    found: set[str] = set()
    for seed in range(12):
        data = random_net(seed)[0]
        assert outcome(data) == "graph"
        for _ in range(25):
            found.add(outcome(damaged(data, rng)))
    assert found >= {"graph", "UnsupportedError", "ModelDataError", "ModelFileError"}


# the rule that inputs carry into the manifest


def rule(**changes: Any) -> dict[str, Any]:
    plain = {"steps": [], "scale": 1.0, "zero_point": 0, "bits": 4, "signed": True, "narrow": False}
    return {**plain, "rounding": "ROUND", "offset": 0, "low": -8, "high": 7, **changes}


def taken(reals: Any, **changes: Any) -> list[int]:
    array: Array = np.asarray(reals, dtype=np.float32)
    return [int(i) for i in quantize_input(rule(**changes), array)]


def test_the_quantizer_of_inputs() -> None:
    assert taken([0.5, 1.5, -0.5, 99, -99]) == [0, 2, 0, 7, -8]
    assert taken([0.5, 1.5], rounding="FLOOR") == [0, 1]
    assert taken([-0.0, 0.0, -1e-30], bits=1) == [1, 1, -1]
    assert taken([0, 0.5, 1], bits=1, steps=[["mul", 2.0], ["sub", 1.0]]) == [-1, 1, 1]
    assert taken([0, 255], bits=8, signed=False, offset=-128) == [-128, 127]
    assert taken([3, 3], steps=[["sub", [1.0, 2.0]], ["div", 0.5]]) == [4, 2]
    assert taken([1, 9], steps=[["affine", 2.0, 1.0], ["clip", None, 5.0]]) == [3, 5]
    assert taken([1, 9], steps=[["rsub", 2.0]]) == [1, -7]
    with pytest.raises(EdgeqError, match="unknown step 'exec'"):
        taken([1], steps=[["exec", 1.0]])


def test_legal_integers() -> None:
    assert legal_integers(rule(bits=1, low=-1, high=1)).tolist() == [-1, 1]
    assert legal_integers(rule(low=-1, high=2)).tolist() == [-1, 0, 1, 2]
    assert len(legal_integers(rule(bits=8, low=-128, high=127))) == 256
