"""Attention as one operator: its integers against their definition in loops, and against real attention."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import ModelDataError, UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.attention import attend
from edgeq.ops.fixed_point import high_multiply
from tests.unit.attention_nodes import attention_node
from tests.unit.quantized_nodes import integers, random_arrays, reals


def one_row(p: dict[str, int | Array], q: list[int], keys: list[list[int]], values: list[list[int]]) -> list[int]:
    """The definition of edgeq/ops/attention.py in Python's integers; 1 / S by a division of 80 bits."""
    scores = [sum((a - p["q_zero_point"]) * b for a, b in zip(q, k, strict=True)) for k in keys]
    weights = []
    for score in scores:
        difference = max(scores) - score
        t = (difference << int(p["left"])) * int(p["factor"]) >> 32
        weights.append(((int(p["exponentials"][t % 256]) >> t // 256) + 1) // 2 if difference < p["limit"] else 0)
    total = sum(weights)
    bits = total.bit_length() - 1
    reciprocal = min(((1 << (31 + bits + 1)) // total + 1) // 2, 2**31 - 1)
    factor = int(high_multiply(np.array([reciprocal]), p["multiplier"])[0])
    result = []
    for c in range(len(values[0])):
        a = sum(w * (v[c] - p["v_zero_point"]) for w, v in zip(weights, values, strict=True))
        assert -(2**31) < a < 2**31
        result.append(a * factor / 2.0 ** (31 + bits - p["shift"]) + p["output_zero_point"])
    return result


def layouts(rng: np.random.Generator) -> Node:
    queries = int(rng.integers(1, 6))
    keys = int(rng.integers(queries, 30))
    packed, planes = bool(rng.integers(2)), bool(rng.integers(2))
    heads, kv_heads = (int(rng.choice([1, 3])) * 2, 2)
    size = (2, heads, kv_heads, keys if packed else queries, keys, int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    causal, log2 = bool(rng.integers(2)), bool(rng.integers(2))
    return attention_node(*size, rng=rng, packed=packed, planes=planes, scale=0.4, causal=causal, log2=log2)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), extreme=st.booleans())
def test_rows_follow_the_definition(seed: int, extreme: bool) -> None:
    rng = np.random.default_rng(seed)
    node = layouts(rng)
    arrays = random_arrays(node, rng, extreme=extreme)
    if node.input(0) is node.input(1):
        arrays = [arrays[0]] * 3
    got, a = integers(node, arrays), node.attrs
    b, h, t = (int(rng.integers(0, a[n])) for n in ("batches", "heads", "queries"))
    head = h // (a["heads"] // a["kv_heads"])
    seen = t + a["keys"] - a["queries"] + 1 if a["causal"] else a["keys"]

    def row(index: int, name: str, at_head: int, token: int, count: int) -> list[int]:
        start, *steps = a[name]
        first = start + b * steps[0] + at_head * steps[1] + token * steps[2]
        return [int(x) for x in arrays[index].reshape(-1)[first : first + count]]

    keys = [row(1, "k_view", head, j, a["depth"]) for j in range(seen)]
    values = [row(2, "v_view", head, j, a["columns"]) for j in range(seen)]
    want = np.clip(one_row(node.params, row(0, "q_view", h, t, a["depth"]), keys, values), -128, 127)
    # Newton's reciprocal has 29 bits, and the product is rounded before the output is.
    assert np.abs(want - got.reshape(a["batches"], a["queries"], a["heads"], -1)[b, t, h]).max() <= 0.501


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), keys=st.sampled_from([1, 2, 17, 64, 300, 2000]), sharp=st.floats(0.05, 8.0))
def test_the_result_is_real_attention_to_a_quarter_of_a_unit(seed: int, keys: int, sharp: float) -> None:
    """Of v, beyond the half that rounding takes. sharp: the standard deviation of scores."""
    size = (1, 2, 1, min(keys, 4), keys, 8, 8)
    first = attention_node(*size, rng=np.random.default_rng(seed))
    spread = np.sqrt(8) * first.input(0).scale * first.input(1).scale * 74**2
    node = attention_node(*size, rng=np.random.default_rng(seed), scale=sharp / spread, causal=bool(seed % 2))
    arrays = random_arrays(node, np.random.default_rng(seed + 1))
    real = np.clip(reals(node, arrays), -128, 127)
    unit = node.input(2).scale / node.output.scale
    assert np.abs(real - integers(node, arrays)).max() < 0.5 + 0.25 * unit


def test_powers_of_two_cost_accuracy_only() -> None:
    errors = []
    for log2 in (False, True):
        node = attention_node(1, 2, 2, 16, 64, 8, 8, scale=0.05, log2=log2)
        arrays = random_arrays(node, np.random.default_rng(1))
        real = reals(node, arrays)
        errors.append(10 * np.log10(np.mean((real - real.mean()) ** 2) / np.mean((real - integers(node, arrays)) ** 2)))
    assert errors[0] > errors[1] > 15
    assert {int(x) for x in node.params["exponentials"]} == {1 << 15, 1 << 14}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_order_of_keys_does_not_matter(seed: int) -> None:
    """What a ring of keys and values needs: slots in any order, and only the first ones filled."""
    rng = np.random.default_rng(seed)
    node = attention_node(1, 1, 1, 1, 40, 8, 8, rng=rng)
    q, k, v = (rng.integers(-128, 128, (n, 8)).astype(np.int8) for n in (1, 40, 40))
    valid = int(rng.integers(1, 41))
    order = rng.permutation(valid)
    rest = np.arange(valid, 40)
    turned = np.concatenate([order, rest])
    want = attend(node.params, q, k[:valid], v[:valid], valid)
    np.testing.assert_array_equal(attend(node.params, q, k[turned], v[turned], valid), want)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelDataError, match="less than 8 bits"):
        attention_node(1, 1, 1, 1, 70000, 1, 1)
    with pytest.raises(ModelDataError, match="too wide"):
        attention_node(1, 1, 1, 1, 1, 70000, 1)
    with pytest.raises(UnsupportedError, match="some see none"):
        attention_node(1, 1, 1, 5, 4, 2, 2, causal=True)
