"""Options that say how to reach a board, and the bar that shows how far it is. No command of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from edgeq.device import Line

_Command = TypeVar("_Command", bound=Callable[..., Any])

port = click.option(
    "--port",
    default="auto",
    metavar="PORT",
    help="The board's serial port, or a URL: socket://HOST:PORT and others of pyserial; sim: and qemu:[BOARD] start a "
    "device on this computer.  [default: the one board that is plugged in]",
)
baud = click.option(
    "--baud",
    type=click.IntRange(300),
    metavar="N",
    help="Bits per second.  [default: of the board's file, else 115200]",
)
run_timeout = click.option(
    "--run-timeout",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a board may be silent while a layer runs.",
)


def line_options(command: _Command) -> _Command:
    """--port, --baud, --run-timeout."""
    return port(baud(run_timeout(command)))


@contextmanager
def open_line(port: str, baud: int | None, run_timeout: float, *, shown: bool) -> Iterator[Line]:
    """The line that the options describe; with `shown`, a bar on a terminal's stderr says how many samples are done."""
    from edgeq.device import Line

    if not (shown and sys.stderr.isatty()):
        yield Line(port, baud, run_timeout)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("samples"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("samples", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield Line(port, baud, run_timeout, show)
