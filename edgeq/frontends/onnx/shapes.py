"""What moves elements or only renames their places."""

from __future__ import annotations

from math import prod

import numpy as np
from onnx import TensorProto

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.rows import converts
from edgeq.frontends.onnx.tensors import MAX_ELEMENTS, type_name
from edgeq.ir.graph import Value
from edgeq.ir.types import Array, DType

MOST_PARTS = 64
"""Of one Gather: each is a copy of its own."""


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} of a tensor with {rank} axes")
    return axis % rank


@converts("Constant")
def constant(node: NodeImport) -> None:
    array = node.attrs.tensor("value")
    if array is None:
        found = [
            np.asarray(value, dtype=dtype)
            for value, dtype in (
                (node.attrs.floats("value_floats"), np.float32),
                (node.attrs.ints("value_ints"), np.int64),
                (node.attrs.real("value_float", 0.0) if "value_float" in node.attrs else None, np.float32),
                (node.attrs.integer("value_int", 0) if "value_int" in node.attrs else None, np.int64),
            )
            if value is not None
        ]
        if len(found) != 1:
            raise UnsupportedError("holds no tensor of numbers")
        array = found[0]
    node.bind(0, array)


@converts("Identity", "Dropout")
def identity(node: NodeImport) -> None:
    """Dropout does nothing at inference."""
    node.attrs.ignore("ratio", "is_test", "seed")
    if node.op == "Dropout" and node.count > 1:
        if node.has(1):
            node.weights(1, "ratio")
        if node.has(2) and bool(node.constant(2, "training_mode")):
            raise UnsupportedError("is in training mode", hint="export the model after model.eval()")
    node.bind(0, node.tensor(0))


@converts("Cast")
def cast(node: NodeImport) -> None:
    x = node.value(0)
    to = node.attrs.integer("to", 0)
    node.attrs.ignore("saturate", "round_mode")
    real = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
    whole = (TensorProto.INT32, TensorProto.INT64)
    if (x.type.dtype is DType.FLOAT32 and to in real) or (x.type.dtype is DType.INT32 and to in whole):
        node.bind(0, x)
        return
    raise UnsupportedError(f"casts {x.type.dtype.value} to {type_name(to)}")


@converts("Shape")
def shape_of(node: NodeImport) -> None:
    shape = node.tensor(0).shape
    start, end = node.attrs.integer("start", 0), node.attrs.integer("end", len(shape))
    node.bind(0, np.asarray(shape[start:end], dtype=np.int64))


@converts("Size")
def size_of(node: NodeImport) -> None:
    node.bind(0, np.asarray(prod(node.tensor(0).shape), dtype=np.int64))


@converts("Reshape")
def reshape(node: NodeImport) -> None:
    x, wanted = node.value(0), list(node.integers(1, "shape"))
    if not node.attrs.integer("allowzero", 0):
        if any(d == 0 and i >= len(x.shape) for i, d in enumerate(wanted)):
            raise UnsupportedError(f"shape {wanted} copies an axis that {list(x.shape)} does not have")
        wanted = [x.shape[i] if d == 0 else d for i, d in enumerate(wanted)]
    node.bind(0, node.emit("reshape", [x], {"shape": tuple(wanted)}) if -1 in wanted else node.reshape(x, wanted))


@converts("Flatten")
def flatten(node: NodeImport) -> None:
    x = node.value(0)
    axis = node.attrs.integer("axis", 1)
    if not -len(x.shape) <= axis <= len(x.shape):
        raise UnsupportedError(f"axis {axis} of a tensor with {len(x.shape)} axes")
    axis = axis if axis >= 0 else axis + len(x.shape)
    node.bind(0, node.reshape(x, (prod(x.shape[:axis]), prod(x.shape[axis:]))))


def _axes(node: NodeImport) -> tuple[int, ...] | None:
    """Axes as an attribute, or as an input since opset 13."""
    if node.opset < 13:
        return node.attrs.ints("axes")
    return node.integers(1, "axes") if node.has(1) else None


@converts("Squeeze")
def squeeze(node: NodeImport) -> None:
    x, axes = node.value(0), _axes(node)
    rank = len(x.shape)
    gone = {a for a, d in enumerate(x.shape) if d == 1} if axes is None else {_axis(a, rank) for a in axes}
    if any(x.shape[a] != 1 for a in gone):
        raise UnsupportedError(f"removes axes {sorted(gone)} of {list(x.shape)}, which are not all 1")
    node.bind(0, node.reshape(x, [d for a, d in enumerate(x.shape) if a not in gone]))


@converts("Unsqueeze")
def unsqueeze(node: NodeImport) -> None:
    x, axes = node.value(0), _axes(node)
    if axes is None:
        raise UnsupportedError("lacks axes")
    rank = len(x.shape) + len(axes)
    new = {_axis(a, rank) for a in axes}
    if len(new) != len(axes):
        raise UnsupportedError(f"axes {axes} name one axis twice")
    sizes = iter(x.shape)
    node.bind(0, node.reshape(x, [1 if a in new else next(sizes) for a in range(rank)]))


