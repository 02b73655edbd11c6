"""The text of `edgeq inspect`, from the inspection's JSON form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeq.report.layout import Column, count, facts, heading, number, paragraph, table


def render_inspection(found: Mapping[str, Any]) -> str:
    """Inputs, outputs, operators, totals, and what cannot be converted."""
    kind = {True: ", quantized", False: ", float", None: ""}[found["quantized"]]
    lines = facts(
        [
            ("model", f"{found['file']}" + (f" ({found['format']}{kind})" if found["format"] else "")),
            ("SHA-256", found["sha256"]),
        ],
        indent=0,
    )
    if found["layers"]:
        lines += heading("Inputs and outputs") + _endpoints(found)
        lines += heading("Operators") + _operators(found)
    if found["problems"]:
        lines += heading(f"Cannot be converted: {count(len(found['problems']), 'problem')}")
        for problem in found["problems"]:
            lines += paragraph(problem, indent=4, first="  - ")
    else:
        lines += ["", "can be converted"]
    for note in found["notes"]:
        lines += paragraph(note, indent=2)
    return "\n".join(lines) + "\n"


def _endpoints(found: Mapping[str, Any]) -> list[str]:
    columns = [
        Column("name", flex=True),
        Column("in/out"),
        Column("type"),
        Column("shape"),
        Column("scale", right=True),
        Column("zero", right=True),
    ]
    rows = [
        [
            tensor["name"],
            f"{kind} {index}",
            tensor["dtype"],
            _shape(tensor["shape"]),
            "-" if tensor["scale"] is None else f"{tensor['scale']:.9g}",
            "-" if tensor["zero_point"] is None else str(tensor["zero_point"]),
        ]
        for kind, side in (("in", "inputs"), ("out", "outputs"))
        for index, tensor in enumerate(found[side])
    ]
    return table(columns, rows)


def _operators(found: Mapping[str, Any]) -> list[str]:
    columns = [
        Column("#", right=True),
        Column("name", flex=True),
        Column("op"),
        Column("output"),
        Column("type"),
        Column("params", right=True),
        Column("MACs", right=True),
    ]
    rows = [
        [
            str(index),
            layer["name"],
            layer["op"],
            _shape(layer["output_shape"]),
            layer["dtype"],
            number(layer["parameters"]),
            number(layer["macs"]),
        ]
        for index, layer in enumerate(found["layers"])
    ]
    macs = number(found["macs"]) if any(layer["macs"] is not None for layer in found["layers"]) else "-"
    rows.append(["", "total", "", "", "", number(found["parameters"]), macs])
    lines = table(columns, rows)
    if found["converted_ops"]:
        names = ", ".join(f"{many} {op}" for op, many in found["converted_ops"].items())
        lines += ["", *paragraph(f"after simplification: {names}")]
    return lines


def _shape(dims: Sequence[int | None] | None) -> str:
    """`1x?x64`; `?` for what the file does not tell."""
    if dims is None:
        return "?"
    return "x".join("?" if size is None else str(size) for size in dims) or "scalar"
