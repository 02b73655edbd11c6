"""Fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.accumulate import (
    LEVEL_ATTRIBUTES,
    accumulation_facts,
    exact_matmul,
    finish_accumulation,
    lower_accumulation,
    real_clamp,
    takes_wide_activations,
)
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import requantize_once
from edgeq.ops.registry import register


@register
class Dense(Operator):
    """y[..., o] = clamp(sum_i x[..., i] * w[o, i] + b[o])."""

    name = "dense"
    summary = "Gemm, MatMul with constant weights, FULLY_CONNECTED"
    attributes: ClassVar = {"clamp_min": None, "clamp_max": None, **LEVEL_ATTRIBUTES}
    accumulates = True
    gives_wide = True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, w = node.input(0).shape, node.input(1).shape
        if len(w) != 2 or not x or x[-1] != w[1]:
            raise ValueError(f"inputs of shape {list(x)} do not fit weights of shape {list(w)} (outputs, inputs)")
        return [(*x[:-1], w[0])]

    def compute(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, w, b = inputs[0], inputs[1], inputs[2] if len(inputs) > 2 else None
        assert x is not None and w is not None
        y = x.astype(np.float64) @ w.astype(np.float64).T
        return [real_clamp(node, y if b is None else y + b)]

    def lower(self, node: Node) -> Params:
        out_c, in_c = node.input(1).shape
        rows = prod(node.output.shape) // out_c
        shape = {"rows": rows, "in_c": in_c, "out_c": out_c}
        return shape | lower_accumulation(node, 0)

    def compute_integer(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x = inputs[0]
        assert x is not None
        return [finish_accumulation(node, exact_matmul(x, node.params["weights"].T), requantize_once)]

    def takes_wide(self, node: Node, index: int) -> bool:
        return takes_wide_activations(node, 0, index)

    def macs(self, node: Node) -> int:
        return prod(node.output.shape) * node.input(1).shape[1]

    def facts(self, node: Node) -> dict[str, int]:
        return super().facts(node) | accumulation_facts(node, 0)
