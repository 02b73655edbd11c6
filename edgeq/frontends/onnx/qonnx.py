"""Quant, IntQuant, BipolarQuant and Trunc, which Brevitas, QKeras, HAWQ and hls4ml export as QONNX.

Constants become integers with their scale here; activations become the real operators `quant` and `trunc`, which
`edgeq.passes.exact_quant` turns into integers and thresholds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgeq.errors import ModelDataError, UnsupportedError
from edgeq.formats.rounding import ROUNDINGS, integer_bounds, quantized_levels
from edgeq.frontends.onnx.importer import Constant, NodeImport
from edgeq.frontends.onnx.rows import QONNX_DOMAINS, Converter, converts
from edgeq.ir.types import Array, Quantization

MOST_BITS = 8
"""Of weights and activations."""
LARGEST = 2**16
"""Zero points and bit widths beyond it are taken for damage."""


def _in_every_domain(*names: str) -> Callable[[Converter], Converter]:
    def add(function: Converter) -> Converter:
        for domain in QONNX_DOMAINS:
            converts(*names, domain=domain)(function)
        return function

    return add


def _scale(node: NodeImport, index: int, what: str = "scale") -> Array:
    scale = np.asarray(node.constant(index, what)).astype(np.float64)
    if not scale.size or not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ModelDataError(f"its {what} is zero, negative or not finite", hint="train or export the model again")
    return scale


def _whole(node: NodeImport, index: int, what: str) -> Array:
    """A constant whose elements are integers, whatever its type."""
    given = np.asarray(node.constant(index, what)).astype(np.float64)
    if not given.size or not np.isfinite(given).all() or (given != np.rint(given)).any():
        raise UnsupportedError(
            f"its {what} is not an integer ({given.reshape(-1)[:4].tolist()})",
            hint="only integers can be computed exactly; quantize with whole numbers",
        )
    if np.abs(given).max() > LARGEST:
        raise UnsupportedError(
            f"its {what} is {np.abs(given).max():g}", hint="the file may be damaged; export it again"
        )
    return given


def _one(array: Array, what: str) -> float:
    if (array != array.flat[0]).any():
        raise UnsupportedError(
            f"has several {what}s for one activation",
            hint=f"use one {what} per tensor for activations; weights may have one per output channel",
        )
    return float(array.flat[0])


def _bits(node: NodeImport, index: int, what: str, most: int) -> int:
    bits = _whole(node, index, what)
    if bits.size != 1 or not 1 <= bits.flat[0] <= most:
        raise UnsupportedError(
            f"its {what} is {bits.reshape(-1)[:4].tolist()}; 1 to {most} are supported",
            hint="train with at most 8 bits for weights and activations",
        )
    return int(bits.flat[0])


def _flag(node: NodeImport, name: str, default: int) -> bool:
    value = node.attrs.integer(name, default)
    if value not in (0, 1):
        raise UnsupportedError(f"attribute {name!r} is {value}, neither 0 nor 1")
    return bool(value)


def _rounding(node: NodeImport, default: str) -> str:
    name = node.attrs.string("rounding_mode", default).upper()
    if name not in ROUNDINGS:
        raise UnsupportedError(f"rounding_mode {name!r} is not known", hint=f"use one of: {', '.join(ROUNDINGS)}")
    return name


@_in_every_domain("Quant", "IntQuant")
def quant(node: NodeImport) -> None:
    x = node.tensor(0)
    scale, zero = _scale(node, 1), _whole(node, 2, "zero point")
    bits = _bits(node, 3, "bit width", 32 if isinstance(x, Constant) else MOST_BITS)
    signed, narrow = _flag(node, "signed", 1), _flag(node, "narrow", 1)
    rounding = _rounding(node, "ROUND")
    _check_levels(bits, signed, narrow)
    if isinstance(x, Constant):
        reals = _reals(x)
        levels = quantized_levels(
            reals, scale, zero, bits=bits, signed=signed, narrow=narrow, rounding=rounding
        )  # in single precision, as qonnx computes them
        node.bind(0, _integers(node, levels.astype(np.float64) - zero, scale))
        return
    attrs = {
        "scale": _one(scale, "scale"),
        "zero_point": int(_one(zero, "zero point")),
        "bits": bits,
        "signed": signed,
        "narrow": narrow,
        "rounding": rounding,
    }
    node.bind(0, node.emit("quant", [node.real(0)], attrs))


def _check_levels(bits: int, signed: bool, narrow: bool) -> None:
    low, high = (-1, 1) if bits == 1 and signed else integer_bounds(bits, signed, narrow)
    if low >= high:
        raise UnsupportedError(f"{bits} bit with signed={int(signed)} and narrow={int(narrow)} leaves one level only")


@_in_every_domain("BipolarQuant")
def bipolar_quant(node: NodeImport) -> None:
    x, scale = node.tensor(0), _scale(node, 1)
    if isinstance(x, Constant):
        node.bind(0, _integers(node, np.where(_reals(x) >= 0, 1.0, -1.0), scale))
        return
    attrs = {"scale": _one(scale, "scale"), "bits": 1, "signed": True}
    node.bind(0, node.emit("quant", [node.real(0)], attrs))


def _reals(x: Constant) -> Array:
    reals = np.asarray(x.real)
    if reals.dtype.kind not in "fiu" or not np.isfinite(reals).all():
        raise ModelDataError(f"constant {x.name!r} holds NaN or infinity", hint="train or export the model again")
    return reals.astype(np.float32)


def _integers(node: NodeImport, integers: Array, scale: Array) -> Constant:
    """Integers without zero point, int8 where they fit, and what they mean."""
    axis = _axis(scale, integers.shape)
    scales = scale.reshape(-1) if axis is not None else scale.reshape(-1)[:1]
    limit = 2**31
    if integers.size and np.abs(integers).max() >= limit:
        raise UnsupportedError("quantizes constants to integers beyond 32 bits")
    small = integers.size == 0 or (integers.min() >= -128 and integers.max() <= 127)
    quantization = Quantization(tuple(float(s) for s in scales), (0,) * len(scales), axis)
    return Constant(node.proto.output[0], integers.astype(np.int8 if small else np.int32), quantization)


def _axis(scale: Array, shape: tuple[int, ...]) -> int | None:
    """The axis of the constant along which the scale differs, None for one scale."""
    if (scale == scale.flat[0]).all():
        return None
    wide = (1,) * (len(shape) - scale.ndim) + scale.shape
    axes = [a for a, d in enumerate(wide) if d != 1]
    if len(wide) != len(shape) or len(axes) != 1 or wide[axes[0]] != shape[axes[0]]:
        raise UnsupportedError(
            f"scales of shape {list(scale.shape)} for a constant of shape {list(shape)}",
            hint="use one scale per tensor or one per output channel",
        )
    return axes[0]


@_in_every_domain("Trunc")
def trunc(node: NodeImport) -> None:
    """Version 1 has 5 inputs and keeps the scale; version 2 has 6, another scale for its output, and limits."""
    scale = _one(_scale(node, 1), "scale")
    zero = int(_one(_whole(node, 2, "zero point"), "zero point"))
    in_bits = _bits(node, 3, "input bit width", 32)
    second = node.count > 5
    out_bits = _bits(node, 5 if second else 4, "output bit width", MOST_BITS)
    attrs = {"scale": scale, "zero_point": zero, "rounding": _rounding(node, "FLOOR")}
    if second:
        signed, narrow = _flag(node, "signed", 1), _flag(node, "narrow", 0)
        out_scale = _one(_scale(node, 4, "output scale"), "output scale")
        exponent = float(np.rint(np.log2(out_scale / scale)))
        attrs |= {"out_scale": out_scale}
        attrs["low"], attrs["high"] = integer_bounds(out_bits, signed, narrow)
    else:
        exponent = float(in_bits - out_bits)
        attrs |= {"out_scale": scale}
    if not 0 <= exponent < 31:
        raise UnsupportedError(f"would multiply by 2^{-exponent:g}; Trunc takes bits off")
    divisor = 2 ** int(exponent)
    if second and zero % divisor:
        raise UnsupportedError(f"its zero point {zero} is not a multiple of {divisor}", hint="use a zero point of 0")
    attrs |= {"divisor": divisor, "out_zero_point": zero // divisor if second else zero}
    node.bind(0, node.emit("trunc", [node.real(0)], attrs))
