"""Images of firmware: each read back by a reader that is not ours, or by the format's specification."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.boards import load_board
from edgeq.device import build_firmware
from edgeq.emulate.image import read_image
from edgeq.flash import Chunk, load_chunks
from edgeq.flash.images import FORMATS, binary, intel_hex, uf2
from edgeq.flash.write import find_tool
from tests.tools import need

PICO_FAMILY = 0xE48BFF56


@st.composite
def programs(draw: st.DrawFn) -> list[Chunk]:
    """A few pieces of a program, apart from each other, some across the 64 KB steps of Intel HEX."""
    address, chunks = draw(st.sampled_from([0, 0x0000FF80, 0x08000000, 0x1000FFF4])), []
    for data in draw(st.lists(st.binary(min_size=1, max_size=700), min_size=1, max_size=3)):
        chunks.append(Chunk(address, data))
        address += len(data) + draw(st.integers(1, 600))
    return chunks


def bytes_of(chunks: list[Chunk]) -> dict[int, int]:
    return {chunk.address + i: byte for chunk in chunks for i, byte in enumerate(chunk.data)}


@given(programs())
@settings(max_examples=30)
def test_uf2_as_its_specification_reads_it(chunks: list[Chunk]) -> None:
    file = uf2(chunks, PICO_FAMILY)
    assert len(file) % 512 == 0
    count, memory = len(file) // 512, {}
    for index in range(count):
        block = file[512 * index : 512 * index + 512]
        first, second, flags, address, size, number, total, family = struct.unpack_from("<8I", block)
        assert (first, second, struct.unpack_from("<I", block, 508)[0]) == (0x0A324655, 0x9E5D5157, 0x0AB16F30)
        assert (flags, number, total, family) == (0x2000, index, count, PICO_FAMILY)
        assert size == 256 and address % 256 == 0, "the boot ROM of RP2040 takes nothing else"
        memory |= {address + i: block[32 + i] for i in range(size)}
    wanted = bytes_of(chunks)
    assert all(memory[address] == wanted.get(address, 0xFF) for address in memory)
    assert wanted.keys() <= memory.keys()


@given(programs())
@settings(max_examples=20)
def test_uf2_as_the_package_uf2utils_reads_it(chunks: list[Chunk]) -> None:
    need("uf2utils")
    from uf2utils.block import DataBlock

    file, memory = uf2(chunks, PICO_FAMILY), {}
    for start in range(0, len(file), 512):
        block = DataBlock.fromBlock(bytearray(file[start : start + 512]))
        assert block.header.family.name == "RP2040"
        memory |= {block.header.address + i: byte for i, byte in enumerate(block.payload[: block.header.payload_size])}
    wanted = bytes_of(chunks)
    assert wanted.keys() <= memory.keys()
    assert all(memory[address] == byte for address, byte in wanted.items())


@given(programs())
@settings(max_examples=30)
def test_intel_hex_as_the_package_intelhex_reads_it(chunks: list[Chunk]) -> None:
    need("esptool")
    from intelhex import IntelHex

    seen = IntelHex(io.StringIO(intel_hex(chunks).decode()))
    assert {address: seen[address] for address in seen.addresses()} == bytes_of(chunks)


@given(programs())
@settings(max_examples=20)
def test_a_binary_has_every_byte_in_its_place(chunks: list[Chunk]) -> None:
    image, wanted = binary(chunks), bytes_of(chunks)
    first = chunks[0].address
    assert all(byte == wanted.get(first + i, 0xFF) for i, byte in enumerate(image))
    assert len(image) == max(wanted) - first + 1


@pytest.mark.tools
@pytest.mark.parametrize(("name", "chip"), [("esp32-c3", "ESP32-C3"), ("esp32-c6", "ESP32-C6")])
def test_esptool_takes_our_images_for_its_own(name: str, chip: str, rv32e_folder: Path, tmp_path: Path) -> None:
    need("esptool", "gcc-riscv")
    board = load_board(name)
    program = build_firmware([rv32e_folder], board, tmp_path, "gcc")
    file = tmp_path / "firmware.bin"
    upload = dict(board.uploads[0].parameters)
    file.write_bytes(FORMATS["esp"](program.elf, upload))
    command = [sys.executable, "-m", "esptool", "--chip", str(upload["chip"]), "image-info", str(file)]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert f"Chip ID: {13 if 'c6' in name else 5} ({chip})" in seen
    assert f"Entry point: {read_image(program.elf).entry:#x}" in seen
    assert "Checksum: " in seen and "(valid)" in seen and "Validation hash: " in seen and "invalid" not in seen
    chunks = load_chunks(program.elf)
    assert f"{chunks[0].address:#x}" in seen and f"Segments: {len(chunks)}" in seen.replace("Segment count", "Segments")
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    assert "invalid" in subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


@pytest.mark.tools
def test_nordics_packages_are_made_of_our_hex(firmware: Any, tmp_path: Path) -> None:
    need("adafruit-nrfutil")
    file = tmp_path / "firmware.hex"
    file.write_bytes(FORMATS["hex"](firmware.elf, {}))
    package = tmp_path / "firmware.zip"
    command = ["dfu", "genpkg", "--dev-type", "0x0052", "--sd-req", "0x00B6", "--application", str(file), str(package)]
    tool = find_tool("adafruit-nrfutil")
    assert tool is not None
    subprocess.run([tool, *command], check=True, capture_output=True, timeout=60)
    with zipfile.ZipFile(package) as content:
        assert content.read("firmware.bin") == binary(load_chunks(firmware.elf))
