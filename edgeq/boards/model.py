"""What a board file says, as data."""

from __future__ import annotations

from dataclasses import dataclass

ARCHITECTURES = ("arm", "riscv", "host")
DEFAULT_STACK_BYTES = 4096
PAGE_BYTES = 4096

FEATURES = {
    "thumb2": "the full 32-bit Thumb-2 instruction set",
    "mul_high": "a 32 x 32 -> 64 bit multiply",
    "mla": "multiply and accumulate in one instruction",
    "dsp": "Arm DSP extension: two 16-bit multiplies per instruction",
    "mve": "Arm Helium vectors",
    "rvv": "RISC-V vectors of integers (Zve32x), each of 128 bits or more",
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
class UsbId:
    """Vendor and product of the USB device behind which the board's serial port is found."""

    vid: int
    pid: int


@dataclass(frozen=True)
class SetupStep:
    """One register access before the UART starts.

    Writes `(register & keep) | value`, without reading when keep is 0; or, with `wait`, waits until
    `register & keep` equals value.
    """

    address: int
    keep: int
    value: int
    wait: bool


@dataclass(frozen=True)
class Serial:
    """The UART that the device link uses. driver: runtime/port/serial/uart_<driver>.c.

    base: address of its registers. clock_hz: the clock that feeds it after `setup`. options: (key,
    value) of macros EDGEQ_SERIAL_<KEY>, for what only this driver knows.
    """

    driver: str
    base: int
    baud: int
    clock_hz: int
    setup: tuple[SetupStep, ...]
    options: tuple[tuple[str, int], ...]
    usb: tuple[UsbId, ...]


@dataclass(frozen=True)
class Ticks:
    """The counter that times a run. driver: runtime/port/serial/ticks_<driver>.c; base: 0 when it has no address.

    options: as those of Serial, for macros EDGEQ_TICKS_<KEY>.
    """

    driver: str
    hz: int
    base: int
    options: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Startup:
    """What firmware has beside its reset code: the blocks runtime/port/device/<block>.S, for the chip's boot ROM."""

    blocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upload:
    """One way to write firmware into the board: a route of edgeq/flash/routes and its parameters."""

    route: str
    parameters: tuple[tuple[str, str | int], ...]
    note: str


@dataclass(frozen=True)
class Board:
    """One target. `flash`, `ram`, `zig` and `gcc` are None only for the host.

    core: the generic board whose processor this one has, "" for a generic board itself.
    features: what kernels may use (keys of FEATURES). stack_bytes: RAM kept for the stack.
    unicorn: name of the CPU model under Unicorn, or None when Unicorn cannot run it.
    constants: where the constants go that lie in flash, when data cannot be read at the addresses of code.
    rtl: names of simulated cores (runtime/port/rtl/cores.toml) that execute its instructions, the default first.
    serial, ticks: None when the board cannot be talked to. uploads: how to write firmware, the usual way first.
    """

    name: str
    aliases: tuple[str, ...]
    summary: str
    core: str
    cpu: str
    arch: str
    features: frozenset[str]
    stack_bytes: int
    flash: Memory | None
    ram: Memory | None
    constants: Memory | None
    zig: ZigFlags | None
    gcc: GccFlags | None
    unicorn: str | None
    qemu: Qemu | None
    rtl: tuple[str, ...]
    serial: Serial | None
    ticks: Ticks | None
    startup: Startup
    uploads: tuple[Upload, ...]

    @property
    def is_host(self) -> bool:
        return self.arch == "host"

    @property
    def flash_bytes(self) -> int | None:
        """Room for code and constants together."""
        if self.flash is None:
            return None
        return self.flash.bytes + (0 if self.constants is None else self.constants.bytes)

    @property
    def ram_bytes(self) -> int | None:
        """Room for the arena, the stack and data."""
        return None if self.ram is None else self.ram.bytes
