"""edgeq features."""

from __future__ import annotations

from pathlib import Path

import click

from edgeq.cli import arguments
from edgeq.cli.group import commands


class Duration(click.ParamType[float]):
    """25ms, 0.025s or 400 (samples); as a positive number of seconds, or a negative one of samples."""

    name = "duration"

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> float:
        text = str(value)
        for suffix, factor in (("ms", 1e-3), ("s", 1.0), ("", -1.0)):
            if text.endswith(suffix):
                try:
                    number = float(text.removesuffix(suffix))
                except ValueError:
                    break
                if number > 0:
                    return number * factor
                break
        self.fail(f"{text!r} is not a length of time, such as 30ms, or of samples, such as 480", parameter, context)


def _samples(duration: float, rate: int) -> int:
    return round(-duration) if duration < 0 else round(duration * rate)


@commands.command()
@click.option("--rate", type=click.IntRange(1), default=16000, show_default=True, help="Samples per second.")
@click.option("--window", type=Duration(), default="30ms", show_default=True, help="Length of a frame.")
@click.option("--hop", type=Duration(), default="10ms", show_default=True, help="From one frame to the next.")
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
@click.option("--network", type=arguments.PATH, metavar="DIR", help="A converted network to write int8 features for.")
@click.option("-o", "--out", type=arguments.PATH, metavar="DIR", required=True, help="Output folder.")
@click.option("--name", help="Prefix of all C names.  [default: from the output folder]")
@arguments.as_json
def features(
    network: Path | None,
    out: Path,
    name: str | None,
    as_json: bool,
    rate: int,
    window: float,
    hop: float,
    **rest: object,
) -> None:
    """Write C that turns int16 sound into log-Mel features or MFCC, frame by frame, in integers (docs/sound.md)."""
    from edgeq.emit.names import default_name
    from edgeq.sound import Settings, make_tables, read_listener, write_front_end

    settings = Settings(rate=rate, window=_samples(window, rate), hop=_samples(hop, rate), **rest)  # type: ignore[arg-type]
    listener = None if network is None else read_listener(network, settings)
    tables = make_tables(settings, None if listener is None else listener.output)
    manifest = write_front_end(tables, out, name or default_name(out), listener)
    if as_json:
        arguments.print_json(manifest)
        return
    ram = manifest["frame_bytes"] + manifest["scratch_bytes"]
    stored = f"int{tables.output.bits}, scale {tables.output.scale:.6g}, zero point {tables.output.zero_point}"
    sizes = f"tables {manifest['tables_bytes']} bytes, RAM {ram}"
    click.echo(f"{manifest['name']}: {settings.features} features per frame, {stored}; {sizes}: {out}")
