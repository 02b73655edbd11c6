"""The recorded costs of kernels hold, and the pages show them."""

from __future__ import annotations

import pytest

from benchmarks import specialised
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


def test_what_specialising_a_kernel_brings_is_as_recorded() -> None:
    """On one small layer; the page shows all."""
    need("zig", "unicorn")
    figures = specialised.recorded()
    now = specialised.measure(specialised.layers()["dense 64 to 10"], "riscv")
    assert now["specialised"]["instructions"] < now["general"]["instructions"]
    was = figures["dense 64 to 10"]["riscv"]
    for key in ("general", "specialised"):
        assert abs(now[key]["instructions"] / was[key]["instructions"] - 1) <= TOLERANCE, (
            "python -m benchmarks.specialised"
        )
    text = (ROOT / "docs" / "kernels.md").read_text("utf-8")
    assert rewrite(text, specialised.tables(figures)) == text, "run python -m benchmarks.specialised"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_pages_show_the_recorded_figures(page: object) -> None:
    text = (ROOT / str(page)).read_text("utf-8")
    assert "<!-- figures:formats -->" in text or "<!-- figures:kernels -->" in text
    assert rewrite(text, tables(recorded())) == text, "run python -m benchmarks.kernels"
