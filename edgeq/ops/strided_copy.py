"""Copies that read with steps: what `slice` and `transpose` become in C.

The output is written front to back. Four nested loops of extents `extent_0` (outermost) to `extent_3` step through the
input by `step_0` to `step_3` bytes, from byte `offset`; every turn copies `run` bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ops.base import Params
from edgeq.ops.strides import merge_axes

LOOPS = 4


def strided_copy_params(node: Node, steps: Sequence[int], first: int) -> Params:
    """Parameters from the input's element step along every output axis and the index of the first element."""
    size = node.output.type.dtype.bytes
    extents, (merged,) = merge_axes(node.output.shape, steps)
    run = size
    if merged[-1] == 1:
        run *= extents.pop()
        merged.pop()
    missing = LOOPS - len(extents)
    if missing < 0:
        raise UnsupportedError(f"{node.op} of {list(node.input(0).shape)} needs {len(extents)} loops", where=node.name)
    extents, merged = [1] * missing + extents, [0] * missing + merged
    return {
        "run": run,
        "offset": first * size,
        **{f"extent_{i}": e for i, e in enumerate(extents)},
        **{f"step_{i}": s * size for i, s in enumerate(merged)},
    }
