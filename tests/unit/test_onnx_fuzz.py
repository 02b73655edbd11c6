"""Damaged ONNX files: every one ends in a graph or in one EdgeqError, quickly."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from edgeq.errors import EdgeqError, InternalError
from edgeq.frontends.onnx import load_onnx
from edgeq.passes.simplify import simplify
from tests.unit.onnx_models import array, make_model, node

I64 = np.int64
SECONDS = 5.0
"""Per kind of damage; the tests stop there, whatever the machine."""


def sample() -> bytes:
    nodes = [
        node("Conv", ["x", "w", "b"], "c", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", ["c", "b", "b", "b", "v"], "n"),
        node("Clip", ["n", "lo", "hi"], "k"),
        node("AveragePool", ["k"], "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", ["p", "", "", "sizes"], "u", mode="nearest"),
        node("Pad", ["u", "pads"], "d"),
        node("Slice", ["d", "starts", "ends", "axes"], "s"),
        node("Concat", ["s", "s"], "t", axis=1),
        node("Shape", ["t"], "shape"),
        node("Gather", ["shape", "zero"], "batch"),
        node("Concat", ["batch", "rest"], "target", axis=0),
        node("Reshape", ["t", "target"], "f"),
        node("Gemm", ["f", "w2", "b2"], "g", transB=1),
        node("QuantizeLinear", ["g", "scale", "zp"], "q"),
        node("DequantizeLinear", ["q", "scale", "zp"], "dq"),
        node("Softmax", ["dq"], "y", axis=1),
    ]
    constants = {
        "w": array(4, 3, 3, 3),
        "b": array(4),
        "v": array(4) ** 2 + 1,
        "lo": np.float32(0),
        "hi": np.float32(6),
        "sizes": np.array([1, 4, 4, 4], dtype=I64),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], dtype=I64),
        "starts": np.array([1], dtype=I64),
        "ends": np.array([5], dtype=I64),
        "axes": np.array([2], dtype=I64),
        "zero": np.array([0], dtype=I64),
        "rest": np.array([-1], dtype=I64),
        "w2": array(5, 192),
        "b2": array(5),
        "scale": np.float32(0.1),
        "zp": np.uint8(128),
    }
    return make_model(nodes, {"x": ("batch", 3, 8, 8)}, ["y"], constants)


def outcome(data: bytes) -> str:
    """'graph', or the class of the error; anything but an EdgeqError of the file's own fault propagates."""
    try:
        simplify(load_onnx("damaged.onnx", data, None))
    except InternalError:
        raise
    except EdgeqError as error:
        assert error.message and len(str(error)) < 100_000
        return type(error).__name__
    return "graph"


def test_the_sample_is_sound() -> None:
    assert outcome(sample()) == "graph"


def test_random_bytes() -> None:
    rng = random.Random(1)
    for length in (0, 1, 2, 16, 100, 5000):
        for _ in range(20):
            assert outcome(rng.randbytes(length)) != "graph"


def test_truncation() -> None:
    data = sample()
    end = time.monotonic() + SECONDS
    for length in range(0, len(data) - 1, max(len(data) // 200, 1)):
        assert outcome(data[:length]) != "graph"
        if time.monotonic() > end:
            break


def test_changed_bytes() -> None:
    data, rng = sample(), random.Random(2)
    end = time.monotonic() + SECONDS
    seen = set()
    for _ in range(1500):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        seen.add(outcome(bytes(changed)))
        if time.monotonic() > end:
            break
    assert len(seen) > 2


NUMBERS = (-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 7, 255, 2**20, 2**31, 2**40, 2**62, 2**63 - 1)
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-38, 1e38, float("inf"), float("-inf"), float("nan"))


def _mutate(model: ModelProto, rng: random.Random) -> None:
    """One change that keeps the file well-formed protobuf."""
    graph = model.graph
    kind = rng.randrange(9)
    one = rng.choice(graph.node)
    if kind == 0 and one.attribute:
        attribute = rng.choice(one.attribute)
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)
        attribute.i = rng.choice(NUMBERS)
    elif kind == 1 and one.attribute:
        rng.choice(one.attribute).type = rng.randrange(15)
    elif kind == 2 and one.input:
        tensors = [o for n in graph.node for o in n.output] + [i.name for i in graph.initializer] + ["", "x"]
        one.input[rng.randrange(len(one.input))] = rng.choice(tensors)
    elif kind == 3:
        one.op_type = rng.choice(graph.node).op_type
    elif kind == 4:
        tensor = rng.choice(graph.initializer)
        values = [rng.choice(NUMBERS[2:10]) for _ in range(rng.randrange(4))]
        del tensor.dims[:]
        tensor.dims.extend(values)
    elif kind == 5:
        tensor = rng.choice(graph.initializer)
        if tensor.data_type == TensorProto.INT64:
            count = len(tensor.raw_data) // 8
            tensor.raw_data = np.array([rng.choice(NUMBERS) for _ in range(count)], dtype="<i8").tobytes()
        elif tensor.data_type == TensorProto.FLOAT:
            count = len(tensor.raw_data) // 4
            tensor.raw_data = np.array([rng.choice(FLOATS) for _ in range(count)], dtype="<f4").tobytes()
    elif kind == 6:
        rng.choice(graph.initializer).data_type = rng.randrange(30)
    elif kind == 7:
        graph.input[0].type.tensor_type.shape.dim[rng.randrange(4)].dim_value = rng.choice(NUMBERS)
    else:
        one.attribute.append(
            helper.make_attribute(rng.choice(("axis", "pads", "mode", "x")), rng.choice((1, "a", [2])))
        )
        del one.input[: rng.randrange(2)]


@pytest.mark.parametrize("seed", [3, 4])
def test_changed_fields(seed: int) -> None:
    sound, rng = ModelProto.FromString(sample()), random.Random(seed)
    end = time.monotonic() + SECONDS
    seen = set()
    for _ in range(1500):
        model = ModelProto()
        model.CopyFrom(sound)
        for _ in range(rng.choice((1, 1, 2, 3))):
            _mutate(model, rng)
        seen.add(outcome(model.SerializeToString()))
        if time.monotonic() > end:
            break
    assert {"graph", "UnsupportedError", "ModelFileError"} <= seen
