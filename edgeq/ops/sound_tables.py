"""The integers of a front end: window, twiddles, filters, logarithm and cosines, as the C has them.

Scales, from the samples on. Samples are shifted left until the largest uses 15 bits (the block's exponent), times a Q31
window: |x| < 2**30. Every stage of the FFT halves, so the spectrum is 1/N of the sum and never grows past the samples'
range; its power is exact in 64 bits. Logarithms to base 2 have 16 bits behind the point. The filters are triangles with
peak 1; a norm, the FFT's length and all of these scales are one addition to the logarithm, per band (`offsets`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeq.errors import UsageError
from edgeq.ir.types import Array
from edgeq.ops.fixed_point import quantize_multiplier
from edgeq.ops.sound_settings import UNITS, Settings

LOG_BITS = 16
"""Bits behind the point of logarithms."""
LOG_STEPS = 64
CEPSTRUM_BITS = 9
"""Bits behind the point of the logarithms that enter the cosine transform; they have 7 before it."""
LOG_LIMIT = 64
"""No logarithm reaches this: powers are under 2**24, floors are at least 2**-56."""
ROW_LIMIT = 32767
"""Most that the |cosines| of a row add up to, so that a row times int16 leaves a bit for the offset."""
TABLES = ("shape", "twiddles", "edges", "weights", "offsets", "logs", "cosines")
OFFSET_LIMITS = {True: 2**30, False: 2**24}
"""|offset| of MFCC, and of logarithms, is under this; with it, values stay under 2**31 and 2**25."""


@dataclass(frozen=True)
class Output:
    """How a feature is stored: real = (integer - zero_point) * scale, in `bits` (8 or 16)."""

    scale: float
    zero_point: int = 0
    bits: int = 16


@dataclass(frozen=True)
class Tables:
    """The fields of `edgeq_sound_features_t`, and how its features are read. Arrays are the tables of the same name."""

    settings: Settings
    output: Output
    fft_bits: int
    shape: Array  # of the window: int32 [window], Q31
    twiddles: Array  # int32 [fft / 2, 2], Q31: real and imaginary part of exp(-2 pi i k / fft)
    edges: Array  # uint16 [mels + 2]: the first bin at or above each corner of the triangles
    weights: Array  # uint16 [edges[-1] - edges[0]], Q15: how far up the rising slope each bin is
    offsets: Array  # int32 [mels], Q16
    logs: Array  # uint16 [65], Q15: log2(1 + i / 64)
    cosines: Array  # int16 [mfcc, mels]
    floor: int  # Q16
    offset: int  # added to logarithms, Q16, or to sums of cosines
    multiplier: int
    shift: int

    @property
    def descriptor(self) -> dict[str, Any]:
        """The fields of `edgeq_sound_features_t` but `frames`: ints, and the arrays of `TABLES`."""
        s = self.settings
        return {
            "window": s.window,
            "hop": s.hop,
            "fft_bits": self.fft_bits,
            "mels": s.mels,
            "mfcc": s.mfcc,
            **{table: getattr(self, table) for table in TABLES},
            "floor": self.floor,
            "offset": self.offset,
            "multiplier": self.multiplier,
            "shift": self.shift,
            "zero_point": self.output.zero_point,
            "output_bits": self.output.bits,
        }

    @property
    def limits(self) -> tuple[int, int]:
        """Least and largest integer of an output."""
        half = 1 << (self.output.bits - 1)
        return -half, half - 1


def make_tables(settings: Settings, output: Output | None = None) -> Tables:
    """The tables of a front end. output None: int16 with as many bits behind the point as always fit.

    Raises UsageError when an output's scale is too small for 32-bit arithmetic.
    """
    s = settings
    unit = UNITS[s.unit] * s.gain
    bits = s.fft.bit_length() - 1
    angle = 2 * np.pi * np.arange(s.fft // 2) / s.fft
    corners = mel_corners(s)
    edges = np.clip(np.ceil(corners * s.fft / s.rate - 1e-9), 1, s.fft // 2).astype(np.uint16)
    offsets = np.log2(band_gains(s, corners)) + 2 * bits - 60
    cosines, cosine_bits = _cosines(s)
    behind = CEPSTRUM_BITS + cosine_bits if s.mfcc else LOG_BITS
    if output is None:
        whole = math.log2(LOG_LIMIT * (math.sqrt(s.mels) if s.mfcc else 1) + abs(s.offset) / unit)
        output = Output(unit * 2.0 ** -math.floor(15 - whole))
    multiplier, shift = quantize_multiplier(unit * 2.0**-behind / output.scale)
    offset = s.offset / unit * 2.0**behind
    if abs(offset) >= OFFSET_LIMITS[bool(s.mfcc)]:
        raise UsageError(f"an offset of {s.offset:g} is too large for a gain of {s.gain:g}")
    if shift > (0 if s.mfcc else 6):
        raise UsageError(f"a scale of {output.scale:g} is too fine for these features", hint="choose a larger one")
    return Tables(
        settings=s,
        output=output,
        fft_bits=bits,
        shape=_q31(window_shape(s)),
        twiddles=np.stack([_q31(np.cos(angle)), _q31(-np.sin(angle))], axis=-1),
        edges=edges,
        weights=_weights(s, corners, edges),
        offsets=np.rint(offsets * 2**LOG_BITS).astype(np.int32),
        logs=np.rint(np.log2(1 + np.arange(LOG_STEPS + 1) / LOG_STEPS) * 2**15).astype(np.uint16),
        cosines=cosines,
        floor=round(math.log2(s.floor) * 2**LOG_BITS),
        offset=round(offset),
        multiplier=multiplier,
        shift=shift,
    )


def _q31(x: Array) -> Array:
    return np.asarray(np.clip(np.rint(x * 2.0**31), -(2**31), 2**31 - 1).astype(np.int32))


def window_shape(s: Settings) -> Array:
    """The periodic window, as spectra take it: its first sample would follow its last."""
    mean, swing = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}[s.shape]
    return np.asarray(mean - swing * np.cos(2 * np.pi * np.arange(s.window) / s.window))


def to_mel(hertz: float, scale: str) -> float:
    """Slaney's scale (Auditory Toolbox): linear under 1 kHz, 27 steps per factor 6.4 above; HTK's: 2595 log10."""
    if scale == "htk":
        return 2595 * math.log10(1 + hertz / 700)
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def to_hertz(mel: float, scale: str) -> float:
    """The inverse of `to_mel`."""
    if scale == "htk":
        return float(700 * (10 ** (mel / 2595) - 1))
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) / 27 * math.log(6.4))


def mel_corners(s: Settings) -> Array:
    """Hertz of the corners of the triangles, equidistant in Mel: [mels + 2]; band m spans corners m to m + 2."""
    low, high = to_mel(s.low, s.scale), to_mel(s.high, s.scale)
    inner: Sequence[float] = [low + (high - low) * i / (s.mels + 1) for i in range(1, s.mels + 1)]
    return np.array([s.low, *(to_hertz(mel, s.scale) for mel in inner), s.high])


def band_gains(s: Settings, corners: Array) -> Array:
    """Height of each triangle: 1, or with Slaney's norm such that its area is 1 Hz."""
    return np.asarray(2 / (corners[2:] - corners[:-2]) if s.norm == "slaney" else np.ones(s.mels))


