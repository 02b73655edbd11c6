"""Between ONNX's channels-first layout and the channel-last one inside; one-dimensional data gets height 1."""

from __future__ import annotations

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.ir.graph import Value


def first_to_last(rank: int) -> tuple[int, ...]:
    """Permutation from N,C,spatial... to N,spatial...,C."""
    return (0, *range(2, rank), 1)


def last_to_first(rank: int) -> tuple[int, ...]:
    """Permutation from N,spatial...,C to N,C,spatial..."""
    return (0, rank - 1, *range(1, rank - 1))


def to_image(node: NodeImport, x: Value) -> Value:
    """[N,C,L] or [N,C,H,W] -> [N,H,W,C]. Refuses other ranks."""
    rank = len(x.shape)
    if rank not in (3, 4):
        raise UnsupportedError(f"its input has {rank} axes; one- and two-dimensional data (3 or 4 axes) are supported")
    last = node.transpose(x, first_to_last(rank))
    return last if rank == 4 else node.reshape(last, (last.shape[0], 1, *last.shape[1:]))


def from_image(node: NodeImport, y: Value, rank: int) -> Value:
    """[N,H,W,C] -> the layout of the file with `rank` axes."""
    last = y if rank == 4 else node.reshape(y, (y.shape[0], *y.shape[2:]))
    return node.transpose(last, last_to_first(rank))
