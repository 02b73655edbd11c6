"""The front as a page of its own, from the JSON form of a search (`edgeq.tune.explain`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgeq.report.layout import number
from edgeq.report.tuned import layer_cells, point_cells, point_columns
from edgeq.templates import environment

WIDTH, HEIGHT, MARGIN = 720, 360, 56
"""Of the picture of the front, in pixels."""


def render_front(tuned: Mapping[str, Any]) -> str:
    """The front as a page of its own: a picture and tables, without scripts or outside files."""
    front = sorted(tuned["front"], key=lambda point: point["flash"])
    marked = [*front, tuned["plan"], tuned["int8"]]
    x = _scale([p["flash"] for p in marked], MARGIN, WIDTH - MARGIN / 2)
    y = _scale([p["sqnr_db"] for p in marked], HEIGHT - MARGIN, MARGIN / 2)
    places = [(round(x(p["flash"]), 1), round(y(p["sqnr_db"]), 1)) for p in marked]
    columns = [column.title for column in point_columns("flash")]
    return (
        environment()
        .get_template("front.html.j2")
        .render(
            tuned=tuned,
            size=(WIDTH, HEIGHT, MARGIN),
            line=places[: len(front)],
            points=[(*place, _tip(point)) for place, point in zip(places[: len(front)], front, strict=True)],
            plan=(*places[-2], _tip(tuned["plan"])),
            int8=(*places[-1], _tip(tuned["int8"])),
            flash=(min(p["flash"] for p in marked), max(p["flash"] for p in marked)),
            sqnr=(min(p["sqnr_db"] for p in marked), max(p["sqnr_db"] for p in marked)),
            columns=columns,
            rows=[point_cells(point) for point in front],
            layers=[layer_cells(layer) for layer in tuned["layers"]],
        )
    )


def _tip(point: Mapping[str, Any]) -> str:
    layers = "\n".join(f"{name}: {option}" for name, option in point["layers"].items())
    return f"{number(point['flash'])} bytes, {point['sqnr_db']:.1f} dB\n{layers}"


def _scale(values: Sequence[float], first: float, last: float) -> Callable[[float], float]:
    low, high = min(values), max(values)
    return lambda value: first + (last - first) * ((value - low) / (high - low) if high > low else 0.5)
