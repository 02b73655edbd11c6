"""Snapshots: what a converted network computes and costs, in one small text file that a later check compares with.

`take` measures and writes, `check` rebuilds, measures again and lists what no longer holds. Bits are compared always;
costs only when the same compiler built both, since another compiler's code is another program.
"""

from edgeq.snapshot.compare import Change, Check, compare
from edgeq.snapshot.content import Layer, Snapshot, Tolerance
from edgeq.snapshot.files import read_snapshot, snapshot_text
from edgeq.snapshot.steps import check, default_file, measure, take

__all__ = [
    "Change",
    "Check",
    "Layer",
    "Snapshot",
    "Tolerance",
    "check",
    "compare",
    "default_file",
    "measure",
    "read_snapshot",
    "snapshot_text",
    "take",
]
