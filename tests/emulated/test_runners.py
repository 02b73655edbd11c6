"""Every board, compiler and runner gives the same bits; counts are exact; damage is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from edgeq.boards import Board, load_board
from edgeq.emulate import CrashError, Runner, runner_for, step_regions
from edgeq.emulate.block_counter import instructions_in
from edgeq.errors import EmulationError
from edgeq.toolchain import Program, section_bytes
from tests.emulated.tiny_model import (
    BOARDS,
    MANIFEST,
    OUTPUT_BYTES,
    expected,
    expected_steps,
    need_compiler,
    need_runner,
    runners,
    samples,
)
from tests.emulated.tiny_model import (
    build as build_tiny,
)

pytestmark = pytest.mark.tools

PAIRS = [(board, runner) for board in BOARDS for runner in runners(board)]
each_pair = pytest.mark.parametrize(("board", "runner"), PAIRS, ids=[f"{b.name}-{r}" for b, r in PAIRS])


Build = Callable[..., Program]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """tiny_model.build, each program once for all runners and tests."""

    @cache
    def once(board: Board, *settings: str, **named: Any) -> Program:
        return build_tiny(board, tmp_path_factory.mktemp("tiny"), *settings, **named)

    return once


def ready(board: Board, runner: str, compiler: str = "zig") -> Runner:
    need_compiler(board, compiler)
    need_runner(board, runner)
    return runner_for(board, runner)


def run_one(runner: Runner, program: Program) -> tuple[list[int], int, int]:
    """(instructions per step, in total, stack bytes) of one sample."""
    result = runner.run(program, samples(1), output_bytes=OUTPUT_BYTES, timeout=60)
    assert result.step_instructions is not None
    assert result.instructions is not None
    assert result.stack_bytes is not None
    return result.step_instructions, result.instructions, result.stack_bytes


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@each_pair
def test_outputs_and_traces_equal_the_reference(board: Board, runner: str, compiler: str, build: Build) -> None:
    if compiler == "gcc" and board.gcc is None:
        return  # the board file says that gcc cannot
    emulator = ready(board, runner, compiler)
    program = build(board, compiler)
    given = samples(5)
    regions = step_regions(MANIFEST)
    result = emulator.run(program, given, output_bytes=OUTPUT_BYTES, step_regions=regions, trace=True, timeout=60)
    assert result.outputs == [expected(sample) for sample in given]
    assert result.step_outputs == [expected_steps(sample) for sample in given]
    assert result.runner == runner


@pytest.mark.parametrize("compiler", ["gcc", "clang", "zig"])
@pytest.mark.parametrize("sanitize", [False, True], ids=["plain", "sanitized"])
def test_the_host_equals_the_reference(compiler: str, sanitize: bool, build: Build) -> None:
    board = load_board("host")
    need_compiler(board, compiler)
    program = build(board, compiler, sanitize=sanitize)
    given = samples(5)
    regions = step_regions(MANIFEST)
    result = runner_for(board).run(
        program, given, output_bytes=OUTPUT_BYTES, step_regions=regions, trace=True, timeout=60
    )
    assert result.outputs == [expected(sample) for sample in given]
    assert result.step_outputs == [expected_steps(sample) for sample in given]
    assert result.instructions is None


@pytest.mark.parametrize("board", [b for b in BOARDS if runners(b) == ["unicorn", "qemu"]], ids=lambda b: b.name)
@pytest.mark.parametrize("profile", [True, False], ids=["steps", "total"])
def test_unicorn_and_qemu_count_the_same(board: Board, profile: bool, build: Build) -> None:
    emulators = [ready(board, name) for name in ("unicorn", "qemu")]
    program = build(board, profile=profile)
    unicorn, qemu = (e.run(program, samples(2), output_bytes=OUTPUT_BYTES, count=True, timeout=60) for e in emulators)
    assert unicorn.instructions == qemu.instructions
    assert unicorn.step_instructions == qemu.step_instructions
    assert unicorn.stack_bytes == qemu.stack_bytes
    if profile:
        assert unicorn.step_instructions is not None
        assert sum(unicorn.step_instructions) == unicorn.instructions
    else:
        assert unicorn.step_instructions is None


@each_pair
def test_counts_are_exact_and_repeat(board: Board, runner: str, build: Build) -> None:
    emulator = ready(board, runner)
    plain = build(board)
    longer = build(board, TINY_NOPS='"1000"')
    steps, total, _ = run_one(emulator, plain)
    longer_steps, longer_total, _ = run_one(emulator, longer)
    assert longer_total - total == 1000
    assert [after - before for before, after in zip(steps, longer_steps, strict=True)] == [0, 1000, 0]
    assert run_one(emulator, plain) == run_one(emulator, plain)


@each_pair
def test_stack_use_follows_a_known_frame(board: Board, runner: str, build: Build) -> None:
    emulator = ready(board, runner)
    _, _, small = run_one(emulator, build(board, TINY_FRAME="1024"))
    _, _, large = run_one(emulator, build(board, TINY_FRAME="2048"))
    assert large - small == 1024
    assert 1024 <= small <= 1024 + 160


@pytest.mark.parametrize(
    "board", [b for b in BOARDS if "unicorn" in runners(b) or b.arch == "riscv"], ids=lambda b: b.name
)
def test_reading_behind_the_arena_faults_in_the_step_that_did_it(board: Board, build: Build) -> None:
    emulator = ready(board, runners(board)[0])
    program = build(board, TINY_OVERRUN="4")  # 44 bytes of arena end 4 below a page
    with pytest.raises(CrashError, match="tiny_run") as caught:
        run_one(emulator, program)
    assert caught.value.step == 1


@each_pair
def test_writing_before_the_arena_is_noticed(board: Board, runner: str, build: Build) -> None:
    emulator = ready(board, runner)
    with pytest.raises(EmulationError, match="outside its memory"):
        run_one(emulator, build(board, TINY_UNDERRUN="1"))


@each_pair
def test_a_stack_overflow_is_noticed(board: Board, runner: str, build: Build) -> None:
    emulator = ready(board, runner)
    with pytest.raises(EmulationError):
        run_one(emulator, build(board, TINY_FRAME=str(board.stack_bytes + 100)))


@each_pair
def test_an_illegal_instruction_names_the_step(board: Board, runner: str, build: Build) -> None:
    emulator = ready(board, runner)
    with pytest.raises(CrashError, match="tiny_run") as caught:
        run_one(emulator, build(board, TINY_ILLEGAL="1"))
    assert caught.value.step == 1


@pytest.mark.parametrize("runner", ["unicorn", "qemu"])
def test_a_program_that_hangs_is_ended(runner: str, build: Build) -> None:
    board = load_board("riscv")
    emulator = ready(board, runner)
    program = build(board, TINY_HANG="1")
    with pytest.raises(EmulationError, match=r"did not end within 0\.5 s"):
        emulator.run(program, samples(1), output_bytes=OUTPUT_BYTES, timeout=0.5)


def test_half_a_sample_is_an_error(build: Build) -> None:
    board = load_board("riscv")
    emulator = ready(board, "unicorn")
    with pytest.raises(EmulationError, match="whole samples"):
        emulator.run(build(board), [b"\x01" * 7], output_bytes=OUTPUT_BYTES)


@pytest.mark.parametrize(
    ("built_for", "run_as", "what"),
    [("cortex-m3", "cortex-m0", "cortex-m0 has no"), ("riscv", "rv32im", "compressed")],
)
def test_code_of_a_larger_core_is_refused(built_for: str, run_as: str, what: str, build: Build) -> None:
    larger = load_board(built_for)
    emulator = ready(larger, "unicorn")
    program = replace(build(larger), board=load_board(run_as))
    with pytest.raises(EmulationError, match=what):
        run_one(emulator, program)


def test_dsp_code_on_a_core_without_it_is_refused(build: Build) -> None:
    board = load_board("cortex-m4")
    emulator = ready(board, "unicorn")
    program = build(board, TINY_DSP="1")
    run_one(emulator, program)
    with pytest.raises(EmulationError, match="SMLAD"):
        run_one(emulator, replace(program, board=load_board("cortex-m3")))


def test_sizes_of_the_model_leave_the_harness_out(build: Build) -> None:
    board = load_board("riscv")
    need_compiler(board, "zig")
    program = build(board, profile=False)
    model = section_bytes(program)
    functions = [symbol for symbol in program.symbols.values() if symbol.section == ".model.text"]
    padding = 2 * len(functions)
    assert 0 <= model.text - sum(symbol.size for symbol in functions) <= padding
    assert model.rodata == 16  # the weights
    assert program.text_bytes > model.text + section_bytes(program, "library").text


def test_instruction_lengths_are_read_from_the_encoding() -> None:
    nop, wide_nop = b"\x00\xbf", b"\xaf\xf3\x00\x80"
    assert instructions_in(nop + wide_nop + nop, "arm") == 3
    compressed, full = b"\x01\x00", b"\x13\x00\x00\x00"
    assert instructions_in(compressed + full + full, "riscv") == 3
