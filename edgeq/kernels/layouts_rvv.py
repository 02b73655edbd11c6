"""Weight packers of the kernels for RISC-V cores with vectors: lanes are outputs, however many a vector has."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.kernels.layouts import LAYOUTS, factors, rows
from edgeq.ops import operator
from edgeq.ops.accumulate import constant_channels, untied_multipliers


def _tables(bias: Array, multiplier: Array, right: Array) -> dict[str, Any]:
    return {"bias": bias.astype(np.int32), "multiplier": multiplier.astype(np.int32), "shift": right.astype(np.int8)}


def outputs_last(node: Node) -> dict[str, Any]:
    """[tap][o]; shifts to the right."""
    return {"weights": np.ascontiguousarray(rows(node).T), **_tables(*factors(node))}


def outputs_last_once(node: Node) -> dict[str, Any]:
    """[i][o]; multipliers that round half up know no ties, and are doubled (modulo 2^32)."""
    bias, multiplier, right = factors(node)
    constant = constant_channels(node, operator(node.op).weight_axis)
    multiplier = np.where(constant | (multiplier == 0), multiplier, untied_multipliers(node))
    doubled = (2 * multiplier).astype(np.uint32).view(np.int32)
    return {"weights": np.ascontiguousarray(rows(node).T), **_tables(bias, doubled, right)}


LAYOUTS |= {f.__name__: f for f in (outputs_last, outputs_last_once)}
