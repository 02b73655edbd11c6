"""Synthesised sounds of ten kinds, with labels. None of them was recorded: they are made from sines and noise.

Every clip has random pitch, rhythm and timbre, starts anywhere in its sound, has a level of its own and lies in
coloured noise at a signal-to-noise ratio of 0 to 30 dB. Equal seeds give equal clips.

`python examples/sound/sounds.py DIR` writes sounds for calibration as wav files, and a stream of one clip of each kind
for `edgeq verify`.
"""

from __future__ import annotations

import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RATE = 16000
SAMPLES = 16896
"""Of a clip: what the network hears at once, 32 frames of mel.toml."""
HOP, EVERY = 512, 4
"""Samples from one frame to the next, and frames from one score to the next."""
CALIBRATION_SEED, STREAM_SEED = 3, 4
SNR_DB = (0.0, 30.0)
LEVEL_DB = (-30.0, -6.0)
"""Of the loudest sample, below full scale."""


def noise(random: np.random.Generator, count: int, low: float, high: float, tilt: float = 0.0) -> Array:
    """Noise between two frequencies, `tilt` dB per octave; root mean square 1."""
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    shape = np.where((hertz >= low) & (hertz <= high), np.maximum(hertz, 20.0) ** (tilt / 6.02), 0.0)
    wave = np.fft.irfft(shape * (random.normal(size=len(hertz)) + 1j * random.normal(size=len(hertz))), count)
    return np.asarray(wave / np.sqrt(np.mean(wave**2)))


def tone(hertz: Array | float, count: int, harmonics: Array) -> Array:
    """Harmonics of a pitch that may change from sample to sample; those above half the rate are left out."""
    pitch = np.broadcast_to(np.asarray(hertz, np.float64), count)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    parts = [a * np.sin(k * phase) * (k * pitch < RATE / 2) for k, a in enumerate(harmonics, 1)]
    return np.asarray(np.sum(parts, axis=0))


def events(random: np.random.Generator, count: int, apart: tuple[float, float], make: Callable[[], Array]) -> Array:
    """Sounds one after the other, from start to start so many seconds apart, beginning before the clip."""
    wave = np.zeros(count)
    start = -int(random.uniform(0, apart[1]) * RATE)
    while start < count:
        event = make()
        first, last = max(start, 0), min(start + len(event), count)
        if last > first:
            wave[first:last] += event[first - start : last - start]
        start += max(1, int(random.uniform(*apart) * RATE))
    return wave


def decay(seconds: float, times: float = 6.0) -> Array:
    """From 1 to nearly nothing in `times` time constants."""
    return np.asarray(np.exp(-np.arange(int(seconds * times * RATE)) / (seconds * RATE)))


def siren(random: np.random.Generator, count: int) -> Array:
    t = np.arange(count) / RATE + random.uniform(0, 10)
    swing = np.sin(2 * np.pi * random.uniform(0.4, 4) * t)
    pitch = random.uniform(700, 1100) * 2 ** (random.uniform(0.3, 0.6) * swing)
    return tone(pitch, count, random.uniform(0.1, 1) ** np.arange(5))


def rain(random: np.random.Generator, count: int) -> Array:
    drops = events(
        random, count, (0.001, 0.02), lambda: random.uniform(1, 6) * random.normal(size=24) * np.exp(-np.arange(24) / 6)
    )
    return noise(random, count, 400, 8000, random.uniform(-2, 1)) + drops


def engine(random: np.random.Generator, count: int) -> Array:
    t = np.arange(count) / RATE
    pitch = random.uniform(35, 120) * (1 + 0.05 * np.sin(2 * np.pi * random.uniform(0.2, 2) * t))
    strokes = tone(pitch, count, random.uniform(0.3, 1, 14) / np.sqrt(np.arange(1, 15)))
    return strokes * (1 + 0.4 * tone(pitch / 2, count, np.ones(1))) + 0.4 * noise(random, count, 60, 2500, -4)


def birdsong(random: np.random.Generator, count: int) -> Array:
    base = random.uniform(2200, 5000)

    def syllable() -> Array:
        size = int(random.uniform(0.03, 0.16) * RATE)
        x = np.linspace(0, 1, size)
        bend = random.uniform(-0.35, 0.35) * x + 0.04 * np.sin(2 * np.pi * random.uniform(2, 6) * x)
        return np.asarray(
            tone(base * random.uniform(0.8, 1.25) * 2**bend, size, np.array([1, 0.15])) * np.hanning(size)
        )

    return events(random, count, (0.06, 0.3), syllable)


def alarm(random: np.random.Generator, count: int) -> Array:
    pitch, period, share = random.uniform(1800, 3800), random.uniform(0.12, 0.5), random.uniform(0.35, 0.65)
    t = np.arange(count) / RATE + random.uniform(0, period)
    return tone(pitch, count, np.array([1, 0, 0.33, 0, 0.2])) * ((t % period) < share * period)


