"""Chooses which activations have 16 bits, by what 8 would cost the network's outputs.

The calibration samples are cut in two. Ranges come from one half, noise is measured on the other, and then the other
way round: an 8-bit tensor loses most by values beyond any that calibration saw, and on the samples that made its range
there are none. Noise is that of the outputs (before a softmax) with every tensor rounded as its format says and real
arithmetic between; weights are rounded to int8 throughout.

First every tensor that may be int16 is, and each in turn becomes int8: the noise that it adds ranks it. Then all
begin as int8, and become int16 in that order until the target is reached; without one, until what is left to gain is
GAIN. Outputs of the network come before all others: they cost nothing but their bytes, and no layer behind them makes
up for a score that was cut off. Last, those that the others have made superfluous go back, the largest tensors first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeq.errors import UsageError
from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.ops.execute import run_real
from edgeq.ops.registry import operator
from edgeq.quant.observe import Range, observe_ranges
from edgeq.quant.plan import PLAIN, WIDE, Plan, gives_wide
from edgeq.quant.quantize import quantize_graph
from edgeq.quant.walk import on_grid
from edgeq.quant.work import Work, scores_of

GAIN = 1.0
"""dB below int16 throughout at which the choice without a target ends."""
MEASURED = 64
"""Samples by which it is made, at most."""
SPELLINGS = ("int8", "mixed", "mixed:DB", "int16")
_TARGET = re.compile(r"mixed(?::(?P<target>[0-9]+(?:\.[0-9]+)?))?")


@dataclass(frozen=True)
class Wanted:
    """How wide activations may be. target: SQNR in dB for a choice by sensitivity; everywhere: int16 without one."""

    target: float | None = None
    everywhere: bool = False


@dataclass(frozen=True)
class Choice:
    """The plan; SQNR in dB with ranges of other samples: at int8, as chosen, at int16 wherever there are kernels;
    tensors: what was chosen, as the manifest has it."""

    plan: Plan
    int8_db: float
    chosen_db: float
    int16_db: float
    tensors: tuple[Mapping[str, object], ...]

    def facts(self) -> dict[str, Any]:
        """What the manifest says of the choice."""
        levels = {"int8_db": self.int8_db, "chosen_db": self.chosen_db, "int16_db": self.int16_db}
        return {**levels, "tensors": list(self.tensors)}


def parse_activations(text: str | None) -> Wanted | None:
    """Reads `int8` (None), `mixed`, `mixed:30`, `int16`. Raises UsageError."""
    if text in (None, "int8"):
        return None
    if text == "int16":
        return Wanted(everywhere=True)
    match = _TARGET.fullmatch(str(text))
    if match is None:
        raise UsageError(
            f"{text!r} is no width of activations",
            hint=f"use one of: {', '.join(SPELLINGS)}; mixed:30 asks for 30 dB of signal to noise",
        )
    return Wanted(None if match["target"] is None else float(match["target"]))


def candidates(graph: Graph, plan: Plan) -> list[Node]:
    """The nodes of a real graph whose outputs may become int16: those that the plan leaves at eight bits."""
    layers = ((node, plan.layer(node.name)) for node in graph.nodes)
    return [n for n, layer in layers if gives_wide(n) and layer.activations == PLAIN and not layer.weights.group]


def with_wide(plan: Plan, names: Sequence[str]) -> Plan:
    """The plan, with int16 outputs for these nodes."""
    return replace(plan, layers={**plan.layers, **{n: replace(plan.layer(n), activations=WIDE) for n in names}})


def choose_widths(work: Work, wanted: Wanted) -> Choice:
    """The choice for a network before any method has changed it."""
    able = candidates(work.real, work.plan)
    measure = _Measure(work)
    names = [node.name for node in able]
    lowest, highest = measure(()), measure(names)
    # What a tensor adds when it alone has 8 bits.
    added = {}
    for done, name in enumerate(names):
        work.progress("activations in 16 bits", done + 1, len(names))
        added[name] = measure([other for other in names if other != name]) - highest
    ends = [node.name for node in able if work.real.is_output(node.output)]
    order = sorted(names, key=lambda name: (name not in ends, -added[name]))
    limit = measure.noise_at(wanted.target, highest)
    chosen = names if wanted.everywhere else _enough(order, measure, limit)
    if not wanted.everywhere:
        limit = max(limit, measure(chosen))
        inner = [n for n in able if n.name in chosen and n.name not in ends]
        for node in sorted(inner, key=lambda n: -n.output.type.elements):
            rest = [name for name in chosen if name != node.name]
            if measure(rest) <= limit:
                chosen = rest
    tensors = tuple(
        {
            "name": node.name,
            "op": node.op,
            "bytes_more": node.output.type.elements,
            "alone_db": measure.decibels(highest + max(added[node.name], 0.0)),
        }
        for node in sorted(able, key=lambda n: -added[n.name])
        if node.name in chosen
    )
    at_int8, as_chosen, at_int16 = (measure.decibels(noise) for noise in (lowest, measure(chosen), highest))
    return Choice(with_wide(work.plan, chosen), at_int8, as_chosen, at_int16, tensors)


def _enough(order: Sequence[str], measure: Callable[[Sequence[str]], float], limit: float) -> list[str]:
    """The first tensors in this order that keep the noise under the limit; all where none do."""
    low, high = 0, len(order)  # noise falls with more of them, but for chance: so halving finds a place where it passes
    while low < high:
        middle = (low + high) // 2
        if measure(order[:middle]) <= limit:
            high = middle
        else:
            low = middle + 1
    return list(order[:low])


class _Measure:
    """Noise of the network's outputs for int16 outputs of some nodes; results are kept."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._samples = {name: _all(work, name)[:MEASURED] for name in work.samples}
        several = len(next(iter(self._samples.values()))) > 1
        even, odd = (slice(0, None, 2), slice(1, None, 2)) if several else (slice(None), slice(None))
        self._folds = [self._fold(even, odd), self._fold(odd, even)]
        self.signal = sum(float(np.square(real).sum()) for _, _, reals in self._folds for real in reals.values())
        self._known: dict[frozenset[str], float] = {}

    def _fold(self, seen: slice, scored: slice) -> tuple[dict[str, Range], dict[str, Array], dict[str, Array]]:
        graph = self._work.real
        ranges = observe_ranges(graph, {k: v[seen] for k, v in self._samples.items()})
        inputs = {k: np.asarray(v[scored], dtype=np.float64) for k, v in self._samples.items()}
        ends = {scores_of(graph, v).name for v in graph.outputs}
        real: dict[str, Array] = {}
        run_real(graph, inputs, lambda v, x: real.update({v.name: x}) if v.name in ends else None)
        return ranges, inputs, real

    def __call__(self, names: Sequence[str]) -> float:
        key = frozenset(names)
        if key not in self._known:
            plan = with_wide(self._work.plan, names)
            self._known[key] = sum(self._noise(plan, *fold) for fold in self._folds)
        return self._known[key]

    def _noise(
        self, plan: Plan, ranges: Mapping[str, Range], inputs: Mapping[str, Array], real: Mapping[str, Array]
    ) -> float:
        graph = quantize_graph(self._work.real, ranges, plan, self._work.layers)
        found = rounded_values(graph, inputs, real)
        return sum(float(np.square(real[name] - found[name]).sum()) for name in real)

    def noise_at(self, target: float | None, highest: float) -> float:
        """The noise at so many dB; without a target, at GAIN dB less than what is possible."""
        return highest * 10 ** (GAIN / 10) if target is None else self.signal / 10 ** (target / 10)

    def decibels(self, noise: float) -> float:
        """SQNR in dB."""
        return round(10 * float(np.log10(max(self.signal, 1e-300) / max(noise, 1e-300))), 2)


def _all(work: Work, name: str) -> Array:
    """What methods see of an input, and what they are judged by."""
    seen, held = work.samples[name], work.held[name]
    return seen if held is seen else np.concatenate([seen, held])


def rounded_values(graph: Graph, inputs: Mapping[str, Array], wanted: Mapping[str, object]) -> dict[str, Array]:
    """Values of a quantized graph by name, every one rounded to its integers, with real arithmetic between."""
    arrays = {v.name: _rounded(v, np.asarray(inputs[v.name])) for v in graph.inputs}
    for node in graph.nodes:
        operands = [None if v is None else _constant(v) if v.is_constant else arrays[v.name] for v in node.inputs]
        results = operator(node.op).compute(node, operands)
        for value, result in zip(node.outputs, results, strict=True):
            arrays[value.name] = result if operator(node.op).keeps_quantization else _rounded(value, result)
    return {name: arrays[name] for name in wanted}


def _constant(value: Value) -> Array:
    quantization = value.type.quantization
    return value.constant if quantization is None else quantization.dequantize(value.constant)


def _rounded(value: Value, array: Array) -> Array:
    return array if value.type.quantization is None else on_grid(array, value.type)
