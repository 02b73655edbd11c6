"""The small arithmetic language of kernels.toml: integers, facts, comparisons, `and`/`or`/`not`, min, max, ceil_div.

Rows are data, so their expressions are parsed and walked, never handed to `eval`.
"""

from __future__ import annotations

import ast
import operator as op
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: op.add,
    ast.Sub: op.sub,
    ast.Mult: op.mul,
    ast.Div: op.truediv,
    ast.FloorDiv: op.floordiv,
    ast.Mod: op.mod,
    ast.Pow: op.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: op.eq,
    ast.NotEq: op.ne,
    ast.Lt: op.lt,
    ast.LtE: op.le,
    ast.Gt: op.gt,
    ast.GtE: op.ge,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: op.neg, ast.UAdd: op.pos, ast.Not: op.not_}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max, "ceil_div": lambda a, b: -(-a // b)}


@cache
def _parse(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def evaluate(text: str, facts: Mapping[str, int]) -> Any:
    """The value of an expression. Raises ValueError naming an unknown fact or an illegal construct."""
    try:
        return _walk(_parse(text), facts)
    except SyntaxError as error:
        raise ValueError(f"expression {text!r}: {error.msg}") from None


def _walk(node: ast.expr, facts: Mapping[str, int]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in facts:
            raise ValueError(f"unknown fact {node.id!r}; known: {', '.join(sorted(facts))}")
        return facts[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_walk(node.left, facts), _walk(node.right, facts))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_walk(node.operand, facts))
    if isinstance(node, ast.BoolOp):
        wanted = isinstance(node.op, ast.Or)
        return any(_walk(v, facts) for v in node.values) if wanted else all(_walk(v, facts) for v in node.values)
    if isinstance(node, ast.Compare):
        left = _walk(node.left, facts)
        for comparison, right_node in zip(node.ops, node.comparators, strict=True):
            right = _walk(right_node, facts)
            if type(comparison) not in _COMPARE or not _COMPARE[type(comparison)](left, right):
                return False
            left = right
        return True
    if isinstance(node, ast.IfExp):
        return _walk(node.body if _walk(node.test, facts) else node.orelse, facts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        return _FUNCTIONS[node.func.id](*(_walk(a, facts) for a in node.args))
    raise ValueError(f"{ast.unparse(node)!r} is not allowed in a kernel expression")
