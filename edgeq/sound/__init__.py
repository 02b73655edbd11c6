"""Sound features in fixed point: log-Mel and MFCC from int16 samples, in C and in Python with the same bits."""

from edgeq.sound.network import Listener, read_listener
from edgeq.sound.reference import features
from edgeq.sound.render import write_front_end
from edgeq.sound.settings import Settings
from edgeq.sound.tables import Output, Tables, make_tables

__all__ = [
    "Listener",
    "Output",
    "Settings",
    "Tables",
    "features",
    "make_tables",
    "read_listener",
    "write_front_end",
]
