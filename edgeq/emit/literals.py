"""Integers and integer tables as C text."""

from __future__ import annotations

import numpy as np

from edgeq.ir.types import Array

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
}
COLUMNS = 100


def integer(value: int) -> str:
    """A C constant expression; INT32_MIN has no literal of its own."""
    return "(-2147483647 - 1)" if value == -(2**31) else str(value)


def table_lines(array: Array) -> list[str]:
    """The initialiser's lines, at most COLUMNS wide, two spaces in."""
    lines: list[str] = []
    line = " "
    for item in np.ravel(array).tolist():
        text = f" {integer(item)},"
        if len(line) + len(text) > COLUMNS:
            lines.append(line)
            line = " "
        line += text
    return [*lines, line] if line.strip() else lines
