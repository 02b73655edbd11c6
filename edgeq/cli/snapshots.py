"""edgeq snapshot, edgeq check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands
from edgeq.errors import RegressionError


@commands.command()
@arguments.folder
@click.option(
    "-o", "--out", "file", type=arguments.PATH, metavar="FILE", help="Snapshot file.  [default: DIR.snapshot.toml]"
)
@click.option(
    "--inputs", type=arguments.PATH, metavar="X.npz", help="Samples to store in the snapshot instead of random ones."
)
@click.option("--samples", type=click.IntRange(1), default=4, show_default=True, help="How many samples.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random samples.")
@arguments.compiler
def snapshot(folder: Path, **options: Any) -> None:
    """Store what the C in DIR computes and costs."""
    from edgeq.pipeline import open_result
    from edgeq.snapshot import take

    path = take(open_result(folder), **options)
    click.echo(f"{path}: written; compare later with: edgeq check {folder} {path}")


@commands.command()
@arguments.folder
@click.argument("file", type=arguments.PATH, required=False)
@click.option("--strict", is_flag=True, help="Fail when another compiler than the snapshot's built the C.")
@arguments.compiler
@arguments.as_json
def check(folder: Path, file: Path | None, strict: bool, compiler: str, as_json: bool) -> int:
    """Compare the C in DIR with its snapshot.

    Builds and runs again; fails when a bit changed or a cost grew beyond the tolerance in FILE
    [default: DIR.snapshot.toml].
    """
    from edgeq.pipeline import open_result
    from edgeq.report.checked import render_check
    from edgeq.snapshot import check as check_snapshot

    found = check_snapshot(open_result(folder), file, strict=strict, compiler=compiler)
    if as_json:
        arguments.print_json(found.to_json())
    else:
        click.echo(render_check(found.to_json()), nl=False)
    return 0 if found.passed else RegressionError.exit_code
