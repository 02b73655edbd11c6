"""The model of mirror/: what it computes, in Python; its firmware on this computer; a line to it."""

from __future__ import annotations

import json
import select
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from edgeq import resources
from edgeq.boards import load_board
from edgeq.device.firmware import build_firmware
from edgeq.errors import LinkLostError
from edgeq.toolchain import Program

FOLDER = Path(__file__).parent / "mirror"
MANIFEST = json.loads((FOLDER / "mirror.json").read_text("utf-8"))
SAMPLE_BYTES = 157
FRAME_BYTES = 64
"""The smallest: samples take several frames, and so do outputs."""


def expected(sample: bytes, count: int) -> bytes:
    """The outputs of the run that is number `count` (1, 2, ...) since the model was reset."""
    first, added, total = steps(sample, count)
    return added[:57] + total + first


def steps(sample: bytes, count: int) -> list[bytes]:
    """What every step writes."""
    turned = bytes(byte ^ 0x5A for byte in reversed(sample[:100]))
    added = bytes((byte + count) & 0xFF for byte in sample[100:])
    total = 0
    for byte in turned + added:
        total = (total * 31 + byte) & 0xFFFFFFFF
    return [turned, added + count.to_bytes(4, "little"), total.to_bytes(4, "little")]


def mirror_folder(folder: Path, name: str = "mirror", **defines: str) -> Path:
    """A converted folder that holds the model. defines: MIRROR_* faults to order."""
    for file in FOLDER.iterdir():
        text = file.read_text("utf-8").replace("mirror", name).replace("MIRROR_", f"{name.upper()}_")
        head = "".join(f"#define {key} {value}\n" for key, value in defines.items()) if file.suffix == ".c" else ""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name.replace("mirror", name)).write_text(head + text, "utf-8")
    shutil.copytree(resources.runtime_dir() / "include", folder / "edgeq" / "include")
    return folder


def build_mirror(folder: Path, *, profile: bool = True, frame_bytes: int = FRAME_BYTES, **defines: str) -> Program:
    """Its firmware for this computer, watched by the sanitizers."""
    model = mirror_folder(folder / "model", **defines)
    host = load_board("host")
    return build_firmware([model], host, folder / "work", profile=profile, sanitize=True, frame_bytes=frame_bytes)


class ProcessLine:
    """A line to firmware that runs as a process here, over a pair of sockets."""

    def __init__(self, programs: Program | Sequence[str]) -> None:
        self._ours, theirs = socket.socketpair()
        command = [str(programs.elf)] if isinstance(programs, Program) else list(programs)
        with theirs:
            self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)

    def read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self._ours], [], [], max(seconds, 0.0))
        if not ready:
            return b""
        try:
            data = self._ours.recv(65536)
        except OSError as error:
            raise LinkLostError(str(error)) from error
        if not data:
            raise LinkLostError("the process has ended")
        return data

    def write(self, data: bytes) -> None:
        try:
            self._ours.sendall(data)
        except OSError as error:
            raise LinkLostError(str(error)) from error

    def close(self) -> None:
        """Ends the process by ending its input; what the sanitizers said fails the test."""
        self._ours.close()
        _, said = self.process.communicate(timeout=20)
        assert b"Sanitizer" not in said and b"runtime error" not in said, said.decode()

    def __enter__(self) -> ProcessLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
