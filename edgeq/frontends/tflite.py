"""TensorFlow Lite files: int8 and float models become quantized and real graphs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from edgeq.errors import ModelFileError
from edgeq.frontends.tflite_file import HINT, read_file
from edgeq.frontends.tflite_fold import FOLDS
from edgeq.frontends.tflite_importer import Importer
from edgeq.frontends.tflite_layers import LAYERS
from edgeq.frontends.tflite_moves import MOVES
from edgeq.frontends.tflite_norms import NORMS
from edgeq.frontends.tflite_products import PRODUCTS
from edgeq.frontends.tflite_recurrent import RECURRENT
from edgeq.frontends.tflite_state import VARIABLES, convert_line, find_lines
from edgeq.ir.graph import Graph

ROWS = {**LAYERS, **MOVES, **NORMS, **PRODUCTS, **RECURRENT, **VARIABLES}
"""Every operator that is converted, by its name in the schema."""


def load_tflite(path: Path, data: bytes, dimensions: Mapping[str, int] | None = None) -> Graph:
    """The graph of a .tflite file. dimensions: sizes of open axes, by INPUT.AXIS; an open first axis is 1.

    Raises ModelFileError, ModelDataError, or one UnsupportedError that lists everything that cannot be converted.
    """
    where = path.name
    model = read_file(data, where)
    if not model.main.operators:
        raise ModelFileError("computes nothing: it has no operators", where=where, hint=HINT)
    lines = find_lines(model)
    special = {number: partial(convert_line, line=line) for number, line in lines.by_join.items()}
    return Importer(model, path.stem, where, ROWS, FOLDS, special, lines.vanished).run(dimensions)
