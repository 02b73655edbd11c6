"""Reads a board file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeq import resources
from edgeq.boards.device import read_serial, read_startup, read_ticks, read_upload
from edgeq.boards.model import (
    ARCHITECTURES,
    DEFAULT_STACK_BYTES,
    FEATURES,
    PAGE_BYTES,
    Board,
    Counter,
    GccFlags,
    Memory,
    Qemu,
    Startup,
    ZigFlags,
)
from edgeq.boards.table import Table
from edgeq.errors import BoardError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RAM_STEP_BYTES = 256

_FROM_CORE = ("cpu", "arch", "features", "zig", "gcc", "unicorn")
"""Keys that a board with a `core` takes from it, unless it has its own. What depends on addresses is not among them."""


def _memory(step: int) -> Callable[[Table], Memory]:
    def read(table: Table) -> Memory:
        memory = Memory(table.integer("origin"), table.integer("bytes"))
        table.done("origin, bytes")
        for key, value, unit in (("origin", memory.origin, PAGE_BYTES), ("bytes", memory.bytes, step)):
            if value % unit:
                raise table.fail(key, f"must be a multiple of {unit}, not {value:#x}")
        if not memory.bytes:
            raise table.fail("bytes", "must not be zero")
        if memory.origin + memory.bytes > 2**32:
            raise table.fail("bytes", "the region ends beyond 32-bit addresses")
        return memory

    return read


def _zig(table: Table) -> ZigFlags:
    flags = ZigFlags(table.text("target"), table.text("mcpu"), table.texts("flags"))
    table.done("target, mcpu, flags")
    return flags


def _gcc(table: Table) -> GccFlags:
    flags = GccFlags(table.text("prefix"), table.texts("compile"), table.texts("link"))
    table.done("prefix, compile, link")
    return flags


def _unicorn(table: Table) -> str:
    cpu = str(table.text("cpu"))
    table.done("cpu")
    return cpu


def _rtl(table: Table) -> tuple[str, ...]:
    cores = table.texts("cores")
    table.done("cores")
    return cores


def _qemu(table: Table) -> Qemu:
    counter = table.sub("counter")
    machine = Qemu(
        system=table.choice("system", ("arm", "riscv32")),
        machine=table.text("machine"),
        cpu=table.text("cpu"),
        options=table.texts("options"),
        counter=None if counter is None else _counter(counter),
    )
    table.done("system, machine, cpu, options, counter")
    return machine


def _counter(table: Table) -> Counter:
    counts = table.choice("counts", ("instructions", "up", "down"))
    if counts == "instructions":
        table.done("counts")
        return Counter(counts, 0, 0, ())
    setup = table.take("setup", list, "a list of [address, value]", [])
    for write in setup:
        if not (
            isinstance(write, list)
            and len(write) == 2
            and all(isinstance(word, int) and 0 <= word < 2**32 for word in write)
        ):
            raise table.fail("setup", f"must be a list of [address, value], not {write!r}")
    counter = Counter(
        counts=counts,
        address=table.integer("address"),
        hz=table.positive("hz"),
        setup=tuple((write[0], write[1]) for write in setup),
    )
    table.done("counts, address, hz, setup")
    return counter


def _section(table: Table, key: str, read: Callable[[Table], Any], needed: bool) -> Any:
    sub = table.sub(key)
    if sub is None:
        if needed:
            raise table.fail(key, "missing table")
        return None
    return read(sub)


def _load(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BoardError(f"cannot read the board file: {error.strerror}", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(f"not a TOML file: {error}", where=str(path)) from error
    return data


def _with_core(data: dict[str, Any], table: Table) -> dict[str, Any]:
    """The board's own keys over those of its core."""
    core = table.text("core", "")
    if not core:
        return data
    cores = resources.boards_dir()
    path = cores / f"{core}.toml"
    if not path.is_file() or "core" in (base := _load(path)):
        names = [file.stem for file in sorted(cores.glob("*.toml")) if "core" not in _load(file)]
        raise table.fail("core", f"there is no generic board {core!r}", f"there are: {', '.join(names)}")
    return {key: base[key] for key in _FROM_CORE if key in base} | data


def read_board(path: Path) -> Board:
    """The board that a TOML file describes; BoardError names the file and the key that is wrong."""
    own = _load(path)
    table = Table(_with_core(own, Table(own, path)), path)
    arch = table.choice("arch", ARCHITECTURES)
    real = arch != "host"
    board = Board(
        name=path.stem,
        aliases=table.texts("aliases"),
        summary=table.text("summary"),
        core=table.text("core", ""),
        cpu=table.text("cpu"),
        arch=arch,
        features=frozenset(table.texts("features")),
        stack_bytes=table.integer("stack_bytes", DEFAULT_STACK_BYTES),
        flash=_section(table, "flash", _memory(PAGE_BYTES), real),
        ram=_section(table, "ram", _memory(RAM_STEP_BYTES), real),
        constants=_section(table, "constants", _memory(PAGE_BYTES), False),
        zig=_section(table, "zig", _zig, False),
        gcc=_section(table, "gcc", _gcc, False),
        unicorn=_section(table, "unicorn", _unicorn, False),
        qemu=_section(table, "qemu", _qemu, False),
        rtl=_section(table, "rtl", _rtl, False) or (),
        serial=_section(table, "serial", read_serial, False),
        ticks=_section(table, "ticks", read_ticks, False),
        startup=_section(table, "startup", read_startup, False) or Startup(),
        uploads=tuple(read_upload(row) for row in table.subs("upload")),
    )
    table.done(
        "summary, aliases, core, cpu, arch, features, stack_bytes, flash, ram, constants, zig, gcc, unicorn, qemu, "
        "rtl, serial, ticks, startup, upload"
    )
    _check(board, table)
    return board


def _check(board: Board, table: Table) -> None:
    for feature in sorted(board.features - FEATURES.keys()):
        raise table.fail("features", f"unknown feature {feature!r}", f"there are: {', '.join(FEATURES)}")
    if board.is_host:
        return
    if board.zig is None and board.gcc is None:
        raise table.fail("zig, gcc", "at least one of these tables is needed to compile")
    if board.stack_bytes % 16:
        raise table.fail("stack_bytes", "must be a multiple of 16")
    if (board.serial is None) != (board.ticks is None):
        raise table.fail("serial, ticks", "a board that can be talked to needs both tables")
