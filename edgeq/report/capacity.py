"""Whether a build fits a board, and when not: by how much, and what takes the most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgeq.errors import CapacityError
from edgeq.report.layout import Column, number, table
from edgeq.report.text import buffer

if TYPE_CHECKING:
    from edgeq.boards import Board

Consumer = tuple[str, int]
"""(what, bytes)"""

LISTED = 3
"""Consumers that the error names for each memory that is too small."""

_HINTS = {
    "flash": "try --optimize size, a smaller network, or a board with more flash",
    "ram": "a smaller network, smaller inputs, or a board with more RAM; the arena is already planned tightly",
}


def capacity_error(
    board: Board, flash_needed: int, ram_needed: int, consumers: Mapping[str, Sequence[Consumer]]
) -> CapacityError:
    """The error for a build that needs more than `board` has. consumers: by memory, `flash` and `ram`, in any order."""
    message = [f"the build does not fit {board.name}"]
    hints = []
    for memory, title, needed, room in (
        ("flash", "flash", flash_needed, board.flash_bytes),
        ("ram", "RAM", ram_needed, board.ram_bytes),
    ):
        if room is None or needed <= room:
            continue
        message.append(
            f"  {title}: {number(needed)} bytes needed, {number(room)} there, "
            f"{number(needed - room)} too many; the largest:"
        )
        largest = sorted(consumers.get(memory, ()), key=lambda c: (-c[1], c[0]))[:LISTED]
        rows = [[number(size), name] for name, size in largest]
        message += table([Column("bytes", right=True), Column("what", flex=True)], rows, indent=4)[2:]
        hints.append(_HINTS[memory])
    return CapacityError("\n".join(message), hint="; ".join(hints) or None)


def fits(board: Board, flash_needed: int, ram_needed: int) -> bool:
    """Whether both memories suffice; the host always does."""
    flash = board.flash_bytes is None or flash_needed <= board.flash_bytes
    return flash and (board.ram_bytes is None or ram_needed <= board.ram_bytes)


def memory_consumers(manifest: Mapping[str, Any], sizes: Mapping[str, Any]) -> dict[str, list[Consumer]]:
    """What takes flash and RAM: weights by layer, code, the tensors alive at the fullest step, the stack.

    sizes: measured `text_bytes`, `rodata_bytes` and `stack_bytes`, as far as known.
    """
    flash = [(f"weights of {step['name']}", int(step["weights_bytes"])) for step in manifest["steps"]]
    flash.append(("code", int(sizes.get("text_bytes", 0))))
    other = int(sizes.get("rodata_bytes", 0)) - int(manifest["weights_bytes"])
    flash.append(("other constants", max(other, 0)))
    ram = [("arena", int(manifest["arena_bytes"])), ("stack", int(sizes.get("stack_bytes", 0)))]
    peak = manifest.get("arena_peak")
    if peak:
        tensors = map(buffer, peak["buffers"])  # say more than their sum
        ram = [ram[1], *((f"tensor {name}", size or 0) for name, size in tensors)]
    ram.append(("state kept between runs", int(manifest["state_bytes"])))
    return {"flash": [c for c in flash if c[1]], "ram": [c for c in ram if c[1]]}


def check_capacity(board: Board, manifest: Mapping[str, Any], sizes: Mapping[str, Any]) -> None:
    """Raises CapacityError when code, constants, arena and stack (at least the board's reserve) do not fit."""
    stack = max(int(sizes.get("stack_bytes", 0)), board.stack_bytes)
    flash = int(sizes.get("text_bytes", 0)) + int(sizes.get("rodata_bytes", manifest["weights_bytes"]))
    ram = int(manifest["arena_bytes"]) + int(manifest["state_bytes"]) + stack
    if not fits(board, flash, ram):
        raise capacity_error(board, flash, ram, memory_consumers(manifest, {**sizes, "stack_bytes": stack}))
