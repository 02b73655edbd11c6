"""The command line: arguments, printing and exit codes; everything else is in the rooms that it calls.

Rooms are imported inside the commands, so that `edgeq --help` needs none of them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import edgeq
from edgeq.errors import EdgeqError, RegressionError, UnsupportedError, VerificationError

if TYPE_CHECKING:
    from edgeq.boards import Board

BUG = 70
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code. Errors go to stderr, without a traceback unless EDGEQ_DEBUG is set."""
    debug = os.environ.get("EDGEQ_DEBUG", "") not in ("", "0")
    try:
        outcome = commands.main(None if arguments is None else list(arguments), "edgeq", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except EdgeqError as error:
        if debug:
            raise
        from edgeq.report.failures import render_error

        click.echo(render_error(error), err=True, nl=False)
        return error.exit_code
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {where}{error.strerror or error}", err=True)
        return EdgeqError.exit_code
    except Exception as error:
        if debug:
            raise
        click.echo(f"error: this is a bug in edgeq: {_one_line(error)} (EDGEQ_DEBUG=1 shows where)", err=True)
        return BUG


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=1))


def _dimensions(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> dict[str, int]:
    """NAME:N, any number of times."""
    found = {}
    for value in values:
        name, _, size = value.rpartition(":")
        if not name or not size.isdecimal() or int(size) < 1:
            raise click.BadParameter(f"{value!r} is not of the form NAME:N with N of 1 or more")
        found[name] = int(size)
    return found


def _places(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> list[str]:
    """Several options or one with commas; host and emulator when none is given."""
    places = [place.strip() for value in values for place in value.split(",")]
    for place in places:
        if place not in ("host", "emulator"):
            _core(_context, _parameter, place)
    return list(dict.fromkeys(places)) or ["host", "emulator"]


def _core(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """rtl, or rtl:CORE."""
    if value is not None and value.partition(":")[0] != "rtl":
        raise click.BadParameter(f"{value!r} is not a place to run")
    return value


_PATH = click.Path(path_type=Path)

_model = click.argument("model", type=_PATH)
_folder = click.argument("folder", metavar="DIR", type=_PATH)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
_compiler = click.option(
    "--compiler",
    type=click.Choice(["auto", "zig", "gcc", "clang"]),
    default="auto",
    show_default=True,
    help="What builds the C for the board.",
)
_dimension = click.option(
    "-d",
    "--dimension",
    "dimensions",
    metavar="NAME:N",
    multiple=True,
    callback=_dimensions,
    help="Size of a dimension that the model leaves open, such as batch:1. May be repeated.",
)
_samples = click.option(
    "--samples",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Random samples when there are no --inputs.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(edgeq.__version__, prog_name="edgeq")
def commands() -> None:
    """Trained networks in, verified C for microcontrollers out."""


@commands.command()
@_model
@click.option("--board", required=True, help="A name from `edgeq boards`, or the path of a board's .toml file.")
@click.option("-o", "--out", type=_PATH, metavar="DIR", help="Output folder.  [default: ./NAME_BOARD]")
@click.option("--name", help="Prefix of all C names and files.  [default: from the model's file]")
@click.option("--calibrate", type=_PATH, metavar="X.npz", help="Samples by which a float model is quantized.")
@click.option(
    "--weights",
    metavar="FORMAT",
    help="How a float model's weights are stored: int8, int7, ... int2, ternary, binary, trit-planes; "
    "int4:g32 in groups of 32.  [default: int8]",
)
@click.option(
    "--weights-edges", metavar="FORMAT", help="The same for the first, the last and depthwise layers.  [default: int8]"
)
@click.option(
    "--optimize",
    type=click.Choice(["size", "speed", "balanced"]),
    default="balanced",
    show_default=True,
    help="What to prefer when kernels are chosen and compiled.",
)
@click.option("--require-int", is_flag=True, help="Refuse models that are not quantized already.")
@click.option("--keep-dead", is_flag=True, help="Compute channels too that never change or that nothing reads.")
@click.option(
    "--max-ram", type=click.IntRange(1), metavar="BYTES", help="The most that the arena may take, if need be slower."
)
@click.option("--verify", is_flag=True, help="Verify the result on host and emulator.")
@_dimension
@_compiler
def convert(model: Path, board: str, verify: bool, **options: Any) -> int:
    """Convert MODEL (.tflite or .onnx) into a folder of C for a board."""
    from edgeq.pipeline import compile_model
    from edgeq.report.text import render_summary

    result = compile_model(model, board, **options)
    click.echo(render_summary(result.manifest, str(result.dir)), nl=False)
    return _verify(result, as_json=False, compiler=options["compiler"]) if verify else 0


@commands.command()
@_folder
@click.option(
    "--on",
    multiple=True,
    metavar="host|emulator|rtl[:CORE]",
    callback=_places,
    help="Where to run: once, repeated, or with a comma; rtl is a simulated RISC-V core.  [default: host,emulator]",
)
@click.option("--inputs", type=_PATH, metavar="X.npz", help="Samples: `inputs`, and optionally `labels`.")
@_samples
@click.option("--reference", type=click.Choice(["original"]), help="Also run the original model in its own runtime.")
@_compiler
@_json
def verify(folder: Path, as_json: bool, **options: Any) -> int:
    """Prove the C in DIR bit for bit."""
    from edgeq.pipeline import open_result

    return _verify(open_result(folder), as_json, **options)


def _verify(result: Any, as_json: bool, **options: Any) -> int:
    from edgeq.report.measured import render_verification

    found = result.verify(**options)
    if as_json:
        _print_json(found.to_json())
    else:
        click.echo(render_verification(found.to_json()), nl=False)
    return 0 if found.bit_exact else VerificationError.exit_code


@commands.command()
@_folder
@click.option(
    "--on", metavar="rtl[:CORE]", callback=_core, help="Count cycles too, on a simulated RISC-V core (docs/cycles.md)."
)
@_compiler
@_json
def bench(folder: Path, on: str | None, compiler: str, as_json: bool) -> None:
    """Measure the C in DIR: instructions, cycles where they can be known, and bytes."""
    from edgeq.pipeline import open_result
    from edgeq.report.measured import render_bench

    measured = open_result(folder).bench(compiler=compiler, on=on).to_json()
    if as_json:
        _print_json(measured)
    else:
        click.echo(render_bench(measured), nl=False)


@commands.command()
@_folder
@click.option("-o", "--out", "file", type=_PATH, metavar="FILE", help="Snapshot file.  [default: DIR.snapshot.toml]")
@click.option("--inputs", type=_PATH, metavar="X.npz", help="Samples to store in the snapshot instead of random ones.")
@click.option("--samples", type=click.IntRange(1), default=4, show_default=True, help="How many samples.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random samples.")
@_compiler
def snapshot(folder: Path, **options: Any) -> None:
    """Store what the C in DIR computes and costs."""
    from edgeq.pipeline import open_result
    from edgeq.snapshot import take

    path = take(open_result(folder), **options)
    click.echo(f"{path}: written; compare later with: edgeq check {folder} {path}")


@commands.command()
@_folder
@click.argument("file", type=_PATH, required=False)
@click.option("--strict", is_flag=True, help="Fail when another compiler than the snapshot's built the C.")
@_compiler
@_json
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
        _print_json(found.to_json())
    else:
        click.echo(render_check(found.to_json()), nl=False)
    return 0 if found.passed else RegressionError.exit_code


@commands.command()
@_model
@_dimension
@_json
def inspect(model: Path, dimensions: dict[str, int], as_json: bool) -> int:
    """List what is in MODEL and what cannot be converted."""
    from edgeq.inspect import inspect_model
    from edgeq.report.inspected import render_inspection

    found = inspect_model(model, dimensions)
    if as_json:
        _print_json(found.to_json())
    else:
        click.echo(render_inspection(found.to_json()), nl=False)
    return 0 if found.convertible else UnsupportedError.exit_code


@commands.command()
@_json
def boards(as_json: bool) -> None:
    """List the boards."""
    from edgeq.boards import list_boards
    from edgeq.report.registries import render_boards

    rows = [_board(board) for board in list_boards()]
    if as_json:
        _print_json(rows)
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
        "flash_bytes": None if board.flash is None else board.flash.bytes,
        "ram_bytes": None if board.ram is None else board.ram.bytes,
        "emulators": ["native"] if board.is_host else emulators,
        "rtl_cores": list(board.rtl),
    }


@commands.command()
@_json
def ops(as_json: bool) -> None:
    """List operators, formats and kernels."""
    from edgeq.report.registries import render_ops

    registries = _registries()
    if as_json:
        _print_json(registries)
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
@_json
def doctor(as_json: bool) -> None:
    """Tell which tools are there and what others add."""
    from edgeq.doctor import diagnose, report

    found = diagnose()
    if as_json:
        _print_json(found.as_dict())
    else:
        click.echo(report(found), nl=False)


if __name__ == "__main__":
    main()
