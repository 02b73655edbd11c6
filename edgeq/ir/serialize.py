"""Graphs as npz files: the structure as JSON, the arrays beside it. Nothing is pickled, the bytes repeat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from edgeq.errors import ModelFileError
from edgeq.ir.graph import Graph, Node, Value
from edgeq.ir.types import Array, DType, Quantization, TensorType

FORMAT = 2


def save_graph(graph: Graph, file: Path) -> None:
    """Writes `graph`, constants and integer parameters included."""
    arrays: dict[str, Array] = {}
    keys: dict[int, str] = {}

    def store(array: Array) -> str:
        if id(array) not in keys:
            keys[id(array)] = f"a{len(keys)}"
            arrays[keys[id(array)]] = array
        return keys[id(array)]

    values = list(graph.values())
    index = {id(v): i for i, v in enumerate(values)}
    document = {
        "format": FORMAT,
        "name": graph.name,
        "meta": graph.meta,
        "values": [_value_json(v, store) for v in values],
        "inputs": [index[id(v)] for v in graph.inputs],
        "outputs": [index[id(v)] for v in graph.outputs],
        "nodes": [
            {
                "op": n.op,
                "name": n.name,
                "inputs": [None if v is None else index[id(v)] for v in n.inputs],
                "outputs": [index[id(v)] for v in n.outputs],
                "attrs": n.attrs,
                "params": {
                    k: {"array": store(v)} if isinstance(v, np.ndarray) else int(v) for k, v in n.params.items()
                },
            }
            for n in graph.nodes
        ],
    }
    text = json.dumps(document, sort_keys=True).encode()
    np.savez_compressed(file, allow_pickle=False, graph=np.frombuffer(text, dtype=np.uint8), **arrays)


def _value_json(value: Value, store: Any) -> dict[str, Any]:
    quantization = value.type.quantization
    return {
        "name": value.name,
        "shape": value.shape,
        "dtype": value.type.dtype.value,
        "quantization": None
        if quantization is None
        else [quantization.scale, quantization.zero_point, quantization.axis],
        "format": value.type.format,
        "packed": value.type.packed,
        "data": None if value.data is None else store(value.data),
    }


def load_graph(file: Path) -> Graph:
    """Reads what `save_graph` wrote. Raises ModelFileError for anything else."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        document = json.loads(arrays.pop("graph").tobytes())
        if document["format"] != FORMAT:
            raise ModelFileError(f"graph format {document['format']}, this edgeq reads {FORMAT}", where=str(file))
        return _graph(document, arrays)
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, BadZipFile) as error:
        raise ModelFileError(
            f"cannot read the stored graph: {error}", where=str(file), hint="convert the model again"
        ) from None


def _graph(document: dict[str, Any], arrays: dict[str, Array]) -> Graph:
    values = [
        Value(
            v["name"],
            TensorType(
                tuple(v["shape"]), DType(v["dtype"]), _quantization(v["quantization"]), v["format"], v["packed"]
            ),
            None if v["data"] is None else arrays[v["data"]],
        )
        for v in document["values"]
    ]
    nodes = [
        Node(
            n["op"],
            n["name"],
            [None if i is None else values[i] for i in n["inputs"]],
            [values[i] for i in n["outputs"]],
            {k: _tuples(a) for k, a in n["attrs"].items()},
            {k: arrays[p["array"]] if isinstance(p, dict) else p for k, p in n["params"].items()},
        )
        for n in document["nodes"]
    ]
    return Graph(
        document["name"],
        [values[i] for i in document["inputs"]],
        [values[i] for i in document["outputs"]],
        nodes,
        document["meta"],
    )


def _quantization(entry: list[Any] | None) -> Quantization | None:
    return None if entry is None else Quantization(tuple(entry[0]), tuple(entry[1]), entry[2])


def _tuples(attr: Any) -> Any:
    return tuple(_tuples(a) for a in attr) if isinstance(attr, list) else attr
