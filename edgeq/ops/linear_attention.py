"""Attention whose queries and keys are codes of a few bits, so that its cost and its state do not grow with the square
of the length.

A code is the vector of signs of its `bits` elements, h in {-1, +1}. A query looks at a key with the weight
`h(q) . h(k) + 2^c`, c the smallest with 2^c > bits, so that every weight is positive. Because that weight is an inner
product, the sums over the keys can be taken before any query is known:

    state[r] = sum over keys of h_r(k) (v, 1)       r = 0 .. bits - 1
    state[bits] = sum over keys of (v, 1)
    (numerator, denominator) = sum over r of h_r(q) state[r] + 2^c state[bits]

which takes additions, subtractions and one shift. One reciprocal per query makes the mean of the values from it.

Source: Liu et al., "EcoFormer: Energy-Saving Attention with Linear Complexity", NeurIPS 2022: binary codes by learned
hash functions, linear attention over them.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.errors import ModelDataError, UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_exp import reciprocal_of_one_plus
from edgeq.ops.fixed_point import INT32_MAX, high_multiply, quantize_multiplier
from edgeq.ops.inferences import Operands, operand, require_int8
from edgeq.ops.registry import register

MOST_BITS = 31
"""A code fits one word, and 2^c with it."""
MOST_KEYS = 4096
"""Sums over them fit: a denominator stays under 2**19, a numerator under 2**27. Where the state lives on from call to
call, it is halved as soon as so many keys are in it: what is older counts less."""
FRACTION = 20
"""Quotients have so many bits behind the point, less those of the factor to the output's scale."""
SPARE = 2
"""What a quotient may lack in its last bits, by its reciprocal and by rounding down; see `exact_denominator`."""


def weight_shift(bits: int) -> int:
    """c: 2^c is the smallest power of two above every inner product of two codes."""
    return bits.bit_length()


def exact_denominator(right: int) -> int:
    """Below it, rounding is exact where values and output differ in scale by a power of two: nearest, halves up.

    A quotient with `right` bits behind the point comes out between 1/4 and 2 3/4 units too large (reciprocals are
    within 10 / 2**31 of their size, products are rounded down, SPARE is added), and exact ones lie half a unit of the
    output over the denominator apart.
    """
    return (1 << (right - 1)) // 3


def divided(numerator: Array, denominator: Array, node_params: Params) -> Array:
    """Numerators [.., n] over denominators [.., 1] as outputs: int64 in, int8 out."""
    bits = np.floor(np.log2(denominator.astype(np.float64))).astype(np.int64)
    reciprocal = reciprocal_of_one_plus((denominator << (31 - bits)) - (1 << 31))
    factor = high_multiply(reciprocal, node_params["multiplier"])
    quotient = ((numerator << (FRACTION - 1 - bits)) * factor) >> 30
    y = ((quotient + node_params["half"]) >> node_params["right"]) + node_params["output_zero_point"]
    return np.asarray(np.clip(y, -128, 127).astype(np.int8))


