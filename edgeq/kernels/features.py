"""The features of a board as kernel rows see them: those of its file, and the names of its instruction set family."""

from __future__ import annotations

from edgeq.boards import Board


def kernel_features(board: Board) -> frozenset[str]:
    """`board.features`, its architecture, and `thumb1` for Arm cores without Thumb-2."""
    features = set(board.features) | {board.arch}
    if board.arch == "arm" and "thumb2" not in features:
        features.add("thumb1")
    return frozenset(features)
