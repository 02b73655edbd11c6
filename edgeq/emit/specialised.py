"""The files of steps that have a kernel to themselves: a copy of it with the layer's constants in its code.

A specialised step is a function `<m>_step<i>` in a file beside its kernel's source. That file includes the source and
makes its function static, inline and of another name, so that the compiler sees the descriptor's fields as constants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from edgeq.templates import environment


def specialised_files(context: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, str]:
    """Their texts by path relative to the folder of the runtime. context: of the templates, calls included."""
    template = environment().get_template("specialised.c.j2")
    files = {}
    for step in context["steps"]:
        if step["function"]:
            source = PurePosixPath(step["source"])
            page = {"model": context, "manifest": manifest, "step": step}
            text = template.render(page, tables=_tables_of(step, context["tables"]), included=source.name)
            files[str(source.with_name(f"{step['function']}.c"))] = text
    return files


def _tables_of(step: Mapping[str, Any], tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tables that a step's descriptor or its call names."""
    texts = [*(text for _, text in step["fields"]), *step["inputs"]]
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    return [table for table in tables if table["symbol"] in words]
