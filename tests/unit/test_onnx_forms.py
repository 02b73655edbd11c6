"""Forms that exporters emit around attention, together in one network: class tokens, Einsum, Where, Gather, Tile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import UnsupportedError
from edgeq.ir.serialize import load_graph
from edgeq.pipeline import compile_model
from tests.tools import need
from tests.unit.onnx_models import array, assert_same, loaded, make_model, node, simplified

PATCHES, WIDTH, HEADS, DEPTH = 6, 8, 2, 4


def network() -> bytes:
    """A class token before the patches, attention by Einsum, a choice and a selection by constants."""
    tokens = PATCHES + 1
    nodes = [
        node("Shape", ["x"], "shape"),
        node("Gather", ["shape", "zero"], "batch"),
        node("Concat", ["batch", "one_width"], "wanted", axis=0),
        node("Expand", ["token", "wanted"], "first"),
        node("Concat", ["first", "x"], "joined", axis=1),
        node("Add", ["joined", "places"], "placed"),
        node("Einsum", ["placed", "wq"], "q", equation="btd,dhk->bhtk"),
        node("Einsum", ["placed", "wk"], "k", equation="btd,dhk->bhtk"),
        node("Einsum", ["placed", "wv"], "v", equation="btd,dhk->bthk"),
        node("Einsum", ["q", "k"], "scores", equation="bhik,bhjk->bhij"),
        node("Softmax", ["scores"], "shares", axis=-1),
        node("Einsum", ["shares", "v"], "heads", equation="bhij,bjhk->bihk"),
        node("Reshape", ["heads", "flat"], "mixed"),
        node("Where", ["choice", "mixed", "placed"], "chosen"),
        node("Gather", ["chosen", "picked"], "some", axis=1),
        node("Tile", ["some", "twice"], "y"),
    ]
    constants = {
        "zero": np.array([0]),
        "one_width": np.array([1, WIDTH]),
        "token": array(1, 1, WIDTH, seed=5),
        "places": array(1, tokens, WIDTH, seed=6) / 4,
        **{name: array(WIDTH, HEADS, DEPTH, seed=i) / 2 for i, name in enumerate(("wq", "wk", "wv"))},
        "flat": np.array([0, 0, -1]),
        "choice": array(1, tokens, WIDTH, seed=7) > 0,
        "picked": np.array([0, 5, 4, 3, 6]),
        "twice": np.array([1, 1, 2]),
    }
    return make_model(nodes, {"x": (1, PATCHES, WIDTH)}, ["y"], constants)


def test_the_network_computes_what_onnxruntime_computes() -> None:
    need("onnxruntime")
    data = network()
    assert_same(data, loaded(data))
    assert_same(data, simplified(data))


@pytest.mark.tools
def test_the_network_in_c(tmp_path: Path) -> None:
    need("cc", "zig", "unicorn", "onnxruntime")
    (tmp_path / "net.onnx").write_bytes(network())
    x = np.random.default_rng(0).normal(size=(48, PATCHES, WIDTH)).astype(np.float32)
    result = compile_model(tmp_path / "net.onnx", "riscv", out=tmp_path / "m", calibrate={"x": x[:32]})
    proof = result.verify(inputs={"x": x[32:]}, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["sqnr_db"] > 25


@pytest.mark.parametrize(
    ("equation", "shapes", "words"),
    [
        ("ii->i", [(3, 3)], "diagonals"),
        ("ij,jk->ik", [(2, 3)], "for 1 operands"),
        ("ij->ik", [(2, 3)], "equation 'ij->ik'"),
        ("hij,hjk->hik", [(1, 2, 3), (4, 3, 2)], "first factor would be repeated"),
    ],
)
def test_what_einsum_cannot_be_says_so(equation: str, shapes: list[tuple[int, ...]], words: str) -> None:
    names = ["x", "z"][: len(shapes)]
    data = make_model([node("Einsum", names, "y", equation=equation)], dict(zip(names, shapes, strict=True)), ["y"], {})
    with pytest.raises(UnsupportedError, match=words):
        loaded(data)


@pytest.mark.parametrize("cubed", ["power", "products"])
@pytest.mark.parametrize("half_first", [True, False])
def test_the_gelu_with_tanh_that_exporters_spell_is_found(cubed: str, half_first: bool) -> None:
    need("onnxruntime")
    cube = (
        [node("Pow", ["x", "three"], "cube")]
        if cubed == "power"
        else [node("Mul", ["x", "x"], "square"), node("Mul", ["x", "square"], "cube")]
    )
    curve = [
        node("Mul", ["cube", "part"], "small"),
        node("Add", ["x", "small"], "sum"),
        node("Mul", ["sum", "slope"], "argument"),
        node("Tanh", ["argument"], "curve"),
        node("Add", ["curve", "one"], "gate"),
    ]
    end = (
        [node("Mul", ["x", "half"], "halved"), node("Mul", ["halved", "gate"], "y")]
        if half_first
        else [node("Mul", ["x", "gate"], "gated"), node("Mul", ["gated", "half"], "y")]
    )
    numbers = {"three": 3.0, "part": 0.044715, "slope": np.sqrt(2 / np.pi), "one": 1.0, "half": 0.5}
    constants = {name: np.float32(number) for name, number in numbers.items()}
    data = make_model([*cube, *curve, *end], {"x": (1, 3, 8)}, ["y"], constants)
    graph = simplified(data)
    assert [n.op for n in graph.nodes] == ["gelu"]
    assert_same(data, graph)


@pytest.mark.parametrize(
    ("equation", "shape"), [("bij,jk->bik", (8, 5)), ("bij,kj->bki", (5, 8)), ("bij,kj->bi", (5, 8))]
)
def test_quantized_factors_of_einsum_keep_their_meaning(equation: str, shape: tuple[int, int]) -> None:
    need("onnxruntime")
    nodes = [
        node("DequantizeLinear", ["q", "scale", "zero"], "w"),
        node("Einsum", ["x", "w"], "y", equation=equation),
    ]
    numbers = np.random.default_rng(0).integers(-127, 128, shape).astype(np.int8)
    constants = {"q": numbers, "scale": np.float32(0.01), "zero": np.int8(0)}
    data = make_model(nodes, {"x": (1, 4, 8)}, ["y"], constants)
    assert_same(data, loaded(data))
    assert_same(data, simplified(data))


def test_mish_is_found_in_its_parts() -> None:
    need("onnxruntime")
    nodes = [node("Softplus", ["x"], "s"), node("Tanh", ["s"], "t"), node("Mul", ["x", "t"], "y")]
    data = make_model(nodes, {"x": (1, 3, 8)}, ["y"], {})
    graph = simplified(data)
    assert [n.op for n in graph.nodes] == ["mish"]
    assert_same(data, graph)


def test_rows_made_to_length_one_are_a_norm(tmp_path: Path) -> None:
    """As PyTorch exports `normalize`; in integers, too."""
    need("onnxruntime")
    nodes = [
        node("ReduceL2", ["x"], "length", axes=[-1], keepdims=1),
        node("Clip", ["length", "tiny"], "bounded"),
        node("Shape", ["x"], "shape"),
        node("Expand", ["bounded", "shape"], "wide"),
        node("Div", ["x", "wide"], "y"),
    ]
    data = make_model(nodes, {"x": (1, 3, 16)}, ["y"], {"tiny": np.float32(1e-12)})
    graph = simplified(data)
    assert [n.op for n in graph.nodes] == ["layer_norm"]
    assert_same(data, graph)
    (tmp_path / "net.onnx").write_bytes(data)
    x = np.random.default_rng(0).normal(size=(64, 3, 16)).astype(np.float32)
    result = compile_model(tmp_path / "net.onnx", "host", out=tmp_path / "m", calibrate={"x": x})
    quantized = load_graph(tmp_path / "m" / "verify" / "graph.npz")
    assert [n.op for n in quantized.nodes] == ["layer_norm"] and result.manifest["steps"][0]["op"] == "layer_norm"
