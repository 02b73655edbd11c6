"""The recorded cycles hold, and docs/cycles.md shows them."""

from __future__ import annotations

import pytest

from benchmarks import coremark
from benchmarks.cycles import ESTIMATED, MEASURED, PAGE, RTL, measure, recorded, tables
from benchmarks.mlperf_tiny import TOLERANCE, rewrite
from edgeq.emulate.rtl_cores import rtl_cores
from tests.tools import need


@pytest.mark.parametrize("core", [*ESTIMATED, "ibex-max", "ibex-small", "picorv32"])
def test_no_core_takes_more_cycles_than_recorded(core: str) -> None:
    need("shared", "zig", "unicorn")
    if core in RTL:
        need("verilator", "rtl", "c++", "make")
    was, now = recorded()[core]["ad"]["cycles"], measure("ad", core)["cycles"]
    assert now <= was * (1 + TOLERANCE), f"{was} -> {now}; if it must be so, run python -m benchmarks.cycles {core}"


def test_the_page_shows_the_recorded_figures() -> None:
    page = PAGE.read_text("utf-8")
    for name in tables(recorded()):
        assert f"<!-- figures:{name} -->" in page
    assert rewrite(page, tables(recorded())) == page, "run python -m benchmarks.cycles"


def test_every_core_has_every_figure() -> None:
    assert set(RTL) == set(rtl_cores())
    assert all(set(recorded()[core]) == set(MEASURED) for core in (*RTL, *ESTIMATED))


@pytest.mark.parametrize("compiler", coremark.COMPILERS)
def test_the_estimate_gives_coremark_what_hardware_gives_it(compiler: str) -> None:
    need("unicorn", "rtl", "zig" if compiler == "zig" else "gcc-arm")
    assert 0.9 < coremark.per_megahertz(compiler) / max(coremark.HARDWARE.values()) < 1.1


def test_targets_are_met() -> None:
    """The best closed engine takes 1.59 cycles per MAC for ic on an M4, on hardware."""
    for core, most in (("ibex-max", 3.3), ("cortex-m4", 1.6)):
        figure = recorded()[core]["ic"]
        assert figure["cycles"] / figure["macs"] <= most, core
