"""The host's side of the link against real firmware on this computer: what works, and every way in which it fails."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools import need

need("device", "cc")

from benchmarks.link_faults import torment  # noqa: E402
from edgeq.boards import load_board  # noqa: E402
from edgeq.device import build_firmware  # noqa: E402
from edgeq.device import link as link_module  # noqa: E402
from edgeq.device.link import Link  # noqa: E402
from edgeq.device.local import start_simulator  # noqa: E402
from edgeq.device.monitor import watch  # noqa: E402
from edgeq.device.ports import find_port, open_port  # noqa: E402
from edgeq.device.protocol import Frame, Hello, Op, Space, Status, encode  # noqa: E402
from edgeq.device.session import Device, step_regions  # noqa: E402
from edgeq.errors import (  # noqa: E402
    DeviceError,
    DeviceResetError,
    EdgeqError,
    GarbledLinkError,
    LinkLostError,
    NoAnswerError,
    PortError,
    UsageError,
    WrongFirmwareError,
)
from edgeq.toolchain import Program  # noqa: E402
from tests.device.mirror_device import (  # noqa: E402
    MANIFEST,
    SAMPLE_BYTES,
    ProcessLine,
    build_mirror,
    expected,
    mirror_folder,
    steps,
)

pytestmark = pytest.mark.tools

FAST = {"retry": 0.05, "patience": 0.4, "run_patience": 0.4}
"""For what does not answer."""
CALM = {"retry": 1.0, "patience": 20.0, "run_patience": 20.0}
"""For what does, on a busy machine too."""
SAMPLES = [random.Random(5).randbytes(SAMPLE_BYTES) for _ in range(8)]
OUTPUTS = [expected(sample, number + 1) for number, sample in enumerate(SAMPLES)]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return build_mirror(tmp_path_factory.mktemp("mirror"))


@pytest.fixture
def device(mirror: Program) -> Iterator[Device]:
    with Device(Link(ProcessLine(mirror), "process", **CALM)) as opened:
        yield opened


class Script:
    """A line whose other end is a function: bytes written -> bytes to read. None ends the line."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer, self._waiting = answer, b""
        self.closed = False

    def read(self, seconds: float) -> bytes:
        data, self._waiting = self._waiting, b""
        if not data:
            time.sleep(seconds)
        return data

    def write(self, data: bytes) -> None:
        answer = self._answer(data)
        if answer is None:
            raise LinkLostError("gone")
        self._waiting += answer

    def close(self) -> None:
        self.closed = True


def test_samples_traces_and_marks(device: Device) -> None:
    assert device.hello.board == "host" and device.hello.frame_bytes == 64 and device.hello.has_steps
    assert [(m.name, m.input_bytes, m.output_bytes, m.steps) for m in device.models] == [("mirror", 157, 161, 3)]
    assert device.run(0, SAMPLES) == OUTPUTS
    assert device.trace(0, SAMPLES[:3], step_regions(MANIFEST)) == steps(SAMPLES[2], 3)
    output, timing = device.time(0, SAMPLES[0])
    assert output == OUTPUTS[0]
    assert timing.marks.arena_used == 180 and timing.marks.arena_bytes == 192
    assert timing.step_ticks is not None and len(timing.step_ticks) == 3
    assert timing.ticks == sum(timing.step_ticks) > 0
    assert device.run(0, SAMPLES) == OUTPUTS


