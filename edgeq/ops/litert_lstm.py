"""The LSTM of int8 TFLite files, UNIDIRECTIONAL_SEQUENCE_LSTM, with the arithmetic of LiteRT's kernel.

Unlike in `lstm`, the state h is the int8 output itself. Sums over inputs and over the state become Q3.12 numbers of 16
bits one after the other, saturating; sigmoid and tanh are those of `fixed16`; the cell has `cell_bits` bits behind the
point.
Source: Li et al., "On the quantization of recurrent neural networks" (2021), and what LiteRT gives.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Params
from edgeq.ops.fixed16 import MOST_INTEGER_BITS, logistic16, saturated16, tanh16
from edgeq.ops.fixed_point import check_accumulator, quantize_multiplier, quantize_multipliers, requantize
from edgeq.ops.fixed_point import round_shift_right as rounded
from edgeq.ops.inferences import Operands, operand, require_int8
from edgeq.ops.recurrent import SUM_BITS, Lstm, limit_of
from edgeq.ops.registry import register


@register
class LitertLstm(Lstm):
    """As `lstm`, gates in the order i, o, f, g too; its weights are int8 with one scale per gate, its biases int32.

    cell_bits: bits behind the point of the cell. cell_clip: the cell's largest size, 0 for no limit. hidden, state:
    (scale, zero point) with which an output is rounded, and with which the next step reads it; None for those of the
    output. Files have all three, calibrated apart.
    """

    name = "litert_lstm"
    summary = "UNIDIRECTIONAL_SEQUENCE_LSTM of int8 files, as LiteRT computes it"
    attributes: ClassVar = {"stateful": True, "cell_bits": 11, "cell_clip": 0.0, "hidden": None, "state": None}
    natural_output = None
    wide_natural_output = None
    only_natural_output = False
    gives_wide = False

    def takes_wide(self, node: Node, index: int) -> bool:
        """LiteRT's state is int8."""
        return False

    def lower(self, node: Node) -> Params:
        x, y, units = node.input(0), node.output, node.input(2).shape[1]
        require_int8(Node(node.op, node.name, [x], [y]))
        bits = int(node.attrs["cell_bits"])
        if not 15 - MOST_INTEGER_BITS <= bits <= 15:
            raise ModelDataError(f"a cell with {bits} bits behind the point", where=node.name)
        hidden, state = (_numbers(node, name) for name in ("hidden", "state"))
        multiplier, shift = quantize_multiplier(2.0**-30 / hidden[0])
        if shift > 0:
            raise ModelDataError("its output's scale is far too small", where=node.name)
        params: Params = {
            "steps": x.shape[1],
            "inputs": x.shape[2],
            "units": units,
            "stateful": int(node.attrs["stateful"]),
            "cell_bits": bits,
            "cell_limit": limit_of(node, bits),
            "multiplier": multiplier,
            "shift": shift,
            "output_zero_point": hidden[1],
            "first_state": state[1],
        }
        for side, index, scale, zero_point in (("input", 1, x.scale, x.zero_point), ("state", 2, *state)):
            params |= self._side(node, side, index, scale, zero_point)
        return params

    def _side(self, node: Node, side: str, index: int, scale: float, zero_point: int) -> Params:
        """Weights, biases with the zero point in them, and each gate's factor."""
        value, units = node.input(index), node.input(2).shape[1]
        weights = value.constant.astype(np.int64)
        bias = node.input(index + 2).constant.astype(np.int64) - zero_point * weights.sum(axis=1)
        scales = np.broadcast_to(np.asarray(value.quantization.scale), (self.gates * units,))[::units]
        multipliers, shifts = quantize_multipliers(scale * scales / 2.0**-SUM_BITS)
        bound = int((np.abs(weights).sum(axis=1) * 128 + np.abs(bias)).max())
        check_accumulator(bound, int(shifts.max()), node.name)
        return {
            f"{side}_weights": weights.astype(np.int8),
            f"{side}_bias": bias.astype(np.int32),
            f"{side}_multipliers": multipliers,
            f"{side}_shifts": shifts,
        }

    def first_scratch(self, node: Node) -> Array:
        """Cells of zero, then states of zero."""
        units = node.input(2).shape[1]
        return np.concatenate([np.zeros(2 * units, np.int8), np.full(units, _numbers(node, "state")[1], np.int8)])

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p = node.params
        units, zero_point = p["units"], p["output_zero_point"]

        def sums(side: str, values: Array) -> Array:
            rows = p[f"{side}_weights"].reshape(self.gates * units, -1).astype(np.int64)
            products = (values @ rows.T + p[f"{side}_bias"]).reshape(len(values), self.gates, units)
            return requantize(products, p[f"{side}_multipliers"][:, None], p[f"{side}_shifts"][:, None])

        def step(frame: Array, h: Array, cell: Array) -> tuple[Array, Array]:
            gates = saturated16(saturated16(sums("input", frame)) + sums("state", h))
            i, o, f = (logistic16(gates[:, k]) for k in range(3))
            added = rounded(i * tanh16(gates[:, 3], 3), 30 - p["cell_bits"])
            cell = np.clip(rounded(f * cell, 15) + added, -(2**15), 2**15 - 1)
            if p["cell_limit"]:
                cell = np.clip(cell, -p["cell_limit"], p["cell_limit"])
            y = requantize(o * tanh16(cell, 15 - p["cell_bits"]), p["multiplier"], p["shift"]) + zero_point
            return np.clip(y, -128, 127), cell

        first = np.stack([np.full(units, p["first_state"], np.int64), np.zeros(units, np.int64)])
        return [self._run(node, operand(inputs, 0).astype(np.int64), first, step).astype(np.int8)]


def _numbers(node: Node, name: str) -> tuple[float, int]:
    """(scale, zero point) of the attribute, or of the output."""
    given = node.attrs[name]
    return (node.output.scale, node.output.zero_point) if given is None else (float(given[0]), int(given[1]))
