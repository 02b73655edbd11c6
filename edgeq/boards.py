"""Boards: a CPU, its memories, how to compile for it and how to emulate it. One TOML file each.

docs/boards.md describes the fields; `_Table` below reads them and refuses what it does not know.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from edgeq import resources
from edgeq.errors import BoardError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ARCHITECTURES = ("arm", "riscv", "host")
DEFAULT_STACK_BYTES = 4096
PAGE_BYTES = 4096

FEATURES = {
    "thumb2": "the full 32-bit Thumb-2 instruction set",
    "mul_high": "a 32 x 32 -> 64 bit multiply",
    "mla": "multiply and accumulate in one instruction",
    "dsp": "Arm DSP extension: two 16-bit multiplies per instruction",
    "mve": "Arm Helium vectors",
    "zba": "RISC-V shift-and-add",
    "zbb": "RISC-V bit manipulation, with cpop",
    "zbs": "RISC-V single-bit instructions",
}
"""Every CPU feature that a board may have and a kernel may ask for."""


@dataclass(frozen=True)
class Memory:
    """A memory region: first address and size in bytes."""

    origin: int
    bytes: int


@dataclass(frozen=True)
class ZigFlags:
    """`zig cc -target TARGET -mcpu=MCPU FLAGS`."""

    target: str
    mcpu: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class GccFlags:
    """`PREFIXgcc` with flags for compiling and for linking, which differ on RISC-V."""

    prefix: str
    compile: tuple[str, ...]
    link: tuple[str, ...]


@dataclass(frozen=True)
class Counter:
    """What a program under QEMU reads to count its own instructions.

    counts: "instructions" (RISC-V minstret), or "up" or "down" for a timer register at `address` that
    ticks `hz` times per virtual second after the `setup` writes of (address, value).
    """

    counts: str
    address: int
    hz: int
    setup: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Qemu:
    """`qemu-system-SYSTEM -M MACHINE -cpu CPU OPTIONS`."""

    system: str
    machine: str
    cpu: str
    options: tuple[str, ...]
    counter: Counter | None


@dataclass(frozen=True)
class Board:
    """One target. `flash`, `ram`, `zig` and `gcc` are None only for the host.

    features: what kernels may use (keys of FEATURES). stack_bytes: RAM kept for the stack.
    unicorn: name of the CPU model under Unicorn, or None when Unicorn cannot run it.
    rtl: names of simulated cores (runtime/port/rtl/cores.toml) that execute its instructions, the default first.
    """

    name: str
    aliases: tuple[str, ...]
    summary: str
    cpu: str
    arch: str
    features: frozenset[str]
    stack_bytes: int
    flash: Memory | None
    ram: Memory | None
    zig: ZigFlags | None
    gcc: GccFlags | None
    unicorn: str | None
    qemu: Qemu | None
    rtl: tuple[str, ...]

    @property
    def is_host(self) -> bool:
        return self.arch == "host"


class _Table:
    """Reads one table of a board file; every complaint names the file and the key."""

    def __init__(self, data: Mapping[str, Any], file: Path, prefix: str = "") -> None:
        self._data = dict(data)
        self._file = file
        self._prefix = prefix

    def fail(self, key: str, problem: str, hint: str | None = None) -> BoardError:
        return BoardError(f"{self._prefix}{key}: {problem}", where=str(self._file), hint=hint)

    def take(self, key: str, kind: type, what: str, default: Any = ...) -> Any:
        if key not in self._data:
            if default is ...:
                raise self.fail(key, f"missing; it must be {what}")
            return default
        value = self._data.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fail(key, f"must be {what}, not {value!r}")
        return value

    def text(self, key: str, default: Any = ...) -> Any:
        return self.take(key, str, "a text", default)

    def integer(self, key: str, default: Any = ...) -> int:
        value: int = self.take(key, int, "an integer", default)
        if not 0 <= value < 2**32:
            raise self.fail(key, f"must be from 0 to 2^32-1, not {value}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, "a list of texts", [])
        if not all(isinstance(value, str) for value in values):
            raise self.fail(key, f"must be a list of texts, not {values!r}")
        return tuple(values)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = str(self.text(key))
        if value not in choices:
            raise self.fail(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def sub(self, key: str) -> _Table | None:
        data = self.take(key, dict, "a table", None)
        return None if data is None else _Table(data, self._file, f"{self._prefix}{key}.")

    def done(self, known: str) -> None:
        for key in self._data:
            raise self.fail(key, "unknown key", f"keys here: {known} (docs/boards.md)")


def _memory(table: _Table) -> Memory:
    memory = Memory(table.integer("origin"), table.integer("bytes"))
    table.done("origin, bytes")
    for key, value in (("origin", memory.origin), ("bytes", memory.bytes)):
        if value % PAGE_BYTES:
            raise table.fail(key, f"must be a multiple of {PAGE_BYTES}, not {value:#x}")
    if not memory.bytes:
        raise table.fail("bytes", "must not be zero")
    if memory.origin + memory.bytes > 2**32:
        raise table.fail("bytes", "the region ends beyond 32-bit addresses")
    return memory


def _zig(table: _Table) -> ZigFlags:
    flags = ZigFlags(table.text("target"), table.text("mcpu"), table.texts("flags"))
    table.done("target, mcpu, flags")
    return flags


def _gcc(table: _Table) -> GccFlags:
    flags = GccFlags(table.text("prefix"), table.texts("compile"), table.texts("link"))
    table.done("prefix, compile, link")
    return flags


def _unicorn(table: _Table) -> str:
    cpu = str(table.text("cpu"))
    table.done("cpu")
    return cpu


def _rtl(table: _Table) -> tuple[str, ...]:
    cores = table.texts("cores")
    table.done("cores")
    return cores


def _qemu(table: _Table) -> Qemu:
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


def _counter(table: _Table) -> Counter:
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
        hz=table.integer("hz"),
        setup=tuple((write[0], write[1]) for write in setup),
    )
    table.done("counts, address, hz, setup")
    if not counter.hz:
        raise table.fail("hz", "must not be zero")
    return counter


def _section(table: _Table, key: str, read: Callable[[_Table], Any], needed: bool) -> Any:
    sub = table.sub(key)
    if sub is None:
        if needed:
            raise table.fail(key, "missing table")
        return None
    return read(sub)


def read_board(path: Path) -> Board:
    """The board that a TOML file describes; BoardError names the file and the key that is wrong."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BoardError(f"cannot read the board file: {error.strerror}", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(f"not a TOML file: {error}", where=str(path)) from error
    table = _Table(data, path)
    arch = table.choice("arch", ARCHITECTURES)
    real = arch != "host"
    board = Board(
        name=path.stem,
        aliases=table.texts("aliases"),
        summary=table.text("summary"),
        cpu=table.text("cpu"),
        arch=arch,
        features=frozenset(table.texts("features")),
        stack_bytes=table.integer("stack_bytes", DEFAULT_STACK_BYTES),
        flash=_section(table, "flash", _memory, real),
        ram=_section(table, "ram", _memory, real),
        zig=_section(table, "zig", _zig, False),
        gcc=_section(table, "gcc", _gcc, False),
        unicorn=_section(table, "unicorn", _unicorn, False),
        qemu=_section(table, "qemu", _qemu, False),
        rtl=_section(table, "rtl", _rtl, False) or (),
    )
    table.done("summary, aliases, cpu, arch, features, stack_bytes, flash, ram, zig, gcc, unicorn, qemu, rtl")
    _check(board, table)
    return board


