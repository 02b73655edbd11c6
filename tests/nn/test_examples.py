"""The trained networks of examples/ as firmware: the accuracy that their READMEs tell, and qonnx's integers."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.pipeline import compile_model
from tests.tools import ROOT, need

EXAMPLES = ROOT / "examples"
DIGITS = {"digits_w1a1": 352, "digits_ternary": 353}
"""Network -> images of 360 that it reads."""

pytestmark = pytest.mark.tools


@pytest.mark.parametrize("board", ["riscv", "cortex-m4"])
@pytest.mark.parametrize("name", DIGITS)
def test_digits_are_read_as_well_as_in_training(name: str, board: str, tmp_path: Path) -> None:
    need("qonnx", "zig", "unicorn")
    result = compile_model(EXAMPLES / "digits_low_bits" / f"{name}.onnx", board, out=tmp_path / "c")
    proof = result.verify(on=("emulator",), inputs=EXAMPLES / "digits" / "digits_test.npz", reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["exact"]
    assert proof.accuracy == {"emulator": DIGITS[name] / 360, "original": DIGITS[name] / 360}


def test_motion_network_computes_what_qonnx_does(tmp_path: Path) -> None:
    need("qonnx", "zig", "unicorn", "cc")
    result = compile_model(EXAMPLES / "har" / "motion.onnx", "riscv", out=tmp_path / "c")
    proof = result.verify(samples=40, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["exact"]
    formats = {step["name"]: step["kernel"] for step in result.manifest["steps"]}
    assert all("_w8_" not in kernel for name, kernel in formats.items() if name in ("conv1", "conv2", "dense"))