@converts("Transpose")
def transpose(node: NodeImport) -> None:
    x = node.value(0)
    rank = len(x.shape)
    perm = node.attrs.ints("perm", tuple(reversed(range(rank)))) or ()
    if sorted(perm) != list(range(rank)):
        raise UnsupportedError(f"perm {perm} is not an order of {rank} axes")
    node.bind(0, node.transpose(x, perm))


@converts("Concat")
def concat(node: NodeImport) -> None:
    values = [node.value(i) for i in range(node.count)]
    if len({v.type.dtype for v in values}) != 1:
        raise UnsupportedError(f"joins {', '.join(v.type.dtype.value for v in values)}")
    rank = len(values[0].shape)
    axis = _axis(node.attrs.integer("axis", 1), rank)
    node.bind(0, node.emit("concat", list(values), {"axis": axis}) if len(values) > 1 else values[0])


def emit_slice(node: NodeImport, x: Value, ranges: list[range]) -> Value:
    """The elements of `ranges`, one per axis."""
    if any(len(r) == 0 for r in ranges):
        raise UnsupportedError("takes nothing: its result would be empty")
    if all(r == range(n) for r, n in zip(ranges, x.shape, strict=True)):
        return x
    ends = tuple(r[-1] + (1 if r.step > 0 else -1) for r in ranges)
    attrs = {"begin": tuple(r[0] for r in ranges), "end": ends, "strides": tuple(r.step for r in ranges)}
    return node.emit("slice", [x], attrs)


@converts("Slice")
def slice_(node: NodeImport) -> None:
    x = node.value(0)
    rank = len(x.shape)
    if node.opset < 10:
        starts, ends = node.attrs.ints("starts") or (), node.attrs.ints("ends") or ()
        axes, steps = node.attrs.ints("axes"), None
    else:
        starts, ends = node.integers(1, "starts"), node.integers(2, "ends")
        axes = node.integers(3, "axes") if node.has(3) else None
        steps = node.integers(4, "steps") if node.has(4) else None
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise UnsupportedError(f"starts {starts}, ends {ends}, axes {axes}, steps {steps}")
    chosen = [_axis(a, rank) for a in axes]
    if len(set(chosen)) != len(chosen):
        raise UnsupportedError(f"axes {axes} name one axis twice")
    ranges = [range(d) for d in x.shape]
    for axis, start, end, step in zip(chosen, starts, ends, steps, strict=True):
        ranges[axis] = range(x.shape[axis])[slice(start, end, step)]
    node.bind(0, emit_slice(node, x, ranges))


