"""edgeq methods."""

from __future__ import annotations

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands


@commands.command()
@arguments.as_json
def methods(as_json: bool) -> None:
    """List the methods of quantization, in the order in which they run, and the sets of them."""
    from edgeq.quant.calibration import CALIBRATIONS
    from edgeq.quant.methods.registry import PRESETS
    from edgeq.quant.methods.registry import methods as rows
    from edgeq.report.layout import Column, table

    found = [
        {"name": m.name, "stage": m.stage.name.lower(), "learns": m.learns, "summary": m.summary, "source": m.source}
        for m in rows().values()
    ]
    ranges = [{"name": row.name, "summary": row.summary} for row in CALIBRATIONS.values()]
    if as_json:
        arguments.print_json({"methods": found, "sets": PRESETS, "calibrations": ranges})
        return
    columns = [Column("--method"), Column("needs"), Column("what it does", flex=True)]
    lines = table(columns, [[str(m["name"]), "torch" if m["learns"] else "", str(m["summary"])] for m in found])
    lines += [
        "",
        *table([Column("set"), Column("methods", flex=True)], [[k, ", ".join(v)] for k, v in PRESETS.items()]),
    ]
    lines += ["", *table([Column("--calibration"), Column("range", flex=True)], [[*row.values()] for row in ranges])]
    click.echo("\n".join(lines))
