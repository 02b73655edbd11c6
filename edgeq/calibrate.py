"""Calibration data in, quantized graph out: reads the samples and runs the two halves of `edgeq.quant`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeq.errors import CalibrationError
from edgeq.ir.graph import Graph
from edgeq.ir.types import Array, DType
from edgeq.npz import load_samples, to_internal
from edgeq.quant.apply import Settings, apply_methods, settings_of
from edgeq.quant.calibration import calibrated_ranges
from edgeq.quant.lint import lint
from edgeq.quant.mixed import Wanted, choose_widths
from edgeq.quant.observe import Range, observe_batches
from edgeq.quant.plan import Plan, check_plan
from edgeq.quant.work import Work
from edgeq.samples import Progress, Samples


def calibrated_graph(
    graph: Graph,
    source: Any,
    plan: Plan | None = None,
    settings: Settings | None = None,
    progress: Progress = lambda what, done, total: None,
    wanted: Wanted | None = None,
) -> Graph:
    """A quantized copy of the real `graph`. Raises CalibrationError when there are no usable samples.

    source: of samples, whatever `edgeq.samples` reads. plan: how the weights and outputs of each layer are stored; int8
    throughout where there is none. settings: which methods quantize it; those of the plan where nothing is said.
    wanted: which activations that the plan leaves at eight bits may have sixteen; None: none.
    """
    current = plan or Plan()
    check_plan(current, graph)
    settings = settings or settings_of(current)
    if source is None:
        raise CalibrationError(
            "this is a float network: it needs calibration samples to be quantized",
            hint="give about 100 typical inputs: --calibrate samples.npz (numpy.savez('samples.npz', inputs=array))",
        )
    samples = Samples(source, input_specs(graph), settings.seed, progress)

    findings: list[dict[str, Any]] = []

    def observe(network: Graph) -> dict[str, Range]:
        first = samples.count == 0
        seen = observe_batches(network, samples.batches())
        used = calibrated_ranges(network, seen, current, settings.calibration)
        if first:
            findings.extend(lint(network, seen, used))
        return used

    work = Work(graph.copy(), samples.kept, observe, current, settings.seed, settings.steps, progress)
    widths = None if wanted is None else choose_widths(work, wanted)
    if widths is not None:
        work.plan = current = widths.plan
        work.restart()
    quantized = apply_methods(work, settings)
    quantized.meta["quantization"] |= {"lint": findings, "widths": None if widths is None else widths.facts()}
    return quantized


def real_samples(graph: Graph, source: Path | str | Mapping[str, Any]) -> dict[str, Array]:
    """Samples as reals in the layout of the real `graph`, by input name. Raises CalibrationError."""
    specs = input_specs(graph)
    samples = load_samples(source, specs)
    return {str(spec["name"]): to_internal(spec, samples.inputs[str(spec["name"])]) for spec in specs}


def input_specs(graph: Graph) -> list[dict[str, Any]]:
    """What samples are checked against: the inputs of a real graph, in the layout of the model's file."""
    facts = graph.meta.get("inputs", {})
    return [
        {
            "name": value.name,
            "shape": list(value.shape),
            "dtype": value.type.dtype.value,
            "scale": None,
            "zero_point": None,
            "source_shape": list(facts.get(value.name, {}).get("source_shape", value.shape)),
            "source_perm": facts.get(value.name, {}).get("perm"),
            "source_dtype": facts.get(value.name, {}).get("source_dtype", "float32")
            if value.type.dtype is DType.INT32
            else "float32",
        }
        for value in graph.inputs
    ]
