"""The arithmetic of kernels.toml."""

from __future__ import annotations

import pytest

from edgeq.errors import InternalError
from edgeq.kernels.expressions import evaluate
from edgeq.kernels.registry import parse_kernels

FACTS = {"macs": 100, "in_c": 3, "stride_h": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2.5 * macs + 4", 254),
        ("in_c % 2 == 1 and stride_h == 1", True),
        ("not in_c == 3 or macs < 5", False),
        ("0 < in_c <= 3", True),
        ("ceil_div(macs, 8)", 13),
        ("min(in_c, 2) + max(in_c, 7)", 9),
        ("4 if in_c > 8 else -1", -1),
    ],
)
def test_expressions(text: str, value: object) -> None:
    assert evaluate(text, FACTS) == value


@pytest.mark.parametrize("text", ["unknown + 1", "__import__('os')", "macs.real", "[1]", "'a'", "1 +"])
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        evaluate(text, FACTS)


def test_rows_with_unknown_or_missing_fields_are_named() -> None:
    with pytest.raises(InternalError, match="speed"):
        parse_kernels('[[kernel]]\nname = "k"\nspeed = 3\n', "kernels.toml")
    with pytest.raises(InternalError, match="kernel k"):
        parse_kernels('[[kernel]]\nname = "k"\n', "kernels.toml")
