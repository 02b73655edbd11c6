"""What features cost on emulated cores is what docs/sound.md says, and a wrong bit there is noticed."""

from __future__ import annotations

import pytest

from benchmarks.mlperf_tiny import TOLERANCE, rewrite
from benchmarks.sound import BOARDS, FRONT_ENDS, PAGE, measure, recorded, sounds, tables
from edgeq.errors import VerificationError
from edgeq.sound import features
from tests.sound.front_ends import KEYWORDS
from tests.tools import need


@pytest.mark.tools
@pytest.mark.parametrize("board", BOARDS)
def test_emulated_cores_give_the_reference_bits_at_the_recorded_cost(board: str) -> None:
    need("unicorn", "zig")
    name, settings = next(iter(FRONT_ENDS.items()))
    was, now = recorded()[name][board], measure(settings, board, sounds(settings))
    for key, figure in was.items():
        assert now[key] <= figure * (1 + TOLERANCE), f"{key}; if it must be so, run python -m benchmarks.sound"


@pytest.mark.tools
def test_a_wrong_bit_of_an_emulated_core_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    need("unicorn", "zig")
    monkeypatch.setattr("benchmarks.sound.features", lambda tables, frame: features(tables, frame) ^ 1)
    with pytest.raises(VerificationError):
        measure(KEYWORDS, "riscv", sounds(KEYWORDS)[:1])


def test_the_page_has_the_recorded_figures() -> None:
    text = PAGE.read_text("utf-8")
    assert "<!-- figures:sound -->" in text and rewrite(text, tables(recorded())) == text
