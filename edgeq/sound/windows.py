"""What the network behind a front end was given, call by call: for comparisons with the original network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgeq.ir.types import Array
from edgeq.npz import in_source_layout, to_original
from edgeq.ops.sound_reference import features
from edgeq.ops.sound_settings import Settings
from edgeq.ops.sound_tables import Output, make_tables


def heard_windows(sound: Mapping[str, Any], samples: Array) -> Array:
    """Samples of consecutive calls [calls, ...] -> the features that each ends with, as the original takes them.

    sound: the manifest's entry. Before the first call there was silence.
    """
    settings, spec = Settings(**sound["settings"]), sound["features"]
    bits = 8 * np.dtype(spec["dtype"]).itemsize
    tables = make_tables(settings, Output(float(spec["scale"]), int(spec["zero_point"]), bits))
    before = np.zeros(max(settings.window - settings.hop, 0), np.int16)
    new, window = int(sound["frames"]), int(sound["window"])
    frames = features(tables, np.concatenate([before, samples.reshape(-1)]))
    quiet = np.tile(np.asarray(sound["silence"], frames.dtype), (window - new, 1))
    stream = np.concatenate([quiet, frames])
    ends = [stream[k * new : k * new + window] for k in range(len(samples))]
    return to_original(spec, np.stack([in_source_layout(spec, end) for end in ends]))
