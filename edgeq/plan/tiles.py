"""How many keys attention scores at a time, within a limit on the arena (`--max-ram`), and what it saves.

A kernel keeps the scores of a tile of keys. Where the tile has all keys, scores are computed once, otherwise twice
(edgeq/ops/attention.py). Without a limit the tile is the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from edgeq.ir.graph import Graph, Node
from edgeq.kernels.select import Choice
from edgeq.plan.memory import plan_memory

TILES = (512, 256, 128, 64, 32, 16)


def tiled(graph: Graph) -> list[Node]:
    """The nodes of a lowered graph that have tiles."""
    return [node for node in graph.nodes if node.op == "attention"]


def set_tile(node: Node, tile: int) -> None:
    """At most so many keys; the parameters become others, as choices are remembered by them."""
    node.params = {**node.params, "tile": min(tile, node.params["keys"])}


def shrink_tiles(graph: Graph, fits: Callable[[], bool]) -> bool:
    """Makes tiles smaller until `fits` says so, then whole again where it still does; whether it ever did."""
    nodes = tiled(graph)
    if not nodes:
        return False
    for tile in TILES:
        for node in nodes:
            set_tile(node, tile)
        if fits():
            for node in nodes:
                set_tile(node, node.params["keys"])
                if not fits():
                    set_tile(node, tile)
            return True
    return False


def attention_facts(graph: Graph, choices: Mapping[int, Choice]) -> dict[str, Any] | None:
    """The manifest's `attention`: tiles by layer, and the arena if int8 scores of all pairs were kept instead."""
    nodes = tiled(graph)
    if not nodes:
        return None
    split = {**choices}
    for node in nodes:
        split[id(node)] = replace(choices[id(node)], scratch_bytes=_scores(node))
    return {
        "layers": list(_layers(nodes)),
        "split_arena_bytes": plan_memory(graph, split).arena_bytes,
    }


def _scores(node: Node) -> int:
    p = node.params
    return int(p["batches"] * p["heads"] * p["queries"] * p["keys"])


def _layers(nodes: list[Node]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        yield {"name": node.name, "tile": node.params["tile"], "keys": node.params["keys"], "scores": _scores(node)}
