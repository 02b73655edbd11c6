"""Einsum: permutations, sums, element-wise and matrix products, of any number of operands taken in pairs.

A pair's letters are of four kinds: those of both operands that the result keeps count products, those that it does not
keep are summed over, and those of one operand alone are rows or columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from string import ascii_uppercase

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.reductions import summed
from edgeq.frontends.onnx.rows import converts
from edgeq.ir.graph import Value
from edgeq.ir.types import Array


@dataclass(frozen=True)
class _Term:
    """A value and a letter for each of its axes."""

    value: Value
    letters: str

    def sizes(self) -> dict[str, int]:
        return dict(zip(self.letters, self.value.shape, strict=True))


@converts("Einsum")
def einsum(node: NodeImport) -> None:
    values = [_operand(node, i) for i in range(node.count)]
    equation = node.attrs.string("equation", "").replace(" ", "")
    terms, result = _parsed(equation, values)
    while len(terms) > 1:
        first, second, rest = terms[0], terms[1], terms[2:]
        wanted = set(result).union(*(t.letters for t in rest))
        kept = result if not rest else "".join(x for x in dict.fromkeys(first.letters + second.letters) if x in wanted)
        terms = [_pair(node, first, second, kept), *rest]
    node.bind(0, _arranged(node, _without(node, terms[0], set(terms[0].letters) - set(result)), result))


def _operand(node: NodeImport, index: int) -> Value:
    """A factor; a quantized constant keeps its scale where it has one for all elements."""
    value = node.real(index)
    quantization = value.type.quantization
    if not value.is_constant or quantization is None or quantization.is_per_tensor:
        return value
    return node.own("real", quantization.dequantize(value.constant))


def _moved(node: NodeImport, suffix: str, value: Value, array: Array) -> Value:
    """A constant whose elements are those of `value`, in another order or shape."""
    return node.own(suffix, array, value.type.quantization)


def _parsed(equation: str, values: list[Value]) -> tuple[list[_Term], str]:
    """The operands with their letters, and the result's; an ellipsis becomes letters that nothing else has."""
    left, arrow, result = equation.partition("->")
    parts = left.split(",")
    if len(parts) != len(values):
        raise UnsupportedError(f"equation {equation!r} for {len(values)} operands")
    spare = "".join(x for x in reversed(ascii_uppercase) if x not in equation)
    hidden = [len(v.shape) - len(p.replace("...", "")) for p, v in zip(parts, values, strict=True)]
    counts = [n for p, n in zip(parts, hidden, strict=True) if "..." in p]
    dots = spare[: max([0, *counts])][::-1]
    terms = []
    for part, value, count in zip(parts, values, hidden, strict=True):
        letters = part.replace("...", dots[len(dots) - max(count, 0) :])
        if len(letters) != len(value.shape) or len(set(letters)) != len(letters) or not letters.isalpha():
            raise UnsupportedError(f"equation {equation!r} of {list(value.shape)}: diagonals are not supported")
        terms.append(_Term(value, letters))
    if not arrow:
        every = "".join(parts).replace(".", "")
        result = dots + "".join(sorted(x for x in set(every) if every.count(x) == 1))
    result = result.replace("...", dots)
    if len(set(result)) != len(result) or not set(result) <= set("".join(t.letters for t in terms)):
        raise UnsupportedError(f"equation {equation!r}")
    return terms, result


def _arranged(node: NodeImport, term: _Term, letters: str) -> Value:
    """The value with its axes in that order."""
    if term.value.is_constant:
        perm = [term.letters.index(x) for x in letters]
        constant = np.transpose(term.value.constant, perm)
        return term.value if perm == sorted(perm) else _moved(node, "turned", term.value, constant)
    return node.transpose(term.value, [term.letters.index(x) for x in letters])


def _without(node: NodeImport, term: _Term, letters: set[str]) -> _Term:
    """Summed over the letters."""
    if not letters:
        return term
    axes = tuple(a for a, x in enumerate(term.letters) if x in letters)
    rest = "".join(x for x in term.letters if x not in letters)
    if term.value.is_constant:
        constant, quantization = term.value.constant, term.value.type.quantization
        real = constant if quantization is None else quantization.dequantize(constant)
        return _Term(node.own("sums", real.sum(axis=axes)), rest)
    return _Term(node.reshape(summed(node, term.value, axes), [term.sizes()[x] for x in rest]), rest)


def _pair(node: NodeImport, a: _Term, b: _Term, kept: str) -> _Term:
    """The product of two operands, with the letters that are kept."""
    if a.value.is_constant:
        a, b = b, a
    a, b = (_without(node, t, set(t.letters) - set(o.letters) - set(kept)) for t, o in ((a, b), (b, a)))
    both = [x for x in a.letters if x in b.letters]
    batch, depth = [x for x in both if x in kept], [x for x in both if x not in kept]
    sizes = {x: max(a.sizes().get(x, 1), b.sizes().get(x, 1)) for x in a.letters + b.letters}
    if any(t.sizes()[x] != sizes[x] for t in (a, b) for x in depth):
        raise UnsupportedError("sums over an axis that one operand would repeat")
    rows, columns = ([x for x in t.letters if x not in both] for t in (a, b))
    if not depth:
        order = "".join((*batch, *rows, *columns))
        shaped = [_arranged(node, t, "".join(x for x in order if x in t.letters)) for t in (a, b)]
        wide = [_wide(node, v, [t.sizes().get(x, 1) for x in order]) for v, t in zip(shaped, (a, b), strict=True)]
        y = node.emit("mul", wide)
    else:
        order = "".join((*batch, *rows, *columns))
        factors = [_matrix(node, t, batch, own, depth) for t, own in ((a, rows), (b, columns))]
        y = _product(node, factors[0], factors[1])
    shape = [sizes[x] for x in order]
    result = _Term(node.reshape(y, shape), order)
    return _Term(
        _arranged(node, result, "".join(x for x in kept if x in order)), "".join(x for x in kept if x in order)
    )


def _wide(node: NodeImport, value: Value, shape: list[int]) -> Value:
    if value.is_constant:
        return _moved(node, "factor", value, value.constant.reshape(shape))
    return node.reshape(value, shape)


def _matrix(node: NodeImport, term: _Term, batch: list[str], own: list[str], depth: list[str]) -> Value:
    """[batch..., own letters as one axis, depth as one axis]."""
    sizes = term.sizes()
    turned = _arranged(node, term, "".join((*batch, *own, *depth)))
    shape = [*(sizes[x] for x in batch), prod(sizes[x] for x in own), prod(sizes[x] for x in depth)]
    return _wide(node, turned, shape)


def _product(node: NodeImport, a: Value, b: Value) -> Value:
    if b.is_constant and prod(b.shape[:-2]) == 1:
        return node.emit("dense", [a, _moved(node, "weights", b, b.constant.reshape(b.shape[-2:]))], like=a.type)
    if any(y not in (1, x) for x, y in zip(a.shape[:-2], b.shape[:-2], strict=True)):
        raise UnsupportedError(f"a product of {list(a.shape)} and {list(b.shape)}: the first factor would be repeated")
    return node.emit("matmul", [a, b], {"transpose_b": True})
