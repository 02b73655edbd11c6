"""Synthesised sounds, int16: like speech, sines, noise, and what breaks front ends. No recording is among them."""

from __future__ import annotations

import numpy as np

from edgeq.ir.types import Array

NAMES = ("speech", "quiet speech", "sine", "chirp", "noise", "hiss", "clipped", "silence", "dc", "impulses", "edges")


def signal(name: str, rate: int, count: int, seed: int = 0) -> Array:
    """`count` samples of one of NAMES."""
    random = np.random.default_rng(seed)
    t = np.arange(count) / rate
    if name.endswith("speech"):
        phase = 2 * np.pi * np.cumsum(120 + 25 * np.sin(2 * np.pi * 3 * t)) / rate
        voice = sum(np.sin(k * phase) * np.exp(-(((k * 120 - 700) / 900) ** 2)) for k in range(1, 30))
        gate = np.clip(np.sin(2 * np.pi * 2.5 * t), 0, 1) ** 0.5
        real = voice * gate / 8 + random.normal(size=count) * (0.0005 + 0.02 * (gate == 0))
        return _int16(real * (0.02 if name.startswith("quiet") else 1))
    reals = {
        "sine": 0.9 * np.sin(2 * np.pi * 0.055 * rate * t),
        "chirp": 0.5 * np.sin(2 * np.pi * (50 * t + 0.2 * rate * t * t)),
        "noise": 0.2 * random.normal(size=count),
        "hiss": 0.0001 * random.normal(size=count),
        "clipped": 5 * np.sin(2 * np.pi * 0.021 * rate * t),
        "silence": np.zeros(count),
        "dc": np.full(count, -1.0),
        "impulses": np.where(np.arange(count) % 601 == 7, -1.0, 0.0),
        "edges": random.choice([-1.0, 1.0], count),
    }
    return _int16(reals[name])


def _int16(real: Array) -> Array:
    return np.asarray(np.clip(np.rint(real * 32768), -32768, 32767).astype(np.int16))
