"""Runs a kernel on the host under the address and undefined-behaviour sanitizers.

A generated main reads descriptor, tables and input from stdin, gives every buffer its own allocation of exactly the
promised size (so that the sanitizer sees any byte read or written beside it), and prints the output.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from edgeq import resources
from edgeq.ir.types import Array
from edgeq.kernels.registry import Kernel
from tests.kernels.cases import Case

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-pedantic", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def fields(kernel: Kernel) -> list[tuple[str, str]]:
    """(C type, name) of every field of the kernel's descriptor, in the header's order."""
    text = (resources.runtime_dir() / "include" / kernel.header).read_text("utf-8")
    name = kernel.descriptor_type
    if alias := re.search(rf"^typedef (edgeq_(\w+)_t) {name};", text, re.M):
        name = alias[1]
        text = (resources.runtime_dir() / "include" / "edgeq" / f"edgeq_{alias[2]}.h").read_text("utf-8")
    body = re.sub(r"/\*.*?\*/", "", text[text.index("typedef struct {") : text.index(f"}} {name};")], flags=re.S)
    found = []
    for c_type, names in re.findall(r"^\s*((?:const )?(?:\w+_t|void) \*?)([\w, ]+);", body, re.M):
        found += [(c_type.strip(), name.strip()) for name in names.split(",")]
    return found


READERS = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int32_t number(void) {
  int32_t value;
  if (fread(&value, 4, 1, stdin) != 1) exit(2);
  return value;
}
static void *block(void) {
  const size_t bytes = (size_t)number();
  void *data = bytes ? malloc(bytes) : NULL;
  if (bytes && fread(data, 1, bytes, stdin) != bytes) exit(2);
  return data;
}
"""
"""C that reads what the tests write: a number; a block, its size first, into an allocation of just that size."""


def _main(kernel: Kernel) -> str:
    lines = []
    for c_type, name in fields(kernel):
        if c_type.endswith("*"):
            lines.append(f"  layer.{name} = ({c_type})block();")
        else:
            lines.append(f"  layer.{name} = ({c_type})number();")
    return f"""
#include "{kernel.header}"
{READERS}
int main(void) {{
  {kernel.descriptor_type} layer;
{chr(10).join(lines)}
  int8_t *input = (int8_t *)block();
  const size_t bytes = (size_t)number();
#ifdef IN_PLACE
  int8_t *output = input;
#else
  int8_t *output = (int8_t *)malloc(bytes);
#endif
  const size_t scratch_bytes = (size_t)number();
  void *scratch = scratch_bytes ? malloc(scratch_bytes) : NULL;
  {kernel.name}(&layer, input, (void *)output, scratch);
  return fwrite(output, 1, bytes, stdout) == bytes ? 0 : 3;
}}
"""


def host_program(kernel: Kernel, compiler: str, folder: Path, defines: tuple[str, ...] = ()) -> Path:
    """The sanitized program around one kernel, built once per folder."""
    stem = "_".join([kernel.name, compiler, *(re.sub(r"\W", "", d) for d in defines)])
    source, program = folder / f"{stem}.c", folder / stem
    if program.exists():
        return program
    source.write_text(_main(kernel), encoding="utf-8")
    runtime = resources.runtime_dir()
    command = [compiler, "-std=c11", "-O1", "-g", *WARNINGS, *SANITIZERS, *(f"-D{d}" for d in defines)]
    command += ["-I", str(runtime / "include"), "-I", str(runtime / "port" / "host" / "simd")]
    command += [str(source), str(runtime / kernel.source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def run_on_host(kernel: Kernel, case: Case, program: Path) -> Array:
    """The kernel's output for a case; fails on any sanitizer report."""
    params = case.params(kernel)
    message = b""
    for c_type, name in fields(kernel):
        if c_type.endswith("*"):
            data = np.ascontiguousarray(params[name]).tobytes()
            message += struct.pack("<i", len(data)) + data
        else:
            message += struct.pack("<i", int(params[name]))
    given = case.stored_input() + bytes(kernel.over_read)
    expected = case.node.output.type
    message += struct.pack("<i", len(given)) + given
    message += struct.pack("<ii", expected.bytes, kernel.scratch_bytes(case.facts))
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([str(program)], input=message, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:3000]
    return case.read_output(done.stdout)


def check_plain_form(kernel: Kernel, cases: Iterable[Case], folder: Path) -> None:
    """What stands beside a kernel's assembly for other processors gives the reference's bits, in place where it may."""
    for case in cases:
        for places in {(), ("IN_PLACE",) if kernel.in_place_inputs(case.facts) else ()}:
            program = host_program(kernel, "gcc", folder, places)
            np.testing.assert_array_equal(run_on_host(kernel, case, program), case.expected())