def test_what_the_device_refuses(device: Device) -> None:
    link = device.link
    for op, data, complaint in [
        (Op.RUN, bytes(4), "no inputs for the run"),
        (Op.CONTINUE, bytes(4), "no stopped run"),
        (Op.READ, struct.pack("<BBHI", Space.OUTPUT, 0, 4, 0), "no result"),
        (Op.READ, struct.pack("<BBHI", Space.MODEL, 0, 4, 1000), "beyond an end"),
        (Op.READ, struct.pack("<BBHI", Space.MODEL, 0, 60, 0), "beyond an end"),
        (Op.READ, bytes(7), "too short"),
        (Op.LOAD, struct.pack("<I", 150) + bytes(8), "beyond an end"),
        (Op.LOAD, bytes(3), "too short"),
    ]:
        with pytest.raises(DeviceError, match=complaint):
            link.request(op, 0, data)
    assert link._exchange([Frame(0x33, 0, 77)]).second == Status.UNKNOWN
    with pytest.raises(DeviceError, match="no model of that index"):
        link.request(Op.RUN, 1, bytes(4))
    link.load(0, SAMPLES[0])
    link.request(Op.RUN, 0, b"\xff" * 4)
    with pytest.raises(DeviceError, match="no inputs for the run"):  # the run has written over them
        link.request(Op.RUN, 0, b"\xff" * 4)
    with pytest.raises(DeviceError, match="157"):
        device.infer(0, bytes(3))
    link.request(Op.RESET, 0)
    assert device.infer(0, SAMPLES[0]) == OUTPUTS[0]


def test_a_stopped_run_can_be_left(device: Device) -> None:
    device.link.load(0, SAMPLES[0])
    device.link.request(Op.RUN, 0, bytes(4))
    assert device.link.read(0, Space.ARENA, 100) == steps(SAMPLES[0], 1)[0]
    assert device.run(0, SAMPLES[:2]) == OUTPUTS[:2]


def test_a_bad_line_gives_no_wrong_result(mirror: Program) -> None:
    """100,000 frames: `python -m benchmarks.link_faults`."""
    outcome = torment(mirror, 2500, seed=2)
    assert outcome.wrong == outcome.errors == 0
    assert outcome.samples > 50 and outcome.traces > 0 and outcome.longest < 10
    assert all(count > 5 for count in outcome.faults.values()) and len(outcome.faults) == 6


def test_no_request_breaks_the_firmware(mirror: Program) -> None:
    """Whole frames with any request, model and data, some of them well-formed: the sanitizers watch."""
    chance = random.Random(3)
    with ProcessLine(mirror) as line:
        device = Device(Link(line, "process", **CALM))
        for _ in range(3000):
            data = chance.randbytes(chance.randrange(57))
            if chance.random() < 0.6:
                number = chance.choice((0, 1, 2, 50, 157, 156, 0x7FFFFFFF, 0xFFFFFFFF))
                head = struct.pack("<I", number)
                if chance.random() < 0.5:
                    head = struct.pack("<BBHI", chance.randrange(7), 0, chance.choice((0, 4, 56, 57, 65535)), number)
                data = (head + data)[: chance.choice((4, 8, 20, 56))]
            op = chance.choice((*range(10), chance.randrange(256)))
            line.write(encode(Frame(op, chance.choice((0, 0, 0, 1, 255)), chance.randrange(4), data)))
            if chance.random() < 0.1:
                line.read(0.0)
        again = Device(device.link)
        assert again.run(0, SAMPLES) == OUTPUTS


def test_firmware_without_the_hook(tmp_path: Path) -> None:
    with Device(Link(ProcessLine(build_mirror(tmp_path, profile=False)), "process", **CALM)) as device:
        assert not device.hello.has_steps
        assert device.run(0, SAMPLES) == OUTPUTS
        assert device.time(0, SAMPLES[0])[1].step_ticks is None
        with pytest.raises(DeviceError, match="without the step hook"):
            device.trace(0, SAMPLES[:1], step_regions(MANIFEST))


def test_a_model_that_fails_and_one_that_hangs(tmp_path: Path) -> None:
    with Device(Link(ProcessLine(build_mirror(tmp_path / "a", MIRROR_FAILS="1")), "process", **CALM)) as device:
        with pytest.raises(DeviceError, match="status 1"):
            device.run(0, SAMPLES)
        assert device.run(0, SAMPLES[:2]) == OUTPUTS[:2]
    line = ProcessLine(build_mirror(tmp_path / "b", MIRROR_HANGS="1"))
    device = Device(Link(line, "process", **CALM | {"run_patience": 1.0}))
    start = time.monotonic()
    with pytest.raises(NoAnswerError, match="stopped answering"):
        device.run(0, SAMPLES)
    assert time.monotonic() - start < 30
    line.process.kill()
    device.close()


