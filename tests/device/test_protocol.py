"""The bytes of the device link: Python and C agree with each other, with others' COBS and CRC-32, and with the page."""

from __future__ import annotations

import json
import random
import re
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools import ROOT, need

need("device")

from cobs import cobs  # noqa: E402

from edgeq.device import protocol  # noqa: E402
from edgeq.device.protocol import Decoder, Frame, Noise, Op, encode  # noqa: E402

HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "device.md"
LINK = ROOT / "runtime" / "port" / "link"
FRAME_BYTES = 64
FLAGS = ["-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{LINK}"]
FLAGS += [f"-I{ROOT / 'runtime' / 'port' / 'serial'}", f"-DEDGEQ_LINK_FRAME_BYTES={FRAME_BYTES}"]


def compile_probe(folder: Path, *arguments: str) -> Path:
    need("gcc")
    program = folder / "probe"
    subprocess.run(["gcc", *FLAGS, *arguments, "-o", str(program)], check=True, timeout=120)
    return program


@pytest.fixture(scope="module")
def frames_probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_probe(tmp_path_factory.mktemp("frames"), str(HERE / "frames_probe.c"), str(LINK / "frames.c"))


def ask(probe: Path, data: bytes, *arguments: str) -> bytes:
    done = subprocess.run([str(probe), *arguments], input=data, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def by_python(data: bytes) -> list[str]:
    """What the C says of the same bytes."""
    lines = []
    for item in Decoder().feed(data):
        if isinstance(item, Noise):
            lines.append("-")
            continue
        raw = bytes([item.op, item.second]) + item.seq.to_bytes(2, "little") + item.data
        lines.append(raw.hex() if len(raw) + 4 <= FRAME_BYTES else "-")
    return lines


@pytest.mark.tools
def test_numbers_are_those_of_the_c(tmp_path: Path) -> None:
    numbers = {
        name: int(value) for kind in (protocol.Op, protocol.Status, protocol.Space) for name, value in _rows(kind)
    }
    numbers |= {name: int(value) for name, value in _rows(protocol.Flag)}
    numbers |= {"VERSION": protocol.VERSION, "ANSWER": protocol.ANSWER, "ALL_STEPS": protocol.ALL_STEPS}
    numbers["ABOUT_BYTES"] = protocol.ABOUT_BYTES
    names = " ".join(f"NUMBER({name})" for name in numbers)
    probe = compile_probe(tmp_path, f"-DNAMES={names}", str(HERE / "numbers_probe.c"))
    said = json.loads(ask(probe, b""))
    del said[""]
    assert said == numbers
    header = (LINK / "edgeq_link.h").read_text("utf-8")
    assert set(re.findall(r"#define EDGEQ_LINK_(\w+) \w+", header)) == set(numbers)


def _rows(kind: type[protocol.Op | protocol.Status | protocol.Space | protocol.Flag]) -> list[tuple[str, int]]:
    return [(row.name, row.value) for row in kind]


@given(st.binary(max_size=1100), st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535))
@settings(max_examples=50)
def test_a_frame_is_cobs_around_a_crc(data: bytes, op: int, second: int, seq: int) -> None:
    raw = encode(Frame(op, second, seq, data))
    assert raw[0] == raw[-1] == 0 and 0 not in raw[1:-1]
    body = cobs.decode(raw[1:-1])
    assert zlib.crc32(body[:-4]) == int.from_bytes(body[-4:], "little")
    assert list(Decoder().feed(b"\x07\x07" + raw)) == [Noise(b"\x07\x07"), Frame(op, second, seq, data)]


@pytest.mark.tools
def test_the_firmware_sends_and_takes_the_same_frames(frames_probe: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    frames = [
        Frame(chance.randrange(256), chance.randrange(256), chance.randrange(65536), bytes(data))
        for size in range(FRAME_BYTES - 8 + 1)
        for data in (bytes(size), b"\xff" * size, chance.choices((0, 1, 255), k=size), chance.randbytes(size))
    ]
    sent = b"".join(encode(frame) for frame in frames)
    assert ask(frames_probe, sent, "back") == sent
    big = Frame(1, 2, 3, bytes(range(256)) * 4)
    wide = compile_probe(
        tmp_path,
        "-UEDGEQ_LINK_FRAME_BYTES",
        "-DEDGEQ_LINK_FRAME_BYTES=2000",
        str(HERE / "frames_probe.c"),
        str(LINK / "frames.c"),
    )
    assert ask(wide, encode(big), "back") == encode(big)


@pytest.mark.tools
def test_the_firmware_sees_the_same_frames_in_noise(frames_probe: Path) -> None:
    """Differential fuzzing of the two parsers, the C one under the sanitizers."""
    chance = random.Random(11)
    stream = bytearray()
    for _ in range(4000):
        piece = bytearray(encode(Frame(chance.randrange(256), 0, 0, chance.randbytes(chance.randrange(70)))))
        for _ in range(chance.choice((0, 0, 1, 3))):
            at = chance.randrange(len(piece))
            match chance.randrange(4):
                case 0:
                    piece[at] ^= 1 << chance.randrange(8)
                case 1:
                    del piece[at : at + chance.randint(1, 5)]
                    piece.append(0)
                case 2:
                    piece[at:at] = chance.randbytes(chance.randint(1, 80))
                case 3:
                    piece[at] = chance.choice((0, 0, 1, 255))
        stream += piece
    lines = ask(frames_probe, bytes(stream)).decode().split()
    assert lines == by_python(bytes(stream))
    assert lines.count("-") > 1000 and len(lines) - lines.count("-") > 1000


@pytest.mark.tools
def test_a_clock_that_goes_back_drops_no_frame(tmp_path: Path) -> None:
    sources = (str(HERE / "clock_probe.c"), str(LINK / "link.c"), str(LINK / "frames.c"))
    probe = compile_probe(tmp_path, "-DEDGEQ_TICKS_HZ=1000000", *sources)
    said = list(Decoder().feed(ask(probe, encode(Frame(Op.HELLO, 0, 5, b"\x01\x02\x03\x04")))))
    assert [(item.op, item.seq) for item in said if isinstance(item, Frame)] == [(0xFE, 0), (0x81, 5)]


def test_the_worked_examples_of_the_page() -> None:
    """Each block of docs/device.md: `name: OP second seq data` and the bytes on the line."""
    rows = re.findall(
        r"^\| `(\w+) (\d+) #(\d+)` \| `([0-9a-f ]*)` \| `([0-9a-f ]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) >= 6
    ops = {op.name: int(op) for op in Op}
    ops |= {f"{op.name}_ANSWER": op | protocol.ANSWER for op in Op if op < protocol.ANSWER}
    for op, second, seq, data, line in rows:
        frame = Frame(ops[op], int(second), int(seq), bytes.fromhex(data))
        assert encode(frame).hex(" ") == line
        assert list(Decoder().feed(bytes.fromhex(line))) == [frame]
