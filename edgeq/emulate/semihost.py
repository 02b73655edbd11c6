"""Answers the semihosting calls of a program whose memory Python holds."""

from __future__ import annotations

import struct
from collections.abc import Callable

from edgeq.emulate import exchange
from edgeq.errors import EmulationError

_OPEN, _CLOSE, _WRITE0, _WRITE, _READ, _EXIT_EXTENDED = 0x01, 0x02, 0x04, 0x05, 0x06, 0x20
_OPEN_WRITE = 5
_LONGEST_NAME = 64


class Semihost:
    """Files in memory instead of on a disk, and the exit code once the program has ended."""

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        write: Callable[[int, bytes], None],
        input_file: bytes,
    ) -> None:
        self._read = read
        self._write = write
        self._input = input_file
        self._position = 0
        self._handles: list[str] = []
        self.files: dict[str, bytearray] = {}
        self.exit_code: int | None = None
        self.console = ""

    def call(self, operation: int, block: int) -> int:
        """Performs one call; returns what the program gets as its result."""
        if operation == _EXIT_EXTENDED:
            self.exit_code = self._words(block, 2)[1]
        elif operation == _OPEN:
            return self._open(*self._words(block, 3))
        elif operation == _READ:
            return self._read_file(*self._words(block, 3))
        elif operation == _WRITE:
            handle, address, count = self._words(block, 3)
            self.files[self._handles[handle]] += self._read(address, count)
        elif operation == _WRITE0:
            self.console += self._string(block)
        elif operation != _CLOSE:
            raise EmulationError(f"the program made the unknown semihosting call {operation:#x}")
        return 0

    def _words(self, address: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", self._read(address, 4 * count))

    def _string(self, address: int) -> str:
        text = bytearray()
        while byte := self._read(address + len(text), 1)[0]:
            text.append(byte)
        return text.decode("ascii", errors="replace")

    def _open(self, name_address: int, mode: int, length: int) -> int:
        name = self._read(name_address, min(length, _LONGEST_NAME)).decode("ascii", "replace")
        if mode == _OPEN_WRITE:
            self.files[name] = bytearray()
        elif name != exchange.INPUT:
            return 0xFFFFFFFF
        self._handles.append(name)
        return len(self._handles) - 1

    def _read_file(self, handle: int, address: int, count: int) -> int:
        data = self._input[self._position : self._position + count]
        self._position += len(data)
        self._write(address, data)
        return count - len(data)
