"""Where reals enter and leave a QONNX network: integers inside, and the facts that say what they mean outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil, log2
from typing import Any

import numpy as np

from edgeq.errors import CalibrationError, UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array
from edgeq.passes.exact_chain import PAIRS, Grid, Input, Pending, Step, Sums, affine, evaluate
from edgeq.passes.exact_layers import Levels, Writer, make_levels

CALIBRATED_BITS = 8
CLAMPS = ("relu", "relu6", "clip")
SMALLEST = 2.0**-30
"""Of the ranges that samples may have: smaller ones are taken for zero."""
WHOLE = 1e-9
"""How far a bias in units of the sum may be from an integer, relative to its size, and count as one."""


class Borders:
    """Inputs and outputs of the graph that `writer` makes. `samples`: real arrays by input name, or None."""

    def __init__(self, writer: Writer, samples: Mapping[str, Array] | None) -> None:
        self.writer = writer
        self.samples = samples
        self._inputs: dict[str, tuple[tuple[Any, ...], Grid]] = {}

    def quantized_input(self, state: Pending, last: Node, levels: Levels) -> Grid:
        """The graph input as integers that hold what `last` makes of the reals behind the state's steps."""
        rule = {k: last.attrs[k] for k in ("scale", "zero_point", "bits", "signed", "narrow", "rounding")}
        return self._input(state, rule, levels, last.name)

    def calibrated_input(self, state: Pending, where: str) -> Grid:
        """The graph input on a grid of 8 bits with a power of two as scale, which covers the samples."""
        source = state.source
        assert isinstance(source, Input)
        name = source.value.name
        if self.samples is None:
            raise CalibrationError(
                f"input {name!r} is taken as reals: the network never quantizes it before {where!r}",
                hint="give about 100 typical inputs: --calibrate samples.npz; or quantize the input in the network",
            )
        reals = _channels_first(self.samples[name], state.functions)
        found = evaluate(state.functions, reals)
        low, high = float(found.min()), float(found.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise CalibrationError(f"input {name!r} becomes NaN or infinite on the calibration data")
        signed = low < 0
        most = 2 ** (CALIBRATED_BITS - signed) - 1
        scale = 2.0 ** ceil(log2(max(high / most, -low / (most + 1), SMALLEST)))
        rule = {"scale": scale, "zero_point": 0, "bits": CALIBRATED_BITS, "signed": signed, "narrow": False}
        lowest = -most - 1 if signed else 0
        return self._input(state, {**rule, "rounding": "ROUND"}, make_levels(lowest, most, scale, 0, where), where)

    def _input(self, state: Pending, rule: dict[str, Any], levels: Levels, where: str) -> Grid:
        source = state.source
        assert isinstance(source, Input)
        value = source.value
        steps = [_written(s) for s in state.functions]
        # A clamp changes what is outside of its bounds only: the grid's reals inside mean what they mean without it.
        found = affine(tuple(s for s in state.functions if s.node.op not in CLAMPS))
        if isinstance(found, Step):
            raise UnsupportedError(
                f"{found.node.op} between the input and its quantization",
                where=found.node.name,
                hint="do this step in the application, before the network",
            )
        factor, offset = found
        if any(s.channels not in (1, *value.shape[-1:]) for s in state.functions):
            raise UnsupportedError(
                "prepares the input by other than its channels", where=where, hint="use one constant"
            )
        if (factor == 0).any():
            raise UnsupportedError("multiplies the input by zero", where=where, hint="remove that channel")
        key = (repr(steps), repr(rule))
        known = self._inputs.get(value.name)
        if known is not None:
            if known[0] != key:
                raise UnsupportedError(
                    f"input {value.name!r} is quantized in two ways", where=where, hint="quantize the input once"
                )
            return known[1]
        kind = levels.type(value.shape)
        facts = self.writer.graph.meta.setdefault("inputs", {}).setdefault(value.name, {})
        rule = {**rule, "offset": levels.offset, "low": levels.low, "high": levels.high}
        facts["quantizer"] = {"steps": steps, **rule}
        facts["real_scale"], facts["real_offset"] = _plain(levels.scale / factor), _plain(-offset / factor)
        integer = replace(value, type=kind)
        self.writer.graph.inputs = [integer if i.name == value.name else i for i in self.writer.graph.inputs]
        grid = Grid(integer, levels.low, levels.high)
        self._inputs[value.name] = key, grid
        return grid

    # outputs

    def output(self, state: Pending, name: str, producer: str) -> Any:
        """The integer value that stands for a real output; its facts say how."""
        found = affine(state.functions)
        if isinstance(found, Step):
            raise UnsupportedError(
                f"{found.node.op} at the end of the network stays float",
                where=found.node.name,
                hint="end the network before it, or quantize its result",
            )
        factor, offset = found
        if isinstance(state.source, Sums):
            return self._sums_output(state.source, factor, offset, name)
        assert isinstance(state.source, Grid)
        if (factor <= 0).any():
            raise UnsupportedError("negates a quantized output", where=producer, hint="end the network before it")
        value = state.source.value
        if state.functions:
            self._say(name, value.scale * factor, offset)
        return value

    def _sums_output(self, sums: Sums, factor: Array, offset: Array, name: str) -> Any:
        if (factor == 0).any():
            raise UnsupportedError("multiplies an output by zero", where=sums.name, hint="remove that output")
        unit = sums.scales * np.abs(factor)
        exact = np.broadcast_to(offset / unit, sums.scales.shape)
        bias = np.rint(exact)
        # One unit for all channels and offsets that are multiples of it: then the integers alone are in order.
        whole = np.abs(exact - bias) <= WHOLE * np.maximum(np.abs(exact), 1)
        absorbed = bool((unit == unit[0]).all() and whole.all() and (np.abs(bias) < 2**30).all())
        if not absorbed:
            bias = np.zeros_like(bias)
        value = self.writer.sums(sums, factor, bias)
        self._say(name, unit, np.zeros(1) if absorbed else offset)
        return value

    def _say(self, name: str, scale: Array, offset: Array) -> None:
        facts = self.writer.graph.meta.setdefault("outputs", {}).setdefault(name, {})
        facts["real_scale"], facts["real_offset"] = _plain(scale), _plain(offset)


def _plain(array: Array) -> float | list[float]:
    """One number where all are equal."""
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    return float(flat[0]) if (flat == flat[0]).all() else [float(v) for v in flat]


def _written(step: Step) -> list[Any]:
    """A step of the input's preparation as `edgeq.npz` reads it: name, then numbers or lists per channel."""
    node = step.node
    constants = [_plain(c) for c in step.constants]
    if node.op in PAIRS:
        return [("r" if step.swapped and node.op in ("sub", "div") else "") + node.op, *constants]
    if node.op == "batch_norm":
        return ["affine", *constants]
    bounds = {"relu": (0.0, None), "relu6": (0.0, 6.0)}.get(node.op, (None, None))
    if node.op == "clip":
        bounds = node.attrs["clamp_min"], node.attrs["clamp_max"]
    return ["clip", *bounds]


def _channels_first(samples: Array, steps: tuple[Step, ...]) -> Array:
    """Samples with the channels on the first axis and all else on the second, as steps per channel want them."""
    channels = samples.shape[-1] if any(s.channels > 1 for s in steps) else 1
    return np.asarray(samples.astype(np.float32).reshape(-1, channels).T)
