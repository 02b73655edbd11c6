"""The example of environmental sound: from its training to scores on emulated cores."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.environmental_sound import EXAMPLE, PAGES, TEST_SEED, clips, convert, heard, recorded, tables
from benchmarks.mlperf_tiny import TOLERANCE, rewrite
from edgeq.cli import run as command
from tests.tools import need


@pytest.mark.tools
@pytest.mark.parametrize("board", recorded()["boards"])
def test_emulated_cores_hear_at_the_recorded_cost(board: str, tmp_path: Path) -> None:
    """A clip of each kind, sample for sample; all but one are named, as 98.6 % of the recorded ones were."""
    need("unicorn", "zig")
    result, was = convert(board, tmp_path / "sound"), recorded()["boards"][board]
    sounds, labels = clips(1, TEST_SEED)
    named = heard(result, sounds)[:, -1].argmax(1)
    assert (named == labels).sum() >= len(labels) - 1
    bench = result.bench()
    assert bench.instructions is not None and bench.stack_bytes is not None
    total = was["front_end_instructions"] + was["network_instructions"]
    advice = "if it must be so, run python -m benchmarks.environmental_sound"
    assert bench.instructions <= total * (1 + TOLERANCE), advice
    for key in ("text_bytes", "rodata_bytes", "arena_bytes", "state_bytes", "stack_bytes"):
        assert getattr(bench, key) <= was[key] * (1 + TOLERANCE), f"{key}; {advice}"


@pytest.mark.tools
def test_training_to_firmware(tmp_path: Path) -> None:
    """Every script of the example, on few sounds."""
    need("torch", "cc")

    def script(name: str, *options: str) -> None:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(EXAMPLE / name), *options], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    script("train.py", "--clips", "1", "--epochs", "1", "--out", str(tmp_path))
    script("sounds.py", str(tmp_path / "sounds"))
    build = ["-o", str(tmp_path / "sound"), "--calibrate", str(tmp_path / "sounds" / "calibration")]
    options = ["--board", "host", "--features", str(EXAMPLE / "mel.toml"), "--every", "4", *build]
    assert command(["convert", str(tmp_path / "sound.onnx"), *options]) == 0
    stream = str(tmp_path / "sounds" / "stream.npz")
    assert command(["verify", str(tmp_path / "sound"), "--on", "host", "--inputs", stream]) == 0


def test_pages_have_the_recorded_figures() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        assert "<!-- figures:environmental_sound -->\n|" in text and rewrite(text, tables(recorded())) == text