def test_two_models_share_an_arena(tmp_path: Path) -> None:
    folders = [mirror_folder(tmp_path / name, name) for name in ("mirror", "second")]
    program = build_firmware(folders, load_board("host"), tmp_path / "work", sanitize=True, frame_bytes=64)
    with Device(Link(ProcessLine(program), "process", **CALM)) as device:
        assert [about.name for about in device.models] == ["mirror", "second"]
        assert device.select(folders[0], MANIFEST) == 0
        for count in (1, 2):
            assert device.infer(0, SAMPLES[0]) == expected(SAMPLES[0], count)
            assert device.infer(1, SAMPLES[1]) == expected(SAMPLES[1], count)  # each has a state of its own
        device.link.load(0, SAMPLES[0])
        with pytest.raises(DeviceError, match="no inputs for the run"):
            device.link.request(Op.RUN, 1, b"\xff" * 4)
        with pytest.raises(DeviceError, match="no result"):
            device.link.read(0, Space.OUTPUT, 4)
    with pytest.raises(UsageError, match="two models have the name 'mirror'"):
        build_firmware([folders[0], folders[0]], load_board("host"), tmp_path / "twice")


def test_an_interrupt_ends_a_command(mirror: Program) -> None:
    local = start_simulator(mirror)
    command = [sys.executable, "-c", "from edgeq.cli import main; main()", "monitor", "--port", local.url]
    # What a shell runs in its background ignores interrupts, and so would the child.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        assert process.stdout is not None
        assert b"host" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert said.strip() == b"interrupted"
    finally:
        process.kill()
        process.communicate()
        local.close()


def test_the_wrong_model_is_named(device: Device, tmp_path: Path) -> None:
    same = mirror_folder(tmp_path / "same")
    assert device.select(same, MANIFEST) == 0
    other = mirror_folder(tmp_path / "other", MIRROR_WRONG="1")
    with pytest.raises(WrongFirmwareError, match=r"holds mirror \([0-9a-f]{12}\), not mirror") as caught:
        device.select(other, MANIFEST)
    assert caught.value.exit_code == 23


def test_a_reset_in_the_middle_is_told(mirror: Program) -> None:
    """The firmware is replaced by a fresh one when a sample is half sent."""
    line = ProcessLine(mirror)
    device = Device(Link(line, "process", **CALM))
    fresh = ProcessLine(mirror)
    half = encode(Frame(Op.STREAM, 0, 1, bytes(30)))[:20]
    line.write(half)
    device.link._stream = fresh
    with pytest.raises(DeviceResetError, match="started anew"):
        device.run(0, SAMPLES[:1])
    again = Device(device.link)
    assert again.run(0, SAMPLES) == OUTPUTS
    line.close()
    again.close()


def test_a_session_needs_a_hello(mirror: Program) -> None:
    with ProcessLine(mirror) as line:
        link = Link(line, "process", **CALM)
        with pytest.raises(DeviceResetError):
            link.request(Op.RESET, 0)


