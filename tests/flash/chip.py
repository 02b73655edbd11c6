"""A chip that no emulator knows, as its firmware sees it: the processor under Unicorn, and behind its peripherals'
addresses the few registers that the board file and the drivers touch, as the reference manuals describe them.

It is written from the same manuals as the drivers, so it shows that start-up, set-up and drivers do what we think
they should, not that the manuals were understood.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import unicorn
from unicorn import arm_const, riscv_const

from edgeq.boards import PAGE_BYTES, Board, Memory
from edgeq.flash import load_chunks
from edgeq.toolchain import Program

SLICE_MICROSECONDS = 30_000
TICKS_PER_READ = 20


@dataclass(frozen=True)
class Uart:
    """Offsets of registers. status: what reads say, given whether a byte waits; each read of `receive` takes one."""

    status: int
    says: Callable[[bool], int]
    receive: int
    transmit: int


UARTS: Mapping[str, Uart] = {
    "stm32_usart": Uart(0x00, lambda waiting: 0x80 | (0x20 if waiting else 0), 0x04, 0x04),
    "stm32_usart_v2": Uart(0x1C, lambda waiting: 0x80 | (0x20 if waiting else 0), 0x24, 0x28),
    "nrf_uart": Uart(0x108, lambda waiting: int(waiting), 0x518, 0x51C),
    "pl011": Uart(0x18, lambda waiting: 0 if waiting else 0x10, 0x00, 0x00),
    "esp_uart": Uart(0x1C, lambda waiting: int(waiting), 0x00, 0x00),
    "sifive_uart": Uart(0x08, lambda waiting: 0, 0x04, 0x00),
}
SYSTICK, CVR = 0xE000E000, 0xE000E018
STM32_FLASH = 0x08000000


class Chip:
    """The other end of a line, as edgeq.device.link.Stream."""

    def __init__(self, program: Program) -> None:
        board = program.board
        assert board.serial is not None and board.ticks is not None and board.flash is not None
        self.written: dict[int, int] = {}
        """Last value by address, of every peripheral register."""
        self._board, self._serial, self._ticks_table = board, board.serial, board.ticks
        self._uart = UARTS[board.serial.driver]
        self._waits: dict[int, deque[int]] = {}
        for step in board.serial.setup:
            if step.wait:
                self._waits.setdefault(step.address, deque()).append(step.value)
        self._to_chip: deque[int] = deque()
        self._from_chip = bytearray()
        self._ticks = 0
        self._arm = board.arch == "arm"
        self._uc: Any = _processor(board)
        for memory in (board.flash, board.constants, board.ram):
            if memory is not None:
                self._map(memory)
        for chunk in load_chunks(program.elf):
            self._uc.mem_write(chunk.address, chunk.data)
        for page in self._pages():
            self._uc.mmio_map(page, PAGE_BYTES, self._read, page, self._write, page)
        self._next = program.symbols["edgeq_reset"].address
        if not self._arm and board.flash.origin == STM32_FLASH:  # a GD32VF103 starts in the alias of its flash at 0
            self._map(Memory(0, board.flash.bytes))
            for chunk in load_chunks(program.elf):
                self._uc.mem_write(chunk.address - STM32_FLASH, chunk.data)
            self._next -= STM32_FLASH
        if self._arm:  # the processor takes both from the vector table
            self._uc.reg_write(arm_const.UC_ARM_REG_SP, program.symbols["edgeq_stack_top"].address)

    def _map(self, memory: Memory) -> None:
        self._uc.mem_map(memory.origin, -(-memory.bytes // PAGE_BYTES) * PAGE_BYTES)

    def _pages(self) -> set[int]:
        addresses = {step.address for step in self._serial.setup} | {self._serial.base, self._ticks_table.base}
        if self._arm:
            addresses.add(SYSTICK)
        return {address - address % PAGE_BYTES for address in addresses if address}

    def _read(self, _: object, offset: int, _size: int, page: int) -> int:
        address = page + offset
        register = address - self._serial.base
        if register == self._uart.status:
            return self._uart.says(bool(self._to_chip))
        if register == self._uart.receive:
            if self._serial.driver == "sifive_uart" and not self._to_chip:
                return 1 << 31
            return self._to_chip.popleft()
        if self._serial.driver == "nrf_uart" and register == 0x11C:
            return 1  # what was sent has gone out
        if waits := self._waits.get(address):
            return waits.popleft() if len(waits) > 1 else waits[0]
        return self._tick(address)

    def _tick(self, address: int) -> int:
        self._ticks += TICKS_PER_READ
        base, driver = self._ticks_table.base, self._ticks_table.driver
        if driver == "systick" and address == CVR:
            return 0xFFFFFF - self._ticks % 0x1000000
        if (driver, address - base) in (("qingke", 0x08), ("esp_systimer", 0x44), ("nrf_timer", 0x540), ("mtime", 0)):
            return self._ticks & 0xFFFFFFFF
        if (driver, address - base) == ("esp_systimer", 0x04):
            return 1 << 29  # the value is there
        return 0 if address == 0xE000ED04 else self.written.get(address, 0)

    def _write(self, _: object, offset: int, _size: int, value: int, page: int) -> None:
        address = page + offset
        self.written[address] = value
        if address - self._serial.base == self._uart.transmit:
            self._from_chip.append(value & 0xFF)

    def read(self, seconds: float) -> bytes:
        """Lets the chip run a while; what it has sent."""
        self._uc.emu_start(self._next | self._arm, 0xFFFFFFFE, timeout=SLICE_MICROSECONDS)
        self._next = self._uc.reg_read(self._counter())
        sent = bytes(self._from_chip)
        self._from_chip.clear()
        return sent

    def _counter(self) -> int:
        return int(arm_const.UC_ARM_REG_PC if self._arm else riscv_const.UC_RISCV_REG_PC)

    def write(self, data: bytes) -> None:
        self._to_chip.extend(data)

    def close(self) -> None:
        self._uc.emu_stop()


def _processor(board: Board) -> Any:
    if board.arch != "arm":
        return unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    uc.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_{str(board.unicorn).upper().replace('-', '_')}"))
    return uc
