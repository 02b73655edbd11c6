"""GRU and LSTM layers: int8 in and out, 16 bits for what they remember.

Sums of int8 weights become Q3.12 numbers; sigmoid and tanh of those are Q0.15, linear between the 257 points of a
table. The state h is Q0.15; the cell of an LSTM is a 16-bit number with `cell_bits` bits behind the point. Rounding is
half up. Inputs are [x[1, T, I], W[gates * H, I], R[gates * H, H], bias of W[gates * H], bias of R[gates * H]].
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import check_accumulator, quantize_multipliers, requantize
from edgeq.ops.inferences import Operands, operand, require_int8
from edgeq.ops.lookup import sigmoid
from edgeq.ops.registry import register

SUM_BITS, STATE_BITS = 12, 15
TABLE_STEP = 8
"""Points of the tables are 2**8 units of Q3.12 apart."""
MOST_UNITS = 256
HALF = 1 << (STATE_BITS - 1)

Step = Callable[[Array, Array, Array], tuple[Array, Array]]
"""(new h, new cell) of a frame [rows, I], h and cell [rows, H]."""


def _table(function: Array) -> Array:
    return np.clip(np.rint(function * 2.0**STATE_BITS), -(2**15), 2**15 - 1).astype(np.int16)


POINTS = np.arange(-128, 129) / 16
SIGMOID, TANH = _table(sigmoid(POINTS)), _table(np.tanh(POINTS))


def interpolated(table: Array, x: Array) -> Array:
    """A table's function of Q3.12 numbers, which are limited to 16 bits first, as Q0.15."""
    limited = np.clip(x, -(2**15), 2**15 - 1) + 2**15
    index, rest = limited >> TABLE_STEP, limited & ((1 << TABLE_STEP) - 1)
    low, high = table[index].astype(np.int64), table[index + 1].astype(np.int64)
    return np.asarray(low + (((high - low) * rest + (1 << (TABLE_STEP - 1))) >> TABLE_STEP))


def scaled(a: Array, b: Array) -> Array:
    """a * b / 2**15, half up."""
    return np.asarray((a * b + HALF) >> STATE_BITS)


