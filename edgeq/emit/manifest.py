"""The manifest: everything that later steps need to know about a converted model, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import edgeq
from edgeq.contract import ABI_VERSION, REQUANTIZATION
from edgeq.ir.graph import Graph, Node, Value
from edgeq.kernels.matching import is_wide, stored_as
from edgeq.kernels.select import Choice
from edgeq.ops.accumulate import accumulator_bound
from edgeq.ops.registry import operator
from edgeq.plan.memory import Plan


def build_manifest(
    graph: Graph, plan: Plan, choices: Mapping[int, Choice], facts: Mapping[str, Any], tables: Mapping[int, int]
) -> dict[str, Any]:
    """`facts`: name, board, optimize, source. `tables`: bytes of constants by `id(node)`."""
    counted: set[int] = set()
    steps = [_step(i, n, plan, choices[id(n)], tables.get(id(n), 0), counted) for i, n in enumerate(plan.steps)]
    return {
        "edgeq": edgeq.__version__,
        "abi": ABI_VERSION,
        "sound": None,
        **facts,
        "notes": list(graph.meta.get("notes", [])),
        "quantization": graph.meta.get("quantization"),
        "requantization": REQUANTIZATION,
        "inputs": [_endpoint(v, plan, graph.meta.get("inputs", {})) for v in graph.inputs],
        "outputs": [_endpoint(v, plan, graph.meta.get("outputs", {})) for v in graph.outputs],
        "arena_bytes": plan.arena_bytes,
        "state_bytes": plan.state_bytes,
        "arena_lower_bound": plan.lower_bound,
        "arena_proved": plan.proved,
        "arena_peak": {"step": plan.peak_step, "buffers": plan.peak_buffers},
        "scratch_bytes": max((s["scratch_bytes"] for s in steps), default=0),
        "weights_bytes": sum(s["weights_bytes"] for s in steps),
        "float_weights_bytes": 4 * sum(s["parameters"] for s in steps),
        "macs": sum(s["macs"] for s in steps),
        "steps": steps,
    }


def _endpoint(value: Value, plan: Plan, source: Mapping[str, Any]) -> dict[str, Any]:
    quantization = value.type.quantization
    known = source.get(value.name, {})
    # A scale per channel is always among the known facts, as a list.
    own_scale = quantization.tensor_scale if quantization is not None and quantization.is_per_tensor else None
    return {
        "name": value.name,
        "shape": list(value.shape),
        "dtype": value.type.dtype.value,
        "format": value.type.format,
        "packed": value.type.packed,
        "scale": known.get("real_scale", own_scale),
        "zero_point": None if quantization is None else quantization.zero_point[0],
        "real_offset": known.get("real_offset", 0.0),
        "quantizer": known.get("quantizer"),
        "left_out": known.get("left_out"),
        "tokens": known.get("tokens"),
        "offset": plan.offset(value),
        "in_state": plan.in_state(value),
        "bytes": value.type.bytes,
        "source_name": known.get("source_name", value.name),
        "source_shape": list(known.get("source_shape", value.shape)),
        "source_perm": known.get("perm"),
        "source_dtype": known.get("source_dtype", value.type.dtype.value),
    }


def _formats(node: Node, choice: Choice) -> str:
    """How input and weights are stored, as kernel names have it: `a8 w8`, `a1 w1`."""
    weights = choice.kernel.parts.weights
    stored = stored_as(node.input(0))
    return stored if weights is None else f"{stored} {node.attrs.get('weight_format') or weights}"


def _step(index: int, node: Node, plan: Plan, choice: Choice, weights_bytes: int, counted: set[int]) -> dict[str, Any]:
    """counted: `id(value)` of the constants that earlier steps have, such as other bands of the layer."""
    row = operator(node.op)
    # The fifth input of layers with weights in groups holds factors, which the float network does not have.
    known = [v for v in node.inputs[: 4 if row.accumulates else None] if v is not None and v.is_constant]
    constants = [v for v in known if id(v) not in counted]
    counted.update(map(id, known))
    return {
        "index": index,
        "name": node.name,
        "op": node.op,
        "kernel": choice.kernel.name,
        "reason": choice.reason,
        "runner_up": choice.runner_up,
        "estimated_instructions": choice.estimate,
        "int8_estimate": choice.int8_estimate,
        "formats": _formats(node, choice),
        "wide": is_wide(node),
        "macs": row.macs(node),
        "parameters": sum(v.type.elements for v in constants),
        "weights_bytes": weights_bytes,
        "scratch_bytes": choice.scratch_bytes,
        "scratch_offset": None if plan.in_state(node) else plan.scratch_offset(node),
        "output_shape": list(node.output.shape),
        "outputs": [
            {
                "name": v.name,
                "offset": plan.offset(v),
                "in_state": plan.in_state(v),
                "bytes": v.type.bytes,
                "dtype": v.type.dtype.value,
            }
            for v in node.outputs
        ],
        "accumulator_bound": accumulator_bound(node, row.weight_axis) if row.accumulates else None,
    }
