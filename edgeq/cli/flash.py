"""edgeq flash."""

from __future__ import annotations

from pathlib import Path

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands
from edgeq.errors import VerificationError


@commands.command()
@click.argument("folders", metavar="DIR...", type=arguments.PATH, nargs=-1, required=True)
@click.option("--board", metavar="B", help="Name or .toml file.  [default: the board that DIR was converted for]")
@click.option(
    "--port",
    default="auto",
    metavar="PORT",
    help="Where the firmware will answer: a serial port or a URL.  [default: the one board that is plugged in]",
)
@click.option("--upload-port", metavar="PORT", help="Where the boot loader listens, if elsewhere.  [default: --port]")
@click.option("--route", metavar="NAME", help="How to write.  [default: the board's first whose tool is installed]")
@click.option("-o", "--out", type=arguments.PATH, metavar="FOLDER", help="Keep the firmware's file here.")
@click.option("--dry-run", is_flag=True, help="Build, and print the commands instead of calling them.")
@click.option(
    "--samples", type=click.IntRange(0), default=10, show_default=True, help="Verified afterwards; 0 for none."
)
@arguments.compiler
@arguments.as_json
def flash(
    folders: tuple[Path, ...],
    board: str | None,
    port: str,
    upload_port: str | None,
    route: str | None,
    out: Path | None,
    dry_run: bool,
    samples: int,
    compiler: str,
    as_json: bool,
) -> int:
    """Build the firmware of the models in DIR... and write it into a board.

    Afterwards the board is asked who it is, and ten samples are proved bit for bit (docs/boards.md).
    """
    from edgeq.boards import load_board
    from edgeq.device import Line
    from edgeq.flash import flash as flash_board
    from edgeq.pipeline import open_result
    from edgeq.projects import model_folders

    results = [open_result(part) for folder in folders for part in model_folders(folder)]
    target = load_board(board if board is not None else results[0].manifest["board"])
    written = flash_board(
        [result.dir for result in results],
        target,
        port=upload_port or port,
        route=route,
        out=out,
        compiler=compiler,
        dry_run=dry_run,
        say=lambda line: click.echo(f"  {line}", err=True),
    )
    report = written.to_json()
    if not as_json:
        for command in written.commands:
            click.echo(command)
        click.echo(
            f"{'built' if dry_run else 'written'}: {written.file.name}, {written.flash_bytes:,} bytes of flash, "
            f"{written.ram_bytes:,} bytes of RAM with the stack"
        )
    exact = True
    if samples and not dry_run:
        line = Line(port, target.serial.baud if target.serial is not None else None)
        proofs = [result.verify(on=["device"], samples=samples, line=line) for result in results]
        exact = all(proof.bit_exact for proof in proofs)
        report["verified"] = [proof.to_json() for proof in proofs]
        if not as_json:
            click.echo(f"{samples} samples on the board: {'bit-exact' if exact else 'WRONG, see edgeq verify'}")
    if as_json:
        arguments.print_json(report)
    return 0 if exact else VerificationError.exit_code
