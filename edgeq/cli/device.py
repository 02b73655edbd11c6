"""edgeq run, edgeq monitor."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeq.cli import arguments, line
from edgeq.cli.group import commands
from edgeq.errors import UsageError


@commands.command()
@arguments.folder
@click.option("--inputs", type=arguments.PATH, metavar="X.npz", required=True, help="Samples: `inputs`.")
@click.option(
    "-o", "--out", type=arguments.PATH, metavar="FILE", help="Outputs, .npz or .json.  [default: JSON, printed]"
)
@click.option("--real", is_flag=True, help="Outputs as real numbers, instead of the integers of the C.")
@arguments.compiler
@line.line_options
def run(
    folder: Path,
    inputs: Path,
    out: Path | None,
    real: bool,
    compiler: str,
    port: str,
    baud: int | None,
    run_timeout: float,
) -> None:
    """Run samples on a board that holds the C in DIR (docs/device.md)."""
    import numpy as np

    from edgeq.device.inference import run_folder
    from edgeq.pipeline import open_result

    if out is not None and out.suffix not in (".npz", ".json"):
        raise UsageError("outputs are written as .npz or .json", where=str(out))
    result = open_result(folder)
    with line.open_line(port, baud, run_timeout, shown=True) as way:
        found = run_folder(result.dir, result.manifest, inputs, way, real=real, compiler=compiler)
    if out is None:
        arguments.print_json(found.to_json())
    elif out.suffix == ".npz":
        np.savez(out, **found.outputs)  # type: ignore[arg-type]
    else:
        out.write_text(json.dumps(found.to_json(), indent=1) + "\n", "utf-8")
    if out is not None:
        click.echo(f"{out}: {found.samples} samples from {found.board}")


@commands.command()
@line.port
@line.baud
@click.option("--seconds", type=click.FloatRange(min=0.0), help="End after so long.  [default: Ctrl-C ends it]")
def monitor(port: str, baud: int | None, seconds: float | None) -> None:
    """Show what a board says: frames of the link by their meaning, text as it is."""
    from edgeq.device.monitor import watch
    from edgeq.device.ports import AUTO, DEFAULT_BAUD, find_port, open_port

    stream = open_port(find_port(None) if port == AUTO else port, baud or DEFAULT_BAUD)
    try:
        for text in watch(stream, seconds):
            click.echo(text)
    finally:
        stream.close()
