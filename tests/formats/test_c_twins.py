"""The unpack headers of runtime/include, compiled with sanitizers, read every packed row as Python does."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgeq.formats import number_formats
from edgeq.formats.groups import Grouped
from edgeq.formats.trit_planes import TritPlanes
from tests.tools import ROOT, need

pytestmark = [pytest.mark.tools, pytest.mark.xdist_group("format twins")]

FORMATS = number_formats()
BASES = [form for form in FORMATS if form.role == "weights"]
GROUPED = [Grouped(form, 9, "q8") for form in BASES] + [Grouped(form, 16, "q31") for form in BASES]
GROUPED += [TritPlanes(form, 7, "q8") for form in BASES if form.name.startswith("wt")]

MAIN = """
#include <stdio.h>
#include <stdlib.h>

#include "edgeq/edgeq_unpack_group.h"
%(includes)s
typedef int32_t (*value_t)(const uint8_t *row, uint32_t count, uint32_t i);
%(functions)s
static const value_t VALUES[] = {%(names)s};

/* A job: format, factor bytes (0: no groups), count, group size, bytes of a full group and of a plane, planes, bytes of
 * the row; then the row. It lies in a block of exactly its size, so that the sanitizer sees any byte read beyond. */
int main(void) {
  uint32_t job[8];
  while (fread(job, sizeof job, 1, stdin) == 1) {
    const value_t value = VALUES[job[0]];
    uint8_t *const row = malloc(job[7]);
    if (row == NULL || fread(row, 1, job[7], stdin) != job[7]) {
      return 1;
    }
    for (uint32_t i = 0; i < job[2]; i++) {
      if (job[1] == 0) {
        printf("%%d ", (int)value(row, job[2], i));
        continue;
      }
      const uint32_t g = i / job[3];
      const uint32_t length = edgeq_unpack_group_length(job[2], job[3], g);
      const uint8_t *const factors = row + job[6] * job[5];
      for (uint32_t p = 0; p < job[6]; p++) {
        int32_t multiplier = 0;
        int32_t shift = 0;
        if (job[1] == 1) {
          multiplier = edgeq_unpack_group_q8(factors, g * job[6] + p);
        } else {
          edgeq_unpack_group_q31(factors, g * job[6] + p, &multiplier, &shift);
        }
        const int32_t element = value(row + p * job[5] + g * job[4], length, i %% job[3]);
        printf("%%d %%d %%d ", (int)multiplier, (int)shift, (int)element);
      }
    }
    printf("\\n");
    free(row);
  }
  return 0;
}
"""


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that unpacks jobs."""
    need("gcc")
    folder = tmp_path_factory.mktemp("twins")
    functions = "".join(
        f"static int32_t value_{form.name}(const uint8_t *row, uint32_t count, uint32_t i) {{\n"
        f"  (void)count;\n  return {form.c_value};\n}}\n"
        for form in FORMATS
    )
    text = MAIN % {
        "includes": "".join(f'#include "{header}"\n' for header in sorted({form.header for form in FORMATS})),
        "functions": functions,
        "names": ", ".join(f"value_{form.name}" for form in FORMATS),
    }
    (folder / "twins.c").write_text(text)
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"]
    checked = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command = ["gcc", *strict, *checked, f"-I{ROOT / 'runtime' / 'include'}", "twins.c", "-o", "twins"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "twins"


def run(twin: Path, jobs: list[bytes]) -> list[list[int]]:
    """The numbers that the program prints for each job."""
    done = subprocess.run([twin], input=b"".join(jobs), capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [[int(word) for word in line.split()] for line in done.stdout.decode().splitlines()]


@pytest.mark.parametrize("index", range(len(FORMATS)), ids=lambda index: FORMATS[index].name)
def test_c_reads_what_python_packs(index: int, twin: Path) -> None:
    form, rng = FORMATS[index], np.random.default_rng(index)
    jobs, wanted = [], []
    for n in range(1, 101):
        codes = rng.choice([code for code, value in enumerate(form.values) if value is not None], n)
        row = form.pack(codes).tobytes()
        jobs.append(struct.pack("=8I", index, 0, n, 0, 0, 0, 1, len(row)) + row)
        wanted.append(form.decode(codes).tolist())
    assert run(twin, jobs) == wanted


@pytest.mark.parametrize("form", GROUPED, ids=lambda form: form.name)
def test_c_reads_groups(form: Grouped, twin: Path) -> None:
    rng = np.random.default_rng(form.size)
    jobs, wanted = [], []
    for n in range(1, 41):
        matrix = rng.normal(size=(1, n)) * 10.0 ** rng.integers(-6, 1, (1, n))
        matrix[:, 9:18] = 0
        rows = form.encode(matrix)
        row = form.pack(rows).tobytes()
        factor_bytes = 1 if form.factor == "q8" else 5
        sizes = (form.size, form.base.row_bytes(form.size), form.plane_bytes(n), form.planes, len(row))
        jobs.append(struct.pack("=8I", FORMATS.index(form.base), factor_bytes, n, *sizes) + row)
        values = form.base.decode(rows.codes)
        numbers = []
        for i in range(n):
            for p in range(form.planes):
                multiplier, shift = (*rows.factors[0, i // form.size, p].tolist(), 0)[:2]
                numbers += [multiplier, shift, int(values[p, 0, i])]
        wanted.append(numbers)
    assert run(twin, jobs) == wanted


def test_every_header_belongs_to_a_format() -> None:
    headers = {path.name for path in (ROOT / "runtime" / "include" / "edgeq").glob("edgeq_unpack_*.h")}
    assert headers == {Path(form.header).name for form in FORMATS} | {"edgeq_unpack_group.h", "edgeq_unpack_rows.h"}


def test_a_byte_read_beyond_the_row_is_seen(twin: Path) -> None:
    """The check of the check: one element more than the row has."""
    index = next(i for i, form in enumerate(FORMATS) if form.name == "w8")
    job = struct.pack("=8I", index, 0, 9, 0, 0, 0, 1, 8) + bytes(8)
    done = subprocess.run([twin], input=job, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0 and b"heap-buffer-overflow" in done.stderr
