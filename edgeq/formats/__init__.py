"""Number formats: `number_format(name)` finds a row, `number_formats()` lists them; docs/spec.md has the bytes."""

from edgeq.formats.base import Format
from edgeq.formats.registry import number_format, number_formats, register

__all__ = ["Format", "number_format", "number_formats", "register"]
