"""Operators: one file each; `operator(name)` finds a row, `operators()` lists them."""

from edgeq.ops.base import Operator, Params
from edgeq.ops.registry import operator, operators, register

__all__ = ["Operator", "Params", "operator", "operators", "register"]
