"""Compiling: errors that say what to do, capacity with the shortfall, the same program every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeq import doctor
from edgeq.boards import Board, Memory, load_board
from edgeq.emulate import runner_for
from edgeq.errors import CapacityError, EmulationError, ToolchainError, UsageError
from edgeq.toolchain import available_compilers, build_program, compilers, find_compiler, section_bytes
from tests.emulated.tiny_model import BOARDS, build, need_compiler


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler and no emulator anywhere."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_missing_compiler_says_how_to_get_one(board: Board) -> None:
    assert available_compilers(board) == []
    with pytest.raises(
        ToolchainError, match=r"pip install 'edgeq\[emulate\]'" + (".*apt install gcc-" if board.gcc else "")
    ):
        find_compiler(board)
    if board.gcc is None:
        return
    with pytest.raises(ToolchainError, match=r"no gcc .*\n.*apt install gcc-"):
        find_compiler(board, "gcc")


@pytest.mark.usefixtures("bare_machine")
def test_a_missing_emulator_says_how_to_get_one() -> None:
    with pytest.raises(EmulationError, match=r"(?s)no emulator.*edgeq\[emulate\].*apt install qemu-system-misc"):
        runner_for(load_board("riscv"))
    with pytest.raises(EmulationError, match=r"(?s)no unicorn .*no \[unicorn\] table"):
        runner_for(load_board("cortex-m55"), "unicorn")


@pytest.mark.usefixtures("bare_machine")
def test_doctor_survives_a_bare_machine() -> None:
    diagnosis = doctor.diagnose()
    assert all(status.compilers == [] for status in diagnosis.boards)
    text = doctor.report(diagnosis)
    assert "apt install qemu-system-arm" in text
    assert "cortex-m55" in text


def test_doctor_names_every_board() -> None:
    diagnosis = doctor.diagnose()
    assert {"host", "riscv"} <= {status.board for status in diagnosis.boards}
    assert {part["name"] for part in diagnosis.as_dict()["parts"]} >= {"ziglang", "qemu-system-arm"}


def test_unknown_settings_are_refused() -> None:
    board = load_board("host")
    with pytest.raises(UsageError, match="unknown compiler 'tcc'"):
        find_compiler(board, "tcc")
    with pytest.raises(UsageError, match="there is no runner 'board'"):
        runner_for(board, "board")
    with pytest.raises(UsageError, match="cannot optimize for 'fame'"):
        compilers.Compiler("gcc", ("gcc",), "1").optimize("fame")


@pytest.mark.tools
def test_code_that_does_not_compile(tmp_path: Path) -> None:
    board = load_board("riscv")
    need_compiler(board, "zig")
    wrong = tmp_path / "wrong.c"
    wrong.write_text("int answer(void) { return forty_two; }\n", encoding="utf-8")
    with pytest.raises(ToolchainError, match=r"(?s)forty_two.*command: .*wrong\.c") as caught:
        build_program([wrong], [], board, main="", work_dir=tmp_path / "work")
    assert caught.value.exit_code == 9


@pytest.mark.tools
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("name", ["riscv", "cortex-m0"])
def test_a_program_that_does_not_fit_states_the_shortfall(name: str, compiler: str, tmp_path: Path) -> None:
    board = load_board(name)
    need_compiler(board, compiler)
    assert board.flash is not None and board.ram is not None
    fitting = build(board, tmp_path / "fits", compiler)
    need = fitting.data_bytes + fitting.bss_bytes
    small = replace(board, ram=Memory(board.ram.origin, 4096))
    with pytest.raises(CapacityError, match=rf"RAM needs {need} bytes of 4096, {need - 4096} too many.*stack 4096"):
        build(small, tmp_path / "ram", compiler)
    tight = replace(board, flash=Memory(board.flash.origin, 1024))
    with pytest.raises(CapacityError, match=r"flash needs \d+ bytes of 1024, \d+ too many \(largest: "):
        build(tight, tmp_path / "flash", compiler)


@pytest.mark.tools
def test_a_missing_symbol_is_not_taken_for_a_lack_of_room(tmp_path: Path) -> None:
    board = load_board("riscv")
    need_compiler(board, "zig")
    with pytest.raises(ToolchainError, match="edgeq_harness"):
        build_program([], [], board, main="", work_dir=tmp_path)


@pytest.mark.tools
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_the_same_sources_give_the_same_program(compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEQ_CACHE", "off")
    board = load_board("cortex-m4")
    need_compiler(board, compiler)
    one, two = (build(board, tmp_path / name, compiler) for name in ("one", "two"))
    assert one.symbols == two.symbols
    assert one.groups == two.groups


@pytest.mark.tools
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_no_board_needs_more_than_its_own_libraries(board: Board, tmp_path: Path) -> None:
    need_compiler(board, "zig")
    program = build(board, tmp_path, optimize="size", profile=False)
    assert section_bytes(program).text < 1024
    assert not {"malloc", "printf", "__aeabi_dadd", "__adddf3"} & program.symbols.keys()


@pytest.mark.tools
def test_the_host_has_no_groups(tmp_path: Path) -> None:
    board = load_board("host")
    need_compiler(board, "gcc")
    with pytest.raises(ToolchainError, match="the host is not measured"):
        section_bytes(build(board, tmp_path, "gcc"))
