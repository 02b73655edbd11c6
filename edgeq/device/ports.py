"""Opens the line to a board: serial ports, whatever pyserial's URLs reach, and devices that run on this computer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from edgeq.boards import Board, list_boards
from edgeq.errors import LinkLostError, PortError

AUTO = "auto"
"""The port of the one board that is plugged in."""
DEFAULT_BAUD = 115200
_POLL = 0.02
"""Seconds that one read may take, so that no read outlives its deadline by more."""
_WRITE_SECONDS = 5.0


def _serial() -> Any:
    try:
        import serial
        import serial.tools.list_ports
    except ImportError as error:
        raise PortError("the Python package pyserial is missing", hint="pip install 'edgeq[device]'") from error
    return serial


class SerialStream:
    """A port of pyserial as a line."""

    def __init__(self, port: Any, where: str) -> None:
        self.on_close: Callable[[], None] | None = None
        """What to end with it, such as an emulator behind the port."""
        self.last_words: Callable[[], str] | None = None
        """What is behind the port says it when it breaks."""
        self._port, self._where = port, where
        self._serial = _serial()

    def read(self, seconds: float) -> bytes:
        """What came within `seconds`, at least a byte if there is one."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                data = bytes(self._port.read(1))
                if data:
                    return data + self._rest()
            except (OSError, self._serial.SerialException, TypeError) as error:  # TypeError: closed while reading
                raise self._lost(error) from error
            if time.monotonic() >= deadline:
                return b""

    def _rest(self) -> bytes:
        """What is there beside the first byte, without waiting. Sockets do not say how much that is."""
        if isinstance(self._port, self._serial.Serial):
            return bytes(self._port.read(self._port.in_waiting))
        self._port.timeout = 0
        try:
            return bytes(self._port.read(4096))
        finally:
            self._port.timeout = _POLL

    def write(self, data: bytes) -> None:
        """Sends all of it."""
        try:
            self._port.write(data)
        except (OSError, self._serial.SerialException) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Closes the port, and ends what is behind it."""
        connection = getattr(self._port, "_socket", None)  # pyserial leaves it open when the other side has gone
        with contextlib.suppress(OSError, self._serial.SerialException):
            self._port.close()
        if connection is not None:
            connection.close()
        if self.on_close is not None:
            self.on_close()

    def _lost(self, error: Exception) -> LinkLostError:
        said = self.last_words() if self.last_words is not None else ""
        return LinkLostError(
            f"the line to the board broke: {error}" + "".join(f"\n    {text}" for text in said.splitlines()),
            where=self._where,
            hint="a cable, a hub, an emulator that ended, or another program on the same port",
        )


def open_port(url: str, baud: int = DEFAULT_BAUD) -> SerialStream:
    """The line behind a port's name or one of pyserial's URLs (socket://HOST:PORT, loop://, ...). PortError."""
    serial = _serial()
    try:
        port = serial.serial_for_url(url, baudrate=baud, timeout=_POLL, write_timeout=_WRITE_SECONDS, do_not_open=True)
        port.open()
    except (OSError, ValueError, serial.SerialException) as error:
        raise PortError(f"cannot open the port: {_reason(error)}", where=url, hint=_advice(error)) from error
    return SerialStream(port, url)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).split(": ", 1)[-1]


def _advice(error: Exception) -> str:
    text = str(error).lower()
    if "permission" in text or "access is denied" in text:
        return (
            "on Linux, join the group that owns the port (`ls -l`): sudo usermod -a -G dialout $USER, then log in anew"
        )
    if "busy" in text or "in use" in text or "lock" in text:
        return "another program holds it: a terminal, a monitor, an IDE"
    if "refused" in text:
        return "nothing listens there: start the emulator or the bridge first"
    return f"ports on this machine: {', '.join(port for port, _ in list_ports()) or 'none'}"


def list_ports() -> list[tuple[str, str]]:
    """(name, description) of every serial port."""
    found = _serial().tools.list_ports.comports()
    return sorted((str(port.device), str(port.description or "")) for port in found)


def find_port(board: Board | None) -> str:
    """The one port behind which a board is plugged in: `board`, or any that edgeq knows. PortError says what is there.

    Boards are told by the USB ids of their files.
    """
    boards = [board] if board is not None and board.serial is not None and board.serial.usb else list_boards()
    names: dict[tuple[int, int], list[str]] = {}
    for each in boards:
        for usb in each.serial.usb if each.serial is not None else ():
            names.setdefault((usb.vid, usb.pid), []).append(each.name)
    found = [port for port in _serial().tools.list_ports.comports() if (port.vid, port.pid) in names]
    if len(found) == 1:
        return str(found[0].device)
    if not found:
        others = "; ".join(f"{name} ({text})" for name, text in list_ports()) or "none"
        wanted = boards[0].name if len(boards) == 1 else "board"
        raise PortError(f"no {wanted} is plugged in", hint=f"give its port with --port; ports here: {others}")
    listed = "; ".join(f"{port.device}: {', '.join(names[(port.vid, port.pid)])}" for port in found)
    raise PortError(f"{len(found)} boards are plugged in", hint=f"choose one with --port: {listed}")
