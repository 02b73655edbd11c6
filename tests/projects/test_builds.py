"""Every project is built by its ecosystem's build system, or by a stub of it, and prints the reference's bits."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from edgeq.assemble import write_project
from edgeq.boards import load_board
from edgeq.projects import load_project
from tests.projects.builders import BUILDERS, call, cmake_build
from tests.projects.models import expected_output, folders
from tests.tools import need

pytestmark = pytest.mark.tools

BOARDS = {"esp-idf": "riscv", "pico-sdk": "cortex-m0plus"}
"""What a kind is converted for here; cortex-m4 unless named. Its kernels are C on this computer."""


def written(kind: str, count: int, out: Path, board: str | None = None) -> Path:
    """A project of one or two models."""
    write_project(folders(count, board or BOARDS.get(kind, "cortex-m4")), kind, out, "both" if count == 2 else None)
    return out


# One model where that is not as two are: other kinds differ from `cmake` in nothing that a single model would show.
@pytest.mark.parametrize(
    ("kind", "count"),
    [*((kind, 2) for kind in sorted(BUILDERS)), *((k, 1) for k in ("arduino", "cmake", "micropython"))],
)
def test_the_project_builds_and_computes_the_references_bits(kind: str, count: int, tmp_path: Path) -> None:
    project = written(kind, count, tmp_path / "project")
    work = tmp_path / "work"
    work.mkdir()
    printed = BUILDERS[kind](project, work).splitlines()
    expected = expected_output(count, BOARDS.get(kind, "cortex-m4"))
    if kind != "micropython":
        assert printed == expected
        return
    # In MicroPython, run() gives bytes, and an input of the wrong size is refused.
    lines = [f"module edgeq_{'both' if count == 2 else 'one'}"]
    for line in expected[:count]:
        name, numbers = line.removesuffix(" PASS").split(": ")
        raw = struct.pack("<10i", *map(int, numbers.split()))
        lines.append(f"{name if count == 2 else 'run'}: {' '.join(map(str, raw))} PASS")
        lines.append(f"ValueError: an input of {name} has another size")
    assert printed == lines


@pytest.mark.parametrize(("kind", "board", "tool"), [("make", "cortex-m4", "gcc-arm"), ("cmake", "riscv", "gcc-riscv")])
def test_the_library_is_cross_compiled(kind: str, board: str, tool: str, tmp_path: Path) -> None:
    need(tool, "make", "cmake")
    project = written(kind, 2, tmp_path / "project", board)
    gcc = load_board(board).gcc
    assert gcc is not None
    if kind == "make":
        call(["make", "--silent", "lib", f"CROSS={gcc.prefix}"], project)
        (library,) = project.rglob("libboth.a")
    else:
        toolchain = f"-DCMAKE_TOOLCHAIN_FILE={project / 'cmake' / 'toolchain.cmake'}"
        (library,) = cmake_build(project, tmp_path, toolchain).rglob("libboth.a")
    symbols = call([f"{gcc.prefix}nm", library], tmp_path)
    assert re.search(r" T one_run$", symbols, re.MULTILINE) and re.search(r" T two_run$", symbols, re.MULTILINE)
    kernels = re.findall(r" T (edgeq_\w+)$", symbols, re.MULTILINE)
    assert kernels and len(kernels) == len(set(kernels))


def test_an_installed_library_is_found_by_a_project_in_cplusplus(tmp_path: Path) -> None:
    need("cmake", "gcc", "c++")
    project = written("cmake", 2, tmp_path / "project")
    build = cmake_build(project, tmp_path, "-DBOTH_EXAMPLE=OFF")
    call(["cmake", "--install", build, "--prefix", tmp_path / "prefix"], tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "main.cpp").write_text(
        '#include "both.h"\n'
        '#include "edgeq/edgeq_contract.h"\n'
        "alignas(BOTH_ARENA_ALIGN) static uint8_t arena[BOTH_ARENA_BYTES];\n"
        "int main() {\n"
        "  one_t one; two_t two;\n"
        "  return one_init(&one, arena, sizeof arena) || two_init(&two, arena, sizeof arena)\n"
        "      || one_run(&one) || two_run(&two);\n"
        "}\n"
    )
    (other / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\n"
        "project(other CXX)\n"
        "find_package(both CONFIG REQUIRED)\n"
        "add_executable(other main.cpp)\n"
        "target_link_libraries(other PRIVATE both::both)\n"
    )
    built = cmake_build(other, other, f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}")
    call([built / "other"], other)


def test_a_wrong_bit_fails_the_example(tmp_path: Path) -> None:
    need("make", "gcc")
    project = written("make", 1, tmp_path / "project")
    header = project / "one" / "one_sample.h"
    start = header.read_text().index("one_sample_output_0")
    text = header.read_text()
    number = re.compile(r"\d+,").search(text, text.index("{", start))
    assert number is not None
    header.write_text(text[: number.start()] + f"{int(number[0][:-1]) ^ 1}," + text[number.end() :])
    with pytest.raises(AssertionError, match="one: FAIL"):
        BUILDERS["make"](project, tmp_path)


def test_every_kind_is_built() -> None:
    assert all(load_project(kind).checked for kind in BUILDERS)
