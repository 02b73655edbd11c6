"""GRU, LSTM and vanilla RNN layers: int8 or int16 in and out, 16 bits for what they remember.

Sums of int8 weights become Q3.12 numbers; sigmoid and tanh of those are Q0.15, linear between the 257 points of a
table. The state h is Q0.15; the cell of an LSTM, and the state of an RNN with relu, are 16-bit numbers with as many
bits behind the point as their range leaves. Rounding is half up. Inputs are [x[1, T, I], W[gates * H, I],
R[gates * H, H], bias of W[gates * H], bias of R[gates * H], first h[H]?, first cell[H]?]; what starts is 0 if absent.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.accumulate import MOST_WIDE_TAPS
from edgeq.ops.base import Operator, Params
from edgeq.ops.fixed_point import check_accumulator, quantize_multipliers, requantize
from edgeq.ops.inferences import Operands, operand, require_widths
from edgeq.ops.lookup import sigmoid
from edgeq.ops.registry import register

SUM_BITS, STATE_BITS = 12, 15
TABLE_STEP = 8
"""Points of the tables are 2**8 units of Q3.12 apart."""
MOST_UNITS = 256
LARGEST_SUM = 2**30
"""Of the products with inputs and with the state, as Q3.12: their sum must fit 32 bits."""
STARTS = (5, 6)
"""Operands with which h and the cell start."""
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
    natural_output: ClassVar[tuple[float, int] | None] = (1 / 128, 0)
    wide_natural_output: ClassVar[tuple[float, int] | None] = (2.0**-STATE_BITS, 0)
    only_natural_output = True
    gives_wide = True
    gates: ClassVar[int]
    states: ClassVar[int] = 1
    """Numbers that a unit remembers: h, or h and a cell."""

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, w, r = (node.input(i).shape for i in range(3))
        units = r[1]
        if len(x) != 3 or x[0] != 1 or w != (self.gates * units, x[2]) or r != (self.gates * units, units):
            raise ValueError(f"inputs of shape {list(x)}, weights {list(w)} and {list(r)}")
        for index in (3, 4):
            if node.input(index).shape != w[:1]:
                raise ValueError(f"bias of shape {list(node.input(index).shape)} for {w[0]} rows")
        for index in STARTS:
            first = node.optional(index)
            if first is not None and first.shape != (units,):
                raise ValueError(f"a first state of shape {list(first.shape)} for {units} units")
        return [(1, x[1], units)]

    def takes_wide(self, node: Node, index: int) -> bool:
        """As many as sums with any bias fit 32 bits; so do those of the state, with fewer units."""
        return index == 0 and node.input(0).shape[-1] <= MOST_WIDE_TAPS

    def keeps_scratch(self, node: Node) -> bool:
        """The state lies at the start of the scratch."""
        return bool(node.attrs["stateful"])

    def first_scratch(self, node: Node) -> Array:
        """What the state is after a reset."""
        return self._first_state(node)

    @abstractmethod
    def step_real(self, node: Node, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
        """(new h, new cell) from the products of one step, as [.., gates, H] each with its bias."""

    @abstractmethod
    def step_integer(self, node: Node, x: Array, h: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        """The same for Q3.12 products; state is (h, cell)."""

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        x, w, r, bias_w, bias_r = (operand(inputs, i).astype(np.float64) for i in range(5))
        units = r.shape[1]

        def step(frame: Array, h: Array, cell: Array) -> tuple[Array, Array]:
            products = [p.reshape(len(p), self.gates, units) for p in (frame @ w.T + bias_w, h @ r.T + bias_r)]
            return self.step_real(node, products[0], products[1], np.stack([h, cell]))

        first = [np.zeros(units) if i >= len(inputs) or inputs[i] is None else operand(inputs, i) for i in STARTS]
        return [self._run(node, x, np.stack(first).astype(np.float64), step)]

    def _run(self, node: Node, x: Array, first: Array, step: Step) -> Array:
        """All steps. Inferences of a batch run side by side, or one after the other where the state lives on."""
        calls, frames = x.shape[:2]
        rows = x.reshape(1, calls * frames, -1) if node.attrs["stateful"] else x
        h, cell = (np.repeat(state[None], len(rows), axis=0) for state in first)
        outputs = []
        for t in range(rows.shape[1]):
            h, cell = step(rows[:, t], h, cell)
            outputs.append(h)
        return np.stack(outputs, axis=1).reshape(calls, frames, -1)

    def lower(self, node: Node) -> Params:
        x, y = node.input(0), node.output
        require_widths(Node(node.op, node.name, [x], [y]))
        units = node.input(2).shape[1]
        if units > MOST_UNITS:
            raise ModelDataError(f"{units} units; at most {MOST_UNITS}", where=node.name)
        params: Params = {
            "steps": x.shape[1],
            "inputs": x.shape[2],
            "units": units,
            "stateful": int(node.attrs["stateful"]),
            **self._own_params(node),
        }
        h_bits, sum_bits = self._state_bits(node)[0], self._sum_bits(node)
        largest = 255 if x.type.dtype is DType.INT8 else 2**15
        sides = (("input", 1, x.scale, x.zero_point, largest), ("state", 2, 2.0**-h_bits, 0, 2**15))
        for side, index, scale, zero_point, reach in sides:
            params |= _products(node, side, index, scale, zero_point, reach, sum_bits)
        first = self._first_state(node)
        starts = bool(first.any()) and not node.attrs["stateful"]
        params |= {"starts": int(starts), "first": first if starts else first[:0]}
        return {**params, **self._tables(node)}

    def _sum_bits(self, node: Node) -> int:
        """Bits behind the point of the products' sums."""
        return SUM_BITS

    def _state_bits(self, node: Node) -> tuple[int, ...]:
        """Bits behind the point of h, and of the cell if there is one."""
        return (STATE_BITS,)

    def _own_params(self, node: Node) -> Params:
        """What this kind of layer has besides."""
        return {"cell_bits": 0, "cell_limit": 0}

    def _tables(self, node: Node) -> Params:
        return {"sigmoid": SIGMOID, "tanh": TANH}

    def _first_state(self, node: Node) -> Array:
        """h and the cell before the first step, int16[states * units]. Raises ModelDataError where they do not fit."""
        units = node.input(2).shape[1]
        parts = []
        for index, bits in zip(STARTS, self._state_bits(node), strict=False):
            value = node.optional(index)
            real = np.zeros(units) if value is None else value.quantization.dequantize(value.constant)
            numbers = np.rint(real * 2.0**bits)
            if numbers.max() > 2**15 or numbers.min() < -(2**15):
                raise ModelDataError(f"its state starts at {np.abs(real).max():.4g}, beyond its range", where=node.name)
            parts.append(np.minimum(numbers, DType.INT16.bounds[1]).astype(np.int16))
        return np.concatenate(parts)

    def to_output(self, node: Node, h: Array) -> Array:
        """The output of states: in int16 they themselves."""
        return h if node.output.type.dtype is DType.INT16 else np.asarray(np.minimum((h + 128) >> 8, 127))

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        p = node.params
        units = p["units"]

        def product(side: str, values: Array) -> Array:
            sums = values @ p[f"{side}_weights"].reshape(self.gates * units, -1).T.astype(np.int64) + p[f"{side}_bias"]
            q = requantize(sums, p[f"{side}_multipliers"], p[f"{side}_shifts"])
            return np.asarray(q.reshape(len(values), self.gates, units))

        def step(frame: Array, h: Array, cell: Array) -> tuple[Array, Array]:
            return self.step_integer(node, product("input", frame), product("state", h), (h, cell))

        first = np.zeros((len(STARTS), units), np.int64)
        first[: self.states] = self._first_state(node).reshape(self.states, units)
        h = self._run(node, operand(inputs, 0).astype(np.int64), first, step)
        return [self.to_output(node, h).astype(node.output.type.dtype.numpy)]

    def macs(self, node: Node) -> int:
        return node.input(0).shape[1] * (node.input(1).type.elements + node.input(2).type.elements)


