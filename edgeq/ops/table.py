"""Any function of one int8, given by its 256 results."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.lookup import EVERY_INT8, TableOperator
from edgeq.ops.registry import register


@register
class Table(TableOperator):
    """q_y = table[q_x + 128]; 256 results in int8. What exact quantization makes of element-wise chains."""

    name = "table"
    summary = "chains of element-wise functions between two quantizations of QONNX"
    attributes: ClassVar = {"table": ...}

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        table = node.attrs["table"]
        if len(table) != len(EVERY_INT8) or any(not -128 <= t <= 127 for t in table):
            raise ValueError(f"a table of {len(table)} results; {len(EVERY_INT8)} of int8 are needed")
        return super().infer(node)

    def real(self, node: Node, x: Array) -> Array:
        q = np.rint(x / node.input(0).scale) + node.input(0).zero_point
        results = self.integers(node, np.clip(q, -128, 127).astype(np.int64))
        return node.output.quantization.dequantize(results)

    def integers(self, node: Node, q: Array) -> Array:
        return np.asarray(np.asarray(node.attrs["table"], dtype=np.int64)[q + 128])