@converts("Split")
def split(node: NodeImport) -> None:
    x = node.value(0)
    axis = _axis(node.attrs.integer("axis", 0), len(x.shape))
    size, count = x.shape[axis], len(node.proto.output)
    given = node.integers(1, "split") if node.opset >= 13 and node.has(1) else None
    parts = node.attrs.ints("split") if node.opset < 13 else given
    if node.attrs.integer("num_outputs", count) != count:
        raise UnsupportedError("num_outputs differs from its outputs")
    if parts is None:
        each = -(-size // count)
        parts = (each,) * (count - 1) + (size - each * (count - 1),)
    if len(parts) != count or sum(parts) != size or min(parts) < 1:
        raise UnsupportedError(f"splits an axis of {size} into {parts}")
    first = 0
    for index, length in enumerate(parts):
        ranges = [range(first, first + length) if a == axis else range(d) for a, d in enumerate(x.shape)]
        node.bind(index, emit_slice(node, x, ranges))
        first += length


@converts("Gather")
def gather(node: NodeImport) -> None:
    """Rows of a table by computed places, or constant places: a slice, or several joined."""
    indices = node.tensor(1)
    if isinstance(indices, Value):
        node.bind(0, _table_rows(node, indices))
        return
    node.bind(0, _parts(node, node.value(0), indices.real))


def _table_rows(node: NodeImport, places: Value) -> Value:
    if places.type.dtype is not DType.INT32:
        raise UnsupportedError(f"looks up rows by {places.type.dtype.value}, not by int32 or int64 places")
    table = node.weights(0, "table")
    if _axis(node.attrs.integer("axis", 0), table.array.ndim):
        raise UnsupportedError("looks up by computed places along another axis than the first")
    rows = node.importer.promote(table) if table.quantization is None else node.own("table", table.real)
    node.importer.graph.meta["inputs"].get(places.name, {})["tokens"] = rows.shape[0]
    return node.emit("gather", [rows, places], like=rows.type)


def _parts(node: NodeImport, x: Value, indices: Array) -> Value:
    rank = len(x.shape)
    axis = _axis(node.attrs.integer("axis", 0), rank)
    size = x.shape[axis]
    if indices.dtype.kind not in "iu" or indices.size == 0:
        raise UnsupportedError("its indices are not integers, or there are none")
    picked = [int(i) for i in indices.reshape(-1)]
    if any(not -size <= i < size for i in picked):
        raise UnsupportedError(f"indices {picked} leave an axis of {size}")
    runs = _regular_runs([i % size for i in picked])
    if len(runs) > MOST_PARTS:
        raise UnsupportedError(f"its indices make {len(runs)} parts; at most {MOST_PARTS}")
    parts = [emit_slice(node, x, [run if a == axis else range(d) for a, d in enumerate(x.shape)]) for run in runs]
    y = parts[0] if len(parts) == 1 else node.emit("concat", list(parts), {"axis": axis})
    return node.reshape(y, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _regular_runs(picked: list[int]) -> list[range]:
    """Places as ranges, each as long as it goes on with the same step."""
    runs: list[range] = []
    first = 0
    while first < len(picked):
        step = picked[first + 1] - picked[first] if first + 1 < len(picked) else 0
        last = first + 1 if step else first
        while step and last + 1 < len(picked) and picked[last + 1] - picked[last] == step:
            last += 1
        # A pair that is no neighbours rather ends where the next run may begin.
        last = first if last == first + 1 and abs(step) > 1 else last
        runs.append(
            range(picked[first], picked[last] + (-1 if step < 0 else 1), step or 1)
            if last > first
            else range(picked[first], picked[first] + 1)
        )
        first = last + 1
    return runs


@converts("Pad")
def pad(node: NodeImport) -> None:
    x = node.value(0)
    rank = len(x.shape)
    if node.attrs.string("mode", "constant") != "constant":
        raise UnsupportedError("only constant padding is supported")
    value = 0.0
    if node.opset < 11:
        pads = node.attrs.ints("pads") or ()
        value = node.attrs.real("value", 0.0)
        axes = tuple(range(rank))
    else:
        pads = node.integers(1, "pads")
        value = node.scalar(2, "value") if node.has(2) else 0.0
        axes = node.integers(3, "axes") if node.has(3) else tuple(range(rank))
    chosen = [_axis(a, rank) for a in axes]
    count = len(chosen)
    if len(pads) != 2 * count or len(set(chosen)) != count or any(abs(p) >= 2**31 for p in pads):
        raise UnsupportedError(f"pads {pads} for axes {axes}")
    if x.type.dtype is not DType.FLOAT32:
        raise UnsupportedError(f"pads {x.type.dtype.value}")
    amounts, ranges = [(0, 0)] * rank, [range(d) for d in x.shape]
    before: int
    after: int
    for i, axis in enumerate(chosen):
        before, after = pads[i], pads[count + i]
        amounts[axis] = (max(before, 0), max(after, 0))
        ranges[axis] = range(max(-before, 0), x.shape[axis] - max(-after, 0))
    if not np.isfinite(value):
        raise UnsupportedError(f"pads with {value}")
    x = emit_slice(node, x, ranges)
    node.bind(0, node.emit("pad", [x], {"pads": tuple(amounts), "value": value}) if any(map(any, amounts)) else x)


@converts("Expand")
def expand(node: NodeImport) -> None:
    x, wanted = node.value(0), node.integers(1, "shape")
    try:
        shape = tuple(int(d) for d in np.broadcast_shapes(x.shape, wanted))
    except ValueError:
        raise UnsupportedError(f"shape {list(wanted)} does not fit {list(x.shape)}") from None
    node.bind(0, repeated(node, x, shape))


@converts("Tile")
def tile(node: NodeImport) -> None:
    x, repeats = node.value(0), node.integers(1, "repeats")
    if len(repeats) != len(x.shape):
        raise UnsupportedError(f"repeats {list(repeats)} for {len(x.shape)} axes")
    node.bind(0, repeated(node, x, tuple(d * n for d, n in zip(x.shape, repeats, strict=True))))


def repeated(node: NodeImport, x: Value, shape: tuple[int, ...]) -> Value:
    """Whole copies of x, joined along every axis that is longer in `shape`, with leading ones where it has more."""
    y = node.reshape(x, (*(1,) * (len(shape) - len(x.shape)), *x.shape))
    if 0 in shape or prod(shape) > MAX_ELEMENTS:
        raise UnsupportedError(f"repeats {list(x.shape)} into {list(shape)}")
    if y.is_constant:
        copies = [n // d for d, n in zip(y.shape, shape, strict=True)]
        own = y.type.quantization
        array = y.constant if own is None or own.is_per_tensor else own.dequantize(y.constant)
        kept = own if own is not None and own.is_per_tensor else None
        return y if max(copies, default=1) == 1 else node.own("copies", np.tile(array, copies), kept)
    for axis, (size, wanted) in enumerate(zip(y.shape, shape, strict=True)):
        if size != wanted:
            y = node.emit("concat", [y] * (wanted // size), {"axis": axis})
    return y