def _products(node: Node, side: str, index: int, scale: float, zero_point: int, largest: int, sum_bits: int) -> Params:
    """Weights, biases and factors with which sums over inputs or state become numbers with `sum_bits`."""
    w, bias = (node.input(i).quantization.dequantize(node.input(i).constant) for i in (index, index + 2))
    scales = np.maximum(np.abs(w).max(axis=1), 1e-30) / 127
    # A bias must fit 30 bits beside the sum.
    scales = np.maximum(scales, np.abs(bias) / (scale * 2.0**29))
    weights = np.rint(w / scales[:, None]).astype(np.int8)
    sums = np.rint(bias / (scales * scale)).astype(np.int64) - zero_point * weights.sum(axis=1, dtype=np.int64)
    factors = scales * scale * 2.0**sum_bits
    multipliers, shifts = quantize_multipliers(factors)
    bounds = np.abs(weights.astype(np.int64)).sum(axis=1) * largest + np.abs(sums)
    check_accumulator(int(bounds.max()), int(shifts.max(initial=0)), node.name)
    if (bounds * factors).max() > LARGEST_SUM:
        raise ModelDataError(f"its sums may reach {(bounds * factors).max() / 2.0**sum_bits:.4g}", where=node.name)
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

    def step_real(self, node: Node, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
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

    cell_range: cells are limited to twice that; the smallest power of two above it sets their scale. cell_clip: the
    cell's largest size, 0 for no other limit.
    """

    name = "lstm"
    summary = "LSTM; UNIDIRECTIONAL_SEQUENCE_LSTM of float files"
    attributes: ClassVar = {"stateful": False, "cell_range": 8.0, "cell_clip": 0.0}
    gates = 4
    states = 2

    def step_real(self, node: Node, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
        i, o, f = (sigmoid(x[:, k] + h[:, k]) for k in range(3))
        cell = f * state[1] + i * np.tanh(x[:, 3] + h[:, 3])
        clip = node.attrs["cell_clip"] or np.inf
        cell = np.clip(cell, -clip, clip)
        return o * np.tanh(cell), cell

    def step_integer(self, node: Node, x: Array, h: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        bits = node.params["cell_bits"]
        i, o, f = (interpolated(SIGMOID, x[:, k] + h[:, k]) for k in range(3))
        g = interpolated(TANH, x[:, 3] + h[:, 3])
        right = 2 * STATE_BITS - bits
        cell = scaled(f, state[1]) + ((i * g + (1 << (right - 1))) >> right)
        cell = np.clip(cell, -node.params["cell_limit"], node.params["cell_limit"])
        argument = cell << (SUM_BITS - bits) if bits <= SUM_BITS else cell >> (bits - SUM_BITS)
        return scaled(o, interpolated(TANH, argument)), cell

    def _state_bits(self, node: Node) -> tuple[int, ...]:
        return STATE_BITS, bits_beside(2 * float(node.attrs["cell_range"]))

    def _own_params(self, node: Node) -> Params:
        bits = self._state_bits(node)[1]
        return {"cell_bits": bits, "cell_limit": limit_of(node, bits) or 2**15 - 1}


def limit_of(node: Node, cell_bits: int) -> int:
    """`cell_clip` as an integer; 0 without one."""
    return int(min(node.attrs["cell_clip"] * 2.0**cell_bits, 2**15 - 1))


def bits_beside(largest: float) -> int:
    """Bits behind the point of 16-bit numbers up to `largest`, one at least."""
    return max(15 - math.ceil(math.log2(max(largest, 1.0))), 1)
