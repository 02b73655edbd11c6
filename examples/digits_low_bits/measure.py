"""Converts the two networks and, to compare, the int8 one of ../digits; proves, measures, writes README.md's tables.

pip install 'edgeq[emulate,reference]' qonnx
python examples/digits_low_bits/measure.py
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from edgeq.pipeline import compile_model

HERE = Path(__file__).resolve().parent
DIGITS = HERE.parent / "digits"
TEST = DIGITS / "digits_test.npz"
NETWORKS: dict[str, tuple[Path, dict[str, Any]]] = {
    "W1A1": (HERE / "digits_w1a1.onnx", {}),
    "ternary weights, 4-bit activations": (HERE / "digits_ternary.onnx", {}),
    "int8 (../digits)": (DIGITS / "digits.onnx", {"calibrate": DIGITS / "digits_calibration.npz"}),
}
BOARDS = {"riscv": "RV32IMC", "cortex-m4": "Cortex-M4"}


def row(name: str, board: str) -> list[str]:
    """One network as firmware of one board."""
    model, options = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        result = compile_model(model, board, out=Path(folder) / "c", **options)
        proof = result.verify(on=("emulator",), inputs=TEST, reference="original")
        cost = result.bench()
    if not proof.bit_exact or proof.accuracy is None or proof.reference is None:
        raise SystemExit(f"{name} on {board} does not compute what its reference does: {proof.to_json()}")
    if proof.reference["runtime"].startswith("qonnx") and not proof.reference["exact"]:
        raise SystemExit(f"{name} on {board} does not compute what qonnx does: {proof.to_json()}")
    assert cost.instructions is not None and cost.stack_bytes is not None
    flash, ram = cost.text_bytes + cost.rodata_bytes, cost.arena_bytes + cost.stack_bytes
    accuracy = f"{100 * proof.accuracy['emulator']:.2f} %"
    numbers = (cost.macs, cost.weights_bytes, flash, ram, cost.instructions)
    return [name, accuracy, *(f"{number:,}" for number in numbers), f"{cost.instructions / cost.macs:.2f}"]


def table(board: str) -> str:
    """All networks on one board, in Markdown."""
    heads = ["network", "accuracy", "MACs", "weights, bytes", "flash", "RAM with stack", "instructions", "per MAC"]
    lines = [heads, ["---"] * len(heads), *(row(name, board) for name in NETWORKS)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Measure on every board and write the tables."""
    text = "\n\n".join(f"On {title}:\n\n{table(board)}" for board, title in BOARDS.items())
    page = HERE / "README.md"
    marks = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)
    page.write_text(marks.sub(lambda m: m[1] + text + "\n" + m[2], page.read_text("utf-8")), "utf-8")
    print(text)


if __name__ == "__main__":
    main()
