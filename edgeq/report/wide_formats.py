"""The report on int16 activations: what 8 bits would cost the network, and what 16 cost in RAM and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeq.report.layout import Column, heading, number, paragraph, table
from edgeq.report.small_formats import verdict


def wide_formats(manifest: Mapping[str, Any]) -> list[str]:
    """The lines of the section; none where no activation has 16 bits."""
    wide = [step for step in manifest["steps"] if step.get("wide")]
    if not wide:
        return []
    chosen = (manifest.get("quantization") or {}).get("widths") or {"tensors": []}
    named = {entry["name"]: entry for entry in chosen["tensors"]}
    lines = heading("Sixteen bits")
    if named:
        lines += paragraph(
            f"Signal to noise with ranges of other samples: {chosen['int8_db']:.1f} dB with 8-bit activations, "
            f"{chosen['chosen_db']:.1f} dB as chosen, {chosen['int16_db']:.1f} dB with 16 wherever there are kernels."
        )
        lines.append("")
    columns = [
        Column("#", right=True),
        Column("name", flex=True),
        Column("output"),
        Column("in 8 bits", right=True),
        Column("bytes more", right=True),
        Column("est. instr.", right=True),
        Column("as int8", right=True),
        Column("against int8"),
    ]
    lines += table(columns, [_row(step, named.get(step["name"])) for step in wide])
    text = (
        "in 8 bits: signal to noise of the network if this output alone had 8 bits. bytes more: of this output. "
        "as int8: the estimate for int8 input and output, by the fastest kernel of this board."
    )
    return [*lines, "", *paragraph(text)]


def _row(step: Mapping[str, Any], entry: Mapping[str, Any] | None) -> Sequence[str]:
    output, estimate = step["outputs"][0], step["int8_estimate"]
    is_wide = output["dtype"] == "int16"
    adapter = step["op"] == "requantize" or not estimate
    return [
        str(step["index"]),
        step["name"],
        output["dtype"],
        "" if entry is None else f"{entry['alone_db']:.1f} dB",
        number(output["bytes"] // 2) if is_wide else "",
        number(step["estimated_instructions"]),
        "" if adapter else number(estimate),
        "" if adapter else verdict(step["estimated_instructions"], estimate),
    ]
