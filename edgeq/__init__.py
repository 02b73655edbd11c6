"""edgeq: trained networks in, verified C for microcontrollers out.

`compile_model` converts a model file into a folder of C; the result verifies itself on the host and in emulation.
The names are loaded on first use, so that `import edgeq` stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["EdgeqError", "Result", "__version__", "compile_model", "inspect_model", "open_result"]

if TYPE_CHECKING:
    from edgeq.errors import EdgeqError
    from edgeq.pipeline import Result, compile_model, inspect_model, open_result


def __getattr__(name: str) -> Any:
    if name == "EdgeqError":
        from edgeq.errors import EdgeqError

        return EdgeqError
    if name in __all__:
        from edgeq import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module 'edgeq' has no attribute {name!r}")
