"""Firmware as flat files: raw binary, Intel HEX, UF2, and the image of an ESP32.

All are made of chunks: where bytes are to be when the chip starts, and the bytes, as the ELF file's load addresses say.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from pathlib import Path

from edgeq.emulate.image import read_image
from edgeq.errors import InternalError

_ERASED = b"\xff"

UF2_PAYLOAD = 256
_UF2_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_UF2_HAS_FAMILY = 0x00002000

ESP_CHIPS = {"esp32c3": 5, "esp32c6": 13}
"""Chip ids in the header of an image."""
_ESP_MAGIC, _ESP_CHECKSUM_SEED = 0xE9, 0xEF
_ESP_DIO, _ESP_4MB = 2, 0x20


@dataclass(frozen=True)
class Chunk:
    """Bytes at an address."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        return self.address + len(self.data)


def load_chunks(elf: Path) -> list[Chunk]:
    """What a linked program wants in memory, by address, neighbours joined."""
    chunks: list[Chunk] = []
    for address, data in sorted(read_image(elf).segments):
        if chunks and address < chunks[-1].end:
            raise InternalError(f"{elf}: segments overlap at {address:#x}")
        if chunks and address == chunks[-1].end:
            chunks[-1] = Chunk(chunks[-1].address, chunks[-1].data + data)
        else:
            chunks.append(Chunk(address, data))
    return chunks


def binary(chunks: Sequence[Chunk]) -> bytes:
    """From the first byte to the last; gaps are as erased."""
    first = chunks[0].address
    image = bytearray(_ERASED * (max(chunk.end for chunk in chunks) - first))
    for chunk in chunks:
        image[chunk.address - first : chunk.end - first] = chunk.data
    return bytes(image)


def intel_hex(chunks: Sequence[Chunk]) -> bytes:
    """Intel HEX with linear addresses (Intel's specification of 1988), 16 bytes per record."""
    lines, upper = [], 0
    for chunk in chunks:
        position = 0
        while position < len(chunk.data):
            address = chunk.address + position
            if address >> 16 != upper:
                upper = address >> 16
                lines.append(_record(4, 0, struct.pack(">H", upper)))
            size = min(16, len(chunk.data) - position, 0x10000 - (address & 0xFFFF))
            lines.append(_record(0, address & 0xFFFF, chunk.data[position : position + size]))
            position += size
    return ("\n".join([*lines, _record(1, 0, b"")]) + "\n").encode()


def _record(kind: int, address: int, data: bytes) -> str:
    body = struct.pack(">BHB", len(data), address, kind) + data
    return f":{body.hex().upper()}{-sum(body) & 0xFF:02X}"


def uf2(chunks: Sequence[Chunk], family: int) -> bytes:
    """UF2 (github.com/microsoft/uf2): blocks of 512 bytes that carry 256 each, for a chip's family.

    Every block is a whole page of 256 bytes, since that is what boot loaders write; what the program leaves of a page
    is as erased.
    """
    pages: dict[int, bytearray] = {}
    for chunk in chunks:
        for offset, byte in enumerate(chunk.data):
            page, at = divmod(chunk.address + offset, UF2_PAYLOAD)
            pages.setdefault(page, bytearray(_ERASED * UF2_PAYLOAD))[at] = byte
    blocks = []
    for index, page in enumerate(sorted(pages)):
        head = (*_UF2_MAGIC[:2], _UF2_HAS_FAMILY, page * UF2_PAYLOAD, UF2_PAYLOAD, index, len(pages), family)
        blocks.append(
            struct.pack("<8I", *head) + bytes(pages[page]).ljust(476, b"\0") + struct.pack("<I", _UF2_MAGIC[2])
        )
    return b"".join(blocks)


def esp_image(chunks: Sequence[Chunk], chip: str, entry: int) -> bytes:
    """What the ROM of an ESP32 loads from flash (Espressif's "Firmware image format"): all chunks go to RAM."""
    head = struct.pack("<BBBBI", _ESP_MAGIC, len(chunks), _ESP_DIO, _ESP_4MB, entry)
    # No write-protect pin, default drive strengths, any revision of the chip; a SHA-256 follows.
    head += struct.pack("<B3xHBHH4xB", 0xEE, ESP_CHIPS[chip], 0, 0, 0xFFFF, 1)
    body, checksum = b"", _ESP_CHECKSUM_SEED
    for chunk in chunks:
        data = chunk.data + b"\0" * (-len(chunk.data) % 4)
        body += struct.pack("<II", chunk.address, len(data)) + data
        checksum = reduce(xor, data, checksum)
    image = head + body
    image += b"\0" * (15 - len(image) % 16) + bytes([checksum])
    return image + hashlib.sha256(image).digest()


def _esp(elf: Path, parameters: Mapping[str, str | int]) -> bytes:
    return esp_image(load_chunks(elf), str(parameters["chip"]), read_image(elf).entry)


FORMATS: Mapping[str, Callable[[Path, Mapping[str, str | int]], bytes]] = {
    "elf": lambda elf, _: elf.read_bytes(),
    "bin": lambda elf, _: binary(load_chunks(elf)),
    "hex": lambda elf, _: intel_hex(load_chunks(elf)),
    "uf2": lambda elf, parameters: uf2(load_chunks(elf), int(parameters["family"])),
    "esp": _esp,
}
"""File ending -> what makes the file of a linked program and a route's parameters."""
