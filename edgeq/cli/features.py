"""edgeq features."""

from __future__ import annotations

from pathlib import Path

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands


@commands.command()
@click.option("--rate", type=click.IntRange(1), default=16000, show_default=True, help="Samples per second.")
@click.option("--window", default="30ms", show_default=True, help="Length of a frame.")
@click.option("--hop", default="10ms", show_default=True, help="From one frame to the next.")
@click.option("--mels", type=int, default=40, show_default=True, help="Mel bands.")
@click.option("--mfcc", type=int, default=0, help="Cepstral coefficients instead of bands.")
@click.option("--fft", type=int, default=0, help="Points, a power of two.  [default: the least for a window]")
@click.option("--low", type=float, default=0.0, show_default=True, help="Lowest frequency in Hz.")
@click.option("--high", type=float, default=0.0, help="Highest frequency in Hz.  [default: half the rate]")
@click.option("--scale", default="slaney", show_default=True, help="Mel scale: slaney or htk.")
@click.option("--norm", default="slaney", show_default=True, help="Of the filters: slaney (area 1) or none (peak 1).")
@click.option("--shape", default="hann", show_default=True, help="Window: hann or hamming.")
@click.option("--unit", default="db", show_default=True, help="Of the logarithm: db, ln or log2.")
@click.option("--floor", type=float, default=1e-10, show_default=True, help="Least power of a band.")
@click.option("--gain", type=float, default=1.0, show_default=True, help="Features are gain * x + offset.")
@click.option("--offset", type=float, default=0.0, show_default=True, help="See --gain.")
@click.option("-o", "--out", type=arguments.PATH, metavar="DIR", required=True, help="Output folder.")
@click.option("--name", help="Prefix of all C names.  [default: from the output folder]")
@arguments.as_json
def features(
    out: Path,
    name: str | None,
    as_json: bool,
    rate: int,
    window: str,
    hop: str,
    **rest: object,
) -> None:
    """Write C that turns int16 sound into log-Mel features or MFCC, frame by frame, in integers (docs/sound.md)."""
    from edgeq.emit.names import default_name
    from edgeq.sound import Settings, make_tables, samples_of, write_front_end

    times = {"window": samples_of(window, rate), "hop": samples_of(hop, rate)}
    settings = Settings(rate=rate, **times, **rest)  # type: ignore[arg-type]
    tables = make_tables(settings)
    manifest = write_front_end(tables, out, name or default_name(out))
    if as_json:
        arguments.print_json(manifest)
        return
    ram = manifest["frame_bytes"] + manifest["scratch_bytes"]
    stored = f"int{tables.output.bits}, scale {tables.output.scale:.6g}, zero point {tables.output.zero_point}"
    sizes = f"tables {manifest['tables_bytes']} bytes, RAM {ram}"
    click.echo(f"{manifest['name']}: {settings.features} features per frame, {stored}; {sizes}: {out}")
