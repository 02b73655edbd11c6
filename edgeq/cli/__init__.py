"""The command line: arguments, printing and exit codes; everything else is in the rooms that it calls.

Every module here adds its commands to the group. Rooms are imported inside the commands, so that
`edgeq --help` needs none of them.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

import click

from edgeq.cli.group import commands
from edgeq.errors import EdgeqError

BUG = 70
INTERRUPTED = 130

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


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
