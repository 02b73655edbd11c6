"""The entry: bytes of an ONNX file to a graph, or one clear error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgeq.errors import EdgeqError, ModelFileError
from edgeq.frontends.onnx.importer import Importer
from edgeq.frontends.onnx.proto import HINT, parse_model
from edgeq.frontends.problems import Problems
from edgeq.ir.graph import Graph
from edgeq.ir.verify import verify_structure


def load_onnx(path: str | Path, data: bytes, dimensions: Mapping[str, int] | None = None) -> Graph:
    """A real or quantized graph from the bytes of the ONNX file at `path`.

    path: names the file in errors; external weights are looked for in its folder only.
    dimensions: sizes of dynamic dimensions by name; an unnamed one is `<input>.<axis>`. A dynamic batch becomes 1.
    Raises EdgeqError of one kind or another, never anything else; UnsupportedError lists every problem.
    """
    where = str(path)
    try:
        model, opsets = parse_model(where, data)
        importer = Importer(model.graph, opsets, Path(where).parent, Problems())
        graph = importer.run(dimensions or {}, where)
    except EdgeqError as error:
        if error.where != where:
            error.where = f"{where}: {error.where}" if error.where else where
        raise
    except (MemoryError, RecursionError, ArithmeticError, ValueError, TypeError, LookupError, AttributeError) as error:
        # Damaged files have more ways to be wrong than there are checks; none of them may end in a traceback.
        message = f"cannot be understood ({type(error).__name__}: {error})"
        raise ModelFileError(message, where=where, hint=HINT) from error
    graph.name = model.graph.name or "model"
    producer = " ".join(part for part in (model.producer_name, model.producer_version) if part)
    graph.meta |= {"format": "qonnx" if importer.exact else "onnx", "producer": producer, "opset": opsets.default}
    verify_structure(graph, "the ONNX frontend")
    return graph
