"""edgeq convert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands
from edgeq.cli.measure import print_verification
from edgeq.cli.progress import progress_bar


@commands.command()
@arguments.model
@click.option("--board", required=True, help="A name from `edgeq boards`, or the path of a board's .toml file.")
@click.option("-o", "--out", type=arguments.PATH, metavar="DIR", help="Output folder.  [default: ./NAME_BOARD]")
@click.option("--name", help="Prefix of all C names and files.  [default: from the model's file]")
@click.option(
    "--calibrate",
    type=arguments.PATH,
    metavar="X.npz",
    help="Samples by which a float model is quantized; or a folder of npy, wav or png files.",
)
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
    "--activations",
    metavar="FORMAT",
    help="How wide a float model's activations are: int8, int16, or mixed: int16 where 8 bits would cost most; "
    "mixed:30 until 30 dB of signal to noise are reached.  [default: int8]",
)
@click.option(
    "--plan",
    type=arguments.PATH,
    metavar="FILE",
    help="How each layer is stored: a TOML file that `edgeq tune` wrote, or you.",
)
@arguments.methods
@arguments.calibration
@arguments.seed
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
    "--attention",
    type=click.Choice(["fused", "log2", "split"]),
    default="fused",
    show_default=True,
    help="How a float model's attention is computed: as one operator, with probabilities that are powers of two, or as "
    "products and a softmax with a matrix of scores.",
)
@click.option(
    "--max-ram", type=click.IntRange(1), metavar="BYTES", help="The most that the arena may take, if need be slower."
)
@click.option(
    "--stream",
    is_flag=True,
    help="Of a network over a window of time, take only the newest frames per call and keep state.",
)
@click.option(
    "--ring",
    type=click.Choice(["int8", "int4"]),
    default="int8",
    show_default=True,
    help="With --stream: how keys and values of causal attention are kept.",
)
@click.option(
    "--features",
    type=arguments.PATH,
    metavar="FILE",
    help="The sound features that the network was trained on, as TOML: the C takes samples, and makes them itself.",
)
@click.option(
    "--every",
    type=click.IntRange(1),
    metavar="FRAMES",
    help="With --features: frames from one score to the next.  [default: 1, or what strides ask for]",
)
@arguments.project
@click.option("--verify", is_flag=True, help="Verify the result on host and emulator.")
@arguments.dimension
@arguments.compiler
def convert(model: Path, board: str, verify: bool, project: str | None, **options: Any) -> int:
    """Convert MODEL (.tflite or .onnx) into a folder of C for a board."""
    from edgeq.pipeline import compile_model
    from edgeq.report.text import render_summary

    with progress_bar() as progress:
        if project is None:
            result, update = compile_model(model, board, progress=progress, **options), None
        else:
            from edgeq.assemble import compile_project

            result, update = compile_project(model, board, project, progress=progress, **options)
    if update is not None:
        arguments.print_notes(update.notes())
    click.echo(render_summary(result.manifest, str(result.dir)), nl=False)
    return print_verification(result, as_json=False, compiler=options["compiler"]) if verify else 0
