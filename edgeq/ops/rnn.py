"""The vanilla RNN: h <- tanh or relu of W x + R h.

With tanh, the sums are Q3.12 and h is Q0.15, as in GRU and LSTM. With relu, h has no bound of its own: the range of
the output says how many bits stay behind its point, and the sums are numbers of the same kind. Twice the range of an
int8 output fits; that of an int16 output has its headroom already.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Params
from edgeq.ops.fixed_point import quantize_multiplier, requantize
from edgeq.ops.recurrent import STATE_BITS, SUM_BITS, TANH, Recurrent, bits_beside, interpolated
from edgeq.ops.registry import register

ACTIVATIONS = ("tanh", "relu")


@register
class Rnn(Recurrent):
    """h <- activation(W x + bias + R h + bias), activation `tanh` or `relu`."""

    name = "rnn"
    summary = "RNN with tanh or relu"
    attributes: ClassVar = {"stateful": False, "activation": "tanh"}
    natural_output = None
    wide_natural_output = None
    only_natural_output = False
    gates = 1

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        if node.attrs["activation"] not in ACTIVATIONS:
            raise ValueError(f"activation {node.attrs['activation']!r}; known are {', '.join(ACTIVATIONS)}")
        return super().infer(node)

    def step_real(self, node: Node, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
        sums = x[:, 0] + h[:, 0]
        return (np.tanh(sums) if node.attrs["activation"] == "tanh" else np.maximum(sums, 0.0)), state[1]

    def step_integer(self, node: Node, x: Array, h: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        sums = x[:, 0] + h[:, 0]
        return (np.clip(sums, 0, 2**15 - 1) if node.params["relu"] else interpolated(TANH, sums)), state[1]

    def _state_bits(self, node: Node) -> tuple[int, ...]:
        if node.attrs["activation"] != "relu":
            return (STATE_BITS,)
        y = node.output
        reach = y.scale * (y.type.bounds[1] - y.zero_point)
        return (bits_beside(reach if y.type.dtype is DType.INT16 else 2 * reach),)

    def _sum_bits(self, node: Node) -> int:
        return self._state_bits(node)[0] if node.attrs["activation"] == "relu" else SUM_BITS

    def _own_params(self, node: Node) -> Params:
        y = node.output
        multiplier, shift = quantize_multiplier(2.0 ** -self._state_bits(node)[0] / y.scale)
        if shift > STATE_BITS:
            raise ModelDataError("its output's scale is far too small for its state", where=node.name)
        return {
            "relu": int(node.attrs["activation"] == "relu"),
            "multiplier": multiplier,
            "shift": shift,
            "output_zero_point": y.zero_point,
        }

    def _tables(self, node: Node) -> Params:
        return {"tanh": TANH[:0] if node.attrs["activation"] == "relu" else TANH}

    def to_output(self, node: Node, h: Array) -> Array:
        p = node.params
        y = requantize(h, p["multiplier"], p["shift"]) + p["output_zero_point"]
        return np.asarray(np.clip(y, *node.output.type.bounds))
