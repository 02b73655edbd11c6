"""The report on layers below eight bits: what their format saves in flash, and what it costs or saves in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeq.report.layout import Column, heading, number, paragraph, ratio, table

EVEN = 0.02
"""Estimates that differ by less say neither faster nor slower."""


def small_formats(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of the section; none when every layer is int8."""
    small = [step for step in steps if step.get("int8_estimate") and not step.get("wide")]
    if not small:
        return []
    columns = [
        Column("#", right=True),
        Column("name", flex=True),
        Column("format"),
        Column("bytes", right=True),
        Column("bits/weight", right=True),
        Column("est. instr.", right=True),
        Column("as int8", right=True),
        Column("against int8"),
    ]
    rows = [
        [
            str(step["index"]),
            step["name"],
            step["formats"],
            number(step["weights_bytes"]),
            ratio(8 * step["weights_bytes"], step["parameters"]),
            number(step["estimated_instructions"]),
            number(step["int8_estimate"]),
            verdict(step["estimated_instructions"], step["int8_estimate"]),
        ]
        for step in small
    ]
    lines = heading("Below eight bits") + table(columns, rows)
    text = (
        "bytes: weights, thresholds, bias and scales together. as int8: the estimate for the layer's shape with int8 "
        "activations and weights, by the fastest kernel of this board."
    )
    lines += ["", *paragraph(text)]
    slower = [
        str(step["index"]) for step in small if verdict(step["estimated_instructions"], step["int8_estimate"])[0] == "s"
    ]
    if slower:
        text = f"On this core the small format saves flash but no time in layers {', '.join(slower)}."
        lines += paragraph(text)
    return lines


def verdict(estimate: int, int8_estimate: int) -> str:
    """Whether a format pays in time: `2.1 times faster`, `as fast`, `slower, 1.30 times`."""
    share = estimate / int8_estimate
    if share < 1 - EVEN:
        return f"{1 / share:.1f} times faster"
    return "as fast" if share <= 1 + EVEN else f"slower, {share:.2f} times"
