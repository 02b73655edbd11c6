"""Arguments and options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgeq import resources


def print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=1))


def print_notes(notes: Sequence[str]) -> None:
    """What is not an error, but must be said."""
    for note in notes:
        click.echo(f"note: {note}", err=True)


def dimension_sizes(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> dict[str, int]:
    """NAME:N, any number of times."""
    found = {}
    for value in values:
        name, _, size = value.rpartition(":")
        if not name or not size.isdecimal() or int(size) < 1:
            raise click.BadParameter(f"{value!r} is not of the form NAME:N with N of 1 or more")
        found[name] = int(size)
    return found


PATH = click.Path(path_type=Path)

model = click.argument("model", type=PATH)
folder = click.argument("folder", metavar="DIR", type=PATH)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
compiler = click.option(
    "--compiler",
    type=click.Choice(["auto", "zig", "gcc", "clang"]),
    default="auto",
    show_default=True,
    help="What builds the C for the board.",
)
project = click.option(
    "--project",
    type=click.Choice(resources.project_names()),
    help="Write a complete firmware project around it (docs/projects.md).",
)
dimension = click.option(
    "-d",
    "--dimension",
    "dimensions",
    metavar="NAME:N",
    multiple=True,
    callback=dimension_sizes,
    help="Size of a dimension that the model leaves open, such as batch:1. May be repeated.",
)
samples = click.option(
    "--samples",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Random samples when there are no --inputs.",
)
methods = click.option(
    "--method",
    "methods",
    metavar="NAME[,NAME]",
    help="How a float model is rounded: auto, none, best, or methods by name (edgeq methods).  [default: auto]",
)
calibration = click.option(
    "--calibration",
    metavar="METHOD",
    help="How the ranges of activations are chosen: min-max, percentile, mse or entropy.  "
    "[default: min-max at eight bits, mse below]",
)
seed = click.option("--seed", type=click.IntRange(0), help="Of the methods that learn.  [default: 0]")
