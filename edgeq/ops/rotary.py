"""Rotary positions: pairs of channels turned by an angle that grows with the position.

The angle of pair i at position p is p * steps[i] in 2**-32 turns, modulo a turn: exact for ever, so that a stream may
go on beyond the positions of the window it was exported with. Sine and cosine are linear between the points of one
table, 256 to the turn, with 14 bits behind the point.

Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
"""

from __future__ import annotations

from math import prod
from typing import ClassVar

import numpy as np

from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import check_accumulator, quantize_multiplier, requantize
from edgeq.ops.inferences import Operands, inference_count, operand, require_int8
from edgeq.ops.registry import register

TURN = 1 << 32
BITS = 14
SINE = np.rint(np.sin(2 * np.pi * np.arange(257) / 256) * 2.0**BITS).astype(np.int16)
LARGEST = 2 * 255 << BITS
"""|a cos - b sin| of integers."""


def sine(phase: Array) -> Array:
    """sin in Q1.14 of an angle in 2**-32 turns."""
    index, rest = (phase % TURN) >> 24, (phase >> 8) & 0xFFFF
    low, high = SINE[index].astype(np.int64), SINE[index + 1].astype(np.int64)
    return np.asarray(low + (((high - low) * rest + (1 << 15)) >> 16))


@register
class Rotary(Operator):
    """(a, b) -> (a cos - b sin, a sin + b cos) for every pair of the last axis, at position p of `axis` by p * steps.

    Pair i is channels (i, i + half), or (2 i, 2 i + 1) where `interleaved`. stateful: positions go on from call to
    call; otherwise they start at 0 in every one.
    """

    name = "rotary"
    summary = "rotary positions, as exporters spell them out"
    attributes: ClassVar = {"axis": ..., "steps": ..., "interleaved": False, "stateful": False}

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        shape, axis = node.input(0).shape, node.attrs["axis"]
        if not 0 < axis < len(shape) - 1 or shape[0] != 1:
            raise ValueError(f"positions on axis {axis} of {list(shape)}")
        if 2 * len(node.attrs["steps"]) != shape[-1]:
            raise ValueError(f"{len(node.attrs['steps'])} angles for {shape[-1]} channels")
        return [shape]

    def keeps_scratch(self, node: Node) -> bool:
        """The scratch is the position."""
        return bool(node.attrs["stateful"])

    def _view(self, node: Node, x: Array) -> Array:
        """[calls, before, positions, between, depth]."""
        shape, axis = node.input(0).shape, node.attrs["axis"]
        return x.reshape(-1, prod(shape[:axis]), shape[axis], prod(shape[axis + 1 : -1]), shape[-1])

    def _pairs(self, node: Node, x: Array) -> tuple[Array, Array]:
        half = x.shape[-1] // 2
        return (x[..., 0::2], x[..., 1::2]) if node.attrs["interleaved"] else (x[..., :half], x[..., half:])

    def _joined(self, node: Node, a: Array, b: Array, shape: tuple[int, ...]) -> Array:
        if node.attrs["interleaved"]:
            return np.stack([a, b], axis=-1).reshape(shape)
        return np.concatenate([a, b], axis=-1).reshape(shape)

    def _phases(self, node: Node, inputs: Operands) -> Array:
        """[calls or 1, 1, positions, 1, half] in 2**-32 turns."""
        calls, positions = inference_count(node, inputs), node.input(0).shape[node.attrs["axis"]]
        places = np.arange(calls * positions if node.attrs["stateful"] else positions, dtype=np.int64)
        phases = places[:, None] * np.array(node.attrs["steps"], dtype=np.int64) % TURN
        return phases.reshape(-1, 1, positions, 1, len(node.attrs["steps"]))

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        angles = self._phases(node, inputs) * (2 * np.pi / TURN)
        x = operand(inputs, 0).astype(np.float64)
        a, b = self._pairs(node, self._view(node, x))
        cos, sin = np.cos(angles), np.sin(angles)
        return [self._joined(node, a * cos - b * sin, a * sin + b * cos, x.shape)]

    def lower(self, node: Node) -> Params:
        require_int8(node)
        x, y = node.input(0), node.output
        shape, axis = x.shape, node.attrs["axis"]
        multiplier, shift = quantize_multiplier(x.scale / y.scale / 2.0**BITS)
        check_accumulator(LARGEST, shift, node.name)
        interleaved = bool(node.attrs["interleaved"])
        return {
            "before": prod(shape[:axis]),
            "positions": shape[axis],
            "between": prod(shape[axis + 1 : -1]),
            "pairs": shape[-1] // 2,
            "next": 2 if interleaved else 1,
            "partner": 1 if interleaved else shape[-1] // 2,
            "stateful": int(node.attrs["stateful"]),
            "input_zero_point": x.zero_point,
            "multiplier": multiplier,
            "shift": shift,
            "output_zero_point": y.zero_point,
            "steps": np.array(node.attrs["steps"], dtype=np.uint32),
            "sine": SINE,
        }

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p, phases = node.params, self._phases(node, inputs)
        x = operand(inputs, 0)
        a, b = self._pairs(node, self._view(node, x).astype(np.int64) - p["input_zero_point"])
        cos, sin = sine(phases + TURN // 4), sine(phases)
        turned = self._joined(node, a * cos - b * sin, a * sin + b * cos, x.shape)
        y = requantize(turned, p["multiplier"], p["shift"]) + p["output_zero_point"]
        return [np.clip(y, -128, 127).astype(np.int8)]

    def macs(self, node: Node) -> int:
        return 2 * node.output.type.elements
