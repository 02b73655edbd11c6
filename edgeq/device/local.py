"""Devices on this computer: the firmware as a process behind a pseudo-terminal, or in QEMU behind a socket."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edgeq.boards import Board, load_board
from edgeq.device.firmware import build_firmware
from edgeq.device.ports import SerialStream, open_port
from edgeq.errors import EmulationError, PortError
from edgeq.toolchain import Program

SIMULATOR, QEMU = "sim:", "qemu:"
"""What the ports of `open_local` begin with."""
_LAST_SECONDS, _LAST_LINES = 1.0, 12
"""How long a process that broke the line may take to end, and how much of what it says is shown."""


def is_local(port: str) -> bool:
    """Whether `open_local` takes a port."""
    return port.startswith((SIMULATOR, QEMU))


@dataclass
class LocalDevice:
    """Firmware that runs here. url: where it serves the link. Close it, or it runs on."""

    url: str
    process: subprocess.Popen[bytes]
    held: int | None = None
    """A descriptor of the other end of its pseudo-terminal, without which its first read would fail."""

    def close(self) -> None:
        """Ends it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
        if self.held is not None:
            os.close(self.held)
            self.held = None

    def last_words(self) -> str:
        """What it wrote on standard error before it ended by itself: a sanitizer's report, or QEMU's complaint."""
        try:
            self.process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        said = self.process.stderr.read() if self.process.stderr is not None else b""
        return "\n".join(said.decode(errors="replace").strip().splitlines()[:_LAST_LINES])


def open_local(port: str, folders: Sequence[Path], board: Board, compiler: str = "auto") -> SerialStream:
    """Builds the firmware of converted folders and starts it: `sim:`, `qemu:BOARD`, or `qemu:` for `board`.

    Closing the stream ends it. PortError, EmulationError, and those of `build_firmware`.
    """
    # QEMU reads the program when somebody connects, so the folder stays as long as the device.
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeq-device-")))
        if port.startswith(SIMULATOR):
            local = start_simulator(build_firmware(folders, load_board("host"), work, sanitize=True))
        else:
            name = port.removeprefix(QEMU)
            local = start_qemu(build_firmware(folders, load_board(name) if name else board, work, compiler))
        stack.callback(local.close)
        try:
            stream = open_port(local.url)
        except PortError as error:
            said = local.last_words() or error.message
            raise EmulationError(f"the device did not start: {said}", where=port) from error
        stream.last_words = local.last_words
        stream.on_close = stack.pop_all().close
        return stream


def start_simulator(program: Program) -> LocalDevice:
    """Runs firmware that was built for the host, behind a pseudo-terminal."""
    if sys.platform == "win32":
        raise PortError("there are no pseudo-terminals on Windows", hint="use a board, or --port qemu:")
    import tty

    ours, theirs = os.openpty()
    tty.setraw(theirs)
    process = subprocess.Popen([str(program.elf.resolve())], stdin=ours, stdout=ours, stderr=subprocess.PIPE)
    os.close(ours)
    return LocalDevice(os.ttyname(theirs), process, theirs)


def start_qemu(program: Program) -> LocalDevice:
    """Boots firmware on its board's machine, its UART behind a socket:// URL.

    The machine waits for the connection before it starts, so that nothing it says is lost.
    """
    command = qemu_command(program)
    with socket.create_server(("127.0.0.1", 0)) as server:
        uart = f"socket,id=uart,fd={server.fileno()},server=on,wait=on,nodelay=on"
        process = subprocess.Popen(
            [*command, "-chardev", uart, "-serial", "chardev:uart"],
            pass_fds=[server.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        return LocalDevice(f"socket://127.0.0.1:{server.getsockname()[1]}", process)


def qemu_command(program: Program) -> list[str]:
    """The command line, without the serial port. EmulationError when the board has no machine, or QEMU is missing."""
    board = program.board
    machine = board.qemu
    if machine is None:
        raise EmulationError(f"QEMU has no machine for board {board.name}", hint="boards with one: docs/boards.md")
    path = shutil.which(f"qemu-system-{machine.system}")
    if path is None:
        raise EmulationError(f"qemu-system-{machine.system} is missing", hint="edgeq doctor says how to get it")
    command = [path, "-M", machine.machine, "-cpu", machine.cpu, *machine.options]
    return [*command, "-display", "none", "-monitor", "none", "-kernel", str(program.elf.resolve())]
