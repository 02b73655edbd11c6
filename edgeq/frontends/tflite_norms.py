"""What TFLite files spell normalizations with: differences, squares and roots. Float files only, but for GELU.

A pass finds the normalization in float files; those that were quantized in pieces have lost it.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeq.frontends.tflite_call import Call, Row

HINT = "convert the float model and let edgeq quantize it: it keeps normalizations whole"


def _float(call: Call) -> None:
    if not call.is_float:
        call.refuse("is supported in float models only", HINT)


def _negative(call: Call) -> None:
    _float(call)
    minus = call.importer.builder.constant(call.importer.unique(f"{call.name}_minus_one"), np.float32(-1.0).reshape(()))
    call.add("mul", [call.value(0), minus])


def _power(exponent: float, call: Call) -> None:
    _float(call)
    call.add("power", [call.value(0)], {"exponent": exponent})


def _squared_difference(call: Call) -> None:
    _float(call)
    difference = call.add_before("sub", call.value(0), {}, "difference", [call.value(1)])
    call.add("power", [difference], {"exponent": 2.0})


def _quotient(call: Call) -> None:
    _float(call)
    if call.options.integer("FusedActivationFunction"):
        call.refuse("has a fused activation", "export the activation as an operator of its own")
    call.add("div", [call.value(0), call.value(1)])


def _gelu(call: Call) -> None:
    call.add("gelu", [call.value(0)], {"approximate": call.options.flag("Approximate")})


NORMS: dict[str, Row] = {
    "DIV": Row(_quotient, 2, (2, 2), options="DivOptions"),
    "GELU": Row(_gelu, 2, options="GeluOptions"),
    "NEG": Row(_negative, 1),
    "RSQRT": Row(partial(_power, -0.5), 3),
    "SQRT": Row(partial(_power, 0.5), 1),
    "SQUARE": Row(partial(_power, 2.0), 1),
    "SQUARED_DIFFERENCE": Row(_squared_difference, 2, (2, 2)),
}
