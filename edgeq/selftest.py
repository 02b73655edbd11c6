"""What a converted model must answer to one input: the test vector that goes into firmware projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeq.ir.serialize import load_graph
from edgeq.npz import random_samples, to_bytes, to_internal
from edgeq.ops.execute import run_integer


def selftest_vectors(
    folder: Path, manifest: Mapping[str, Any], count: int = 1
) -> list[tuple[list[bytes], list[bytes]]]:
    """(bytes of every input, bytes of every output by the integer reference) of `count` random samples.

    folder: of one converted model. The same samples as `verify` draws.
    """
    specs: Sequence[Mapping[str, Any]] = manifest["inputs"]
    given = random_samples(specs, count)
    graph = load_graph(folder / "verify" / "graph.npz")
    internal = {spec["name"]: to_internal(spec, given.inputs[spec["name"]]) for spec in specs}
    results = run_integer(graph, internal)
    return [
        (
            [to_bytes(spec, internal[spec["name"]][i]) for spec in specs],
            [value.type.stored(results[value.name][i]) for value in graph.outputs],
        )
        for i in range(count)
    ]
