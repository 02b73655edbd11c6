"""GRU, LSTM and vanilla RNN over a sequence, in one direction or both."""

from __future__ import annotations

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.frontends.onnx.importer import NodeImport
from edgeq.frontends.onnx.rows import converts
from edgeq.ir.graph import Attr, Value
from edgeq.ir.types import Array

DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
ACTIVATIONS = {"GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh")}
OF_RNN = ("tanh", "relu")
SEQUENCE_LENGTHS, INITIAL, INITIAL_CELL, PEEPHOLES = 4, 5, 6, 7


@converts("GRU")
def gru(node: NodeImport) -> None:
    if not node.attrs.integer("linear_before_reset", 0):
        raise UnsupportedError("resets before the product with the state", hint="use linear_before_reset=1, as PyTorch")
    _recurrent(node, "gru")


@converts("LSTM")
def lstm(node: NodeImport) -> None:
    if node.has(PEEPHOLES):
        raise UnsupportedError("peepholes are not supported")
    if node.attrs.integer("input_forget", 0):
        raise UnsupportedError("coupled input and forget gates are not supported")
    _recurrent(node, "lstm")


@converts("RNN")
def rnn(node: NodeImport) -> None:
    _recurrent(node, "rnn")


def _recurrent(node: NodeImport, op: str) -> None:
    """X is [steps, 1, inputs]; Y is [steps, directions, 1, units], Y_h its last step."""
    x = node.real(0)
    reversals = DIRECTIONS[_checked(node, len(x.shape))]
    own = _own_attributes(node, len(reversals))
    steps, batch, inputs = x.shape
    if batch != 1:
        raise UnsupportedError(f"a batch of {batch}", hint="export with a batch of 1")
    w, r = node.constant(1, "weights"), node.constant(2, "weights of the state")
    units = r.shape[-1]
    bias = node.constant(3, "bias") if node.has(3) else np.zeros((len(w), 2 * w.shape[1]), np.float32)
    sequence = node.reshape(x, (1, steps, inputs))
    firsts = [_first(node, index, (len(reversals), 1, units)) for index in (INITIAL, INITIAL_CELL)]
    outputs, last = [], []
    for number, backwards in enumerate(reversals):
        halves = np.split(bias[number], 2)
        constants = {"input_weights": w[number], "state_weights": r[number]}
        constants |= {"input_bias": halves[0], "state_bias": halves[1]}
        operands: list[Value | None] = [
            node.own(f"{name}{number}", a.astype(np.float32)) for name, a in constants.items()
        ]
        for place, first in enumerate(firsts):
            operands.append(None if first is None else node.own(f"first{place}_{number}", first[number, 0]))
        while operands[-1] is None:
            operands.pop()
        y = node.emit(op, [_turned(node, sequence) if backwards else sequence, *operands], own[number])
        last.append(_frame(node, y, steps - 1))
        outputs.append(_turned(node, y) if backwards else y)
    joined = outputs[0] if len(outputs) == 1 else node.emit("concat", outputs, {"axis": 2})
    node.bind(0, node.reshape(joined, (steps, len(outputs), 1, units)))
    ends = last[0] if len(last) == 1 else node.emit("concat", last, {"axis": 1})
    node.bind(1, node.reshape(ends, (len(last), 1, units)))


def _checked(node: NodeImport, rank: int) -> str:
    """The direction; refuses what the layer here does not have."""
    direction = node.attrs.string("direction", "forward")
    if direction not in DIRECTIONS or rank != 3:
        raise UnsupportedError(f"direction {direction!r} over an input with {rank} axes")
    if node.attrs.integer("layout", 0):
        raise UnsupportedError("layout 1 is not supported", hint="export with the steps on the first axis")
    node.attrs.ignore("hidden_size")
    if node.attrs.real("clip", 0.0):
        raise UnsupportedError("a clip is not supported")
    node.attrs.ignore("activation_alpha", "activation_beta")  # of activations that are refused
    if node.has(SEQUENCE_LENGTHS):
        raise UnsupportedError("has a length per sequence", hint="export with one fixed length")
    return direction


def _own_attributes(node: NodeImport, directions: int) -> list[dict[str, Attr]]:
    """Of each direction's layer; refuses other activations than the usual."""
    given = tuple(a.lower() for a in node.attrs.strings("activations"))
    if node.op == "RNN":
        given = given or ("tanh",) * directions
        if len(given) == directions and all(a in OF_RNN for a in given):
            return [{"activation": a} for a in given]
    elif given in ((), ACTIVATIONS[node.op] * directions):
        return [{}] * directions
    raise UnsupportedError(f"activations {list(given)} are not supported")


def _first(node: NodeImport, index: int, shape: tuple[int, ...]) -> Array | None:
    """The state before the first step, [directions, 1, units]; None for zeros."""
    if not node.has(index):
        return None
    state = node.constant(index, "initial state")
    if state.shape != shape:
        raise UnsupportedError(f"an initial state of shape {list(state.shape)} instead of {list(shape)}")
    return state.astype(np.float32) if state.any() else None


def _turned(node: NodeImport, x: Value) -> Value:
    """The frames in reverse order."""
    _, steps, width = x.shape
    return node.emit("slice", [x], {"begin": (0, steps - 1, 0), "end": (1, -1, width), "strides": (1, -1, 1)})


def _frame(node: NodeImport, x: Value, number: int) -> Value:
    begin, end = (0, number, 0), (1, number + 1, x.shape[2])
    return node.emit("slice", [x], {"begin": begin, "end": end, "strides": (1, 1, 1)})