def _check(board: Board, table: _Table) -> None:
    for feature in sorted(board.features - FEATURES.keys()):
        raise table.fail("features", f"unknown feature {feature!r}", f"there are: {', '.join(FEATURES)}")
    if board.is_host:
        return
    if board.zig is None and board.gcc is None:
        raise table.fail("zig, gcc", "at least one of these tables is needed to compile")
    if board.stack_bytes % 16:
        raise table.fail("stack_bytes", "must be a multiple of 16")


@cache
def _known() -> dict[str, Board]:
    boards = [read_board(path) for path in sorted(resources.boards_dir().glob("*.toml"))]
    return {name: board for board in boards for name in (board.name, *board.aliases)}


def list_boards() -> list[Board]:
    """All boards that come with edgeq, by name, each once."""
    return sorted(set(_known().values()), key=lambda board: board.name)


def load_board(name_or_path: str | Path) -> Board:
    """A board by name or alias, or from the user's own file when the argument ends in .toml."""
    text = str(name_or_path)
    if text.endswith(".toml"):
        return read_board(Path(text))
    known = _known()
    if text in known:
        return known[text]
    close = difflib.get_close_matches(text.lower(), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise BoardError(
        f"there is no board {text!r}",
        hint=f"{hint}boards: {', '.join(sorted(known))}; or give the path of a .toml file",
    )
