"""What `edgeq.nn.export` writes becomes C: the same integers as the PyTorch network's, on the host."""
# ruff: noqa: E402

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.tools import need

need("torch", "qonnx", "cc")
from edgeq.nn import export
from edgeq.pipeline import compile_model
from tests.nn.networks import NETWORKS, trained

DILATED = "pools"
"""Has a dilated pooling, which edgeq refuses."""

pytestmark = pytest.mark.tools


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != DILATED])
def test_exports_become_c(name: str, tmp_path: Path) -> None:
    model, samples = trained(name, 1)
    file = export(model, samples[:1], tmp_path / "network.onnx")
    result = compile_model(file, "host", out=tmp_path / "c")
    inputs = {onnx.load(file).graph.input[0].name: np.concatenate([samples.numpy(), samples.numpy() * 3])}
    proof = result.verify(on=("host",), inputs=inputs, reference="original")
    assert proof.bit_exact, proof.first_mismatch
    assert proof.reference is not None and proof.reference["exact"], proof.reference