def knock(random: np.random.Generator, count: int) -> Array:
    body, length = random.uniform(90, 400), random.uniform(0.008, 0.03)

    def hit() -> Array:
        shape = decay(length)
        thud = tone(body * random.uniform(0.95, 1.05), len(shape), np.array([1, 0.5, 0.3])) * shape
        return np.asarray(thud + 0.4 * noise(random, len(shape), 100, 4000, -3) * shape**3)

    return events(random, count, (0.12, 0.45), hit)


def bark(random: np.random.Generator, count: int) -> Array:
    base = random.uniform(250, 700)

    def one() -> Array:
        size = int(random.uniform(0.1, 0.22) * RATE)
        x = np.linspace(0, 1, size)
        pitch = base * random.uniform(0.9, 1.1) * (1 + 0.5 * np.exp(-((x - 0.25) ** 2) / 0.04))
        voice = tone(pitch, size, np.array([0.6, 1, 0.9, 0.6, 0.5, 0.3, 0.2, 0.1]))
        return np.asarray((voice + 0.7 * noise(random, size, 400, 4000, -2)) * np.minimum(1, x / 0.08) * (1 - x) ** 1.5)

    return events(random, count, (0.28, 0.7), one)


def wind(random: np.random.Generator, count: int) -> Array:
    t = np.arange(count) / RATE + random.uniform(0, 10)
    gusts = 1 + 0.7 * np.sin(2 * np.pi * random.uniform(0.3, 1.5) * t) * np.sin(
        2 * np.pi * random.uniform(0.2, 0.9) * t
    )
    return np.asarray(noise(random, count, 30, random.uniform(500, 1500), random.uniform(-9, -5)) * gusts)


def glass(random: np.random.Generator, count: int) -> Array:
    def shard() -> Array:
        shape = decay(random.uniform(0.01, 0.07))
        pitches = random.uniform(2500, 7500, random.integers(2, 6))
        ring = sum(random.uniform(0.3, 1) * tone(p, len(shape), np.ones(1)) for p in pitches)
        click = noise(random, 160, 1500, 8000) * np.linspace(1, 0, 160) ** 2
        event = np.asarray(random.uniform(0.3, 1) * ring * shape)
        event[:160] += click
        return event

    return events(random, count, (0.02, 0.25), shard)


def hum(random: np.random.Generator, count: int) -> Array:
    mains = random.choice([50.0, 60.0]) * random.uniform(0.998, 1.002)
    levels = random.uniform(0.05, 1, 10) * np.array([0.5, 1, 0.3, 0.8, 0.2, 0.6, 0.15, 0.4, 0.1, 0.2])
    return tone(mains, count, levels)


KINDS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "siren": siren,
    "rain": rain,
    "engine": engine,
    "birdsong": birdsong,
    "alarm": alarm,
    "knock": knock,
    "bark": bark,
    "wind": wind,
    "glass": glass,
    "hum": hum,
}
"""Class -> (random, samples) -> wave of any level."""
CLASSES = tuple(KINDS)


def clip(kind: str, random: np.random.Generator, count: int = SAMPLES) -> Array:
    """One sound in noise as int16 [count]."""
    sound = KINDS[kind](random, count)
    power = np.sqrt(np.mean(sound**2)) + 1e-9
    behind = noise(random, count, 30, random.uniform(2000, 8000), random.uniform(-5, 0))
    mixed = sound / power + behind * 10 ** (-random.uniform(*SNR_DB) / 20)
    loudest = 32767 * 10 ** (random.uniform(*LEVEL_DB) / 20)
    return np.asarray(np.rint(mixed * loudest / np.abs(mixed).max()).astype(np.int16))


def clips(per_kind: int, seed: int) -> tuple[Array, Array]:
    """(int16 [clips, SAMPLES], labels [clips]); clip i is of class i % 10."""
    kinds = [i % len(CLASSES) for i in range(per_kind * len(CLASSES))]
    made = [clip(CLASSES[k], np.random.default_rng([seed, i])) for i, k in enumerate(kinds)]
    return np.stack(made), np.array(kinds)


def stream(sounds: Array) -> Array:
    """Clips one after the other as the network takes them, int16 [clips, scores, EVERY, HOP].

    The last score of each has heard the whole clip, and no other.
    """
    score = EVERY * HOP
    scores = -(-SAMPLES // score)
    padded = np.pad(sounds, ((0, 0), (scores * score - SAMPLES, 0)))
    return padded.reshape(len(sounds), scores, EVERY, HOP)


def main() -> None:
    """Writes calibration/*.wav and stream.npz."""
    folder = Path(sys.argv[1])
    (folder / "calibration").mkdir(parents=True, exist_ok=True)
    for index, (sound, kind) in enumerate(zip(*clips(6, CALIBRATION_SEED), strict=True)):
        with wave.open(str(folder / "calibration" / f"{index:02}_{CLASSES[kind]}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(sound.astype("<i2").tobytes())
    np.savez_compressed(folder / "stream.npz", inputs=stream(clips(1, STREAM_SEED)[0]).reshape(-1, HOP))


if __name__ == "__main__":
    main()
