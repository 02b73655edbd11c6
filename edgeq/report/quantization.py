"""The section of the report about what edgeq quantized itself: methods, layers, suspicious tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeq.report.layout import Column, count, elide, heading, paragraph, table

NAME_WIDTH = 44
"""Characters of a name in running text."""


def quantization(manifest: Mapping[str, Any]) -> list[str]:
    """Nothing for models that came quantized."""
    found = manifest.get("quantization")
    if found is None:
        return []
    lines = heading("Quantization")
    how = found["calibration"] or "min-max at eight bits, mse below"
    lines += paragraph(f"Ranges of activations: {how}.")
    if found["seed"] is not None:
        lines += paragraph(f"Seed of what was learned: {found['seed']}.")
    lines += _methods(found["methods"]) + _layers(found["layers"]) + _lint(found.get("lint", []))
    return lines


def summary(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """For `edgeq convert`: what the methods brought, and how many tensors look suspicious."""
    found = manifest.get("quantization") or {}
    pairs = []
    if widths := found.get("widths"):
        levels = f"{widths['int8_db']:.1f} -> {widths['chosen_db']:.1f} dB SQNR on samples that ranges are not from"
        pairs.append(("int16", f"{count(len(widths['tensors']), 'activation')}: {levels}"))
    kept = [effect for effect in found.get("methods", []) if effect["kept"]]
    if kept:
        names = ", ".join(effect["method"] for effect in kept)
        pairs.append(("quantized", f"{names}: {_db(kept[0]['before_db'])} -> {_db(kept[-1]['after_db'])} SQNR"))
    if found.get("lint"):
        pairs.append(("suspicious", f"{count(len(found['lint']), 'tensor')}: see the report"))
    return pairs


def _db(value: float | None) -> str:
    return "exact" if value is None else f"{value:.1f} dB"


def _level(effect: Mapping[str, Any], when: str) -> str:
    nats = effect.get(f"{when}_nats")
    return _db(effect[f"{when}_db"]) + ("" if nats is None else f", {nats:.4f}")


def _methods(effects: list[Mapping[str, Any]]) -> list[str]:
    if not effects:
        return []
    columns = [Column("method"), Column("did", flex=True), Column("before", right=True), Column("after", right=True)]
    rows = [
        [e["method"], e["did"] if e["kept"] else f"{e['did']}; undone", _level(e, "before"), _level(e, "after")]
        for e in effects
    ]
    text = (
        "Signal to noise of the network's outputs against the float network, on calibration samples that methods do "
        "not see, before and after each method; beside it, in nats, the divergence of the class probabilities, which "
        "decides where there are classes. What brought nothing was undone."
    )
    return ["", *table(columns, rows), "", *paragraph(text)]


def _layers(layers: list[Mapping[str, Any]]) -> list[str]:
    if not layers:
        return []
    columns = [
        Column("layer", flex=True),
        Column("weights"),
        Column("output"),
        Column("before", right=True),
        Column("after", right=True),
    ]
    rows = [
        [entry["name"], entry["weights"], entry["activations"], _db(entry["before_db"]), _db(entry["after_db"])]
        for entry in layers
    ]
    text = "Signal to noise of each layer's output, all layers before it rounded too: to nearest, and as it is now."
    return ["", *table(columns, rows), "", *paragraph(text)]


def _lint(findings: list[Mapping[str, Any]]) -> list[str]:
    if not findings:
        return []
    lines = ["", *paragraph("Suspicious tensors, and what edgeq has against it:")]
    for finding in findings:
        name = elide(finding["tensor"], NAME_WIDTH)
        text = f"{name}: {finding['problem']}: {finding['figure']:.3g}. Remedy: {finding['remedy']}"
        lines += paragraph(text, indent=4, first="  - ")
    return lines
