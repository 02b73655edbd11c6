"""The front ends of the tests, and the sounds whose features librosa was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeq.ir.types import Array
from edgeq.sound import Settings
from tests.sound.signals import signal

RECORD = Path(__file__).parent / "librosa.npz"

KEYWORDS = Settings()
SPEECH_COMMANDS = Settings(window=640, hop=320, mfcc=10, low=20, high=4000, scale="htk", norm="none", unit="ln")
FRONT_ENDS = (
    KEYWORDS,
    Settings(mfcc=13),
    SPEECH_COMMANDS,
    Settings(rate=8000, window=200, hop=80, mels=32, shape="hamming"),
    Settings(window=1024, hop=512, mels=64, unit="log2"),
)


def recorded_sound(s: Settings) -> Array:
    """A fifth of a second of speech, a sine and noise, one after the other."""
    count = s.rate // 15
    return np.concatenate(
        [signal("speech", s.rate, 3 * count)[-count:], signal("sine", s.rate, count), signal("noise", s.rate, count)]
    )
