"""The Jinja environment of all templates: strict, and with whitespace as C and build files want it."""

from __future__ import annotations

from functools import cache

import jinja2

from edgeq import resources


@cache
def environment() -> jinja2.Environment:
    """Templates by their path under codegen/."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.codegen_dir()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
