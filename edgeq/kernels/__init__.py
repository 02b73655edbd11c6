"""The kernels of the C runtime as rows, and the choice of one per node."""

import importlib
import pkgutil

from edgeq.kernels.registry import Kernel, kernels, kernels_for
from edgeq.kernels.select import Choice, select_kernels

__all__ = ["Choice", "Kernel", "kernels", "kernels_for", "select_kernels"]

# Every module of layouts adds its rows to LAYOUTS.
for _module in pkgutil.iter_modules(__path__):
    if _module.name.startswith("layouts_"):
        importlib.import_module(f"{__name__}.{_module.name}")
