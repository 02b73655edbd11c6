"""Operators that pool, reduce or move: real arithmetic, several inferences at once, shapes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import Array, DType, TensorType
from edgeq.ops import operator
from edgeq.ops.avg_pool2d import MAX_COUNT, divide_rounding, reciprocal
from edgeq.ops.build import make_node
from edgeq.ops.strides import merge_axes, packed_steps
from tests.unit.quantized_nodes import KEPT, integers, lowered, random_arrays, reals, tensor


def real_node(op: str, shapes: list[tuple[int, ...]], **attrs: Any) -> Node:
    values: list[Value | None] = [Value(f"x{i}", TensorType(s, DType.FLOAT32)) for i, s in enumerate(shapes)]
    return make_node(op, op, values, attrs, output_names=["y"])


def compute(op: str, arrays: list[Array], **attrs: Any) -> Array:
    node = real_node(op, [a.shape for a in arrays], **attrs)
    (result,) = operator(op).compute(node, arrays)
    assert result.shape == node.output.shape
    return result


def image(*shape: int) -> Array:
    return np.random.default_rng(0).normal(size=shape)


def windows(x: Array, function: Callable[[Array], Any], kernel: int, stride: int, pad: int) -> Array:
    """The definition of pooling with square windows and symmetric padding, element by element."""
    _, h, w, c = x.shape
    out_h, out_w = ((n + 2 * pad - kernel) // stride + 1 for n in (h, w))
    y = np.zeros((1, out_h, out_w, c))
    for i, j, k in np.ndindex(out_h, out_w, c):
        rows = slice(max(i * stride - pad, 0), i * stride - pad + kernel)
        columns = slice(max(j * stride - pad, 0), j * stride - pad + kernel)
        y[0, i, j, k] = function(x[0, rows, columns, k])
    return y


@pytest.mark.parametrize(("kernel", "stride", "pad"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (1, 3, 0)])
def test_real_pooling(kernel: int, stride: int, pad: int) -> None:
    x = image(1, 7, 8, 3)
    attrs: dict[str, Any] = {"kernel": (kernel,) * 2, "strides": (stride,) * 2, "pads": (pad,) * 4}
    np.testing.assert_array_equal(compute("max_pool2d", [x], **attrs), windows(x, np.max, kernel, stride, pad))
    np.testing.assert_allclose(compute("avg_pool2d", [x], **attrs), windows(x, np.mean, kernel, stride, pad))
    whole = windows(x, lambda part: part.sum() / kernel**2, kernel, stride, pad)
    np.testing.assert_allclose(compute("avg_pool2d", [x], count_include_pad=True, **attrs), whole)


def test_pooled_integers_follow_the_real_ones() -> None:
    for op, attrs in (("max_pool2d", {}), ("avg_pool2d", {}), ("avg_pool2d", {"count_include_pad": True})):
        node = lowered(op, [tensor((1, 9, 9, 4))], kernel=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1), **attrs)
        arrays = random_arrays(node, np.random.default_rng(0))
        assert np.abs(integers(node, arrays) - reals(node, arrays)).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("count", [*range(1, 130), 255, 256, 257, 1023, 1024, 4095, 4097, 65535, MAX_COUNT])
def test_reciprocals_are_right_or_one_too_large(count: int) -> None:
    """The quotients that the kernel forms, at every edge between two results and at the ends."""
    edges = np.arange(0, 129, dtype=np.uint64)[:, None] * np.uint64(count) + np.array([0, 1, count // 2, count - 1])
    dividend = np.unique(edges.astype(np.uint64).ravel())
    dividend = dividend[dividend <= 128 * count + count // 2]
    product = dividend * np.uint64(reciprocal(count))
    assert product.max() < 2**32
    quotient = product >> np.uint64(24)
    exact = dividend // np.uint64(count)
    assert np.isin(quotient - exact, [0, 1]).all()
    assert ((quotient * np.uint64(count) > dividend) == (quotient > exact)).all()


def test_halves_are_rounded_away_from_zero() -> None:
    assert divide_rounding(np.array([-6, -5, -2, -1, 0, 1, 2, 5, 6]), 4).tolist() == [-2, -1, -1, 0, 0, 0, 1, 1, 2]


@pytest.mark.parametrize("axes", [(1,), (1, 2), (3,), (0, 1, 2, 3), (-1,), (1, 3)])
@pytest.mark.parametrize("keepdims", [True, False])
def test_real_mean(axes: tuple[int, ...], keepdims: bool) -> None:
    x = image(1, 3, 4, 5)
    np.testing.assert_allclose(compute("mean", [x], axes=axes, keepdims=keepdims), x.mean(axis=axes, keepdims=keepdims))


def test_mean_of_axes_that_are_no_neighbours_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="not neighbours"):
        lowered("mean", [tensor((1, 3, 4, 5))], axes=(1, 3))
    assert lowered("mean", [tensor((1, 3, 1, 5))], axes=(1, 3)).params["reduce"] == 15


def test_real_movers_are_numpy() -> None:
    x, y = image(1, 4, 5, 3), image(1, 2, 5, 3)
    np.testing.assert_array_equal(compute("reshape", [x], shape=(1, -1)), x.reshape(1, -1))
    np.testing.assert_array_equal(compute("transpose", [x], perm=(0, 3, 1, 2)), x.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(compute("concat", [x, y], axis=1), np.concatenate([x, y], axis=1))
    np.testing.assert_array_equal(compute("argmax", [x], axis=-1, keepdims=False), x.argmax(axis=-1))
    padded = compute("pad", [x], pads=((0, 0), (1, 0), (0, 2), (0, 0)), value=7.0)
    np.testing.assert_array_equal(padded, np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0)), constant_values=7))
    part = compute("slice", [x], begin=(0, 3, 1, 0), end=(1, -1, 5, 3), strides=(1, -1, 2, 1))
    np.testing.assert_array_equal(part, x[:, ::-1, 1::2, :])
    resized = compute("resize_nearest", [x], out_h=8, out_w=2, rows=(0, 0, 1, 1, 2, 2, 3, 3), columns=(4, 0))
    np.testing.assert_array_equal(resized, x.repeat(2, axis=1)[:, :, [4, 0]])


MOVERS: list[tuple[str, list[tuple[int, ...]], dict[str, Any]]] = [
    ("reshape", [(1, 2, 3)], {"shape": (3, 2)}),
    ("transpose", [(1, 2, 3)], {"perm": (2, 0, 1)}),
    ("transpose", [(1, 2, 3)], {"perm": (0, 2, 1)}),
    ("concat", [(2, 3), (1, 3)], {"axis": 0}),
    ("concat", [(2, 3), (2, 1)], {"axis": 1}),
    ("slice", [(4, 3)], {"begin": (1, 0), "end": (3, 2), "strides": (1, 1)}),
    ("slice", [(4, 3)], {"begin": (0, 0), "end": (4, 2), "strides": (1, 1)}),
    ("pad", [(2, 3)], {"pads": ((1, 0), (0, 1))}),
    ("mean", [(2, 3, 4)], {"axes": (0, 1)}),
    ("mean", [(2, 3, 4)], {"axes": (2,), "keepdims": False}),
    ("argmax", [(2, 3)], {"axis": 0}),
    ("softmax", [(2, 3)], {"axis": 0}),
    ("softmax", [(2, 3)], {}),
    ("add", [(1, 2, 3), (1, 3)], {}),
    ("mul", [(2, 3), (2, 3)], {}),
    ("sub", [(1, 4, 3), (1, 1, 3)], {}),
    ("relu", [(2, 3)], {}),
    ("max_pool2d", [(1, 4, 4, 2)], {"kernel": (2, 2)}),
    ("resize_nearest", [(1, 2, 2, 2)], {"out_h": 3, "out_w": 3}),
]


@pytest.mark.parametrize(("op", "shapes", "attrs"), MOVERS, ids=[f"{m[0]}-{i}" for i, m in enumerate(MOVERS)])
def test_several_inferences_at_once_are_the_same_as_one_by_one(
    op: str, shapes: list[tuple[int, ...]], attrs: dict[str, Any]
) -> None:
    node, count = real_node(op, shapes, **attrs), 3
    samples = [[np.random.default_rng([k, i]).normal(size=s) for i, s in enumerate(shapes)] for k in range(count)]
    singly = np.concatenate([operator(op).compute(node, sample)[0] for sample in samples])
    together = operator(op).compute(node, [np.concatenate(arrays) for arrays in zip(*samples, strict=True)])[0]
    np.testing.assert_array_equal(together, singly)


REFUSED: list[tuple[str, tuple[int, ...], dict[str, Any], str]] = [
    ("reshape", (1, 6), {"shape": (1, 5)}, "does not fit"),
    ("reshape", (1, 6), {"shape": (-1, 4)}, "do not divide"),
    ("reshape", (1, 6), {"shape": (-1, -1)}, "does not fit"),
    ("transpose", (1, 6), {"perm": (0, 0)}, "not an order"),
    ("slice", (1, 6), {"begin": (0, 4), "end": (1, 4), "strides": (1, 1)}, "takes nothing"),
    ("slice", (1, 6), {"begin": (0, 4), "end": (1, 9), "strides": (1, 1)}, "leaves an axis of 6"),
    ("slice", (1, 6), {"begin": (0, 4), "end": (1, 5), "strides": (1, 0)}, "stride of 0"),
    ("slice", (1, 6), {"begin": (0,), "end": (1,), "strides": (1,)}, "for 2 axes"),
    ("pad", (1, 6), {"pads": ((0, 0),)}, "for 2 axes"),
    ("pad", (1, 6), {"pads": ((0, 0), (0, -1))}, ">= 0"),
    ("max_pool2d", (1, 4, 4, 1), {"kernel": (2, 2), "pads": (2, 0, 0, 0)}, "padding only"),
    ("max_pool2d", (1, 4, 4, 1), {"kernel": (5, 1)}, "does not fit"),
    ("avg_pool2d", (1, 4, 4), {"kernel": (1, 1)}, "four axes"),
    ("avg_pool2d", (1, 4, 4, 1), {"kernel": (1, 1), "strides": (0, 1)}, "make no window"),
    ("mean", (1, 4), {"axes": (2,)}, "axis 2"),
    ("argmax", (1, 4), {"axis": 2}, "axis 2"),
    ("softmax", (1, 4), {"axis": 2}, "axis 2"),
    ("concat", (1, 4), {"axis": 2}, "axis 2"),
    ("resize_nearest", (1, 4, 4, 1), {"out_h": 0, "out_w": 1}, "to 0 x 1"),
    ("resize_nearest", (1, 4, 4, 1), {"out_h": 1, "out_w": 1, "rows": (4,)}, "indices under 4"),
]


@pytest.mark.parametrize(("op", "shape", "attrs", "message"), REFUSED)
def test_attributes_that_do_not_fit_are_named(
    op: str, shape: tuple[int, ...], attrs: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnsupportedError, match=message):
        real_node(op, [shape], **attrs)


def test_what_integers_cannot_do_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="do not join"):
        lowered("concat", [tensor((1, 4)), tensor((2, 5))], axis=1)
    with pytest.raises(UnsupportedError, match="one quantization"):
        lowered("concat", [tensor((1, 4)), tensor((1, 5), (0.2, 0))], axis=1)
    with pytest.raises(UnsupportedError, match="padding of 5 axes"):
        lowered("pad", [tensor((2, 2, 2, 2, 2))], pads=((1, 1),) * 5)
    with pytest.raises(UnsupportedError, match="needs 5 loops"):
        lowered("slice", [tensor((9,) * 5)], begin=(0,) * 5, end=(9,) * 5, strides=(2,) * 5)
    with pytest.raises(UnsupportedError, match="int8 into int32"):
        lowered("argmax", [tensor((1, 4))], KEPT, axis=1)
    for op, attrs in (("max_pool2d", {"kernel": (1, 1)}), ("resize_nearest", {"out_h": 1, "out_w": 1})):
        with pytest.raises(UnsupportedError, match="batch of 2"):
            lowered(op, [tensor((2, 4, 4, 1))], **attrs)
    with pytest.raises(UnsupportedError, match="at most 65536"):
        lowered("avg_pool2d", [tensor((1, 257, 256, 1))], kernel=(257, 256))


@settings(max_examples=200)
@given(st.lists(st.integers(1, 4), max_size=5), st.randoms(use_true_random=False))
def test_merged_axes_visit_the_same_elements_in_the_same_order(shape: list[int], random: Any) -> None:
    steps = packed_steps(shape)
    order = list(range(len(shape)))
    random.shuffle(order)
    extents, moved = [shape[a] for a in order], [steps[a] for a in order]

    def visited(extents: list[int], steps: list[int]) -> list[int]:
        return [sum(i * s for i, s in zip(index, steps, strict=True)) for index in np.ndindex(*extents)]

    merged, (kept,) = merge_axes(extents, moved)
    assert visited(merged, kept) == visited(extents, moved)
    assert len(merged) <= max(len(shape), 1)
