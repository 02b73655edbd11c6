"""The table of ONNX operators: (domain, operator) -> the function that writes its canonical form."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeq.frontends.onnx.importer import NodeImport

Converter = Callable[["NodeImport"], None]

_rows: dict[tuple[str, str], Converter] = {}

MODULES = (
    "activations",
    "arithmetic",
    "dense",
    "einsum",
    "linear_attention",
    "masks",
    "normalization",
    "qonnx",
    "recurrent",
    "quantization",
    "reductions",
    "resize",
    "shapes",
    "windows",
)

QONNX_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
"""Of QONNX's operators: today's name, and those of older exporters."""

EDGEQ_DOMAIN = "edgeq"
"""Of local functions that are recognised by name; all others are replaced by their bodies."""

HINTS = {
    "ConvTranspose": "use a nearest Resize followed by a Conv",
    "LogSoftmax": "end the network at the logits, or with Softmax",
    "DynamicQuantizeLinear": "use static quantization with calibration data",
    "ConvInteger": "use static quantization (QDQ format) with calibration data",
    "MatMulInteger": "use static quantization (QDQ format) with calibration data",
    "If": "export the model for inference with fixed shapes, or simplify it",
    "Loop": "export the model for inference with fixed shapes, or simplify it",
    "NonMaxSuppression": "do this step in the application",
    "TopK": "do this step in the application",
}


def converts(*names: str, domain: str = "") -> Callable[[Converter], Converter]:
    """Decorator: the function converts these operators."""

    def add(function: Converter) -> Converter:
        for name in names:
            _rows[domain, name] = function
        return function

    return add


@cache
def _load_all() -> None:
    for module in MODULES:
        importlib.import_module(f"edgeq.frontends.onnx.{module}")


def converter(domain: str, name: str) -> Converter | None:
    """The row of an operator, None when it is not supported."""
    _load_all()
    return _rows.get((domain, name))


def supported() -> list[tuple[str, str]]:
    """Every (domain, operator) that has a row, sorted."""
    _load_all()
    return sorted(_rows)
