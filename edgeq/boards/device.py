"""Reads the tables that only a board with a serial port has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgeq import resources
from edgeq.boards.model import Serial, SetupStep, Startup, Ticks, Upload, UsbId
from edgeq.boards.table import Table

_FULL = 0xFFFFFFFF


def drivers(kind: str) -> tuple[str, ...]:
    """Names of the drivers in runtime/port/serial: kind is "uart" or "ticks"."""
    folder = resources.runtime_dir() / "port" / "serial"
    return tuple(sorted(path.stem.removeprefix(f"{kind}_") for path in folder.glob(f"{kind}_*.c")))


def read_serial(table: Table) -> Serial:
    options = table.sub("options")
    serial = Serial(
        driver=table.choice("driver", drivers("uart")),
        base=table.integer("base"),
        baud=table.positive("baud"),
        clock_hz=table.positive("clock_hz"),
        setup=tuple(_step(row) for row in table.subs("setup")),
        options=options.integers() if options is not None else (),
        usb=tuple(_usb(row) for row in table.subs("usb")),
    )
    table.done("driver, base, baud, clock_hz, setup, options, usb")
    return serial


def read_ticks(table: Table) -> Ticks:
    options = table.sub("options")
    ticks = Ticks(
        driver=table.choice("driver", drivers("ticks")),
        hz=table.positive("hz"),
        base=table.integer("base", 0),
        options=options.integers() if options is not None else (),
    )
    table.done("driver, hz, base, options")
    return ticks


def read_startup(table: Table) -> Startup:
    startup = Startup(table.texts("blocks"))
    for block in startup.blocks:
        if not (resources.runtime_dir() / "port" / "device" / f"{Path(block).name}.S").is_file():
            raise table.fail("blocks", f"there is no runtime/port/device/{block}.S")
    table.done("blocks")
    return startup


def _step(row: Table) -> SetupStep:
    """{address, write} | {address, set and/or clear} | {address, mask, until}."""
    address = row.integer("address")
    if row.has("until"):
        step = SetupStep(address, row.integer("mask", _FULL), row.integer("until"), wait=True)
        if step.value & ~step.keep:
            raise row.fail("until", f"{step.value:#x} has bits outside the mask and can never be seen")
    elif row.has("write"):
        step = SetupStep(address, 0, row.integer("write"), wait=False)
    else:
        if not (row.has("set") or row.has("clear")):
            raise row.fail("address", "needs `write`, `set`, `clear` or `until`")
        step = SetupStep(address, ~row.integer("clear", 0) & _FULL, row.integer("set", 0), wait=False)
        if not step.keep:
            raise row.fail("clear", "clears every bit: say `write` instead")
    row.done("address with write, set, clear, or until and mask")
    return step


def _usb(row: Table) -> UsbId:
    usb = UsbId(row.integer("vid"), row.integer("pid"))
    row.done("vid, pid")
    return usb


def read_upload(table: Table) -> Upload:
    """The route's own keys are checked by the route (edgeq/flash/routes), which knows them."""
    upload = Upload(table.text("route"), (), table.text("note", ""))
    return replace(upload, parameters=table.scalars())
