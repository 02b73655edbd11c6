"""Writes librosa.npz: what librosa says of the sounds in front_ends.py. `pip install librosa` first (0.11 was used)."""

from __future__ import annotations

import numpy as np

from tests.oracles.librosa_features import librosa_features
from tests.sound.front_ends import FRONT_ENDS, RECORD, recorded_sound

if __name__ == "__main__":
    record = {}
    for i, front_end in enumerate(FRONT_ENDS):
        sound = recorded_sound(front_end)
        record |= {f"sound{i}": sound, f"features{i}": librosa_features(front_end, sound).astype(np.float32)}
    np.savez_compressed(RECORD, **record)
