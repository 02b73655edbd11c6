"""The methods by name. Modules of this folder are found, not listed."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from edgeq.errors import UsageError
from edgeq.quant.methods.base import Method

PRESETS: dict[str, tuple[str, ...]] = {
    "none": (),
    "auto": ("bias",),
    "better": ("bias", "gptq", "batch-norm"),
    "best": ("bias", "distill"),
}
"""Sets of methods. `auto`, the default, takes no time; `better` does with numpy, `best` takes PyTorch and minutes."""

_OWN = ("base", "registry")


@cache
def methods() -> dict[str, Method]:
    """Every method by name, in the order in which they run."""
    package = importlib.import_module("edgeq.quant.methods")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _OWN:
            importlib.import_module(f"{package.__name__}.{module.name}")
    found = [kind() for kind in Method.__subclasses__()]
    return {m.name: m for m in sorted(found, key=lambda m: (m.stage, m.order, m.name))}


def chosen_methods(text: str | tuple[str, ...] | list[str]) -> list[Method]:
    """Reads the name of a set, or names with commas between; in the order in which they run. Raises UsageError."""
    names = [part.strip() for part in text.split(",")] if isinstance(text, str) else list(text)
    wanted: set[str] = set()
    for name in names:
        if name not in PRESETS and name not in methods():
            known = ", ".join([*PRESETS, *methods()])
            raise UsageError(f"{name!r} is not a method of quantization", hint=f"use some of: {known}")
        wanted.update(PRESETS.get(name, (name,)))
    return [method for name, method in methods().items() if name in wanted]