def _weights(s: Settings, corners: Array, edges: Array) -> Array:
    """The falling slope of a band is 1 minus the rising one of the next: one weight per bin serves both."""
    bins = np.arange(edges[0], edges[-1])
    slope = np.searchsorted(edges[1:], bins, side="right")
    rise = (bins * s.rate / s.fft - corners[slope]) / (corners[slope + 1] - corners[slope])
    return np.asarray(np.clip(np.rint(rise * 2**15), 0, 2**15).astype(np.uint16))


def mel_filters(s: Settings) -> Array:
    """The triangles in full, as reals [mels, fft / 2 + 1]."""
    corners, bins = mel_corners(s)[:, None], np.arange(s.fft // 2 + 1) * s.rate / s.fft
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    sides = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    return np.asarray(np.maximum(sides, 0) * band_gains(s, mel_corners(s))[:, None])


def cosine_rows(s: Settings) -> Array:
    """The orthonormal DCT-II as reals [mfcc, mels]."""
    k, m = np.arange(s.mfcc)[:, None], np.arange(s.mels)[None, :]
    rows = np.cos(np.pi * k * (2 * m + 1) / (2 * s.mels)) * np.where(k == 0, 1, math.sqrt(2)) / math.sqrt(s.mels)
    return np.asarray(rows)


def _cosines(s: Settings) -> tuple[Array, int]:
    """The same as int16, and its bits behind the point."""
    real = cosine_rows(s)
    if not s.mfcc:
        return real.astype(np.int16), 0
    bits = next(b for b in range(15, 0, -1) if _fits(np.rint(real * 2.0**b)))
    return np.rint(real * 2.0**bits).astype(np.int16), bits


def _fits(rows: Array) -> bool:
    return bool(np.abs(rows).max() < 2**15 and np.abs(rows).sum(axis=1).max() <= ROW_LIMIT)
