"""The example's decoder: as good as its float original, at the recorded cost, and able to tell a tale."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.decoder import EXAMPLE, PAGES, POSITIONS, agreement, call_at, convert, recorded, tables, text
from benchmarks.mlperf_tiny import TOLERANCE, rewrite
from edgeq.pipeline import Result
from tests.tools import need

LEAST = 0.95
"""Promised agreement of the likeliest next token with the float original's."""


def test_recorded_figures_keep_what_is_promised() -> None:
    for figure in recorded().values():
        assert figure["positions"] >= 1000 and figure["agreement"] >= LEAST


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_show_the_recorded_figures(page: Path) -> None:
    shown = page.read_text("utf-8")
    assert "<!-- figures:decoder -->" in shown
    assert rewrite(shown, tables(recorded())) == shown, "run python -m benchmarks.decoder"


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The firmware's C for RISC-V, which is plain C."""
    return convert("riscv", tmp_path_factory.mktemp("decoder") / "c")


@pytest.mark.tools
def test_a_token_costs_what_is_recorded(decoder: Result) -> None:
    need("unicorn", "zig", "onnxruntime")
    windows, was = text(), recorded()["riscv"]
    assert agreement(decoder, windows[:1])["agreement"] >= LEAST
    spent = call_at(decoder, "riscv", windows[0]).instructions
    assert spent is not None
    assert abs(spent - was["instructions"][str(POSITIONS[-1])]) <= TOLERANCE * spent, "run python -m benchmarks.decoder"
    assert decoder.manifest["state_bytes"] == was["state_bytes"]


@pytest.mark.tools
def test_tales_go_on(decoder: Result, tmp_path: Path) -> None:
    """Beyond the window too: the program of the example's README, in words of the grammar."""
    need("cc")
    grammar = _tales(1, 200_000)
    alphabet = "".join(sorted(set(grammar)))
    assert alphabet.encode("unicode_escape").decode() in (EXAMPLE / "tell.c").read_text("utf-8")
    sources = [str(EXAMPLE / "tell.c"), *map(str, decoder.dir.rglob("*.c"))]
    includes = [f"-I{decoder.dir}", f"-I{decoder.dir / 'edgeq' / 'include'}"]
    flags = ["-std=c11", "-O1", "-fsanitize=address,undefined"]
    subprocess.run(["cc", *flags, *includes, *sources, "-o", str(tmp_path / "tell")], check=True)
    asked = [str(tmp_path / "tell"), "Mira the fox lived by the", "300"]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert told.startswith("Mira the fox lived by the mill and had a ") and "Mira" in told[128:]
    assert set(told.split()[:-1]) <= set(grammar.split())


def _tales(seed: int, characters: int) -> str:
    """What the example's grammar tells."""
    code = f"from tales import tales; print(tales({seed}, {characters}), end='')"
    return subprocess.run([sys.executable, "-c", code], cwd=EXAMPLE, check=True, capture_output=True, text=True).stdout
