"""What surrounds a model's C so that it is a program: start-up code, drivers, and the macros they are built with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeq import resources
from edgeq.boards import Board
from edgeq.errors import BoardError


@dataclass(frozen=True)
class Port:
    """Sources to link with a model. library: stands in for the C library. macros: for every file of the program."""

    sources: tuple[Path, ...]
    library: tuple[Path, ...]
    include_dirs: tuple[Path, ...]
    macros: Mapping[str, str]


def _folder() -> Path:
    return resources.runtime_dir() / "port"


def _library() -> tuple[Path, ...]:
    return (_folder() / "shim" / "mem.c",)


def host_port() -> Port:
    """A process of this computer, with files."""
    port = _folder()
    includes = (port, port / "emulator", port / "host" / "simd")
    return Port((port / "harness.c", port / "host" / "host.c"), (), includes, {})


def emulator_port(board: Board) -> Port:
    """A bare machine whose files come from an emulator, by semihosting."""
    port = _folder()
    sources = [port / "harness.c", port / "emulator" / "files.c", port / "emulator" / "start.c"]
    sources += [port / board.arch / name for name in ("startup.S", "semihost.S", "measure.S")]
    includes = (port, port / "emulator", port / "shim")
    return Port(tuple(sources), _library(), includes, _counter_macros(board))


def device_port(board: Board) -> Port:
    """The real board: boots by itself, calls `main`, and has the functions of edgeq_serial.h."""
    port = _folder()
    sources, macros = serial_units(board)
    device = port / "device"
    blocks = tuple(device / f"{block}.S" for block in board.startup.blocks)
    start = (device / f"{board.arch}.S", device / "start.c")
    return Port((*blocks, *start, *sources), _library(), (port / "serial", port / "shim"), macros)


def serial_units(board: Board) -> tuple[tuple[Path, ...], dict[str, str]]:
    """The drivers that implement runtime/port/serial/edgeq_serial.h for a board, and the macros they need.

    BoardError when the board file has no [serial] table.
    """
    serial, ticks = board.serial, board.ticks
    if serial is None or ticks is None:
        raise BoardError(
            f"board {board.name} has no serial port",
            hint="take a board with one (`edgeq boards`), or give its file the tables [serial] and [ticks]",
        )
    folder = _folder() / "serial"
    sources = (
        folder / "setup.c",
        folder / f"uart_{serial.driver}.c",
        folder / f"ticks_{ticks.driver}.c",
    )
    macros = {
        "EDGEQ_BOARD": f'"{board.name}"',
        "EDGEQ_SERIAL_BASE": f"{serial.base:#x}u",
        "EDGEQ_SERIAL_BAUD": f"{serial.baud}u",
        "EDGEQ_SERIAL_CLOCK_HZ": f"{serial.clock_hz}u",
        "EDGEQ_TICKS_HZ": f"{ticks.hz}u",
        "EDGEQ_TICKS_BASE": f"{ticks.base:#x}u",
    }
    macros |= {f"EDGEQ_SERIAL_{key.upper()}": f"{value:#x}u" for key, value in serial.options}
    macros |= {f"EDGEQ_TICKS_{key.upper()}": f"{value:#x}u" for key, value in ticks.options}
    if serial.setup:
        macros["EDGEQ_SERIAL_SETUP"] = ",".join(
            f"{{{step.address:#x}u,{step.keep:#x}u,{step.value:#x}u,{int(step.wait)}u}}" for step in serial.setup
        )
    return sources, macros


def _counter_macros(board: Board) -> dict[str, str]:
    counter = board.qemu.counter if board.qemu is not None else None
    if counter is None or counter.counts == "instructions":
        return {}
    macros = {"EDGEQ_COUNTER_ADDRESS": f"{counter.address:#x}"}
    if counter.counts == "down":
        macros["EDGEQ_COUNTER_DOWN"] = "1"
    if counter.setup:
        writes = (f"{{{address:#x}u,{value:#x}u}}" for address, value in counter.setup)
        macros["EDGEQ_COUNTER_SETUP"] = ",".join(writes)
    return macros
