"""The device link over a bad line: `python -m benchmarks.link_faults [--frames N] [--seed S] [-o FILE]`.

Runs a model that counts its runs and spoils its inputs, in a process that the sanitizers watch, over a line that flips
bits and drops, inserts, repeats and delays bytes in both directions. Every result is compared with the one computed in
Python; a run that is done twice, an input of another sample, a stale answer would all show. The record is
benchmarks/link_faults.json.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeq.device.link import Link
from edgeq.device.session import Device, step_regions
from edgeq.errors import EdgeqError
from edgeq.toolchain import Program
from tests.device.faulty_line import ALL, Faults, FaultyLine
from tests.device.mirror_device import MANIFEST, SAMPLE_BYTES, ProcessLine, build_mirror, expected, steps

RECORD = Path(__file__).with_suffix(".json")
RETRY, PATIENCE = 0.02, 20.0
"""Seconds: the line is a socket of this computer, so an answer that takes longer is lost."""


@dataclass
class Outcome:
    """frames: in both directions. wrong: results that were accepted and are not those of Python. errors: requests that
    were given up. longest: seconds of the slowest request, retries included."""

    frames: int
    samples: int
    traces: int
    faults: dict[str, int]
    retries: int
    wrong: int
    errors: int
    longest: float
    seconds: float


def torment(program: Program, frames: int, seed: int, faults: Faults = ALL) -> Outcome:
    """Samples, traces and marks over a faulty line until that many frames have passed."""
    chance = random.Random(seed)
    outcome = Outcome(0, 0, 0, {}, 0, 0, 0, 0.0, 0.0)
    began = time.monotonic()
    line = FaultyLine(ProcessLine(program), faults, seed)
    device = Device(Link(line, "faulty line", retry=RETRY, patience=PATIENCE, run_patience=PATIENCE))
    regions = step_regions(MANIFEST)
    try:
        while line.frames < frames:
            start = time.monotonic()
            samples = [chance.randbytes(SAMPLE_BYTES) for _ in range(chance.randint(1, 20))]
            try:
                if chance.random() < 0.1:
                    wrong = device.trace(0, samples, regions) != steps(samples[-1], len(samples))
                    outcome.traces += 1
                elif chance.random() < 0.1:
                    output, timing = device.time(0, samples[0])
                    wrong = output != expected(samples[0], 1) or timing.marks.arena_used != 180
                    samples = samples[:1] * 2
                else:
                    wrong = device.run(0, samples) != [expected(s, i + 1) for i, s in enumerate(samples)]
                outcome.wrong += wrong
                outcome.samples += len(samples)
            except EdgeqError:
                outcome.errors += 1
            outcome.longest = max(outcome.longest, time.monotonic() - start)
        line.quiet = True
        outcome.wrong += device.run(0, [bytes(SAMPLE_BYTES)]) != [expected(bytes(SAMPLE_BYTES), 1)]
    finally:
        device.close()
    outcome.frames, outcome.retries, outcome.faults = line.frames, device.link.retries, dict(line.happened)
    outcome.seconds = time.monotonic() - began
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--out", type=Path, help=f"where to record, such as {RECORD.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = torment(build_mirror(Path(folder)), options.frames, options.seed)
    record: dict[str, Any] = {"seed": options.seed, **asdict(outcome)}
    record |= {"longest": round(outcome.longest, 3), "seconds": round(outcome.seconds, 1)}
    text = json.dumps(record, indent=1) + "\n"
    print(text, end="")
    if options.out is not None:
        options.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
