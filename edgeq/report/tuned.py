"""Texts of a search for a plan, and of a sweep, from their JSON forms (`edgeq.tune.explain`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgeq.report.layout import Column, heading, number, table


def render_tuned(tuned: Mapping[str, Any]) -> str:
    """The plan, why it is so, and the front. tuned: `explain.as_json`."""
    title = f"A plan for {tuned['board']}"
    lines = [title, "=" * len(title), "", *_sizes(tuned), *heading("Layers")]
    lines += table(
        [
            Column("layer", flex=True),
            Column("format"),
            Column("bytes", right=True),
            Column("instructions", right=True),
            Column("loss", right=True),
            Column("runner-up", flex=True),
            Column("bytes", right=True),
            Column("instructions", right=True),
            Column("plan's loss", right=True),
        ],
        [layer_cells(layer) for layer in tuned["layers"]],
    )
    lines += heading("Front: the least loss at each size of flash (predicted; judged by the integer graph)")
    lines += table(point_columns("flash"), [point_cells(point) for point in tuned["front"]])
    return "\n".join(lines) + "\n"


def _sizes(tuned: Mapping[str, Any]) -> list[str]:
    rows = [["plan", *point_cells(tuned["plan"])], ["int8", *point_cells(tuned["int8"])]]
    budget = tuned["budget"]
    limits = [number(budget["flash"]), number(budget["ram"]), number(budget["instructions"]), "", ""]
    rows.append(["budget", *limits, "-" if budget["drop"] is None else f"{budget['drop']:g} %"])
    return table([Column("measured"), *point_columns("flash")], rows)


def point_columns(first: str) -> list[Column]:
    """The columns of a plan's sizes and quality."""
    titles = (first, "arena", "instructions", "SQNR", "same class", "drop")
    return [Column(title, right=True) for title in titles]


def point_cells(point: Mapping[str, Any]) -> list[str]:
    """What stands in them."""
    return [
        number(point["flash"]),
        number(point["ram"]),
        number(point["instructions"]),
        f"{point['sqnr_db']:.1f} dB",
        f"{point['agreement']:.1%}",
        f"{point['drop']:.1f} %",
    ]


def layer_cells(layer: Mapping[str, Any]) -> list[str]:
    """A layer's line: what it has and costs, and the runner-up."""
    own = [
        layer["name"],
        layer["chosen"],
        number(layer["bytes"]),
        number(layer["instructions"]),
        f"{layer['loss']:.1e}",
    ]
    second = layer["runner_up_cost"]
    if second is None:
        return [*own, "none keeps to the budget", "", "", ""]
    more = f"{layer['more_loss']:+.0%}"
    return [*own, layer["runner_up"], number(second["bytes"]), number(second["instructions"]), more]


def render_sweep(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of a sweep. rows: `Row.to_json()`."""
    columns = [Column("plan", flex=True), Column("methods")]
    titles = ("accuracy", "SQNR", "flash", "arena", "instructions")
    body = []
    for row in rows:
        sizes = row["sizes"] or dict.fromkeys(("flash", "ram", "instructions"))
        cells = [number(sizes[key]) for key in ("flash", "ram", "instructions")]
        accuracy = _interval(row["accuracy"], 100, " %")
        body.append([row["plan"], row["methods"], accuracy, _interval(row["sqnr_db"], 1, " dB"), *cells])
    return "\n".join(table([*columns, *(Column(title, right=True) for title in titles)], body)) + "\n"


def _interval(interval: Mapping[str, Any], factor: float, unit: str) -> str:
    half = "" if interval["half"] is None else f" ± {factor * interval['half']:.1f}"
    return f"{factor * interval['mean']:.1f}{half}{unit}"


def render_differences(here: str, there: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Where the plans of two boards differ, and what makes them."""
    lines = heading(f"{here} and {there}: layers that differ")
    if not rows:
        return "\n".join([*lines, "none"]) + "\n"
    body = []
    for row in rows:
        for place, board in (("here", here), ("there", there)):
            choice = row[place]
            name = row["layer"] if place == "here" else ""
            cells = [
                f"{number(choice[p]['bytes'])} + {number(choice[p]['code'])}"
                if key == "bytes"
                else number(choice[p][key])
                for p in ("here", "there")
                for key in ("bytes", "instructions")
            ]
            body.append([name, f"{choice['chosen']} on {board}", f"{choice['loss']:.1e}", *cells])
    columns = [Column("layer", flex=True), Column("chosen"), Column("loss", right=True)]
    for board in (here, there):
        columns += [Column(f"{board}: bytes", right=True), Column("instructions", right=True)]
    note = "Bytes: constants of the layer + code of its kernel, which layers share. Losses are the same on both boards."
    return "\n".join([*lines, *table(columns, body), "", note]) + "\n"
