"""Which reshapes a transposition can pass: those that split and join groups of axes the transposition moves as one."""

from __future__ import annotations

from collections.abc import Sequence

Group = tuple[list[int], list[int]]


def reshape_groups(before: Sequence[int], after: Sequence[int]) -> list[Group]:
    """Smallest runs of axes (before, after) with equal products; axes of length 1 belong to the `after` side alone.

    [2, 3, 4] -> [6, 1, 4]: ([0, 1], [0]), ([], [1]), ([2], [2]). Input axes of length 1 are in no group.
    """
    left = [(axis, size) for axis, size in enumerate(before) if size != 1]
    groups: list[Group] = []
    position = 0
    axis = 0
    while axis < len(after):
        if after[axis] == 1:
            groups.append(([], [axis]))
            axis += 1
            continue
        taken, made, product, target = [left[position][0]], [axis], left[position][1], after[axis]
        position, axis = position + 1, axis + 1
        while product != target:
            if product < target:
                taken.append(left[position][0])
                product *= left[position][1]
                position += 1
            else:
                made.append(axis)
                target *= after[axis]
                axis += 1
        groups.append((taken, made))
    return groups


def pass_reshape(
    source: Sequence[int], perm: Sequence[int], after: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """(shape, order) with reshape(transpose(x, perm), after) == transpose(reshape(x, shape), order), or None.

    `source` is the shape of x.
    """
    turned = [source[p] for p in perm]
    if 0 in turned:
        return None
    long_axes = [axis for axis, size in enumerate(source) if size != 1]
    places: list[tuple[int, list[int]]] = []
    last = -1
    for taken, made in reshape_groups(turned, after):
        origin = [perm[axis] for axis in taken]
        if origin:
            ranks = [long_axes.index(axis) for axis in origin]
            if ranks != list(range(ranks[0], ranks[0] + len(ranks))):
                return None
            last = ranks[0]
        # An axis of length 1 may stand anywhere: it follows its neighbour. The first one stays first, as the batch.
        places.append((last, made))
    order = sorted(range(len(places)), key=lambda g: places[g][0])
    axes = [axis for g in order for axis in places[g][1]]
    shape = tuple(after[axis] for axis in axes)
    return shape, tuple(axes.index(axis) for axis in range(len(after)))
