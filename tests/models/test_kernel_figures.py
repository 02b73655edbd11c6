"""The recorded costs of kernels hold, and the pages show them."""

from __future__ import annotations

import pytest

from benchmarks.kernels import BOARDS_OF_ISA, boards_of, layers, measure, recorded, tables
from benchmarks.mlperf_tiny import ROOT, TOLERANCE, rewrite
from edgeq.kernels.registry import Kernel, kernels
from tests.tools import need

PAGES = (ROOT / "README.md", ROOT / "docs" / "kernels.md")
MEASURED = [k for k in kernels() if layers(k) and boards_of(k)]


@pytest.mark.parametrize("kernel", MEASURED, ids=lambda k: k.name)
def test_no_kernel_is_worse_than_recorded(kernel: Kernel) -> None:
    """On the last core of its list; `measure` also refuses wrong results."""
    board = boards_of(kernel)[-1]
    need("zig", {"cortex-m55": "qemu-arm", "riscv-zbb": "qemu-riscv", "riscv-rvv": "qemu-riscv"}.get(board, "unicorn"))
    assert board in recorded().get(kernel.name, {}), "run python -m benchmarks.kernels"
    for label, now in measure(kernel, board).items():
        was = recorded()[kernel.name][board][label]
        for key in ("per_mac", "weights_bytes", "code_bytes"):
            worse = f"{label}, {key}: {was[key]} -> {now[key]}; if it must be so, run python -m benchmarks.kernels"
            assert now[key] <= was[key] * (1 + TOLERANCE) + 0.002, worse


def test_every_instruction_set_is_measured_somewhere() -> None:
    assert {k.parts.isa for k in kernels()} <= BOARDS_OF_ISA.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_pages_show_the_recorded_figures(page: object) -> None:
    text = (ROOT / str(page)).read_text("utf-8")
    assert "<!-- figures:formats -->" in text or "<!-- figures:kernels -->" in text
    assert rewrite(text, tables(recorded())) == text, "run python -m benchmarks.kernels"
