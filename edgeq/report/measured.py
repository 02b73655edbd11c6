"""Texts of what was measured or proved: `bench` and `verify`, from their JSON forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeq.report.layout import Column, count, elide, facts, heading, number, paragraph, percent, ratio, table

NAME_WIDTH = 60


def render_bench(bench: Mapping[str, Any]) -> str:
    """Costs per layer and in total; `bench` is `Bench.to_json()`."""
    title = f"Measured on {bench['board']}, built with {bench['compiler']}"
    lines = [title, "=" * len(title), "", *_layers(bench), ""]
    lines += _sizes(bench)
    if bench["device"] is not None:
        lines += ["", *_device(bench["device"], [layer["name"] for layer in bench["layers"]])]
    lines += heading("Kernels, and why these") + _reasons(bench["layers"])
    return "\n".join(lines) + "\n"


def _layers(bench: Mapping[str, Any]) -> list[str]:
    columns = [
        Column("#", right=True),
        Column("name", flex=True),
        Column("kernel", flex=True),
        Column("MACs", right=True),
        Column("instructions", right=True),
        Column("per MAC", right=True),
        Column("share", right=True),
    ]
    total = bench["instructions"]
    rows = [
        _line(str(index), layer["name"], _short(layer["kernel"]), layer["macs"], layer["instructions"], total)
        for index, layer in enumerate(bench["layers"])
    ]
    counted = [layer["instructions"] for layer in bench["layers"]]
    spent = [layer["cycles"] for layer in bench["layers"]]
    if total is not None and counted and None not in counted and total != sum(counted):
        rows.append(_line("", "between the layers", "", 0, total - sum(counted), total))
        spent.append(None)
    rows.append(_line("", "total", "", bench["macs"], total, total))
    if bench["cycles"] is None:
        return table(columns, rows)
    macs = [*(layer["macs"] for layer in bench["layers"]), *[0] * (len(spent) - len(bench["layers"])), bench["macs"]]
    timed = [
        [*row, number(cycles), "-" if cycles is None else ratio(cycles, of)]
        for row, cycles, of in zip(rows, [*spent, bench["cycles"]], macs, strict=True)
    ]
    return [*table([*columns, *_CYCLES], timed), "", f"  cycles: {bench['cycles_from']}"]


_CYCLES = (Column("cycles", right=True), Column("per MAC", right=True))


def _line(index: str, name: str, kernel: str, macs: int, instructions: int | None, total: int | None) -> list[str]:
    measured = instructions is not None and total is not None
    return [
        index,
        name,
        kernel,
        number(macs) if macs else "-",
        number(instructions),
        ratio(instructions, macs) if instructions is not None else "-",
        percent(instructions, total) if measured and instructions is not None and total is not None else "-",
    ]


def _short(kernel: str | None) -> str:
    return (kernel or "-").removeprefix("edgeq_")


def _sizes(bench: Mapping[str, Any]) -> list[str]:
    stack, weights = bench["stack_bytes"], number(bench["weights_bytes"])
    return facts(
        [
            ("code", f"{number(bench['text_bytes'])} bytes"),
            ("constants", f"{number(bench['rodata_bytes'])} bytes, {weights} of them weights"),
            ("arena", f"{number(bench['arena_bytes'])} bytes, scratch {number(bench['scratch_bytes'])} of them"),
            *([("state", f"{number(bench['state_bytes'])} bytes, kept between runs")] if bench["state_bytes"] else []),
            ("stack", "not measured" if stack is None else f"{number(stack)} bytes, measured by painting"),
        ]
    )


def _device(device: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """What a board on a line measured."""
    stack, per_second = device["stack_bytes"], device["ticks_hz"]
    lines = [f"on the board {device['board']} at {device['port']}"]
    lines += facts(
        [
            ("one inference", f"{1e3 * device['seconds']:.3f} ms, {number(device['ticks'])} ticks of {per_second} Hz"),
            ("stack", "not measured" if stack is None else f"{number(stack)} of {number(device['stack_limit'])} bytes"),
            ("arena", f"{number(device['arena_used'])} bytes used"),
        ]
    )
    if device["step_ticks"] is None:
        return lines
    total = max(device["ticks"], 1)
    rows = [
        [str(index), name, number(ticks), f"{1e3 * ticks / per_second:.3f}", percent(ticks, total)]
        for index, (name, ticks) in enumerate(zip(names, device["step_ticks"], strict=True))
    ]
    columns = [Column("#", right=True), Column("name", flex=True)]
    columns += [Column(title, right=True) for title in ("ticks", "ms", "share")]
    return [*lines, "", *table(columns, rows)]


def _reasons(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Layers that chose the same kernel for the same reason share a line."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, layer in enumerate(layers):
        groups.setdefault((layer["kernel"] or "-", layer["reason"]), []).append(index)
    lines = []
    for (kernel, reason), indices in groups.items():
        lines.append(f"  {kernel}, {'layer' if len(indices) == 1 else 'layers'} {_ranges(indices)}")
        lines += paragraph(reason, indent=4)
    return lines


def _ranges(indices: Sequence[int]) -> str:
    """0-3, 5, 7."""
    parts: list[list[int]] = []
    for index in indices:
        if parts and parts[-1][-1] == index - 1:
            parts[-1][1:] = [index]
        else:
            parts.append([index])
    return ", ".join("-".join(map(str, part)) for part in parts)


def render_verification(found: Mapping[str, Any]) -> str:
    """What was proved or what differs; `found` is `Verification.to_json()`."""
    places = " and ".join(found["on"]) or "nowhere"
    samples = count(found["samples"], "sample")
    if found["bit_exact"]:
        lines = [f"bit-exact: {samples} on {places} give the integer reference's outputs, bit for bit"]
    else:
        lines = [f"NOT bit-exact: {count(found['mismatches'], 'value')} of {samples} on {places} differ"]
    first = found["first_mismatch"]
    if first:
        lines.append(f"  first difference: {first['runner']}, sample {first['sample']}, {_place(first)}")
    if found["reference"]:
        lines += _reference(found["reference"])
    if found["accuracy"]:
        lines += ["", "top-1 accuracy"] if found["reference"] else ["top-1 accuracy"]
        lines += facts([(name, f"{100 * share:.2f} %") for name, share in found["accuracy"].items()])
    return "\n".join(lines) + "\n"


def _place(first: Mapping[str, Any]) -> str:
    if first.get("step") is None:
        return str(first["name"])
    kernel = f", {first['kernel']}" if first.get("kernel") else ""
    return f"step {first['step']}: {elide(first['name'], NAME_WIDTH)} ({first['op']}{kernel})"


def _reference(reference: Mapping[str, Any]) -> list[str]:
    lines = [f"against the original model in {reference['runtime']}"]
    pairs = []
    if reference.get("exact") is not None:
        exact = reference["exact"]
        pairs.append(("outputs", "equal" if exact else f"{count(reference['mismatches'], 'value')} differ"))
    if reference.get("sqnr_db") is not None:
        pairs.append(("signal to quantization noise", f"{reference['sqnr_db']:.1f} dB"))
    if reference.get("top1_agreement") is not None:
        pairs.append(("same class", f"{100 * reference['top1_agreement']:.2f} %"))
    lines += facts(pairs) if pairs else []
    if reference.get("left_out"):
        lines.append(f"  its {reference['left_out']}, which the C leaves out, was applied to the C's outputs first")
    layers = reference.get("layers")
    if layers:
        rows = [[layer["name"], _decibels(layer["sqnr_db"])] for layer in layers]
        lines += ["", *table([Column("layer", flex=True), Column("SQNR dB", right=True)], rows)]
    return lines


def _decibels(value: float | None) -> str:
    return "no noise" if value is None else f"{value:.1f}"
