"""Weight packers: tables in exactly the order in which a kernel's inner loop reads them.

A layout takes a lowered node and returns the parameters that it replaces in the node's C descriptor. The shapes stay
those of the operator's public header; only the tables change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeq.ir.graph import Node

Layout = Callable[[Node], dict[str, Any]]


def plain(node: Node) -> dict[str, Any]:
    """The tables as lowering made them."""
    return {}


LAYOUTS: dict[str, Layout] = {"plain": plain}
