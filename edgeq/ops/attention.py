"""Attention in one operator: scores, softmax and the weighted sum of values, without a matrix of scores.

Integers, for one row q of queries against all keys it sees:

    s[j] = sum over e of (q[e] - q_zero_point) * k[j][e]
    D[j] = max(s) - s[j]
    t[j] = floor(D[j] * 2**left * factor / 2**32)
    p[j] = ((exponentials[t[j] % 256] >> (t[j] // 256)) + 1) >> 1, and 0 where D[j] >= limit
    S    = sum of p,  a[c] = sum over j of p[j] * v[j][c], less v_zero_point * S
    y[c] = a[c] / S * (scale of v / scale of y) + zero point

The zero point of k moves all scores of a row alike, which changes no softmax, and is left out. t counts 256ths of a
power of two, p is at most `peak`, half of exponentials[0]; 1 / S is softmax's Newton iteration. Maximum and sums
of integers do not depend on the order of the keys nor on how they are cut into tiles: so a kernel may take tiles of any
size, and a ring of keys (one row of queries against the `valid` keys that have come so far) may hold them in any order:
`attend` with `visible` = valid over the slots as they lie. Only `peak` depends on how many keys there can be.

How the tensors lie is given by strides, so that heads need not be transposed, and one tensor may hold queries, keys and
values. Source of the idea: Milakov, Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al.,
"FlashAttention", 2022. A running maximum would have to rescale sums, which rounds; here the maximum is found first.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, Quantization
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_exp import reciprocal_of_one_plus
from edgeq.ops.fixed_point import INT32_MAX, high_multiply, quantize_multiplier, round_shift_right
from edgeq.ops.inferences import Operands, inference_count, operand, require_int8
from edgeq.ops.registry import register

STEPS = 256
"""Parts of a power of two that exponents are counted in."""
MOST_SCORE = 1 << 30
LARGEST_PEAK, LEAST_PEAK = 32767, 255
WIDEST_KEY = 128
VIEWS = ("q_view", "k_view", "v_view")
"""Attributes (start, batch, head, token): where the first element lies, and the steps, in elements."""


def attention_params(
    q: Quantization,
    k: Quantization,
    v: Quantization,
    y: Quantization,
    *,
    scale: float,
    keys: int,
    depth: int,
    log2: bool = False,
    where: str = "",
) -> Params:
    """The integers of the definition above. keys: the most that a row can see; scale: what scores are multiplied with.

    Raises ModelDataError where they do not fit 32 bits.
    """
    q_zero, v_zero = q.tensor_zero_point, v.tensor_zero_point
    if depth * max(127 - q_zero, 128 + q_zero) * WIDEST_KEY >= MOST_SCORE:
        raise ModelDataError(f"attention over heads of {depth} values is too wide", where=where)
    peak = min(LARGEST_PEAK, INT32_MAX // (keys * max(127 - v_zero, 128 + v_zero)))
    if peak < LEAST_PEAK:
        raise ModelDataError(f"attention over {keys} keys; probabilities would have less than 8 bits", where=where)
    if log2:
        peak = 1 << (peak.bit_length() - 1)
    units = q.tensor_scale * k.tensor_scale * scale * math.log2(math.e) * STEPS
    if not 0 < units < 2.0**20:
        raise ModelDataError(f"the scale of attention's scores, {units / STEPS:.3g}, is out of range", where=where)
    left = max(0, math.frexp(units)[1] + 1)
    factor = min(math.floor(math.ldexp(units, 32 - left) + 0.5), INT32_MAX)
    # The first difference with t / 256 >= the bits of the table's numbers, from where on p is 0.
    limit = -(-((peak.bit_length() + 1) * STEPS << 32) // (max(factor, 1) << left))
    multiplier, shift = quantize_multiplier(v.tensor_scale / y.tensor_scale)
    if shift > peak.bit_length() - 1:
        raise ModelDataError("attention's output has a scale far below that of its values", where=where)
    return {
        "q_zero_point": q_zero,
        "v_zero_point": v_zero,
        "left": left,
        "factor": factor,
        "limit": min(limit, INT32_MAX >> left),
        "exponentials": exponentials(peak, log2),
        "multiplier": multiplier,
        "shift": shift,
        "output_zero_point": y.tensor_zero_point,
    }


def exponentials(peak: int, log2: bool) -> Array:
    """2 * peak * 2**(-f / 256) for f = 0 ... 255, uint16; log2: the nearer power of two (RepQuant's quantizer)."""
    fraction = np.arange(STEPS) / STEPS
    return np.rint(2 * peak * 2.0 ** -(np.rint(fraction) if log2 else fraction)).astype(np.uint16)


def attend(params: Params, q: Array, k: Array, v: Array, visible: Array | int) -> Array:
    """Rows of attention in integers: the truth that every kernel must repeat.

    q [..., rows, depth], k [..., keys, depth], v [..., keys, columns]; visible: how many of the first keys a row sees,
    one number or one per row. Returns int8 [..., rows, columns].
    """
    p = params
    scores = (q.astype(np.float64) - p["q_zero_point"]) @ k.astype(np.float64).swapaxes(-1, -2)  # exact: below 2**30
    seen = np.arange(k.shape[-2]) < np.reshape(visible, (-1, 1))
    scores = np.where(seen, scores, -np.inf)
    difference = scores.max(axis=-1, keepdims=True) - scores
    near = difference < p["limit"]
    t = np.where(near, difference, 0).astype(np.int64) * (1 << p["left"]) * p["factor"] >> 32
    weights = np.where(near, (p["exponentials"].astype(np.int64)[t % STEPS] >> t // STEPS) + 1 >> 1, 0)
    total = weights.sum(axis=-1, keepdims=True)
    sums = (weights.astype(np.float64) @ v.astype(np.float64)).astype(np.int64) - p["v_zero_point"] * total
    # total = 2**bits * (1 + rest) with 0 <= rest < 1
    bits = np.floor(np.log2(total.astype(np.float64))).astype(np.int64)
    reciprocal = reciprocal_of_one_plus((total << (31 - bits)) - (1 << 31))
    factor = high_multiply(reciprocal, p["multiplier"])
    right = bits - p["shift"]
    y = np.where(right > 31, 0, round_shift_right(high_multiply(sums, factor), np.minimum(right, 31)))
    return np.asarray(np.clip(y + p["output_zero_point"], -128, 127).astype(np.int8))


@register
class Attention(Operator):
    """softmax(scale * q k^T) v for every head; inputs [q, k, v], which may be the same tensor.

    An element of q is at start + batch * b + head * h + token * t + e of its input, of k and v alike with head
    h // (heads / kv_heads) (grouped queries). y's element is at batch * b + head * h + token * t + c of `shape`.
    causal: query t sees the keys up to t + keys - queries. log2: probabilities are powers of two.
    """

    name = "attention"
    summary = "Softmax between two products: MatMul, Softmax, MatMul as one"
    attributes: ClassVar = {
        **dict.fromkeys(("batches", "heads", "kv_heads", "queries", "keys", "depth", "columns"), ...),
        **dict.fromkeys((*VIEWS, "y_view", "shape"), ...),
        "scale": 1.0,
        "causal": False,
        "log2": False,
    }

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        a = node.attrs
        if a["heads"] % a["kv_heads"]:
            raise ValueError(f"{a['heads']} heads of queries, {a['kv_heads']} of keys")
        if a["causal"] and a["queries"] > a["keys"]:
            raise ValueError(f"causal attention of {a['queries']} queries over {a['keys']} keys: some see none")
        for index, name in enumerate(VIEWS):
            extents = self._extents(node, index)
            start, *steps = a[name]
            last = start + sum((e - 1) * s for e, s in zip(extents, (*steps, 1), strict=True))
            if min(start, *steps) < 0 or last >= node.input(index).type.elements:
                raise ValueError(f"{name} {a[name]} leaves a tensor of {list(node.input(index).shape)}")
        extents = self._output_extents(node)
        last = sum((e - 1) * s for e, s in zip(extents, (*a["y_view"], 1), strict=True))
        if not math.prod(a["shape"]) == math.prod(extents) == last + 1:
            raise ValueError(f"{list(extents)} elements by steps {a['y_view']} in a tensor of {list(a['shape'])}")
        return [tuple(a["shape"])]

    def _extents(self, node: Node, index: int) -> tuple[int, int, int, int]:
        """Batches, heads, tokens and elements of an input."""
        a = node.attrs
        return (
            a["batches"],
            a["kv_heads" if index else "heads"],
            a["keys" if index else "queries"],
            a["columns" if index == 2 else "depth"],
        )

    def _output_extents(self, node: Node) -> tuple[int, int, int, int]:
        a = node.attrs
        return a["batches"], a["heads"], a["queries"], a["columns"]

    def _visible(self, node: Node) -> Array:
        a = node.attrs
        rows = np.arange(a["queries"]) + a["keys"] - a["queries"] + 1
        return np.asarray(rows if a["causal"] else np.full(a["queries"], a["keys"]))

    def _read(self, node: Node, inputs: Operands, inference: int) -> list[Array]:
        """q, k and v of one inference as [batches, kv heads, group, tokens, elements]; group is 1 for k and v."""
        found = []
        for index, name in enumerate(VIEWS):
            flat = operand(inputs, index).reshape(-1)
            first = 0 if node.input(index).is_constant else inference * node.input(index).type.elements
            start, *steps = node.attrs[name]
            size = flat.itemsize
            x = np.lib.stride_tricks.as_strided(
                flat[first + start :], self._extents(node, index), [s * size for s in (*steps, 1)]
            )
            found.append(x.reshape(x.shape[0], node.attrs["kv_heads"], -1, *x.shape[2:]))
        return found

    def _each(self, node: Node, inputs: Operands, rows: Any, dtype: Any) -> list[Array]:
        """`rows` of q, k and v of every inference, stored as `y_view` says."""
        count, (shape,) = inference_count(node, inputs), self.infer(node)
        extents = self._output_extents(node)
        result = np.empty((count, math.prod(shape)), dtype=dtype)
        for inference in range(count):
            steps = [s * result.itemsize for s in (*node.attrs["y_view"], 1)]
            place = np.lib.stride_tricks.as_strided(result[inference], extents, steps)
            place[...] = rows(*self._read(node, inputs, inference)).reshape(extents)
        return [result.reshape((count * shape[0], *shape[1:]))]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        seen = np.arange(node.attrs["keys"]) < self._visible(node)[:, None]

        def rows(q: Array, k: Array, v: Array) -> Array:
            scores = q.astype(np.float64) @ k.astype(np.float64).swapaxes(-1, -2) * node.attrs["scale"]
            scores = np.where(seen, scores, -np.inf)
            e = np.exp(scores - scores.max(axis=-1, keepdims=True))
            return np.asarray(e @ v.astype(np.float64) / e.sum(axis=-1, keepdims=True))

        return self._each(node, inputs, rows, np.float64)

    def lower(self, node: Node) -> Params:
        require_int8(node)
        a = node.attrs
        views = {
            f"{name[0]}_{part}": step
            for name in VIEWS
            for part, step in zip(("start", "batch", "head", "token"), a[name], strict=True)
        }
        quantizations = [value.quantization for value in (*map(node.input, range(3)), node.output)]
        chosen = {"scale": a["scale"], "keys": a["keys"], "depth": a["depth"], "log2": a["log2"]}
        visible = self._visible(node)
        return {
            **{name: a[name] for name in ("batches", "heads", "queries", "keys", "depth", "columns")},
            "group": a["heads"] // a["kv_heads"],
            **views,
            **dict(zip(("y_batch", "y_head", "y_token"), a["y_view"], strict=True)),
            "visible": int(visible[0]),
            "visible_step": int(a["causal"]),
            "tile": a["keys"],
            **attention_params(*quantizations, **chosen, where=node.name),
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        def rows(q: Array, k: Array, v: Array) -> Array:
            return attend(node.params, q, k, v, self._visible(node))

        return self._each(node, inputs, rows, np.int8)

    def macs(self, node: Node) -> int:
        a = node.attrs
        pairs = a["batches"] * a["heads"] * int(self._visible(node).sum())
        return int(pairs * (a["depth"] + a["columns"]))

    def facts(self, node: Node) -> dict[str, int]:
        """Besides the usual: rows, pairs of a query and a key, and how many of them are scored, tiles seen twice.

        Kernels take rows with the same keys in twos; one that is left over counts as two.
        """
        a = node.attrs
        pairs = self.macs(node) // (a["depth"] + a["columns"])
        together = a["heads"] // a["kv_heads"] * a["queries"]
        pairs = pairs * (together + together % 2) // together
        scored = pairs if node.params["tile"] >= a["keys"] else 2 * pairs
        rows = a["batches"] * a["heads"] * a["queries"]
        return {**super().facts(node), "rows": rows, "pairs": pairs, "scored": scored, "log2": int(a["log2"])}
