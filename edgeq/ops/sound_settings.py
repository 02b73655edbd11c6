"""What features a network hears: the parameters of log-Mel and MFCC, with librosa's meaning of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgeq.errors import UsageError

UNITS = {"db": 10 * math.log10(2), "ln": math.log(2), "log2": 1.0}
"""Unit of the logarithm -> what one doubling of the power is in it."""
SCALES = ("slaney", "htk")
NORMS = ("slaney", "none")
WINDOWS = ("hann", "hamming")
FFT_LIMITS = (32, 4096)


@dataclass(frozen=True)
class Settings:
    """Parameters of the features. Samples are int16 and stand for sample / 32768, as librosa loads them.

    rate: samples per second. window, hop: samples of a frame, and from one frame to the next. mels: Mel bands. mfcc:
    cepstral coefficients, 0 for log-Mel. fft: points, a power of two; 0: the smallest that holds a window. low, high:
    the bands' range in Hz; high 0: half the rate. scale, norm: of the Mel filters ("slaney" is librosa's default, "htk"
    HTK's formula; norm "none": peaks of 1). shape: of the window. unit: of the logarithm. floor: the least Mel power
    that is told from less (librosa's amin). gain, offset: features are gain * x + offset, x the band or coefficient, as
    networks are trained on normalized features; gain > 0.
    """

    rate: int = 16000
    window: int = 480
    hop: int = 160
    mels: int = 40
    mfcc: int = 0
    fft: int = 0
    low: float = 0.0
    high: float = 0.0
    scale: str = "slaney"
    norm: str = "slaney"
    shape: str = "hann"
    unit: str = "db"
    floor: float = 1e-10
    gain: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Fills in what was left open. Raises UsageError for a combination that makes no sense."""
        if self.rate < 1 or self.window < 2 or self.hop < 1:
            raise UsageError(f"frames of {self.window} samples every {self.hop} at {self.rate} Hz")
        if self.fft == 0:
            object.__setattr__(self, "fft", max(FFT_LIMITS[0], 1 << (self.window - 1).bit_length()))
        if self.high == 0:
            object.__setattr__(self, "high", self.rate / 2)
        if self.fft & (self.fft - 1) or not FFT_LIMITS[0] <= self.fft <= FFT_LIMITS[1]:
            raise UsageError(f"an FFT of {self.fft} points", hint="a power of two from 32 to 4096")
        if self.window > self.fft:
            raise UsageError(f"a window of {self.window} samples in an FFT of {self.fft} points")
        if self.hop > 32767:
            raise UsageError(f"a hop of {self.hop} samples", hint="at most 32767")
        if not 1 <= self.mels <= 128:
            raise UsageError(f"{self.mels} Mel bands", hint="1 to 128")
        if not 0 <= self.mfcc <= self.mels:
            raise UsageError(f"{self.mfcc} coefficients of {self.mels} Mel bands")
        if not 0 <= self.low < self.high <= self.rate / 2:
            raise UsageError(f"Mel bands from {self.low:g} to {self.high:g} Hz at {self.rate} samples per second")
        if not 2.0**-56 <= self.floor <= 1:
            raise UsageError(f"a floor of {self.floor:g}", hint="from 1.4e-17 to 1; librosa's is 1e-10")
        if not (0 < self.gain < math.inf and abs(self.offset) < math.inf):
            raise UsageError(f"a gain of {self.gain:g} and an offset of {self.offset:g}", hint="the gain is above 0")
        for what, value, choices in (
            ("Mel scale", self.scale, SCALES),
            ("norm", self.norm, NORMS),
            ("window", self.shape, WINDOWS),
            ("unit", self.unit, tuple(UNITS)),
        ):
            if value not in choices:
                raise UsageError(f"no {what} {value!r}", hint=f"one of {', '.join(choices)}")

    @property
    def features(self) -> int:
        """Numbers per frame."""
        return self.mfcc or self.mels
