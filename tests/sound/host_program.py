"""The C of the front end on this computer, under the sanitizers: every buffer has an allocation of its own size."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeq import resources
from edgeq.ir.types import Array
from edgeq.sound import Tables
from tests.kernels.host_runner import READERS, SANITIZERS, WARNINGS

SOURCES = ("src/sound_features/edgeq_sound_features_a16__c.c", "src/sound/edgeq_sound_stream.c")


def _main(fields: Mapping[str, Any]) -> str:
    """fields: of a descriptor, arrays and numbers."""
    readers = {name: "block" if isinstance(value, np.ndarray) else "number" for name, value in fields.items()}
    lines = [f"  sound.{name} = {reader}();" for name, reader in readers.items()]
    return f"""
#include "edgeq/edgeq_sound.h"
{READERS}
int main(void) {{
  edgeq_sound_features_t sound;
  sound.frames = 1;
{chr(10).join(lines)}
  const size_t bytes = (size_t)(sound.mfcc ? sound.mfcc : sound.mels) * (size_t)sound.output_bits / 8;
  int16_t *frame = malloc((size_t)sound.window * 2);
  int32_t *scratch = malloc(4 * ((1U << sound.fft_bits) + (size_t)sound.mels));
  void *features = malloc(bytes);
  edgeq_sound_stream_t stream;
  edgeq_sound_start(&stream, &sound, frame, scratch);
  for (int32_t chunks = number(); chunks > 0; chunks--) {{
    const uint32_t size = (uint32_t)number();
    int16_t *chunk = malloc(size);
    const int16_t *samples = chunk;
    uint32_t count = size / 2;
    if (size && fread(chunk, 1, size, stdin) != size) return 2;
    while (edgeq_sound_next(&stream, &samples, &count, features)) {{
      memset(scratch, 0x5a, 4 * ((1U << sound.fft_bits) + (size_t)sound.mels));
      if (fwrite(features, 1, bytes, stdout) != bytes) return 3;
    }}
    if (count || samples != chunk + size / 2) return 4;
    free(chunk);
  }}
  return 0;
}}
"""


def build(tables: Tables, compiler: str, folder: Path, wide: int) -> Path:
    """The program; it takes any front end. wide: 1 with 64-bit products, 0 with those of halves, as on Cortex-M0."""
    program = folder / f"sound_{compiler}_{wide}"
    source = folder / "sound_main.c"
    source.write_text(_main(tables.descriptor), encoding="utf-8")
    runtime = resources.runtime_dir()
    command = [compiler, "-std=c11", "-O1", "-g", *WARNINGS, *SANITIZERS, f"-DEDGEQ_WIDE_MULTIPLY={wide}"]
    command += ["-I", str(runtime / "include"), str(source), *(str(runtime / s) for s in SOURCES), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def run(program: Path, tables: Tables, chunks: Sequence[Array]) -> Array:
    """Features of the frames that come out when the chunks go in one after the other; fails on any sanitizer report."""
    message = b""
    for value in tables.descriptor.values():
        data = np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else b""
        message += struct.pack("<i", len(data)) + data if isinstance(value, np.ndarray) else struct.pack("<i", value)
    message += struct.pack("<i", len(chunks))
    for chunk in chunks:
        message += struct.pack("<i", 2 * len(chunk)) + np.ascontiguousarray(chunk, np.int16).tobytes()
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([str(program)], input=message, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:3000]
    dtype = np.int8 if tables.output.bits == 8 else np.int16
    return np.frombuffer(done.stdout, dtype).reshape(-1, tables.settings.features)
