"""What lies between two quantizations of a QONNX network: an exact integer source and element-wise steps on its reals.

The steps are evaluated in single precision, one rounding per operation, as onnxruntime evaluates them for qonnx: where
a sum meets the edge between two levels, the rounding decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Attr, Node, Value
from edgeq.ir.types import Array
from edgeq.ops.lookup import TableOperator
from edgeq.ops.quant import quant_levels
from edgeq.ops.registry import operator
from edgeq.ops.trunc import trunc_levels
from edgeq.passes.affine import real_data
from edgeq.passes.rewrite import inverse

PAIRS = ("add", "sub", "mul", "div")
QUANTIZERS = ("quant", "trunc")
INCREASING = frozenset(("relu", "relu6", "clip", "sigmoid", "tanh", "hard_sigmoid", "elu", *QUANTIZERS))
"""Functions that never fall, whatever their attributes. Others are tried out."""
MOVERS = ("reshape", "transpose", "max_pool2d", "slice", "resize_nearest")
"""Their results are elements of their input."""


@dataclass(frozen=True)
class Grid:
    """An int8 value whose reals are (q - zero_point) * scale exactly, with low <= q <= high."""

    value: Value
    low: int
    high: int


@dataclass(frozen=True)
class Sums:
    """An accumulation of integers, not yet computed: low <= sum <= high and real = (sum + offset) * scale by channel.

    op, attrs, weights (int64, laid out as the operator's): of the node that will compute it from `x`. shape: of the
    result, which may be another view of what the node gives.
    """

    name: str
    op: str
    x: Grid
    weights: Array
    attrs: dict[str, Attr]
    scales: Array
    low: Array
    high: Array
    shape: tuple[int, ...]
    offset: int = 0

    def reals(self, sums: Array) -> Array:
        """float32 reals of integer sums, [channels, any], rounded once."""
        return np.asarray(((sums + self.offset) * self.scales[:, np.newaxis]).astype(np.float32))

    @property
    def channels(self) -> int:
        return len(self.scales)


@dataclass(frozen=True)
class Input:
    """A graph input that the network takes as reals."""

    value: Value


@dataclass(frozen=True)
class Step:
    """One element-wise node: float32 constants per channel, [channels or 1, 1]; `swapped`: the constant comes first."""

    node: Node
    constants: tuple[Array, ...] = ()
    swapped: bool = False

    @property
    def channels(self) -> int:
        """For how many channels it has constants; 1 when all are treated alike."""
        return max((len(c) for c in self.constants), default=1)

    def apply(self, x: Array) -> Array:
        """float32 [channels, any] -> the same."""
        op = self.node.op
        constants = [c if len(c) in (1, len(x)) else np.tile(c, (len(x) // len(c), 1)) for c in self.constants]
        with np.errstate(all="ignore"):
            if op in PAIRS:
                (c,) = constants
                a, b = (c, x) if self.swapped else (x, c)
                y = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}[op](a, b)
            elif op == "batch_norm":
                y = x * constants[0] + constants[1]
            elif op in QUANTIZERS:
                (y,) = operator(op).compute(self.node, [x])
            else:
                row = operator(op)
                assert isinstance(row, TableOperator)
                y = row.real(self.node, x.astype(np.float64))
        return np.asarray(y, dtype=np.float32)

    def affine(self) -> tuple[Array, Array] | None:
        """(factor, offset) in float64, [channels or 1]; None for other functions."""
        op = self.node.op
        c = [np.asarray(c[:, 0], dtype=np.float64) for c in self.constants]
        if op == "batch_norm":
            return c[0], c[1]
        one, zero = np.ones(1), np.zeros(1)
        if op == "add":
            return one, c[0]
        if op == "sub":
            return (-one, c[0]) if self.swapped else (one, -c[0])
        if op == "mul":
            return c[0], zero
        if op == "div" and not self.swapped:
            return 1 / c[0], zero
        return None

    @property
    def never_falls(self) -> bool:
        """Larger inputs never give smaller outputs, in any channel."""
        found = self.affine()
        return bool((found[0] >= 0).all()) if found is not None else self.node.op in INCREASING


@dataclass(frozen=True)
class Pending:
    """Reals that no node computes: `steps` on the reals of `source`. Movers stand among the steps as plain nodes."""

    source: Grid | Sums | Input
    shape: tuple[int, ...]
    steps: tuple[Step | Node, ...] = field(default=())

    @property
    def is_grid(self) -> bool:
        return isinstance(self.source, Grid) and not self.steps

    @property
    def functions(self) -> tuple[Step, ...]:
        return tuple(s for s in self.steps if isinstance(s, Step))

    @property
    def moves(self) -> tuple[Node, ...]:
        return tuple(s for s in self.steps if isinstance(s, Node))

    @property
    def channels(self) -> int:
        """For how many channels of the source the steps have constants; 1 when all are treated alike."""
        return max((s.channels for s in self.functions), default=1)

    def then(self, step: Step | Node, shape: tuple[int, ...]) -> Pending:
        return replace(self, steps=(*self.steps, step), shape=shape)


def make_step(node: Node, state: Pending) -> Step:
    """The node as a step behind `state`. Raises UnsupportedError where it is not a function of one element."""
    if node.op in QUANTIZERS or isinstance(operator(node.op), TableOperator):
        return Step(node)
    operands = node.inputs[1:] if node.op == "batch_norm" else node.inputs
    constants = [real_data(v) for v in operands if v is not None and v.is_constant]
    vectors = [_per_channel(c, state) for c in constants] if state.shape == node.output.shape else [None]
    if any(v is None for v in vectors):
        raise UnsupportedError(
            f"{node.op} with a constant that differs from place to place",
            where=node.name,
            hint="use one constant per tensor or per channel between quantizations",
        )
    swapped = node.op in PAIRS and node.input(0).is_constant
    return Step(node, tuple(v.astype(np.float32)[:, np.newaxis] for v in vectors if v is not None), swapped)


def _per_channel(constant: Array, state: Pending) -> Array | None:
    """The constant by channel of the state's source, [1 or channels]; None where it has no such form.

    Sums have channels of their own, inputs those of their last axis. For a grid, after which any thresholds may come,
    as many last axes as it takes count as channels.
    """
    if constant.size == 1:
        return constant.reshape(1)
    source = state.source.shape if isinstance(state.source, Sums) else state.source.value.shape
    only = state.source.channels if isinstance(state.source, Sums) else 0
    if isinstance(state.source, Input):
        only = source[-1]
    full = np.broadcast_to(constant, state.shape)
    for move in reversed(state.moves):
        if move.op == "reshape":
            full = full.reshape(move.input(0).shape)
        elif move.op == "transpose":
            full = np.transpose(full, inverse(move.attrs["perm"]))
        elif move.op in ("max_pool2d", "resize_nearest") and (full == full[:, :1, :1]).all():
            full = np.broadcast_to(full[:, :1, :1], move.input(0).shape)
        else:
            return None
    flat = full.reshape(-1)
    for first in range(len(source) - 1, -1, -1):
        period = prod(source[first:])
        if only not in (0, period) or period == 1 or flat.size % period:
            continue
        if (flat.reshape(-1, period) == flat[:period]).all():
            return flat[:period]
    return None


def levels(node: Node, x: Array) -> Array:
    """The integers that a quantizing node gives float32 reals, as int64."""
    found = quant_levels(node, x) if node.op == "quant" else trunc_levels(node, x)
    return np.asarray(np.nan_to_num(found, nan=0.0, posinf=2.0**31, neginf=-(2.0**31)).astype(np.int64))


def evaluate(steps: tuple[Step, ...], x: Array) -> Array:
    """float32 reals of the source, [channels, any] -> reals behind the steps."""
    for step in steps:
        x = step.apply(x)
    return x


def affine(steps: tuple[Step, ...]) -> tuple[Array, Array] | Step:
    """All steps as (factor, offset) in float64, [channels or 1]; or the step that is no such function."""
    factor, offset = np.ones(1), np.zeros(1)
    for step in steps:
        found = step.affine()
        if found is None:
            return step
        factor, offset = factor * found[0], offset * found[0] + found[1]
    return factor, offset
