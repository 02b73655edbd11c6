"""Why leaving out dead channels takes no more off vww: what can be left out of each of its layers, and what they cost.

`python -m benchmarks.dead_channels` counts, for every layer with weights, the output channels that are needed
(edgeq/passes/needed_channels.py), those that interval arithmetic over all inputs proves constant, and those that are
seen to vary; and measures every layer's instructions with all channels and with the needed ones. It records all in
dead_channels.json beside this file and in docs/dead-channels.md. A test counts anew. It needs ../shared.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kernels import TITLES
from benchmarks.mlperf_tiny import MODELS, ROOT, models_dir, rewrite
from edgeq.frontends.detect import load_model
from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array
from edgeq.ops import operator
from edgeq.ops.accumulate import finish_accumulation
from edgeq.ops.execute import run_integer
from edgeq.passes.constant_channels import needed_channels
from edgeq.passes.pipeline import prepare, to_integer

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "dead-channels.md"
MODEL = "vww"
BOARDS = ("cortex-m4", "cortex-m55")
SAMPLES = 8
"""Inputs of each kind on which a channel may be seen to vary."""


def lowered_graph() -> Graph:
    """The network in integers, all channels in it."""
    graph = load_model(models_dir() / MODELS[MODEL])
    prepare(graph)
    to_integer(graph)
    return graph


def count_channels() -> dict[str, dict[str, int]]:
    """By layer with weights: `channels`, and how many of them are `needed`, proved `constant`, and seen to `vary`;
    and how many of the needed ones are `equal` to another, with the same weights and bias.
    """
    graph = lowered_graph()
    kept = needed_channels(graph).kept
    ranges, seen = _ranges(graph), _seen(graph)
    counts = {}
    for node in (n for n in graph.nodes if operator(n.op).accumulates):
        (low, high), (least, most) = ranges[id(node.output)], seen[id(node.output)]
        counts[node.name] = {
            "channels": node.output.shape[-1],
            "needed": int(kept[node.output.name].sum()),
            "constant": int((_per_channel(low, np.min) == _per_channel(high, np.max)).sum()),
            "vary": int((_per_channel(least, np.min) < _per_channel(most, np.max)).sum()),
            "equal": _equal(node, kept[node.output.name]),
        }
    return counts


def _equal(node: Node, kept: Array) -> int:
    weights = np.moveaxis(node.params["weights"], operator(node.op).weight_axis, 0)
    rows = np.column_stack([weights.reshape(len(kept), -1), node.params["bias"]])[kept]
    return len(rows) - len(np.unique(rows, axis=0))


def _per_channel(values: Array, rule: Any) -> Array:
    return np.asarray(rule(values.reshape(-1, values.shape[-1]), axis=0))


def _ranges(graph: Graph) -> dict[int, tuple[Array, Array]]:
    """By `id(value)` the least and the largest integers that any input of the network can bring about, or beyond."""
    found = {id(v): _whole_range(v) for v in graph.inputs}
    for node in graph.nodes:
        low, high = found[id(node.input(0))]
        if operator(node.op).accumulates:
            found[id(node.output)] = _sum_range(node, low, high)
        elif node.op == "softmax":
            found[id(node.output)] = _whole_range(node.output)
        else:  # pooling and reshaping: larger inputs, no smaller outputs
            at_low, at_high = (operator(node.op).compute_integer(node, [x])[0] for x in (low, high))
            found[id(node.output)] = at_low, at_high
    return found


def _whole_range(value: Value) -> tuple[Array, Array]:
    low, high = value.type.bounds
    return np.full(value.shape, low), np.full(value.shape, high)


def _sum_range(node: Node, low: Array, high: Array) -> tuple[Array, Array]:
    """Sums are least where each weight meets the end of its input's range that suits it."""
    weights = node.params["weights"].astype(np.float64)
    falls, rises = np.minimum(weights, 0), np.maximum(weights, 0)
    zero = node.params["input_zero_point"]
    bare = Node(node.op, node.name, node.inputs[:2], node.outputs, {**node.attrs, "clamp_min": None, "clamp_max": None})

    def output(with_rising: Array, with_falling: Array) -> Array:
        sums = sum(
            operator(node.op).compute(bare, [x.astype(np.float64) - zero, w])[0]
            for x, w in ((with_rising, rises), (with_falling, falls))
        )
        axes = tuple(a for a in range(weights.ndim) if a != operator(node.op).weight_axis % weights.ndim)
        return finish_accumulation(node, np.rint(sums + zero * weights.sum(axis=axes)).astype(np.int64))

    return output(low, high), output(high, low)


def _seen(graph: Graph) -> dict[int, tuple[Array, Array]]:
    """By `id(value)` the least and the largest integers on inputs of many kinds."""
    found: dict[int, tuple[Array, Array]] = {}

    def observe(value: Value, array: Array) -> None:
        least, most = found.get(id(value), (array.min(axis=0), array.max(axis=0)))
        found[id(value)] = np.minimum(least, array.min(axis=0)), np.maximum(most, array.max(axis=0))

    for x in _inputs(graph.inputs[0].shape):
        run_integer(graph, {graph.inputs[0].name: x}, observe)
    return found


def _inputs(shape: tuple[int, ...]) -> Iterator[Array]:
    """Noise, plain colours, and checks of more and more pixels."""
    rng = np.random.default_rng(1)
    batch = (SAMPLES, *shape[1:])
    yield rng.integers(-128, 128, batch).astype(np.int8)
    yield np.broadcast_to(rng.integers(-128, 128, (SAMPLES, 1, 1, shape[3])), batch).astype(np.int8)
    for size in (1, 2, 4, 8, 16):
        checks = rng.choice([-128, 127], (SAMPLES, shape[1] // size, shape[2] // size, shape[3]))
        yield checks.repeat(size, axis=1).repeat(size, axis=2).astype(np.int8)


def measure(board: str) -> dict[str, list[int]]:
    """By step: instructions with all channels, and with those that are needed."""
    from edgeq.pipeline import compile_model

    benches = []
    for keep_dead in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            file, out = models_dir() / MODELS[MODEL], Path(folder) / "m"
            result = compile_model(file, board, out=out, name=MODEL, optimize="speed", keep_dead=keep_dead)
            benches.append(result.bench().to_json()["layers"])
    pairs = zip(*benches, strict=True)
    return {whole["name"]: [whole["instructions"], rest["instructions"]] for whole, rest in pairs}


def recorded() -> dict[str, Any]:
    """The checked-in figures: `layers` (of `count_channels`) and, by board, those of `measure`."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown table of docs/dead-channels.md."""
    columns = ["layer", "channels", "needed", "proved constant", "seen to vary", "equal"]
    columns += [f"{TITLES[b]}, {what}" for b in BOARDS for what in ("all", "needed")]
    text = "| " + " | ".join(columns) + " |\n| --- |" + " ---: |" * (len(columns) - 1) + "\n"
    for name in figures[BOARDS[0]]:
        counts = figures["layers"].get(name)
        cells = [""] * 5 if counts is None else [f"{v:,}" for v in counts.values()]
        cells += [f"{n:,}" for board in BOARDS for n in figures[board][name]]
        text += f"| {name} | " + " | ".join(cells) + " |\n"
    sums = [f"{sum(pair[i] for pair in figures[board].values()):,}" for board in BOARDS for i in (0, 1)]
    return {"dead-channels": text + "| all | | | | | | " + " | ".join(sums) + " |\n"}


def main() -> None:
    """Counts, measures, records and rewrites the page."""
    figures: dict[str, Any] = {"layers": count_channels(), **{board: measure(board) for board in BOARDS}}
    FILE.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main()
