"""Log-Mel and MFCC in float64, by librosa's documented definitions.

Power spectrum of windowed frames; Slaney's or HTK's Mel filters; 10 log10(max(power, amin)); orthonormal DCT-II.
`python -m tests.sound.record_librosa` asks librosa itself and keeps what it says beside the tests.
"""

from __future__ import annotations

import warnings

import numpy as np

from edgeq.ir.types import Array
from edgeq.sound import Settings

_FACTORS = {"db": 1.0, "ln": np.log(10) / 10, "log2": np.log2(10) / 10}


def real_features(s: Settings, samples: Array) -> Array:
    """Features of all whole frames, [frames, features]; samples are int16."""
    count = max(0, (len(samples) - s.window) // s.hop + 1)
    frames = samples[np.arange(count)[:, None] * s.hop + np.arange(s.window)] / 32768.0
    n = np.arange(s.window)
    mean, swing = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}[s.shape]
    shape = mean - swing * np.cos(2 * np.pi * n / s.window)
    power = np.abs(np.fft.rfft(frames * shape, s.fft, axis=1)) ** 2
    return _finish(s, power @ filters(s).T)


def filters(s: Settings) -> Array:
    """[mels, fft / 2 + 1]: triangles between corners that are equidistant in Mel."""
    if s.scale == "htk":
        low, high = (2595 * np.log10(1 + f / 700) for f in (s.low, s.high))
        corners = 700 * (10 ** (np.linspace(low, high, s.mels + 2) / 2595) - 1)
    else:
        step = np.log(6.4) / 27
        low, high = (f / (200 / 3) if f < 1000 else 15 + np.log(f / 1000) / step for f in (s.low, s.high))
        mel = np.linspace(low, high, s.mels + 2)
        corners = np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(step * (mel - 15)))
    bins = np.arange(s.fft // 2 + 1) * s.rate / s.fft
    rows = []
    for a, b, c in zip(corners, corners[1:], corners[2:], strict=False):
        height = 2 / (c - a) if s.norm == "slaney" else 1.0
        rows.append(height * np.clip(np.minimum((bins - a) / (b - a), (c - bins) / (c - b)), 0, None))
    return np.array(rows)


def librosa_features(s: Settings, samples: Array) -> Array:
    """librosa's own, which must be installed. It centres the window in the FFT, so zeros go before and after."""
    import librosa

    count = max(0, (len(samples) - s.window) // s.hop + 1)
    y = np.concatenate([np.zeros((s.fft - s.window) // 2), samples / 32768.0, np.zeros(s.fft)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty filters
        power = librosa.feature.melspectrogram(
            y=y, sr=s.rate, n_fft=s.fft, hop_length=s.hop, win_length=s.window, window=s.shape, center=False,
            n_mels=s.mels, fmin=s.low, fmax=s.high, htk=s.scale == "htk",
            norm="slaney" if s.norm == "slaney" else None, dtype=np.float64,
        )  # fmt: skip
    return _finish(s, power[:, :count].T)


def _finish(s: Settings, mel: Array) -> Array:
    logs = 10 * np.log10(np.maximum(mel, s.floor)) * _FACTORS[s.unit]
    if not s.mfcc:
        return np.asarray(logs * s.gain + s.offset)
    k, m = np.arange(s.mfcc), np.arange(s.mels)
    basis = np.sqrt(2 / s.mels) * np.cos(np.pi * np.outer(m + 0.5, k) / s.mels)
    basis[:, 0] /= np.sqrt(2)
    return np.asarray(logs @ basis * s.gain + s.offset)
