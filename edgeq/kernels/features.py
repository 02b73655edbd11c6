"""The features of a board as kernel rows see them: those of its file, and what its instruction set family adds."""

from __future__ import annotations

from edgeq.boards import Board

NO_MULTIPLIER = "no_multiplier"


def kernel_features(board: Board) -> frozenset[str]:
    """`board.features`, its architecture, `thumb1` (Arm without Thumb-2), `no_multiplier` (RISC-V without M)."""
    features = set(board.features) | {board.arch}
    if board.arch == "arm" and "thumb2" not in features:
        features.add("thumb1")
    if board.arch == "riscv" and "m" not in board.cpu.removeprefix("rv32").split("_")[0]:
        features.add(NO_MULTIPLIER)
    return frozenset(features)
