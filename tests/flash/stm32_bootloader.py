"""The boot loader of an STM32, emulated on a pseudo-terminal as ST's application note AN3155 describes it.

It knows every command of protocol version 3.1 and can be told to misbehave: refuse commands, lose bytes, fall silent.
"""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

ACK, NACK, SYNC = b"\x79", b"\x1f", 0x7F
VERSION = 0x31

GET, GET_VERSION, GET_ID, READ, GO = 0x00, 0x01, 0x02, 0x11, 0x21
WRITE, ERASE, EXTENDED_ERASE = 0x31, 0x43, 0x44
WRITE_PROTECT, WRITE_UNPROTECT, READ_PROTECT, READ_UNPROTECT = 0x63, 0x73, 0x82, 0x92
COMMANDS = (
    GET,
    GET_VERSION,
    GET_ID,
    READ,
    GO,
    WRITE,
    EXTENDED_ERASE,
    WRITE_PROTECT,
    WRITE_UNPROTECT,
    READ_PROTECT,
    READ_UNPROTECT,
)
MASS_ERASE = 0xFFFF
PAGE_BYTES = 16384


@dataclass
class Stm32:
    """A chip in its boot loader. memory: what was ever read or written, by address; flash is 0xFF when erased.

    refuses: commands answered with NACK. loses: told (command, bytes received so far), says if the byte is lost.
    """

    chip_id: int = 0x421
    flash_origin: int = 0x08000000
    flash_bytes: int = 524288
    refuses: frozenset[int] = frozenset()
    loses: Callable[[int, int], bool] = lambda command, received: False
    silent: bool = False
    read_protected: bool = False
    memory: dict[int, int] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)
    started: int | None = None
    _received: int = 0
    _command: int = -1

    def __enter__(self) -> str:
        """The name of the port."""
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self._slave = slave  # open, or the master would see the line closed between two programs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return os.ttyname(slave)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        os.close(self._master)
        os.close(self._slave)

    def flash(self, size: int) -> bytes:
        return bytes(self._byte(self.flash_origin + i) for i in range(size))

    def _byte(self, address: int) -> int:
        return self.memory.get(address, 0xFF)

    def _serve(self) -> None:
        try:
            while not self._stop.is_set():
                first = self._take(1)[0]
                self._received = 0
                if first == SYNC:
                    self._answer(ACK)
                    continue
                complement = self._take(1)[0]
                self._command = first
                self.seen.append(first)
                allowed = first ^ complement == 0xFF and first in COMMANDS and first not in self.refuses
                if allowed and self.read_protected and first not in (GET, GET_VERSION, GET_ID, READ_UNPROTECT):
                    allowed = False
                self._answer(ACK if allowed else NACK)
                if allowed:
                    self._execute(first)
        except EOFError:
            return

    def _take(self, count: int) -> bytes:
        taken = b""
        while len(taken) < count:
            if self._stop.is_set():
                raise EOFError
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            byte = os.read(self._master, 1)
            lost = self.loses(self._command, self._received)
            self._received += 1
            if not lost:
                taken += byte
        return taken

    def _answer(self, data: bytes) -> None:
        if not self.silent:
            os.write(self._master, data)

    def _checked(self, data: bytes) -> bool:
        """Data that ends in the exclusive or of what comes before."""
        good = reduce(xor, data) == 0
        self._answer(ACK if good else NACK)
        return good

    def _address(self) -> int | None:
        data = self._take(5)
        return int.from_bytes(data[:4], "big") if self._checked(data) else None

    def _execute(self, command: int) -> None:
        if command == GET:
            self._answer(bytes([len(COMMANDS), VERSION, *COMMANDS]) + ACK)
        elif command == GET_VERSION:
            self._answer(bytes([VERSION, 0, 0]) + ACK)
        elif command == GET_ID:
            self._answer(b"\x01" + self.chip_id.to_bytes(2, "big") + ACK)
        elif command == READ:
            self._read()
        elif command == WRITE:
            self._write()
        elif command == EXTENDED_ERASE:
            self._erase()
        elif command == GO:
            self.started = self._address()
        elif command in (READ_PROTECT, READ_UNPROTECT, WRITE_UNPROTECT):
            self.read_protected = command == READ_PROTECT
            self._answer(ACK)
        elif command == WRITE_PROTECT:
            count = self._take(1)
            self._checked(count + self._take(count[0] + 2))

    def _read(self) -> None:
        address = self._address()
        if address is None:
            return
        count = self._take(2)
        if count[0] ^ count[1] != 0xFF:
            self._answer(NACK)
            return
        self._answer(ACK + bytes(self._byte(address + i) for i in range(count[0] + 1)))

    def _write(self) -> None:
        address = self._address()
        if address is None:
            return
        count = self._take(1)
        data = count + self._take(count[0] + 2)
        inside = self.flash_origin <= address and address + count[0] < self.flash_origin + self.flash_bytes
        if reduce(xor, data) != 0 or not inside or address % 4:
            self._answer(NACK)
            return
        for offset, byte in enumerate(data[1:-1]):
            self.memory[address + offset] = self._byte(address + offset) & byte  # flash only clears bits
        self._answer(ACK)

    def _erase(self) -> None:
        head = self._take(2)
        count = int.from_bytes(head, "big")
        if count >= 0xFFF0:
            if self._checked(head + self._take(1)):
                self.memory = {a: b for a, b in self.memory.items() if not self._in_flash(a)}
            return
        pages = self._take(2 * (count + 1))
        if self._checked(head + pages + self._take(1)):
            numbers = {int.from_bytes(pages[i : i + 2], "big") for i in range(0, len(pages), 2)}
            self.memory = {
                a: b
                for a, b in self.memory.items()
                if not self._in_flash(a) or (a - self.flash_origin) // PAGE_BYTES not in numbers
            }

    def _in_flash(self, address: int) -> bool:
        return self.flash_origin <= address < self.flash_origin + self.flash_bytes
