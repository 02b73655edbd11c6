"""Published QONNX networks: accuracy, and every logit equal to qonnx's."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeq.errors import CalibrationError
from edgeq.frontends.detect import load_model
from edgeq.ir.types import Array
from edgeq.npz import to_reals
from edgeq.originals import run_original
from edgeq.passes.exact_quant import exact_quant
from edgeq.passes.pipeline import prepare
from edgeq.pipeline import compile_model
from tests.tools import need, shared
from tests.unit.qonnx_models import by_edgeq, by_qonnx, endpoint, folded

IMAGES = 200
ACCURACY = {"tfc_1w1a": 0.9296, "tfc_2w2a": 0.9660}
"""Of all 10,000 images, by qonnx and by edgeq."""
FIRMWARE_IMAGES = 1000
FIRMWARE_ACCURACY = {"tfc_1w1a": 0.913, "tfc_2w2a": 0.966}
"""Of the first ones, by qonnx (targets.md)."""

pytestmark = pytest.mark.filterwarnings("ignore")


def model(name: str) -> Path:
    return shared() / "models" / "qonnx" / f"{name}.onnx"


def mnist() -> tuple[Array, Array]:
    """(pixels / 255 as [10000, 1, 28, 28], labels)."""
    images = gzip.decompress((shared() / "data" / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((shared() / "data" / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    pixels = np.frombuffer(images, np.uint8).reshape(-1, 1, 28, 28)
    return (pixels / 255).astype(np.float32), np.frombuffer(labels, np.uint8)


@pytest.mark.parametrize("name", ACCURACY)
def test_folded_integers_on_the_whole_test_set(name: str) -> None:
    need("shared")
    images, labels = mnist()
    graph = folded(model(name).read_bytes())
    (logits,) = by_edgeq(graph, images).values()
    assert (logits.reshape(-1, 10).argmax(axis=1) == labels).mean() == pytest.approx(ACCURACY[name], abs=1e-6)


@pytest.mark.parametrize("name", ACCURACY)
def test_every_logit_is_that_of_qonnx(name: str) -> None:
    need("shared", "qonnx")
    images = mnist()[0][:IMAGES]
    _, (theirs,) = run_original(model(name), [images[:, np.newaxis]])
    graph = folded(model(name).read_bytes())
    (output,) = graph.outputs
    spec = endpoint(graph, output.name, "outputs")
    ours = by_edgeq(graph, images)[output.name]
    sums = (theirs.reshape(ours.shape) - spec["real_offset"]) / spec["scale"]
    assert np.abs(sums - np.rint(sums)).max() < 1e-3
    assert np.array_equal(np.rint(sums), ours)


@pytest.mark.parametrize("board", ["riscv", "cortex-m4"])
@pytest.mark.parametrize("name", ACCURACY)
def test_firmware(name: str, board: str, tmp_path: Path) -> None:
    need("shared", "zig", "unicorn", "qonnx")
    images, labels = (a[:FIRMWARE_IMAGES] for a in mnist())
    result = compile_model(model(name), board, out=tmp_path / "m")
    proof = result.verify(on=["emulator"], inputs={"inputs": images, "labels": labels})
    assert proof.bit_exact
    assert proof.accuracy is not None
    assert proof.accuracy["emulator"] == pytest.approx(FIRMWARE_ACCURACY[name], abs=1e-6)
    few = {"inputs": images[:20]}
    assert (result.verify(on=[], inputs=few, reference="original").reference or {})["exact"]


def test_binary_firmware_is_small(tmp_path: Path) -> None:
    need("shared")
    manifest = compile_model(model("tfc_1w1a"), "riscv", out=tmp_path / "m").manifest
    assert manifest["inputs"][0]["bytes"] == 98
    assert manifest["weights_bytes"] < 8200
    assert manifest["arena_bytes"] < 1900


def jets(count: int) -> Array:
    return np.random.default_rng(0).normal(size=(count, 16)).astype(np.float32)


def test_jet_tagging_needs_samples_for_its_input() -> None:
    need("shared")
    graph = load_model(model("jettagging_6b"))
    prepare(graph)
    with pytest.raises(CalibrationError, match="'global_in' is taken as reals"):
        exact_quant(graph)


def test_every_logit_of_jet_tagging() -> None:
    """Compared before the softmax, on the grid that calibration gave the input."""
    need("shared", "qonnx")
    data = onnx.load(model("jettagging_6b"))
    graph = folded(data.SerializeToString(), {"global_in": jets(300)})
    scale = graph.meta["inputs"]["global_in"]["real_scale"]
    samples = (np.clip(np.rint(jets(200) / scale), -128, 127) * scale).astype(np.float32)
    last = data.graph.node.pop()
    assert last.op_type == "Softmax"
    data.graph.output[0].name = last.input[0]
    del data.graph.value_info[:]  # it lists that tensor, too
    for node in data.graph.node:  # qonnx's executor knows the old name of its operators no more
        node.domain = node.domain.replace("finn.custom_op.general", "qonnx.custom_op.general")
    data.graph.input[0].name = "x"
    data.graph.node[8].input[0] = "x"
    (theirs,) = by_qonnx(data.SerializeToString(), samples).values()
    (output,) = graph.outputs
    ours = by_edgeq(graph, samples)[output.name]
    reals = to_reals(endpoint(graph, output.name, "outputs"), ours)
    assert np.array_equal(theirs.reshape(reals.shape), reals)
    assert len(np.unique(ours.argmax(axis=-1))) > 1
