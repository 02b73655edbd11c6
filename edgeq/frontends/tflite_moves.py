"""TFLite operators that only move numbers: reshaping, slicing, joining, padding, reordering, resizing."""

from __future__ import annotations

from math import prod

from edgeq.errors import ModelFileError
from edgeq.frontends.tflite_call import Call, Row
from edgeq.frontends.tflite_file import HINT
from edgeq.ir.types import Array


def wanted_shape(call: Call, elements: int) -> tuple[int, ...]:
    """The shape that RESHAPE asks for, with its -1 resolved."""
    shape = call.options.integers("NewShape")
    if call.tensor(1) is not None:
        # A shape computed while the network runs is what the exporter wrote down as the result.
        shape = call.output_tensor().signature if call.known(1) is None else call.integers(1, "shape")
    if shape.count(-1) == 1:
        known = -prod(shape)
        if known < 1 or elements % known:
            call.refuse(f"{elements} elements do not fit shape {list(shape)}")
        shape = tuple(elements // known if d == -1 else d for d in shape)
    if any(d < 0 for d in shape) or prod(shape) != elements:
        call.refuse(f"{elements} elements do not fit shape {list(shape)}")
    return shape


def squeezed_shape(call: Call, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that SQUEEZE leaves."""
    axes = {call.axis(a, len(shape)) for a in call.options.integers("SqueezeDims")}
    if any(shape[a] != 1 for a in axes):
        call.refuse(f"axes {sorted(axes)} of {list(shape)} are not all 1")
    return tuple(d for a, d in enumerate(shape) if (a not in axes if axes else d != 1))


def expanded_shape(call: Call, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that EXPAND_DIMS gives."""
    axes = call.integers(1, "axis")
    if len(axes) != 1:
        raise ModelFileError(f"has {len(axes)} axes, not one", hint=HINT)
    axis = call.axis(axes[0], len(shape) + 1)
    return (*shape[:axis], 1, *shape[axis:])


def permutation(call: Call, rank: int) -> tuple[int, ...]:
    """The order of the axes that TRANSPOSE gives."""
    perm = tuple(call.axis(p, rank) for p in call.integers(1, "permutation"))
    if sorted(perm) != list(range(rank)):
        call.refuse(f"{list(perm)} is not an order of {rank} axes")
    return perm


def slice_ranges(call: Call, shape: tuple[int, ...]) -> tuple[list[range], tuple[int, ...]]:
    """What SLICE takes on every axis, and the shape of the result."""
    begin, size = call.integers(1, "begins"), call.integers(2, "sizes")
    if not len(begin) == len(size) == len(shape):
        raise ModelFileError(f"has {len(begin)} begins and {len(size)} sizes for {len(shape)} axes", hint=HINT)
    ranges = [range(b, d if s == -1 else b + s) for b, s, d in zip(begin, size, shape, strict=True)]
    if any(r.start < 0 or r.stop > d or len(r) == 0 for r, d in zip(ranges, shape, strict=True)):
        call.refuse(f"begin {list(begin)} and size {list(size)} leave shape {list(shape)} or take nothing")
    return ranges, tuple(len(r) for r in ranges)


def strided_ranges(call: Call, shape: tuple[int, ...]) -> tuple[list[range], tuple[int, ...]]:
    """What STRIDED_SLICE takes on every axis, and the shape of the result after new and dropped axes."""
    begin, end, strides = (call.integers(i, what) for i, what in ((1, "begins"), (2, "ends"), (3, "strides")))
    if not len(begin) == len(end) == len(strides):
        raise ModelFileError(f"has {len(begin)} begins, {len(end)} ends and {len(strides)} strides", hint=HINT)
    new, dropped, dots = (call.options.integer(f) for f in ("NewAxisMask", "ShrinkAxisMask", "EllipsisMask"))
    given = range(len(begin))
    if sum(dots >> i & 1 for i in given) > 1:
        call.refuse("has several ellipses")
    used = sum(1 for i in given if not (new | dots) >> i & 1)
    if used > len(shape):
        call.refuse(f"indexes {used} axes of shape {list(shape)}")
    ranges: list[range] = []
    result: list[int] = []

    def whole(count: int) -> None:
        for size in shape[len(ranges) : len(ranges) + count]:
            ranges.append(range(size))
            result.append(size)

    for i in given:
        if dots >> i & 1:
            whole(len(shape) - used)
        elif new >> i & 1:
            result.append(1)
        else:
            taken = _strided_range(call, i, shape[len(ranges)], begin[i], end[i], strides[i], bool(dropped >> i & 1))
            ranges.append(taken)
            if not dropped >> i & 1:
                result.append(len(taken))
    whole(len(shape) - len(ranges))
    return ranges, tuple(result)


def _strided_range(call: Call, i: int, size: int, begin: int, end: int, stride: int, dropped: bool) -> range:
    """One axis of STRIDED_SLICE, as Python slices do it: indices count from the back when negative, then are cut."""
    if stride == 0 or (dropped and stride < 0):
        call.refuse(f"has the stride {stride} on index {i}")
    low, high = (0, size) if stride > 0 else (-1, size - 1)

    def place(index: int) -> int:
        return min(max(index + size if index < 0 else index, low), high)

    first = (low if stride > 0 else high) if call.options.integer("BeginMask") >> i & 1 else place(begin)
    if dropped:
        taken = range(first, first + 1)
    elif call.options.integer("EndMask") >> i & 1:
        taken = range(first, high if stride > 0 else low, stride)
    else:
        taken = range(first, place(first + end if call.options.flag("Offset") else end), stride)
    if len(taken) == 0 or not 0 <= taken[0] < size:
        call.refuse(f"takes nothing on index {i}")
    return taken


def _slice_attrs(ranges: list[range]) -> dict[str, tuple[int, ...]]:
    return {
        "begin": tuple(r.start for r in ranges),
        "end": tuple(r.stop for r in ranges),
        "strides": tuple(r.step for r in ranges),
    }


def _reshape(call: Call) -> None:
    x = call.value(0)
    call.reshape(x, wanted_shape(call, x.type.elements))


def _squeeze(call: Call) -> None:
    x = call.value(0)
    call.reshape(x, squeezed_shape(call, x.shape))


def _expand_dims(call: Call) -> None:
    x = call.value(0)
    call.reshape(x, expanded_shape(call, x.shape))


def _transpose(call: Call) -> None:
    x = call.value(0)
    call.move("transpose", [x], {"perm": permutation(call, len(x.shape))})


def _slice(call: Call) -> None:
    x = call.value(0)
    call.move("slice", [x], _slice_attrs(slice_ranges(call, x.shape)[0]))


def _strided_slice(call: Call) -> None:
    x = call.value(0)
    ranges, shape = strided_ranges(call, x.shape)
    if all(r == range(d) for r, d in zip(ranges, x.shape, strict=True)):
        call.reshape(x, shape)
    elif shape == tuple(len(r) for r in ranges):
        call.move("slice", [x], _slice_attrs(ranges))
    else:
        call.reshape(call.add_before("slice", x, _slice_attrs(ranges), "slice"), shape)


def _split_parts(call: Call, position: int, axis_position: int, sizes: tuple[int, ...] | None) -> None:
    x, axes = call.value(position), call.integers(axis_position, "axis")
    if len(axes) != 1:
        raise ModelFileError(f"has {len(axes)} axes, not one", hint=HINT)
    axis, count = call.axis(axes[0], len(x.shape)), len(call.operator.outputs)
    whole = x.shape[axis]
    if sizes is None:
        if count == 0 or whole % count:
            call.refuse(f"{whole} elements do not divide into {count} parts")
        sizes = (whole // count,) * count
    if sizes.count(-1) == 1:
        sizes = tuple(whole - sum(sizes) - 1 if s == -1 else s for s in sizes)
    if len(sizes) != count or min(sizes) < 1 or sum(sizes) != whole:
        call.refuse(f"parts of {list(sizes)} do not make {whole} elements in {count} results")
    begin = 0
    for number, size in enumerate(sizes):
        ranges = [range(d) for d in x.shape]
        ranges[axis] = range(begin, begin + size)
        call.move("slice", [x], _slice_attrs(ranges), number=number)
        begin += size


def _split(call: Call) -> None:
    _split_parts(call, 1, 0, None)


def _split_v(call: Call) -> None:
    _split_parts(call, 0, 2, call.integers(1, "sizes"))


def _concatenation(call: Call) -> None:
    if call.options.integer("FusedActivationFunction"):
        call.refuse("has a fused activation", "export the activation as an operator of its own")
    values = [call.value(i) for i in range(len(call.operator.inputs))]
    call.move("concat", values, {"axis": call.axis(call.options.integer("Axis"), len(values[0].shape))})


def _paddings(call: Call, rank: int) -> tuple[tuple[int, int], ...]:
    flat = call.integers(1, "paddings")
    if len(flat) != 2 * rank or min(flat, default=0) < 0:
        call.refuse(f"paddings {list(flat)} for {rank} axes")
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _pad(call: Call) -> None:
    x = call.value(0)
    call.move("pad", [x], {"pads": _paddings(call, len(x.shape))})


def _pad_v2(call: Call) -> None:
    x, fill = call.value(0), call.constant(2, "value")
    if fill.size != 1:
        raise ModelFileError(f"pads with {fill.size} values", hint=HINT)
    number: Array = fill.reshape(())
    # TFLite writes the integer as it is, so that its meaning is the result's.
    target = call.output_quantization()
    value = float(number if target is None else target.dequantize(number))
    call.move("pad", [x], {"pads": _paddings(call, len(x.shape)), "value": value})


def _resize_nearest(call: Call) -> None:
    x, size = call.value(0), call.integers(1, "size")
    if len(x.shape) != 4 or len(size) != 2 or not all(1 <= s <= 1 << 16 for s in size):
        call.refuse(f"of {list(x.shape)} to {list(size)}")
    corners, centers = call.options.flag("AlignCorners"), call.options.flag("HalfPixelCenters")
    call.move(
        "resize_nearest",
        [x],
        {"out_h": size[0], "out_w": size[1], "align_corners": corners, "half_pixel": centers},
    )


MOVES: dict[str, Row] = {
    "RESHAPE": Row(_reshape, 1, (1, 2), options="ReshapeOptions"),
    "SQUEEZE": Row(_squeeze, 2, options="SqueezeOptions"),
    "EXPAND_DIMS": Row(_expand_dims, 1, (2, 2)),
    "TRANSPOSE": Row(_transpose, 8, (2, 2)),
    "SLICE": Row(_slice, 8, (3, 3)),
    "STRIDED_SLICE": Row(_strided_slice, 8, (4, 4), options="StridedSliceOptions"),
    "SPLIT": Row(_split, 5, (2, 2), None),
    "SPLIT_V": Row(_split_v, 3, (3, 3), None),
    "CONCATENATION": Row(_concatenation, 7, (1, 4096), options="ConcatenationOptions"),
    "PAD": Row(_pad, 6, (2, 2)),
    "PADV2": Row(_pad_v2, 6, (3, 3)),
    "RESIZE_NEAREST_NEIGHBOR": Row(_resize_nearest, 4, (2, 2), options="ResizeNearestNeighborOptions"),
}
