"""edgeq tune, edgeq sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands


def size(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Bytes: 24576, 24K, 1M."""
    return _scaled(value, 1024)


def count(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """5000000, 5000K, 5M."""
    return _scaled(value, 1000)


def _scaled(value: str | None, kilo: int) -> int | None:
    if value is None:
        return None
    digits = value.rstrip("kKmM")
    units = {"": 1, "k": kilo, "m": kilo**2}
    unit = value[len(digits) :].lower()
    if not digits.isdecimal() or unit not in units or int(digits) < 1:
        raise click.BadParameter(f"{value!r} is not a number such as 24576, 24K or 1M")
    return int(digits) * units[unit]


def names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Names with commas between."""
    return None if value is None else tuple(part.strip() for part in value.split(","))


@commands.command()
@arguments.model
@click.option("--board", required=True, help="A name from `edgeq boards`, or the path of a board's .toml file.")
@click.option("--calibrate", type=arguments.PATH, required=True, metavar="X.npz", help="Samples, `labels` optional.")
@click.option("-o", "--out", type=arguments.PATH, default="plan.toml", show_default=True, metavar="FILE")
@click.option("--max-flash", callback=size, metavar="BYTES", help="Code and constants of the built model: 24K.")
@click.option("--max-ram", callback=size, metavar="BYTES", help="The arena.")
@click.option("--max-instructions", callback=count, metavar="N", help="Of one inference.")
@click.option("--max-drop", type=click.FloatRange(0), metavar="PERCENT", help="Least flash at this loss of accuracy.")
@click.option("--formats", callback=names, metavar="A,B,...", help="Formats of weights to choose from, beside int8.")
@click.option("--activations", callback=names, metavar="A,B,...", help="Formats of outputs beside a8: au4,au2,...")
@click.option("--sensitivity", default="output-error", show_default=True, help="How the loss of a layer is estimated.")
@click.option("--methods", metavar="A,B,...", help="Of quantization, for the plan's [methods]; as for convert.")
@click.option("--judges", type=click.IntRange(1), default=128, show_default=True, help="Samples that judge a plan.")
@click.option("--generations", type=click.IntRange(0), default=0, show_default=True, help="Of evolution at the end.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--optimize", type=click.Choice(["size", "speed", "balanced"]), default="balanced", show_default=True)
@click.option("--compare", metavar="BOARD", help="Search for this board too, and say where and why the plans differ.")
@click.option("--processes", type=click.IntRange(1), metavar="N", help="How many run candidates.  [default: all cores]")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers run candidates instead.")
@arguments.dimension
@arguments.compiler
@arguments.as_json
def tune(model: Path, out: Path, as_json: bool, compare: str | None, **options: Any) -> None:
    """Choose the format of each layer of MODEL for a board.

    Writes a plan for `convert --plan`, and beside it FILE.html, the front of all plans. An interrupted search goes on
    where it stopped when the same command is given again.
    """
    from edgeq.report.tuned import render_differences, render_tuned
    from edgeq.tune.explain import as_json as explained
    from edgeq.tune.explain import differences
    from edgeq.tune.page import render_front
    from edgeq.tune.search import tune as search
    from edgeq.tune.search import write_plan

    request = _request(model, **options)
    journal = out.with_name(f"{out.name}.journal")

    def progress(text: str) -> None:
        click.echo(text, err=True)

    found = search(request, journal, progress, keep_journal=compare is not None)
    write_plan(out, request, found)
    shown = explained(request, found)
    page = out.with_suffix(".html")
    page.write_text(render_front(shown), "utf-8")
    texts = [render_tuned(shown)]
    if compare is not None:
        other = _request(model, **{**options, "board": compare})
        there = search(other, journal, progress)
        shown["compared"] = {"board": other.board.name, "differences": differences(found, there)}
        shown["compared"]["plan"] = explained(other, there)["plan"]
        texts.append(render_differences(request.board.name, other.board.name, shown["compared"]["differences"]))
    if as_json:
        arguments.print_json(shown)
        return
    click.echo("\n".join(texts), nl=False)
    click.echo(f"\n{out}: the plan; convert with: edgeq convert {model} --board {request.board.name} --plan {out} ...")
    click.echo(f"{page}: the front")


def _request(model: Path, **options: Any) -> Any:
    from edgeq.boards import load_board
    from edgeq.tune.options import WEIGHTS, Formats
    from edgeq.tune.search import Request
    from edgeq.tune.solve import Budget

    kept = ("calibrate", "max_drop", "optimize", "sensitivity", "judges", "generations", "seed", "processes")
    limits = {name: options[f"max_{name}"] for name in ("flash", "ram", "instructions")}
    methods = {} if options["methods"] is None else {"methods": options["methods"]}
    return Request(
        model,
        load_board(options["board"]),
        budget=Budget(**limits),
        formats=Formats.parse(options["formats"] or WEIGHTS, options["activations"] or ()),
        methods=methods,
        scheduler=options["scheduler"],
        compiler=options["compiler"],
        dimensions=options["dimensions"],
        **{name: options[name] for name in kept},
    )


@commands.command()
@arguments.model
@click.option("--board", help="What flash and instructions are measured on; nothing is built without it.")
@click.option("--calibrate", type=arguments.PATH, required=True, metavar="X.npz", help="Samples; each seed draws some.")
@click.option("--test", type=arguments.PATH, metavar="Y.npz", help="Samples that judge.  [default: those of X]")
@click.option("--formats", callback=names, default="int8,int4,int2", show_default=True, metavar="A,B,...")
@click.option("--edges", metavar="FORMAT", help="Of the first, the last and depthwise layers.  [default: int8]")
@click.option("--plan", "plans", type=arguments.PATH, multiple=True, metavar="FILE", help="A plan besides; repeatable.")
@click.option("--methods", multiple=True, metavar="A,B,...", help="Of quantization; repeatable.  [default: auto]")
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--share", type=float, default=0.5, show_default=True, help="Of the samples that each seed draws.")
@click.option("--optimize", type=click.Choice(["size", "speed", "balanced"]), default="balanced", show_default=True)
@click.option("--processes", type=click.IntRange(1), metavar="N", help="How many run candidates.  [default: all cores]")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers run candidates instead.")
@click.option("--journal", type=arguments.PATH, metavar="FILE", help="Keeps finished runs until the table is done.")
@arguments.dimension
@arguments.as_json
def sweep(
    model: Path,
    board: str | None,
    formats: tuple[str, ...],
    plans: tuple[Path, ...],
    methods: tuple[str, ...],
    journal: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure formats and plans of MODEL under several methods, over seeds, with intervals of 95 %."""
    from edgeq.boards import load_board
    from edgeq.report.tuned import render_sweep
    from edgeq.tune.sweep import Study
    from edgeq.tune.sweep import sweep as study

    target = None if board is None else load_board(board)
    asked = Study(model, target, plans=(*formats, *plans), methods=methods or ("auto",), **options)
    rows = [row.to_json() for row in study(asked, journal, lambda text: click.echo(text, err=True))]
    if as_json:
        arguments.print_json(rows)
    else:
        click.echo(render_sweep(rows), nl=False)
