"""edgeq verify, edgeq bench."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands
from edgeq.cli.line import line_options, open_line
from edgeq.errors import VerificationError


def _places(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> list[str]:
    """Several options or one with commas; host and emulator when none is given."""
    places = [place.strip() for value in values for place in value.split(",")]
    for place in places:
        if place not in ("host", "emulator"):
            _counted(_context, _parameter, place)
    return list(dict.fromkeys(places)) or ["host", "emulator"]


def _counted(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """device, rtl, or rtl:CORE."""
    if value is not None and value != "device" and value.partition(":")[0] != "rtl":
        raise click.BadParameter(f"{value!r} is not a place to run")
    return value


@commands.command()
@arguments.folder
@click.option(
    "--on",
    multiple=True,
    metavar="host|emulator|rtl[:CORE]|device",
    callback=_places,
    help="Where to run: once, repeated, or with a comma; rtl is a simulated RISC-V core, device a board on a line "
    "(docs/device.md).  [default: host,emulator]",
)
@click.option("--inputs", type=arguments.PATH, metavar="X.npz", help="Samples: `inputs`, and optionally `labels`.")
@arguments.samples
@click.option("--reference", type=click.Choice(["original"]), help="Also run the original model in its own runtime.")
@arguments.compiler
@line_options
@arguments.as_json
def verify(
    folder: Path, as_json: bool, port: str, baud: int | None, run_timeout: float, on: list[str], **options: Any
) -> int:
    """Prove the C in DIR bit for bit."""
    from edgeq.pipeline import open_result

    with open_line(port, baud, run_timeout, shown="device" in on) as line:
        found = open_result(folder).verify(on=on, line=line, **options)
    return _print(found, as_json)


def print_verification(result: Any, as_json: bool, **options: Any) -> int:
    """Verifies, prints, and returns the exit code."""
    return _print(result.verify(**options), as_json)


def _print(found: Any, as_json: bool) -> int:
    from edgeq.report.measured import render_verification

    if as_json:
        arguments.print_json(found.to_json())
    else:
        click.echo(render_verification(found.to_json()), nl=False)
    return 0 if found.bit_exact else VerificationError.exit_code


@commands.command()
@arguments.folder
@click.option(
    "--on",
    metavar="rtl[:CORE]|device",
    callback=_counted,
    help="Count cycles too: on a simulated RISC-V core (docs/cycles.md), or on a board (docs/device.md).",
)
@arguments.compiler
@line_options
@arguments.as_json
def bench(
    folder: Path, on: str | None, compiler: str, port: str, baud: int | None, run_timeout: float, as_json: bool
) -> None:
    """Measure the C in DIR: instructions, cycles where they can be known, and bytes."""
    from edgeq.pipeline import open_result
    from edgeq.report.measured import render_bench

    with open_line(port, baud, run_timeout, shown=False) as line:
        measured = open_result(folder).bench(compiler=compiler, on=on, line=line).to_json()
    if as_json:
        arguments.print_json(measured)
    else:
        click.echo(render_bench(measured), nl=False)
