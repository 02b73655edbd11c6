"""Every board file is valid, and its compilers and emulators say hello."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from edgeq.boards import Board, list_boards, read_board
from edgeq.emulate import render_main, runners_for
from edgeq.errors import BoardError, EdgeqError
from edgeq.toolchain import build_program
from tests.tools import ROOT, need

BOARDS = ROOT / "boards"

HELLO = """
#include <stddef.h>
#include <stdint.h>
#include "edgeq/edgeq_status.h"
#include "edgeq/edgeq_step.h"
#define HELLO_ARENA_BYTES 16
#define HELLO_ARENA_ALIGN 16
#define HELLO_INPUT_COUNT 1
#define HELLO_OUTPUT_COUNT 1
#define HELLO_STEP_COUNT 1
typedef struct { uint8_t *arena; } hello_t;
edgeq_status hello_init(hello_t *model, void *arena, size_t arena_bytes);
edgeq_status hello_run(hello_t *model);
void *hello_input(const hello_t *model, uint32_t index);
const void *hello_output(const hello_t *model, uint32_t index);
"""

HELLO_C = """
#include "hello.h"
edgeq_status hello_init(hello_t *model, void *arena, size_t arena_bytes) {
  (void)arena_bytes;
  model->arena = arena;
  return EDGEQ_OK;
}
edgeq_status hello_run(hello_t *model) {
  static const uint8_t greeting[5] = {'h', 'e', 'l', 'l', 'o'};
  EDGEQ_ON_STEP(0);
  for (int i = 0; i < 5; i++) model->arena[8 + i] = (uint8_t)(greeting[i] ^ model->arena[i]);
  EDGEQ_ON_STEP(1);
  return EDGEQ_OK;
}
void *hello_input(const hello_t *model, uint32_t index) { (void)index; return model->arena; }
const void *hello_output(const hello_t *model, uint32_t index) { (void)index; return model->arena + 8; }
"""

MANIFEST = {
    "name": "hello",
    "state_bytes": 0,
    "inputs": [{"name": "key", "bytes": 5, "offset": 0}],
    "outputs": [{"name": "greeting", "bytes": 5, "offset": 8}],
    "steps": [{"outputs": [{"name": "greeting", "in_state": False, "offset": 8, "bytes": 5, "dtype": "int8"}]}],
}


def file_complaints(files: Iterable[Path]) -> list[str]:
    """What is wrong with board files: fields, and names that two of them claim."""
    found, names = [], Counter[str]()
    for file in files:
        try:
            board = read_board(file)
        except BoardError as error:
            found.append(str(error))
            continue
        names.update({board.name, *board.aliases})
    return found + [f"{name!r} names {count} boards" for name, count in names.items() if count > 1]


def hello_complaint(board: Board, compiler: str, folder: Path, timeout: float = 60.0) -> str:
    """ "" when a program for the board compiles and, wherever it can run, says hello."""
    (folder / "hello.h").write_text(HELLO)
    (folder / "hello.c").write_text(HELLO_C)
    main = render_main(MANIFEST, "host" if board.is_host else "emulator")
    includes = [folder, ROOT / "runtime" / "include"]
    try:
        program = build_program([folder / "hello.c"], includes, board, main=main, work_dir=folder, compiler=compiler)
        for runner in runners_for(board):
            said = runner.run(program, [b"\0" * 5, b"\x20" * 5], output_bytes=5, timeout=timeout).outputs
            if said != [b"hello", b"HELLO"]:
                return f"{board.name} on {runner.name} says {said}"
    except EdgeqError as error:
        return f"{board.name} with {compiler}: {error}"
    return ""


def test_board_files_are_valid() -> None:
    files = sorted(BOARDS.glob("*.toml"))
    assert len(files) == len(list_boards())
    assert file_complaints(files) == []


@pytest.mark.tools
@pytest.mark.parametrize(
    ("board", "compiler"),
    [
        (board, compiler)
        for board in list_boards()
        for compiler in (("gcc",) if board.core else ("zig", "gcc"))  # what zig makes of a core, its own board shows
        if board.is_host or getattr(board, compiler) is not None
    ],
    ids=lambda p: p.name if isinstance(p, Board) else p,
)
def test_board_says_hello(board: Board, compiler: str, tmp_path: Path) -> None:
    need("unicorn", "zig" if compiler == "zig" else "gcc" if board.is_host else f"gcc-{board.arch}")
    if board.unicorn is None and board.qemu is not None:
        need(f"qemu-{board.arch}")
    assert hello_complaint(board, compiler, tmp_path) == ""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('arch = "riscv"', 'arch = "mips"', "arch: must be one of"),
        ('features = ["mul_high"]', 'features = ["neon"]', "unknown feature 'neon'"),
        ("[ram]\n", "[ram]\nwidth = 32\n", "ram.width: unknown key"),
        ("[flash]", "[rom]", "flash: missing table"),
        ("bytes = 1048576", "bytes = -4096", "flash.bytes: must be from 0"),
        ("summary =", "#", "summary: missing"),
        ("[zig]", "[zig", "not a TOML file"),
    ],
)
def test_a_wrong_board_is_named(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    text = (BOARDS / "riscv.toml").read_text()
    assert old in text
    file = tmp_path / "wrong.toml"
    file.write_text(text.replace(old, new, 1))
    (found,) = file_complaints([file])
    assert complaint in found and "wrong.toml" in found


def test_a_name_that_two_boards_claim_is_named(tmp_path: Path) -> None:
    (tmp_path / "rv32imc.toml").write_text((BOARDS / "riscv.toml").read_text())
    found = file_complaints([BOARDS / "riscv.toml", tmp_path / "rv32imc.toml"])
    assert found == ["'rv32imc' names 2 boards"]


@pytest.mark.tools
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('mcpu = "generic_rv32', 'mcpu = "imaginary_rv32'),
        ("[ram]\norigin = 0x80", "[ram]\norigin = 0x00"),
        ("bytes = 262144", "bytes = 4096"),
    ],
    ids=["no such processor", "RAM where there is none", "no room"],
)
def test_a_board_that_cannot_say_hello_is_named(old: str, new: str, tmp_path: Path) -> None:
    need("zig", "unicorn")
    text = (BOARDS / "riscv.toml").read_text()
    assert old in text
    file = tmp_path / "mute.toml"
    file.write_text(text.replace(old, new, 1))
    if old.startswith("[ram]"):
        need("qemu-riscv")  # Unicorn gives a program whatever memory its board file names
    assert "mute" in hello_complaint(read_board(file), "zig", tmp_path, timeout=5.0)