@register
class LinearAttention(Operator):
    """y[t, h] = sum over s of w(t, s) v[s, h] / sum over s of w(t, s), per head h; inputs [queries, keys, values].

    queries[1, T, heads * bits], keys[1, S, heads * bits], values[1, S, heads * width] -> [1, T, heads * width].
    w = codes' inner product + 2^c; an element's code is -1 below 0, else +1. causal: s runs up to t (then S = T).
    stateful: sums over keys live on from call to call. step: of the output's grid of -128 to 127, onto which results
    are rounded, halves up; 0 leaves them as they are.
    """

    name = "linear_attention"
    summary = "edgeq.HashedAttention, edgeq.CausalHashedAttention, which `edgeq.nn.LinearAttention` exports"
    attributes: ClassVar = {"heads": 1, "causal": False, "stateful": False, "step": 0.0}
    packed_inputs = (0, 1)

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        queries, keys, values = (node.input(i).shape for i in range(3))
        heads = int(node.attrs["heads"])
        if any(len(s) != 3 or s[0] != 1 for s in (queries, keys, values)):
            raise ValueError(f"shapes {list(queries)}, {list(keys)}, {list(values)} are not all [1, tokens, channels]")
        if queries[2] != keys[2] or keys[1] != values[1] or heads < 1 or queries[2] % heads or values[2] % heads:
            raise ValueError(f"{heads} heads over shapes {list(queries)}, {list(keys)}, {list(values)}")
        if node.attrs["causal"] and queries[1] != keys[1]:
            raise ValueError(f"{queries[1]} queries and {keys[1]} keys; causal ones come in pairs")
        return [(1, queries[1], values[2])]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        queries, keys, values = (operand(inputs, i).astype(np.float64) for i in range(3))
        numerator, denominator = self._sums(node, queries >= 0, keys >= 0, values, np.float64)
        y, step = numerator / denominator, float(node.attrs["step"])
        if step > 0:
            y = np.clip(np.floor(y / step + 0.5), -128, 127) * step
        return [y.reshape(*queries.shape[:2], -1)]

    def _sums(
        self, node: Node, queries: Array, keys: Array, values: Array, dtype: type[np.generic]
    ) -> tuple[Array, Array]:
        """([N, T, heads, width], [N, T, heads, 1]) from codes (True: +1) and values less their zero point."""
        heads = int(node.attrs["heads"])
        count, tokens, channels = queries.shape
        shift = weight_shift(channels // heads)
        ones = np.ones((count, values.shape[1], heads, 1), dtype)
        v = np.concatenate([values.reshape(count, values.shape[1], heads, -1).astype(dtype), ones], axis=3)
        k, q = (np.where(c, 1, -1).astype(dtype).reshape(count, c.shape[1], heads, -1) for c in (keys, queries))
        k = np.concatenate([k, ones], axis=3)
        q = np.concatenate([q, np.full((*q.shape[:3], 1), 1 << shift, dtype)], axis=3)
        if not node.attrs["causal"]:
            found = np.einsum("nthr,nhre->nthe", q, np.einsum("nshr,nshe->nhre", k, v))
            return found[..., :-1], found[..., -1:]
        together = bool(node.attrs["stateful"])
        if together:  # consecutive calls are one sequence
            q, k, v = (a.reshape(1, count * tokens, *a.shape[2:]) for a in (q, k, v))
        state = np.zeros((len(q), heads, k.shape[3], v.shape[3]), dtype)
        rows = []
        for t in range(q.shape[1]):
            if together and (state[0, 0, -1, -1]) >= MOST_KEYS:
                state = np.floor_divide(state, np.array(2, dtype))
            state = state + np.einsum("nhr,nhe->nhre", k[:, t], v[:, t])
            rows.append(np.einsum("nhr,nhre->nhe", q[:, t], state))
        found = np.stack(rows, axis=1).reshape(count, tokens, heads, -1)
        return found[..., :-1], found[..., -1:]

    def lower(self, node: Node) -> Params:
        """`multiplier`, `right` and `half` take quotients to the output: (quotient * multiplier + half) >> right."""
        require_int8(node)
        queries, keys, values, y = node.input(0), node.input(1), node.input(2), node.output
        heads = int(node.attrs["heads"])
        bits = queries.shape[2] // heads
        if bits > MOST_BITS:
            raise UnsupportedError(f"codes of {bits} bits; at most {MOST_BITS}", where=node.name)
        if keys.shape[1] > MOST_KEYS:
            raise UnsupportedError(f"{keys.shape[1]} keys; at most {MOST_KEYS}", where=node.name)
        if node.attrs["stateful"] and not node.attrs["causal"]:
            raise UnsupportedError("sums that live on are for causal attention", where=node.name)
        multiplier, shift = quantize_multiplier(values.scale / y.scale)
        if multiplier == 1 << 30:  # a power of two: 1 - 2**-31 keeps a bit more than one half does
            multiplier, shift = INT32_MAX, shift - 1
        right = FRACTION - shift
        if not 1 <= right <= 30:
            raise ModelDataError(
                f"its output's scale {y.scale:g} is too far from that of its values, {values.scale:g}", where=node.name
            )
        return {
            "queries": queries.shape[1],
            "keys": keys.shape[1],
            "heads": heads,
            "bits": bits,
            "width": values.shape[2] // heads,
            "weight_shift": weight_shift(bits),
            "causal": int(node.attrs["causal"]),
            "stateful": int(node.attrs["stateful"]),
            "query_zero_point": queries.zero_point,
            "key_zero_point": keys.zero_point,
            "value_zero_point": values.zero_point,
            "multiplier": multiplier,
            "right": right,
            "half": (1 << (right - 1)) + SPARE,
            "output_zero_point": y.zero_point,
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p = node.params
        queries, keys, values = (operand(inputs, i).astype(np.int64) for i in range(3))
        above = queries >= p["query_zero_point"], keys >= p["key_zero_point"]
        numerator, denominator = self._sums(node, *above, values - p["value_zero_point"], np.int64)
        return [divided(numerator, denominator, p).reshape(*queries.shape[:2], -1)]

    def keeps_scratch(self, node: Node) -> bool:
        """The sums over keys lie at the start of the scratch."""
        return bool(node.attrs["stateful"])

    def facts(self, node: Node) -> dict[str, int]:
        """`columns`: of the sums over keys. There are no multiply-accumulates."""
        return {**super().facts(node), "columns": node.params["width"] + 1}
