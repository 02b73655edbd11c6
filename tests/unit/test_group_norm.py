"""InstanceNorm and GroupNorm: integers against reals, and what PyTorch and spelled-out chains become."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.ir.graph import Value
from edgeq.ir.types import DType, Quantization, TensorType
from edgeq.pipeline import compile_model
from tests.tools import need
from tests.unit.onnx_models import array, assert_same, make_model, node, ops, simplified
from tests.unit.quantized_nodes import integers, lowered, random_arrays, reals, tensor


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    pixels=st.sampled_from([1, 2, 9, 100, 2048]),
    groups=st.integers(1, 4),
    width=st.integers(1, 3),
    epsilon=st.sampled_from([1e-12, 1e-5, 1.0]),
)
def test_groups_are_normalized_to_half_a_unit(seed: int, pixels: int, groups: int, width: int, epsilon: float) -> None:
    rng = np.random.default_rng(seed)
    constants = []
    for size in (3.0, 2.0):
        kind = TensorType((groups * width,), DType.INT16, Quantization.per_tensor(size / 32767, 0))
        constants.append(Value("", kind, rng.integers(-32767, 32768, groups * width).astype(np.int16)))
    x = tensor((1, pixels, 1, groups * width), (float(np.exp(rng.uniform(-6, 1))), int(rng.integers(-128, 128))))
    norm = lowered("group_norm", [x, *constants], (0.05, 7), groups=groups, epsilon=epsilon)
    arrays = random_arrays(norm, rng)
    batch = [np.concatenate([arrays[0], np.full_like(arrays[0], 5)]), *arrays[1:]]  # an image without variance, too
    assert np.abs(np.clip(reals(norm, batch), -128, 127) - integers(norm, batch)).max() <= 0.51


def network(kind: str) -> Any:
    """Two convolutions with a normalization between them."""
    from torch import nn

    flat = kind == "InstanceNorm1d"
    conv: Any = nn.Conv1d if flat else nn.Conv2d
    norm: Any = nn.GroupNorm(2, 6) if kind == "GroupNorm" else getattr(nn, kind)(6, affine=True)
    return nn.Sequential(conv(3, 6, 3), norm, nn.ReLU(), conv(6, 4, 3))


def exported(kind: str, file: Path) -> tuple[int, ...]:
    """Writes the network; the shape of its input."""
    import torch

    torch.manual_seed(0)
    made = network(kind).eval()
    with torch.no_grad():
        made[1].weight.uniform_(-2.0, 2.0)
        made[1].bias.uniform_(-1.0, 1.0)
    shape = (1, 3, 24) if kind == "InstanceNorm1d" else (1, 3, 9, 8)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            made, (torch.zeros(shape),), str(file), opset_version=17, dynamo=False, input_names=["inputs"]
        )
    return shape


@pytest.mark.parametrize("kind", ["InstanceNorm1d", "InstanceNorm2d", "GroupNorm"])
def test_one_node_is_left_of_what_pytorch_exports(kind: str, tmp_path: Path) -> None:
    need("torch", "onnxruntime")
    exported(kind, tmp_path / "net.onnx")
    data = (tmp_path / "net.onnx").read_bytes()
    graph = simplified(data)
    assert [op for op in ops(graph) if op != "reshape"] == ["conv2d", "group_norm", "relu", "conv2d"]
    assert_same(data, graph)


@pytest.mark.tools
@pytest.mark.parametrize(("kind", "board"), [("GroupNorm", "cortex-m0plus"), ("InstanceNorm2d", "riscv")])
def test_layers_of_pytorch_in_c(kind: str, board: str, tmp_path: Path) -> None:
    need("torch", "cc", "zig", "unicorn", "onnxruntime")
    shape = exported(kind, tmp_path / "net.onnx")
    x = np.random.default_rng(0).normal(size=(40, *shape[1:])).astype(np.float32)
    result = compile_model(tmp_path / "net.onnx", board, out=tmp_path / "m", calibrate={"inputs": x[:32]})
    proof = result.verify(inputs={"inputs": x[32:]}, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["sqnr_db"] > 30


@pytest.mark.parametrize(("axes", "shape"), [((2, 3), (1, 4, 6, 5)), ((2,), (1, 4, 7)), ((1, 2), (1, 6, 5, 4))])
@pytest.mark.parametrize("squared", ["Pow", "Mul"])
def test_a_spelled_out_chain_is_recognised(axes: tuple[int, ...], shape: tuple[int, ...], squared: str) -> None:
    """Subtract the mean, divide by the root of the mean square, times a gain per channel, plus an offset."""
    need("onnxruntime")
    places = {"axes": list(axes), "keepdims": 1}
    channel = [size if axis and axis not in axes else 1 for axis, size in enumerate(shape)]
    nodes = [
        node("ReduceMean", ["x"], "mean", **places),
        node("Sub", ["x", "mean"], "d"),
        node(squared, ["d", "two" if squared == "Pow" else "d"], "square"),
        node("ReduceMean", ["square"], "variance", **places),
        node("Add", ["variance", "epsilon"], "more"),
        node("Sqrt", ["more"], "root"),
        node("Div", ["d", "root"], "normal"),
        node("Mul", ["normal", "gain"], "gained"),
        node("Add", ["gained", "offset"], "y"),
    ]
    constants = {
        "two": np.float32(2.0),
        "epsilon": np.float32(1e-3),
        "gain": array(*channel),
        "offset": array(*channel, seed=1),
    }
    data = make_model(nodes, {"x": shape}, ["y"], constants)
    graph = simplified(data)
    assert set(ops(graph)) <= {"transpose", "reshape", "group_norm"} and ops(graph).count("group_norm") == 1
    assert_same(data, graph)
