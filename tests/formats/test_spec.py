"""docs/spec.md says what the code does: its table and every example."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

from edgeq.formats import Format, number_format, number_formats
from edgeq.formats.groups import group_format
from tests.tools import ROOT

PAGE = (ROOT / "docs" / "spec.md").read_text("utf-8")


def examples(page: str) -> Iterator[tuple[str, list[int], bytes]]:
    """Format, values and bytes of each example."""
    for block in re.findall(r"```example\n(.*?)```", page, re.DOTALL):
        lines = block.splitlines()
        for first, second in zip(lines[::2], lines[1::2], strict=True):
            name, _, values = first.partition(": ")
            assert second.startswith("= "), second
            yield name, [int(word) for word in values.split()], bytes.fromhex(second[2:])


def table_line(form: Format) -> str:
    """A format's line in the page's table."""
    values = f"{form.low}..{form.high}" if form.has_zero else "+1, -1"
    sizes = " | ".join(str(form.row_bytes(n)) for n in (1, 9, 64))
    return f"| {form.name} | {values} | {form.neutral} | {sizes} |"


def test_the_table_has_every_format_in_order() -> None:
    lines = [line for line in PAGE.splitlines() if re.match(r"\| [awu]+[a-z]*[0-9]* \|", line)]
    assert lines == [table_line(form) for form in number_formats()]


EXAMPLES = list(examples(PAGE))


@pytest.mark.parametrize(("name", "values", "row"), EXAMPLES, ids=[name for name, _, _ in EXAMPLES])
def test_example(name: str, values: list[int], row: bytes) -> None:
    data = np.frombuffer(row, np.uint8)
    if "g" not in name:
        form = number_format(name)
        assert form.pack(form.encode(values, 1.0)).tobytes() == row
        assert form.decode(form.unpack(data, len(values))).tolist() == values
        return
    grouped = group_format(name)
    rows = grouped.unpack(data[np.newaxis], len(values))
    assert grouped.decode(rows).tolist() == [values]
    assert grouped.pack(rows).tobytes() == row


def test_every_way_of_packing_has_an_example() -> None:
    shown = {number_format(re.split("x2|g", name)[0]).packing for name, _, _ in EXAMPLES}
    families = {type(packing) for packing in shown}
    assert families == {type(form.packing) for form in number_formats()}
    assert {"w1", "w2", "w4", "w8", "wt", "wt3", "wt5"} <= {name for name, _, _ in EXAMPLES}
    for kind in (r"w\dg\d+", r"w\dg\d+m", r"w\w+x2g\d+"):
        assert any(re.fullmatch(kind, name) for name, _, _ in EXAMPLES), kind


def test_bits_per_weight_of_the_page() -> None:
    (sentence,) = re.findall(r"Of a 64 x 64 layer with one scale: (.*?)\. Rows", PAGE, re.DOTALL)
    told = re.findall(r"(\w+)\s([0-9.]+)", sentence)
    assert len(told) == 4
    for name, bits in told:
        assert f"{number_format(name).bits_per_weight((64, 64)):.2f}" == bits
    worst = number_format("w1").bits_per_weight((64, 65))
    assert f"w1 at n = 65 takes {worst:.2f} bits" in PAGE


def test_a_wrong_example_is_seen() -> None:
    name, values, row = next(examples("```example\nw4: 1 -1\n= f2\n```"))
    with pytest.raises(AssertionError):
        test_example(name, values, row)
