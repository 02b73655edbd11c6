"""edgeq combine."""

from __future__ import annotations

from pathlib import Path

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands


@commands.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=arguments.PATH)
@click.option("-o", "--out", type=arguments.PATH, metavar="DIR", required=True, help="Output folder.")
@click.option("--name", help="Name of the whole.  [default: from the output folder]")
@arguments.project
def combine(folders: tuple[Path, ...], out: Path, name: str | None, project: str | None) -> None:
    """Put the converted models of every DIR into one folder: the runtime once, and one arena for all.

    With --project, write a firmware project around them; a single DIR will do then.
    """
    from edgeq.assemble import combine as combine_into
    from edgeq.assemble import write_project

    if project is None:
        whole = combine_into(folders, out, name)
        click.echo(f"{whole.name}: {len(whole.models())} models, arena {whole.manifest['arena_bytes']} bytes: {out}")
        return
    update = write_project(folders, project, out, name)
    arguments.print_notes(update.notes())
    click.echo(f"{project} project: {out}, {len(update.written)} files written")
