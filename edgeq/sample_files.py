"""One sample, or several, from a file: npy as it is, wav as parts of full scale, png as parts of 255."""

from __future__ import annotations

import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeq.errors import CalibrationError

Array = NDArray[Any]

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type; 3 has a palette."""


def read_sample_file(path: Path) -> Array:
    """The array in a file of a kind in SAMPLE_FILES. Raises CalibrationError."""
    try:
        return SAMPLE_FILES[path.suffix.lower()](path)
    except CalibrationError:
        raise
    except (ValueError, OSError, EOFError, KeyError, IndexError, zlib.error, struct.error, wave.Error) as error:
        message = f"the file cannot be read as {path.suffix.lower()[1:]} ({error or type(error).__name__})"
        raise CalibrationError(message, where=str(path)) from None


def _npy(path: Path) -> Array:
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _wav(path: Path) -> Array:
    """[frames], or [frames, channels] where there are several; float32 in [-1, 1)."""
    with wave.open(str(path)) as sound:
        width, channels = sound.getsampwidth(), sound.getnchannels()
        raw = np.frombuffer(sound.readframes(sound.getnframes()), np.uint8)
    if width == 1:  # the only unsigned one
        real = (raw.astype(np.float32) - 128) / 128
    else:
        shifts = np.arange(0, 8 * width, 8)
        wide = (raw.reshape(-1, width).astype(np.int64) << shifts).sum(axis=1)
        wide -= (wide >> (8 * width - 1)) << (8 * width)
        real = (wide / 2.0 ** (8 * width - 1)).astype(np.float32)
    return real if channels == 1 else real.reshape(-1, channels)


def _png(path: Path) -> Array:
    """[height, width, channels] float32 in [0, 1]; 8 bits per channel, not interlaced."""
    data = path.read_bytes()
    if not data.startswith(_PNG):
        raise ValueError("no PNG signature")
    chunks: dict[bytes, bytes] = {}
    place = len(_PNG)
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        chunks[kind] = chunks.get(kind, b"") + data[place + 8 : place + 8 + size]
        place += 12 + size
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if depth != 8 or interlaced:
        raise ValueError("only 8 bits per channel without interlacing")
    channels = _PNG_CHANNELS[colour]
    rows = _unfiltered(zlib.decompress(chunks[b"IDAT"]), height, width * channels, channels)
    pixels = rows.reshape(height, width, channels)
    if colour == 3:
        pixels = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[pixels[:, :, 0]]
    return pixels.astype(np.float32) / 255


def _unfiltered(data: bytes, height: int, row_bytes: int, step: int) -> Array:
    """Rows of bytes behind the five filters of the PNG specification, section 9."""
    raw = np.frombuffer(data, np.uint8).reshape(height, row_bytes + 1)
    out = np.zeros((height + 1, row_bytes + step), dtype=np.int64)  # a row above and a pixel to the left, of zeros
    for y in range(height):
        kind, line = int(raw[y, 0]), raw[y, 1:].astype(np.int64)
        above, here = out[y], out[y + 1]
        if kind in (0, 2):
            here[step:] = line + (above[step:] if kind == 2 else 0) & 255
            continue
        for x in range(step, row_bytes + step):
            left, up, corner = int(here[x - step]), int(above[x]), int(above[x - step])
            here[x] = int(line[x - step]) + _predicted(kind, left, up, corner) & 255
    return out[1:, step:]


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 1:
        return left
    if kind == 3:
        return (left + up) // 2
    if kind != 4:
        raise ValueError(f"unknown filter {kind}")
    distances = (abs(up - corner), abs(left - corner), abs(left + up - 2 * corner))
    return (left, up, corner)[distances.index(min(distances))]


SAMPLE_FILES: dict[str, Callable[[Path], Array]] = {".npy": _npy, ".wav": _wav, ".png": _png}
"""What reads a file, by its suffix."""
