"""What can be left out of vww is what docs/dead-channels.md says."""

from __future__ import annotations

from benchmarks.dead_channels import BOARDS, MODEL, PAGE, count_channels, recorded, tables
from benchmarks.mlperf_tiny import NARROWED, TOLERANCE, rewrite
from benchmarks.mlperf_tiny import recorded as recorded_networks
from tests.tools import need


def test_channels_are_as_recorded_and_ranges_agree_with_what_is_seen() -> None:
    need("shared")
    counts = count_channels()
    assert counts == recorded()["layers"]
    for name, count in counts.items():
        assert count["constant"] + count["vary"] <= count["channels"], name
    first_ten = list(counts.values())[:10]
    assert all(count["vary"] == count["needed"] == count["channels"] for count in first_ten)
    assert not any(count["equal"] for count in counts.values())


def test_the_page_shows_the_figures_of_the_networks() -> None:
    figures = recorded()
    for board in BOARDS:
        for index, goal in enumerate(("speed", NARROWED)):
            layers = sum(pair[index] for pair in figures[board].values())
            whole = recorded_networks()[board][MODEL][goal]["instructions"]
            assert abs(layers / whole - 1) <= TOLERANCE, "run python -m benchmarks.dead_channels"
    page = PAGE.read_text("utf-8")
    assert rewrite(page, tables(figures)) == page, "run python -m benchmarks.dead_channels"
