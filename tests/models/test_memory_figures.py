"""Real models under `--max-ram`: in patches they give LiteRT's bits in much smaller arenas, as docs/memory.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.mlperf_tiny import MODELS, TOLERANCE, models_dir, rewrite
from benchmarks.patches import BOARDS, FREE, LIMITS, PAGE, measure, recorded, tables
from edgeq.pipeline import compile_model
from tests.tools import need

SMALLEST = {"vww": 0.82, "ic": 0.52, "kws": 0.45}
"""Arena at the lowest limit, as a share of that without a limit. vww's input alone is 0.75 of it."""


@pytest.mark.parametrize(
    ("model", "board", "on"), [("kws", "riscv", ["host", "emulator"]), ("ic", "cortex-m4", ["emulator"])]
)
def test_models_in_patches_give_the_bits_of_litert(model: str, board: str, on: list[str], tmp_path: Path) -> None:
    need("shared", "litert", "unicorn", "zig", "cc")
    limit = LIMITS[model][-1]
    result = compile_model(models_dir() / MODELS[model], board, out=tmp_path / "m", name=model, max_ram=limit)
    patches = result.manifest["patches"]
    assert result.manifest["arena_bytes"] <= limit < patches["whole_arena_bytes"]
    assert patches["layers"] and f"{patches['count']} of " in result.report
    proof = result.verify(on=on, samples=2, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["exact"]


def test_a_wrong_patch_is_found_and_named(tmp_path: Path) -> None:
    need("shared", "cc")
    result = compile_model(models_dir() / MODELS["kws"], "host", out=tmp_path / "m", name="kws", max_ram=7_000)
    steps = result.manifest["steps"]
    wrong = next(s for s in steps if s["op"] == "depthwise_conv2d" and "[patch 2/" in s["name"])
    page = tmp_path / "m" / "kws.c"
    first, size = wrong["outputs"][0]["offset"], wrong["outputs"][0]["bytes"]
    lines = page.read_text("utf-8").split("\n")
    start = next(i for i, line in enumerate(lines) if f"EDGEQ_ON_STEP({wrong['index']})" in line)
    assert f"(arena + {first})" in lines[start + 1]
    lines[start + 1] += f" for (int i = 0; i < {size}; i++) arena[{first} + i] ^= 85;"
    page.write_text("\n".join(lines), "utf-8")
    proof = result.verify(on=["host"], samples=2)
    assert not proof.bit_exact and proof.first_mismatch is not None
    assert proof.first_mismatch["name"] == wrong["name"]


def test_a_model_takes_what_is_recorded() -> None:
    need("shared", "unicorn", "zig")
    was, now = recorded()["riscv"]["kws"]["5000"], measure("kws", "riscv", 5_000)
    worse = f"{was} -> {now}; if it must be so, run python -m benchmarks.patches"
    assert now["arena_bytes"] <= was["arena_bytes"] and now["patches"] is not None, worse
    assert now["instructions"] <= was["instructions"] * (1 + TOLERANCE), worse


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("model", LIMITS)
def test_limits_are_kept_and_arenas_become_much_smaller(model: str, board: str) -> None:
    figures = recorded()[board][model]
    for limit in LIMITS[model]:
        assert figures[str(limit)]["arena_bytes"] <= limit
    least = figures[str(LIMITS[model][-1])]
    assert least["arena_bytes"] <= SMALLEST[model] * figures[FREE]["arena_bytes"] and least["patches"] is not None


def test_the_page_shows_the_recorded_figures() -> None:
    page = PAGE.read_text("utf-8")
    assert "<!-- figures:patches -->" in page
    assert rewrite(page, tables(recorded())) == page, "run python -m benchmarks.patches"
