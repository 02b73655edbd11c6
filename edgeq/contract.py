"""The numbers shared with C; `runtime/include/edgeq/edgeq_contract.h` mirrors them and a test compares the two."""

from __future__ import annotations

ABI_VERSION = 1
"""Raised whenever generated C and runtime of different versions must not be mixed."""

ARENA_ALIGN = 16
"""Alignment in bytes of the arena and of every tensor that a kernel reads by words."""

WEIGHTS_ALIGN = 4
"""Alignment in bytes of every constant table in the generated C."""

REQUANTIZATION = "litert_reference"
"""The rounding rule of requantization that the manifest names (docs/numbers.md)."""

PROJECT_MARKER = "edgeq_project.json"
"""The file at the root of a project folder by which edgeq knows what it wrote there (docs/projects.md)."""
