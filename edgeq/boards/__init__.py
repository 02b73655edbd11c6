"""Boards: a CPU, its memories, how to compile for it, to emulate it, to talk to it. One TOML file each.

docs/boards.md describes the fields; `read.py` reads them and refuses what it does not know.
"""

from edgeq.boards.model import (
    ARCHITECTURES,
    FEATURES,
    PAGE_BYTES,
    Board,
    Counter,
    GccFlags,
    Memory,
    Qemu,
    Serial,
    SetupStep,
    Startup,
    Ticks,
    Upload,
    UsbId,
    ZigFlags,
)
from edgeq.boards.read import read_board
from edgeq.boards.shelf import list_boards, list_cores, load_board

__all__ = [
    "ARCHITECTURES",
    "FEATURES",
    "PAGE_BYTES",
    "Board",
    "Counter",
    "GccFlags",
    "Memory",
    "Qemu",
    "Serial",
    "SetupStep",
    "Startup",
    "Ticks",
    "Upload",
    "UsbId",
    "ZigFlags",
    "list_boards",
    "list_cores",
    "load_board",
    "read_board",
]
