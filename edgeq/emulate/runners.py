"""Chooses how to run a board's programs."""

from __future__ import annotations

import importlib.util

from edgeq.boards import Board
from edgeq.emulate.host import HostRunner
from edgeq.emulate.qemu import DEBIAN_PACKAGES, QemuRunner, find_qemu
from edgeq.emulate.result import Runner
from edgeq.emulate.rtl import PREFIX, rtl_runners
from edgeq.emulate.rtl_cores import can_simulate, missing_parts
from edgeq.emulate.unicorn import UnicornRunner
from edgeq.errors import EmulationError, UsageError

NAMES = ("host", "unicorn", "qemu", "rtl")
"""`rtl` is the board's first simulated core; `rtl:NAME` is another."""


def runners_for(board: Board) -> list[Runner]:
    """Every runner on this machine that can run the board, the default first."""
    if board.is_host:
        return [HostRunner()]
    found: list[Runner] = []
    if board.unicorn is not None and _has_unicorn():
        found.append(UnicornRunner())
    if find_qemu(board) is not None:
        found.append(QemuRunner())
    found += [runner for runner in rtl_runners(board) if can_simulate(runner.core)]
    return found


def runner_for(board: Board, prefer: str | None = None) -> Runner:
    """The runner to use; prefer: one of NAMES, or "rtl:" and the name of a core. EmulationError says how to get one."""
    if prefer is not None and prefer.partition(":")[0] not in NAMES:
        raise UsageError(f"there is no runner {prefer!r}", hint=f"one of {', '.join(NAMES)}")
    for runner in runners_for(board):
        if prefer in (None, runner.name) or (prefer == "rtl" and runner.name.startswith(PREFIX)):
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
    if prefer is not None and prefer.startswith("rtl"):
        wanted = [r.core for r in rtl_runners(board) if prefer in ("rtl", r.name)]
        if not wanted and board.rtl:
            return f"cores for this board: {', '.join(PREFIX + name for name in board.rtl)}"
        offers += [" and ".join(missing_parts(core)) for core in wanted[:1]]
    return " or ".join(offers) or f"the board file has no [{prefer or 'unicorn'}] table"


def _has_unicorn() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("unicorn", "capstone"))
