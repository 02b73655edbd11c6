"""Published transformers from float ONNX: bit-exact on every core, and near their originals with 8-bit activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.pipeline import compile_model
from tests.tools import need, shared

MODELS = ("CCT_FP32_CCT_1_16_16_8", "TinyViT_Demo")
CALIBRATED, LEAST_SQNR = 32, 18.0


@pytest.mark.tools
@pytest.mark.parametrize("board", ["cortex-m4", "riscv"])
@pytest.mark.parametrize("model", MODELS)
def test_published_transformers(model: str, board: str, tmp_path: Path) -> None:
    need("shared", "zig", "unicorn", "cc", "onnxruntime")
    folder = shared() / "models" / "transformers" / model
    with np.load(folder / "inputs.npz") as archive:
        samples = archive["inputs"]
    calibration = {"inputs": samples[:CALIBRATED]}
    result = compile_model(folder / "network.onnx", board, out=tmp_path / "m", calibrate=calibration)
    proof = result.verify(inputs={"inputs": samples[CALIBRATED:]}, reference="original")
    assert proof.bit_exact and proof.reference is not None
    assert proof.reference["sqnr_db"] >= LEAST_SQNR
    assert proof.reference["top1_agreement"] == 1.0
    assert proof.samples == len(samples) - CALIBRATED
