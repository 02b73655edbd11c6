"""Chooses how to run a board's programs."""

from __future__ import annotations

import importlib.util

from edgeq.boards import Board
from edgeq.emulate.host import HostRunner
from edgeq.emulate.qemu import DEBIAN_PACKAGES, QemuRunner, find_qemu
from edgeq.emulate.result import Runner
from edgeq.emulate.unicorn import UnicornRunner
from edgeq.errors import EmulationError, UsageError

NAMES = ("host", "unicorn", "qemu")


def runners_for(board: Board) -> list[Runner]:
    """Every runner on this machine that can run the board, the default first."""
    if board.is_host:
        return [HostRunner()]
    found: list[Runner] = []
    if board.unicorn is not None and _has_unicorn():
        found.append(UnicornRunner())
    if find_qemu(board) is not None:
        found.append(QemuRunner())
    return found


def runner_for(board: Board, prefer: str | None = None) -> Runner:
    """The runner to use; prefer: "host", "unicorn" or "qemu". EmulationError says how to get one."""
    if prefer is not None and prefer not in NAMES:
        raise UsageError(f"there is no runner {prefer!r}", hint=f"one of {', '.join(NAMES)}")
    for runner in runners_for(board):
        if prefer in (None, runner.name):
            return runner
    what = "no emulator" if prefer is None else f"no {prefer}"
    raise EmulationError(f"{what} for board {board.name} on this machine", hint=_advice(board, prefer))


def _advice(board: Board, prefer: str | None) -> str:
    if board.is_host:
        return "board host runs directly"
    offers = []
    if prefer in (None, "unicorn") and board.unicorn is not None:
        offers.append("`pip install 'edgeq[emulate]'` (brings unicorn)")
    if prefer in (None, "qemu") and board.qemu is not None:
        offers.append(f"`apt install {DEBIAN_PACKAGES[board.qemu.system]}` (QEMU)")
    return " or ".join(offers) or f"the board file has no [{prefer or 'unicorn'}] table"


def _has_unicorn() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("unicorn", "capstone"))