def hello_bytes(version: int = 1, **changed: int) -> bytes:
    fields = {"models": 0, "frame_bytes": 64, "nonce": 0, "abi": 1, "clock_hz": 0, "ticks_hz": 1, "flags": 0} | changed
    return struct.pack("<BBHIIIII", version, *fields.values())


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda data: b"", NoAnswerError, "does not answer"),
        (lambda data: bytes(b ^ 0xA5 for b in data), GarbledLinkError, "no frames"),
        (lambda data: b"\x80\xf8\x00\x78\x80" * 3, GarbledLinkError, "no frames"),
        (lambda data: b"Hello world! T=21.5 C\r\n", GarbledLinkError, "text instead of frames: 'Hello world!"),
        (lambda data: data, NoAnswerError, "does not answer"),  # an echo
        (lambda data: None, LinkLostError, "gone"),
    ],
    ids=["silence", "noise", "another baud rate", "another firmware", "an echo", "no line"],
)
def test_nobody_there(answer: Callable[[bytes], bytes | None], error: type[EdgeqError], words: str) -> None:
    script = Script(answer)
    start = time.monotonic()
    with pytest.raises(error, match=words):
        Device(Link(script, "script", **FAST))
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("hello", "error", "words"),
    [
        (lambda nonce: hello_bytes(nonce=nonce, version=9), WrongFirmwareError, "version 9 of the link"),
        (lambda nonce: hello_bytes(nonce=nonce)[:20], DeviceError, "20 bytes of data"),
        (lambda nonce: hello_bytes(nonce=nonce, frame_bytes=5), DeviceError, "no sense"),
    ],
    ids=["another version", "short", "tiny frames"],
)
def test_a_strange_hello(hello: Callable[[int], bytes], error: type[EdgeqError], words: str) -> None:
    def answer(data: bytes) -> bytes:
        (frame,) = link_module.Decoder().feed(data)
        assert isinstance(frame, Frame)
        (nonce,) = struct.unpack("<I", frame.data)
        return encode(Frame(Op.HELLO | 0x80, 0, frame.seq, hello(nonce)))

    with pytest.raises(error, match=words):
        Device(Link(Script(answer), "script", **CALM))


def test_another_abi_is_refused(device: Device, tmp_path: Path) -> None:
    device.hello = Hello(**{**device.hello.__dict__, "abi": 99})
    with pytest.raises(WrongFirmwareError, match="ABI 99"):
        device.select(mirror_folder(tmp_path / "m"), MANIFEST)


def test_a_process_behind_a_pseudo_terminal(mirror: Program) -> None:
    local = start_simulator(mirror)
    stream = open_port(local.url)
    try:
        assert any("host has started: 1 model" in text or "host is here" in text for text in watch(stream, 0.5))
        device = Device(Link(stream, local.url, **CALM))
        assert device.run(0, SAMPLES) == OUTPUTS
        os.kill(local.process.pid, signal.SIGKILL)
        with pytest.raises(LinkLostError, match="the line to the board broke"):
            for _ in range(20):
                device.run(0, SAMPLES)
    finally:
        stream.close()
        local.close()


def test_a_socket_that_closes(mirror: Program) -> None:
    """Firmware behind socket://, whose connection ends in the middle of a frame."""
    with socket.create_server(("127.0.0.1", 0)) as server, ProcessLine(mirror) as line:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(0.05)
                given = 0
                while given < 3000:
                    with contextlib.suppress(TimeoutError):
                        line.write(peer.recv(4096))
                    data = line.read(0.01)
                    given += len(data)
                    peer.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        stream = open_port(f"socket://127.0.0.1:{server.getsockname()[1]}")
        device = Device(Link(stream, "socket", **CALM))
        with pytest.raises(LinkLostError):
            for _ in range(20):
                assert device.run(0, SAMPLES) == OUTPUTS
        device.close()
        thread.join()


def test_ports_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PortError, match="cannot open the port") as caught:
        open_port("/dev/ttyNOBODY")
    assert caught.value.exit_code == 20 and "ports on this machine" in str(caught.value.hint)
    with pytest.raises(PortError, match="cannot open the port") as caught:
        open_port("socket://127.0.0.1:1")
    with pytest.raises(PortError):
        open_port("nonsense://x")
    import serial.tools.list_ports as ports

    class Port:
        def __init__(self, device: str, vid: int, pid: int) -> None:
            self.device, self.vid, self.pid, self.description = device, vid, pid, device

    monkeypatch.setattr(ports, "comports", list)
    with pytest.raises(PortError, match="no board is plugged in"):
        find_port(None)
    microbit = Port("/dev/ttyACM0", 0x0D28, 0x0204)
    monkeypatch.setattr(ports, "comports", lambda: [Port("/dev/ttyS0", 1, 2), microbit])
    assert find_port(None) == "/dev/ttyACM0"
    monkeypatch.setattr(ports, "comports", lambda: [microbit, Port("/dev/ttyACM1", 0x0D28, 0x0204)])
    with pytest.raises(PortError, match="2 boards are plugged in"):
        find_port(None)