class Recurrent(Operator):
    """Base: the products with inputs and state, step by step. `stateful`: h lives on from call to call."""

    attributes: ClassVar = {"stateful": False}
    folds_operands = True
    natural_output = (1 / 128, 0)
    only_natural_output = True
    gates: ClassVar[int]

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, w, r = (node.input(i).shape for i in range(3))
        units = r[1]
        if len(x) != 3 or x[0] != 1 or w != (self.gates * units, x[2]) or r != (self.gates * units, units):
            raise ValueError(f"inputs of shape {list(x)}, weights {list(w)} and {list(r)}")
        for index in (3, 4):
            if node.input(index).shape != w[:1]:
                raise ValueError(f"bias of shape {list(node.input(index).shape)} for {w[0]} rows")
        return [(1, x[1], units)]

    def keeps_scratch(self, node: Node) -> bool:
        """The state lies at the start of the scratch."""
        return bool(node.attrs["stateful"])

    @abstractmethod
    def step_real(self, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
        """(new h, new cell) from the products of one step, as [.., gates, H] each with its bias."""

    @abstractmethod
    def step_integer(self, node: Node, x: Array, h: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        """The same for Q3.12 products; state is (h, cell)."""

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        x, w, r, bias_w, bias_r = (operand(inputs, i).astype(np.float64) for i in range(5))
        units = r.shape[1]

        def step(frame: Array, h: Array, cell: Array) -> tuple[Array, Array]:
            products = [p.reshape(len(p), self.gates, units) for p in (frame @ w.T + bias_w, h @ r.T + bias_r)]
            return self.step_real(products[0], products[1], np.stack([h, cell]))

        return [self._run(node, x, units, np.float64, step)]

    def _run(self, node: Node, x: Array, units: int, dtype: type, step: Step) -> Array:
        """All steps. Inferences of a batch run side by side, or one after the other where the state lives on."""
        calls, frames = x.shape[:2]
        rows = x.reshape(1, calls * frames, -1) if node.attrs["stateful"] else x
        h: Array = np.zeros((len(rows), units), dtype)
        cell = h
        outputs = []
        for t in range(rows.shape[1]):
            h, cell = step(rows[:, t], h, cell)
            outputs.append(h)
        return np.stack(outputs, axis=1).reshape(calls, frames, units)

    def lower(self, node: Node) -> Params:
        x, y = node.input(0), node.output
        require_int8(Node(node.op, node.name, [x], [y]))
        units = node.input(2).shape[1]
        if units > MOST_UNITS:
            raise ModelDataError(f"{units} units; at most {MOST_UNITS}", where=node.name)
        params: Params = {
            "steps": x.shape[1],
            "inputs": x.shape[2],
            "units": units,
            "stateful": int(node.attrs["stateful"]),
            "cell_bits": self._cell_bits(node),
        }
        sides = (("input", 1, x.scale, x.zero_point, 255), ("state", 2, 2.0**-STATE_BITS, 0, 2**15))
        for side, index, scale, zero_point, largest in sides:
            params |= _products(node, side, index, scale, zero_point, largest)
        return {**params, "sigmoid": SIGMOID, "tanh": TANH}

    def _cell_bits(self, node: Node) -> int:
        return 0

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p = node.params
        units = p["units"]

        def product(side: str, values: Array) -> Array:
            sums = values @ p[f"{side}_weights"].reshape(self.gates * units, -1).T.astype(np.int64) + p[f"{side}_bias"]
            q = requantize(sums, p[f"{side}_multipliers"], p[f"{side}_shifts"])
            return np.asarray(q.reshape(len(values), self.gates, units))

        def step(frame: Array, h: Array, cell: Array) -> tuple[Array, Array]:
            return self.step_integer(node, product("input", frame), product("state", h), (h, cell))

        h = self._run(node, operand(inputs, 0).astype(np.int64), units, np.int64, step)
        return [np.minimum((h + 128) >> 8, 127).astype(np.int8)]

    def macs(self, node: Node) -> int:
        return node.input(0).shape[1] * (node.input(1).type.elements + node.input(2).type.elements)


def _products(node: Node, side: str, index: int, scale: float, zero_point: int, largest: int) -> Params:
    """Weights, biases and factors with which sums over inputs or state become Q3.12 numbers."""
    w, bias = (node.input(i).quantization.dequantize(node.input(i).constant) for i in (index, index + 2))
    scales = np.maximum(np.abs(w).max(axis=1), 1e-30) / 127
    # A bias must fit 30 bits beside the sum.
    scales = np.maximum(scales, np.abs(bias) / (scale * 2.0**29))
    weights = np.rint(w / scales[:, None]).astype(np.int8)
    sums = np.rint(bias / (scales * scale)).astype(np.int64) - zero_point * weights.sum(axis=1, dtype=np.int64)
    multipliers, shifts = quantize_multipliers(scales * scale * 2.0**SUM_BITS)
    bound = int((np.abs(weights.astype(np.int64)).sum(axis=1) * largest + np.abs(sums)).max())
    check_accumulator(bound, int(shifts.max(initial=0)), node.name)
    return {
        f"{side}_weights": weights,
        f"{side}_bias": sums.astype(np.int32),
        f"{side}_multipliers": multipliers,
        f"{side}_shifts": shifts,
    }


@register
class Gru(Recurrent):
    """z, r = sigmoid; n = tanh(W x + r (R h)); h <- (1 - z) n + z h. Gates in the order z, r, n; as PyTorch has it."""

    name = "gru"
    summary = "GRU with linear_before_reset (PyTorch's)"
    gates = 3

    def step_real(self, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
        z, r = sigmoid(x[:, 0] + h[:, 0]), sigmoid(x[:, 1] + h[:, 1])
        n = np.tanh(x[:, 2] + r * h[:, 2])
        return (1 - z) * n + z * state[0], state[1]

    def step_integer(self, node: Node, x: Array, h: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        z, r = interpolated(SIGMOID, x[:, 0] + h[:, 0]), interpolated(SIGMOID, x[:, 1] + h[:, 1])
        n = interpolated(TANH, x[:, 2] + scaled(r, np.clip(h[:, 2], -(2**15), 2**15 - 1)))
        return n + scaled(z, state[0] - n), state[1]


@register
class Lstm(Recurrent):
    """i, o, f = sigmoid, g = tanh; cell <- f cell + i g; h <- o tanh(cell). Gates in ONNX's order i, o, f, g.

    cell_range: cells are limited to twice that; the smallest power of two above it sets their scale.
    """

    name = "lstm"
    summary = "LSTM"
    attributes: ClassVar = {"stateful": False, "cell_range": 8.0}
    gates = 4

    def step_real(self, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
        i, o, f = (sigmoid(x[:, k] + h[:, k]) for k in range(3))
        cell = f * state[1] + i * np.tanh(x[:, 3] + h[:, 3])
        return o * np.tanh(cell), cell

    def step_integer(self, node: Node, x: Array, h: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        bits = node.params["cell_bits"]
        i, o, f = (interpolated(SIGMOID, x[:, k] + h[:, k]) for k in range(3))
        g = interpolated(TANH, x[:, 3] + h[:, 3])
        right = 2 * STATE_BITS - bits
        cell = scaled(f, state[1]) + ((i * g + (1 << (right - 1))) >> right)
        cell = np.clip(cell, -(2**15), 2**15 - 1)
        argument = cell << (SUM_BITS - bits) if bits <= SUM_BITS else cell >> (bits - SUM_BITS)
        return scaled(o, interpolated(TANH, argument)), cell

    def _cell_bits(self, node: Node) -> int:
        whole = math.ceil(math.log2(max(2 * float(node.attrs["cell_range"]), 1.0)))
        return max(15 - whole, 1)
