"""Log-Mel and MFCC in integers: the slow truth, of which runtime/src/sound is the twin in C. All frames at once."""

from __future__ import annotations

import numpy as np

from edgeq.ir.types import Array
from edgeq.ops.fixed_point import requantize
from edgeq.ops.sound_settings import UNITS, Settings
from edgeq.ops.sound_tables import CEPSTRUM_BITS, LOG_BITS, Tables, cosine_rows, mel_filters, window_shape


def features(tables: Tables, samples: Array) -> Array:
    """Features of all whole frames: int16 [n] -> int16 or int8 [frames, features], the first frame at sample 0."""
    s = tables.settings
    count = max(0, (len(samples) - s.window) // s.hop + 1)
    starts = np.arange(count)[:, None] * s.hop
    frames = np.asarray(samples, np.int16)[starts + np.arange(s.window)].astype(np.int64)
    spectrum, exponent = _spectrum(tables, frames)
    levels = _levels(tables, spectrum, exponent)
    if s.mfcc:
        rounded = (levels + (1 << (LOG_BITS - CEPSTRUM_BITS - 1))) >> (LOG_BITS - CEPSTRUM_BITS)
        levels = rounded @ tables.cosines.astype(np.int64).T
    low, high = tables.limits
    y = requantize(levels + tables.offset, tables.multiplier, tables.shift) + tables.output.zero_point
    return np.asarray(np.clip(y, low, high).astype(np.int8 if tables.output.bits == 8 else np.int16))


def real_features(s: Settings, samples: Array) -> Array:
    """The same in float64: parts of full scale [n] -> reals [frames, features]."""
    count = max(0, (len(samples) - s.window) // s.hop + 1)
    frames = samples[np.arange(count)[:, None] * s.hop + np.arange(s.window)]
    power = np.abs(np.fft.rfft(frames * window_shape(s), s.fft, axis=1)) ** 2
    levels = np.log2(np.maximum(power @ mel_filters(s).T, s.floor))
    return np.asarray((levels @ cosine_rows(s).T if s.mfcc else levels) * (UNITS[s.unit] * s.gain) + s.offset)


def _half_product(x: Array, weight: Array) -> Array:
    """x * weight / 2 for a Q31 weight, rounded down."""
    return np.asarray((x * weight) >> 32)


def _spectrum(tables: Tables, frames: Array) -> tuple[tuple[Array, Array], Array]:
    """Bins 1 to N / 2 - 1 of the windowed frames (index 0 is none), divided by N, and the frames' exponents [n, 1]."""
    half = tables.settings.fft // 2
    size = np.bitwise_or.reduce(frames ^ (frames >> 15), axis=1, initial=0)
    exponent = 15 - np.ceil(np.log2(size + 1)).astype(np.int64)[:, None]
    x = np.zeros((len(frames), 2 * half), np.int64)
    x[:, : frames.shape[1]] = _half_product(frames << (exponent + 16), tables.shape.astype(np.int64))
    # A transform of N / 2 complex points: even samples are the real parts, odd ones the imaginary parts.
    order = _bit_reversed(half)
    re, im = _transform(x[:, ::2][:, order], x[:, 1::2][:, order], tables.twiddles.astype(np.int64))
    return _split(re, im, tables.twiddles.astype(np.int64)), exponent


def _bit_reversed(points: int) -> Array:
    order = np.zeros(1, np.int64)
    while len(order) < points:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def _transform(re: Array, im: Array, twiddles: Array) -> tuple[Array, Array]:
    """Decimation in time, radix 2, every stage halved."""
    points = re.shape[1]
    width = 1
    while width < points:
        k = np.arange(width) * (points // width)  # twiddles are of twice as many points
        c, d = twiddles[k, 0], twiddles[k, 1]
        re, im = (a.reshape(len(a), points // width // 2, 2, width) for a in (re, im))
        (ar, br), (ai, bi) = ((a[:, :, 0], a[:, :, 1]) for a in (re, im))
        tr = np.where(k == 0, br >> 1, _half_product(br, c) - _half_product(bi, d))
        ti = np.where(k == 0, bi >> 1, _half_product(br, d) + _half_product(bi, c))
        re = np.stack([(ar >> 1) + tr, (ar >> 1) - tr], axis=2).reshape(len(ar), points)
        im = np.stack([(ai >> 1) + ti, (ai >> 1) - ti], axis=2).reshape(len(ai), points)
        width *= 2
    return re, im


def _split(re: Array, im: Array, twiddles: Array) -> tuple[Array, Array]:
    """The spectrum of the real samples from that of the complex ones, halved once more."""
    points = re.shape[1]
    k = np.arange(1, points // 2 + 1)
    other = points - k
    c, d = twiddles[k, 0], twiddles[k, 1]
    sum_re, sum_im = (re[:, k] >> 1) + (re[:, other] >> 1), (im[:, k] >> 1) - (im[:, other] >> 1)
    dif_re, dif_im = (re[:, k] >> 1) - (re[:, other] >> 1), (im[:, k] >> 1) + (im[:, other] >> 1)
    # t = -i (c + i d) (dif_re + i dif_im) / 2
    tr = _half_product(dif_re, d) + _half_product(dif_im, c)
    ti = _half_product(dif_im, d) - _half_product(dif_re, c)
    out_re, out_im = np.zeros_like(re), np.zeros_like(im)
    out_re[:, other], out_im[:, other] = (sum_re >> 1) - tr, ti - (sum_im >> 1)
    out_re[:, k], out_im[:, k] = (sum_re >> 1) + tr, (sum_im >> 1) + ti
    return out_re, out_im


def _levels(tables: Tables, spectrum: tuple[Array, Array], exponent: Array) -> Array:
    """log2 of the power in each band, Q16, at least the floor: [frames, mels]."""
    re, im = spectrum
    edges = tables.edges.astype(np.int64)
    power = (re * re + im * im)[:, edges[0] : edges[-1]]
    weights = tables.weights.astype(np.int64)
    rising = ((power >> 32) * weights << 17) + (((power & 0xFFFFFFFF) * weights) >> 15)  # power * weight / 2**15
    bands = []
    for m in range(tables.settings.mels):
        first, middle, last = edges[m : m + 3] - edges[0]
        falling = power[:, middle:last] - rising[:, middle:last]
        bands.append(rising[:, first:middle].sum(axis=1) + falling.sum(axis=1))
    band = np.stack(bands, axis=1)
    levels = _log2(np.maximum(band, 1), tables.logs.astype(np.int64)) + tables.offsets - (exponent << (LOG_BITS + 1))
    return np.asarray(np.where(band > 0, np.maximum(levels, tables.floor), tables.floor))


def _log2(x: Array, logs: Array) -> Array:
    """log2 of x in [1, 2**63) as Q16: the place of the top bit, a table of its next 6 bits, a line over 16 more."""
    top = np.zeros_like(x)
    for step in (32, 16, 8, 4, 2, 1):
        top = np.where(x >> (top + step) > 0, top + step, top)
    mantissa = np.where(top >= 22, x >> np.maximum(top - 22, 0), x << np.maximum(22 - top, 0))
    index, rest = (mantissa >> 16) & 63, mantissa & 0xFFFF
    return np.asarray((top << LOG_BITS) + 2 * logs[index] + (((logs[index + 1] - logs[index]) * rest) >> 15))
