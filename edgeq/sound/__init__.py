"""Sound features in fixed point: log-Mel and MFCC from int16 samples, in C and in Python with the same bits."""

from edgeq.ops.sound_reference import features
from edgeq.ops.sound_settings import Settings
from edgeq.ops.sound_tables import Output, Tables, make_tables
from edgeq.sound.clips import heard_samples, is_sound
from edgeq.sound.render import write_front_end
from edgeq.sound.settings_file import read_settings, samples_of
from edgeq.sound.windows import heard_windows

__all__ = [
    "Output",
    "Settings",
    "Tables",
    "features",
    "heard_samples",
    "heard_windows",
    "is_sound",
    "make_tables",
    "read_settings",
    "samples_of",
    "write_front_end",
]
