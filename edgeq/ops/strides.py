"""Element steps of packed tensors, and merging axes that one loop can walk."""

from __future__ import annotations

from collections.abc import Sequence


def packed_steps(shape: Sequence[int]) -> list[int]:
    """Elements between neighbours on each axis of a packed tensor."""
    steps = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        steps[axis] = steps[axis + 1] * shape[axis + 1]
    return steps


def merge_axes(extents: Sequence[int], *step_lists: Sequence[int]) -> tuple[list[int], list[list[int]]]:
    """Drops axes of extent 1 and joins neighbours wherever every list steps through both as through one axis.

    Returns the extents and the step lists that remain; at least one axis.
    """
    merged: list[int] = []
    steps: list[list[int]] = [[] for _ in step_lists]
    for axis, extent in enumerate(extents):
        if extent == 1:
            continue
        if merged and all(s[-1] == given[axis] * extent for s, given in zip(steps, step_lists, strict=True)):
            merged[-1] *= extent
            for s, given in zip(steps, step_lists, strict=True):
                s[-1] = given[axis]
            continue
        merged.append(extent)
        for s, given in zip(steps, step_lists, strict=True):
            s.append(given[axis])
    if not merged:
        return [1], [[1] for _ in step_lists]
    return merged, steps
