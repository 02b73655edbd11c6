"""Calibration data in, quantized graph out: reads the samples and runs the two halves of `edgeq.quant`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeq.errors import CalibrationError
from edgeq.ir.graph import Graph
from edgeq.ir.types import Array
from edgeq.npz import load_samples, to_internal
from edgeq.quant.apply import Settings, apply_methods, settings_of
from edgeq.quant.calibration import calibrated_ranges
from edgeq.quant.observe import Range, observe_ranges
from edgeq.quant.plan import Plan, check_plan
from edgeq.quant.work import Work


def calibrated_graph(
    graph: Graph,
    source: Path | str | Mapping[str, Any] | None,
    plan: Plan | None = None,
    settings: Settings | None = None,
) -> Graph:
    """A quantized copy of the real `graph`. Raises CalibrationError when there are no usable samples.

    plan: how the weights and outputs of each layer are stored; int8 throughout where there is none. settings: which
    methods quantize it; those of the plan where nothing is said.
    """
    plan = plan or Plan()
    check_plan(plan, graph)
    settings = settings or settings_of(plan)
    if source is None:
        raise CalibrationError(
            "this is a float network: it needs calibration samples to be quantized",
            hint="give about 100 typical inputs: --calibrate samples.npz (numpy.savez('samples.npz', inputs=array))",
        )
    inputs = real_samples(graph, source)

    def observe(network: Graph) -> dict[str, Range]:
        return calibrated_ranges(network, observe_ranges(network, inputs), plan, settings.calibration)

    work = Work(graph.copy(), dict(inputs), observe, plan, settings.seed, settings.steps)
    return apply_methods(work, settings)


def real_samples(graph: Graph, source: Path | str | Mapping[str, Any]) -> dict[str, Array]:
    """Samples as reals in the layout of the real `graph`, by input name. Raises CalibrationError."""
    facts = graph.meta.get("inputs", {})
    specs = [
        {
            "name": value.name,
            "shape": list(value.shape),
            "dtype": "float32",
            "scale": None,
            "zero_point": None,
            "source_shape": list(facts.get(value.name, {}).get("source_shape", value.shape)),
            "source_perm": facts.get(value.name, {}).get("perm"),
            "source_dtype": "float32",
        }
        for value in graph.inputs
    ]
    samples = load_samples(source, specs)
    return {str(spec["name"]): to_internal(spec, samples.inputs[str(spec["name"])]) for spec in specs}
