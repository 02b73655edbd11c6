"""Published transformers from float ONNX: bit-exact on every core, and near their originals with 8-bit activations, and
nearer with the 16-bit ones that the choice by sensitivity picks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.pipeline import compile_model
from tests.tools import need, shared

MODELS = ("CCT_FP32_CCT_1_16_16_8", "TinyViT_Demo")
CALIBRATED = 32
LEAST_SQNR = {"int8": 18.0, "mixed": 25.0}


@pytest.mark.tools
@pytest.mark.parametrize("board", ["cortex-m4", "riscv"])
@pytest.mark.parametrize("activations", LEAST_SQNR)
@pytest.mark.parametrize("model", MODELS)
def test_published_transformers(model: str, activations: str, board: str, tmp_path: Path) -> None:
    need("shared", "zig", "unicorn", "cc", "onnxruntime")
    folder = shared() / "models" / "transformers" / model
    with np.load(folder / "inputs.npz") as archive:
        samples = archive["inputs"]
    calibration = {"inputs": samples[:CALIBRATED]}
    result = compile_model(
        folder / "network.onnx", board, out=tmp_path / "m", calibrate=calibration, activations=activations
    )
    proof = result.verify(inputs={"inputs": samples[CALIBRATED:]}, reference="original")
    assert proof.bit_exact and proof.reference is not None
    assert proof.reference["sqnr_db"] >= LEAST_SQNR[activations]
    assert proof.reference["top1_agreement"] == 1.0
    assert proof.samples == len(samples) - CALIBRATED
    types = {output["dtype"] for step in result.manifest["steps"] for output in step["outputs"]}
    assert types == ({"int8"} if activations == "int8" else {"int8", "int16"})
    assert ("Sixteen bits" in result.report) == (activations == "mixed")
