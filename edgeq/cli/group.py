"""The group that holds every command."""

from __future__ import annotations

import click

import edgeq


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(edgeq.__version__, prog_name="edgeq")
def commands() -> None:
    """Trained networks in, verified C for microcontrollers out."""
