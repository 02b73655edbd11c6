"""The kernels of the C runtime as rows, and the choice of one per node."""

from edgeq.kernels import layouts_dsp as layouts_dsp  # adds its rows to LAYOUTS
from edgeq.kernels import layouts_grouped as layouts_grouped  # adds its rows to LAYOUTS
from edgeq.kernels import layouts_mve as layouts_mve  # adds its rows to LAYOUTS
from edgeq.kernels import layouts_packed as layouts_packed  # adds its rows to LAYOUTS
from edgeq.kernels import layouts_small_weights as layouts_small_weights  # adds its rows to LAYOUTS
from edgeq.kernels import layouts_v6m as layouts_v6m  # adds its rows to LAYOUTS
from edgeq.kernels import layouts_v7m as layouts_v7m  # adds its rows to LAYOUTS
from edgeq.kernels.registry import Kernel, kernels, kernels_for
from edgeq.kernels.select import Choice, select_kernels

__all__ = ["Choice", "Kernel", "kernels", "kernels_for", "select_kernels"]
