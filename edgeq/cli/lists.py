"""edgeq inspect, boards, ops, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands
from edgeq.errors import UnsupportedError

if TYPE_CHECKING:
    from edgeq.boards import Board


@commands.command()
@arguments.model
@arguments.dimension
@arguments.as_json
def inspect(model: Path, dimensions: dict[str, int], as_json: bool) -> int:
    """List what is in MODEL and what cannot be converted."""
    from edgeq.inspect import inspect_model
    from edgeq.report.inspected import render_inspection

    found = inspect_model(model, dimensions)
    if as_json:
        arguments.print_json(found.to_json())
    else:
        click.echo(render_inspection(found.to_json()), nl=False)
    return 0 if found.convertible else UnsupportedError.exit_code


@commands.command()
@arguments.as_json
def boards(as_json: bool) -> None:
    """List the boards."""
    from edgeq.boards import list_boards
    from edgeq.report.registries import render_boards

    rows = [_board(board) for board in list_boards()]
    if as_json:
        arguments.print_json(rows)
    else:
        click.echo(render_boards(rows), nl=False)


def _board(board: Board) -> dict[str, Any]:
    emulators = [name for name, there in (("unicorn", board.unicorn), ("qemu", board.qemu)) if there is not None]
    emulators += ["rtl"] if board.rtl else []
    return {
        "name": board.name,
        "aliases": list(board.aliases),
        "summary": board.summary,
        "cpu": board.cpu,
        "features": sorted(board.features),
        "flash_bytes": board.flash_bytes,
        "ram_bytes": board.ram_bytes,
        "emulators": ["native"] if board.is_host else emulators,
        "rtl_cores": list(board.rtl),
        "serial": None if board.serial is None else board.serial.driver,
        "uploads": [upload.route for upload in board.uploads],
    }


@commands.command()
@arguments.as_json
def ops(as_json: bool) -> None:
    """List operators, formats and kernels."""
    from edgeq.report.registries import render_ops

    registries = _registries()
    if as_json:
        arguments.print_json(registries)
    else:
        click.echo(render_ops(registries), nl=False)


def _registries() -> dict[str, Any]:
    from edgeq.kernels import kernels
    from edgeq.kernels.names import parse_kernel_name
    from edgeq.ops import operators

    named = [(kernel, parse_kernel_name(kernel.name)) for kernel in kernels()]
    rows = []
    for row in operators():
        own = [name for kernel, name in named if kernel.op == row.kernels and row.lowers_to_integers]
        rows.append(
            {
                "name": row.name,
                "summary": row.summary,
                "formats": sorted({name.formats for name in own}),
                "isas": sorted({name.isa for name in own}),
                "without_kernel": "no code" if row.is_view else None if own else "gone before the C",
            }
        )
    names = [{"name": k.name, "op": k.op, "isa": list(k.isa), "when": k.when, "layout": k.layout} for k, _ in named]
    return {"operators": rows, "kernels": names, "formats": sorted({name.formats for _, name in named})}


@commands.command()
@arguments.as_json
def doctor(as_json: bool) -> None:
    """Tell which tools are there and what others add."""
    from edgeq.doctor import diagnose, report

    found = diagnose()
    if as_json:
        arguments.print_json(found.as_dict())
    else:
        click.echo(report(found), nl=False)
