"""How a network with integers inside takes reals: exactly the steps that it took them by itself, in single precision.

A rule is plain JSON, the manifest's `quantizer` of an input:

    {"steps": [["mul", 2.0], ["sub", 1.0]], "scale": 1.0, "zero_point": 0, "bits": 2, "signed": true, "narrow": true,
     "rounding": "ROUND", "offset": 0, "low": -1, "high": 1}

The steps come first. Their numbers may be lists, one entry per element of the last axis. Then come QONNX's rule with
its scale, zero point, bits and rounding, and `offset`, which makes its integers those of the C, from low to high.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import ModelFileError
from edgeq.formats.rounding import quantized_levels

Array = NDArray[Any]

STEPS: Mapping[str, Callable[..., Array]] = {
    "add": lambda x, c: x + c,
    "sub": lambda x, c: x - c,
    "rsub": lambda x, c: c - x,
    "mul": lambda x, c: x * c,
    "div": lambda x, c: x / c,
    "affine": lambda x, factor, offset: x * factor + offset,
    "clip": lambda x, low, high: np.clip(x, low, high),
}
"""Name -> function of float32 reals and float32 numbers."""


def quantize_input(rule: Mapping[str, Any], reals: Array) -> Array:
    """Integers of the C, int8, for reals whose last axis is that of the C. Raises ModelFileError for a strange rule."""
    x = reals.astype(np.float32)
    for name, *numbers in rule["steps"]:
        if name not in STEPS:
            raise ModelFileError(f"the manifest has an unknown step {name!r} before an input's quantization")
        constants = [None if n is None else np.asarray(n, dtype=np.float32) for n in numbers]
        x = STEPS[name](x, *constants).astype(np.float32)
    found = quantized_levels(
        x,
        rule["scale"],
        rule["zero_point"],
        bits=rule["bits"],
        signed=rule["signed"],
        narrow=rule["narrow"],
        rounding=rule["rounding"],
    )
    return np.asarray((found.astype(np.int64) + rule["offset"]).astype(np.int8))


def legal_integers(rule: Mapping[str, Any]) -> Array:
    """The integers of the C that the input can have, int8."""
    step = 2 if rule["bits"] == 1 and rule["signed"] else 1
    return np.arange(rule["low"], rule["high"] + 1, step).astype(np.int8)
