"""RTL of real cores runs the program that the emulators run: the same bits, and the cycles that their documents say.

The simulators are built once and kept in ~/.cache/edgeq ($EDGEQ_CACHE).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from edgeq.boards import list_boards, load_board
from edgeq.emulate import CrashError, Runner, RunResult, rtl, rtl_cores, runner_for, step_regions
from edgeq.emulate.image import read_image
from edgeq.errors import EmulationError, InternalError, ToolchainError, UsageError
from edgeq.toolchain import Program
from tests.emulated.tiny_model import MANIFEST, OUTPUT_BYTES, expected, expected_steps, need_compiler, samples
from tests.emulated.tiny_model import build as build_tiny
from tests.tools import ROOT, need

pytestmark = pytest.mark.tools

CORES = ["ibex-max", "ibex-small", "cv32e40p", "picorv32", "vexriscv"]
each_core = pytest.mark.parametrize("core", CORES)
TIMES = 1000

Build = Callable[..., Program]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """tiny_model.build for a board, each program once."""

    @cache
    def once(board: str = "riscv", compiler: str = "zig", **settings: Any) -> Program:
        need_compiler(load_board(board), compiler)
        return build_tiny(load_board(board), tmp_path_factory.mktemp("tiny"), compiler, **settings)

    return once


def ready(core: str, board: str = "riscv") -> Runner:
    need("unicorn", "verilator", "rtl", "c++", "make")
    return runner_for(load_board(board), f"rtl:{core}")


def run_one(runner: Runner, program: Program, **options: Any) -> RunResult:
    return runner.run(program, samples(1), output_bytes=OUTPUT_BYTES, **{"timeout": 60, **options})


def cycles(runner: Runner, program: Program) -> list[int]:
    """Of the three steps."""
    found = run_one(runner, program)
    assert found.step_cycles is not None and found.cycles == sum(found.step_cycles)
    assert found.instructions is None and found.step_instructions is None
    return found.step_cycles


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize(("board", "core"), [(b.name, core) for b in list_boards() for core in b.rtl])
def test_outputs_and_traces_equal_the_reference(board: str, core: str, compiler: str, build: Build) -> None:
    runner = ready(core, board)
    program = build(board, compiler)
    given = samples(3)
    regions = step_regions(MANIFEST)
    result = runner.run(program, given, output_bytes=OUTPUT_BYTES, step_regions=regions, trace=True, timeout=60)
    assert result.outputs == [expected(sample) for sample in given]
    assert result.step_outputs == [expected_steps(sample) for sample in given]
    assert result.runner == f"rtl:{core}"
    emulated = runner_for(load_board(board)).run(program, given, output_bytes=OUTPUT_BYTES, timeout=60)
    assert result.stack_bytes == emulated.stack_bytes


@each_core
def test_cycles_repeat_exactly_and_exceed_the_instructions(core: str, build: Build) -> None:
    runner = ready(core)
    program = build()
    assert cycles(runner, program) == cycles(runner, program)
    emulated = run_one(runner_for(load_board("riscv")), program)
    assert emulated.instructions is not None
    # The harness's calls of a step cost nothing here, where the emulators count their two or three instructions.
    assert sum(cycles(runner, program)) > emulated.instructions


@pytest.mark.parametrize(
    ("core", "loop", "each"),
    [
        # README of PicoRV32, "Cycles per Instruction Performance": 3 for an ALU instruction, 5 for loads, stores and a
        # taken branch; the memory answers as look-ahead expects.
        ("picorv32", "", 3 + 5),
        ("picorv32", "xor t1, t1, t2", 3),
        ("picorv32", "slli t1, t2, 7", 3),
        ("picorv32", "lw t1, 0(sp)", 5),
        ("picorv32", "sw t1, -4(sp)", 5),
        # Ibex reference guide, "Pipeline Details": 1 for integer computation; loads and stores 2; MUL 3 and MULH 4 with
        # the fast multiplier, 1 and 2 with the single-cycle one; DIV 37; a taken branch 3, with branch target ALU 2.
        ("ibex-small", "", 1 + 3),
        ("ibex-small", "xor t1, t1, t2", 1),
        ("ibex-small", "lw t1, 0(sp)", 2),
        ("ibex-small", "sw t1, -4(sp)", 2),
        ("ibex-small", "mul t1, t1, t2", 3),
        ("ibex-small", "mulh t1, t1, t2", 4),
        ("ibex-small", "divu t1, t1, sp", 37),
        ("ibex-max", "", 1 + 2),
        ("ibex-max", "mul t1, t1, t2", 1),
        ("ibex-max", "mulh t1, t1, t2", 2),
        # CV32E40P user manual, "Pipeline Details": loads 1 (a use at once 1 more); MUL 1, MULH 5; a taken branch 3.
        ("cv32e40p", "", 1 + 3),
        ("cv32e40p", "lw t1, 0(sp)", 1),
        ("cv32e40p", "lw t1, 0(sp)\n add t1, t1, t1", 3),
        ("cv32e40p", "mul t1, t1, t2", 1),
        ("cv32e40p", "mulh t1, t1, t2", 5),
    ],
)
def test_a_loop_takes_the_documented_cycles(core: str, loop: str, each: int, build: Build) -> None:
    runner = ready(core)

    def looped(text: str, times: int) -> int:
        return cycles(runner, build(TINY_LOOP=f'"{text}"'.replace("\n", "\\n"), TINY_TIMES=f'"{times}"'))[1]

    if loop:
        assert looped(f"nop\n {loop}", TIMES) - looped("nop", TIMES) == TIMES * each
    else:
        assert looped("", 2 * TIMES) - looped("", TIMES) == TIMES * each


def test_a_step_that_does_nothing_costs_nothing(build: Build) -> None:
    runner = ready("ibex-small")
    plain = build(TINY_LOOP='"nop"', TINY_TIMES='"100"')
    longer = build(TINY_LOOP='"nop"', TINY_TIMES='"200"')
    before, after = cycles(runner, plain), cycles(runner, longer)
    assert [b - a for a, b in zip(before, after, strict=True)] == [0, 100 * (1 + 1 + 3), 0]


@each_core
def test_a_wrong_program_gives_wrong_bits(core: str, build: Build) -> None:
    runner = ready(core)
    program = build()
    data = bytearray(program.elf.read_bytes())
    weights = bytes(value & 0xFF for value in (3, -1, 4, 1, -5, 9, -2, 6, 5, -3, 5, 8, -9, 7, 9, -3))
    at = data.find(weights)
    assert at > 0
    data[at + 1] ^= 1  # the first product of this sample is cut to 8 bits either way
    wrong = program.elf.with_name(f"wrong-{core}.elf")
    wrong.write_bytes(data)
    assert run_one(runner, program).outputs == [expected(samples(1)[0])]
    assert run_one(runner, replace(program, elf=wrong)).outputs != [expected(samples(1)[0])]


# VexRiscv takes two halfwords of zeros for additions to the stack pointer.
@pytest.mark.parametrize("core", [core for core in CORES if core != "vexriscv"])
def test_an_illegal_instruction_names_the_step(core: str, build: Build) -> None:
    runner = ready(core)
    with pytest.raises(CrashError, match="trapped") as caught:
        run_one(runner, build(TINY_ILLEGAL="1"))
    assert caught.value.step == 1


@each_core
def test_reading_behind_the_arena_faults_in_the_step_that_did_it(core: str, build: Build) -> None:
    runner = ready(core)
    with pytest.raises(CrashError, match=r"address 0x80780000") as caught:
        run_one(runner, build(TINY_OVERRUN="4"))
    assert caught.value.step == 1


@each_core
def test_writing_before_the_arena_is_noticed(core: str, build: Build) -> None:
    runner = ready(core)
    with pytest.raises(EmulationError, match="outside its memory"):
        run_one(runner, build(TINY_UNDERRUN="1"))


def test_a_program_that_hangs_is_ended(build: Build) -> None:
    runner = ready("picorv32")
    with pytest.raises(EmulationError, match=r"did not end within 0\.5 s"):
        run_one(runner, build(TINY_HANG="1"), timeout=0.5)


def test_a_core_without_an_extension_traps(build: Build) -> None:
    """Zbb code on the Ibex that lacks it: what a row of cores.toml promises is what its core has."""
    runner = ready("ibex-small")
    program = build("riscv-zbb", TINY_LOOP='"cpop t1, t2"', TINY_TIMES='"3"')
    run_one(ready("ibex-max", "riscv-zbb"), program)
    with pytest.raises(CrashError, match="cause 2"):
        run_one(runner, program)


def test_a_program_that_cannot_be_patched_is_refused(build: Build) -> None:
    program = build()
    image = read_image(program.elf)
    symbols = {**program.symbols, "edgeq_semihost": program.symbols["edgeq_reset"]}
    core = rtl_cores.rtl_cores()["picorv32"]
    assert rtl.patched_image(program, image, core)
    with pytest.raises(InternalError, match="instead of 0x01f01013"):
        rtl.patched_image(replace(program, symbols=symbols), image, core)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    riscv = load_board("riscv")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(EmulationError, match="no rtl:picorv32 for board riscv") as caught:
        runner_for(riscv, "rtl:picorv32")
    assert "`apt install verilator`" in str(caught.value.hint)
    with pytest.raises(EmulationError, match="cannot be simulated"):
        rtl_cores.simulator(rtl_cores.rtl_cores()["picorv32"])
    with pytest.raises(EmulationError) as caught:
        runner_for(riscv, "rtl:alder-lake")
    assert "rtl:ibex-max" in str(caught.value.hint)
    with pytest.raises(EmulationError):
        runner_for(load_board("cortex-m4"), "rtl")
    with pytest.raises(UsageError):
        runner_for(riscv, "fpga")


def test_a_board_that_names_no_core_of_ours_is_refused() -> None:
    board = replace(load_board("riscv"), rtl=("alder-lake",))
    with pytest.raises(EmulationError, match="no core 'alder-lake'"):
        rtl.rtl_runners(board)


def test_every_core_serves_a_board_and_is_in_the_extra() -> None:
    assert {core for board in list_boards() for core in board.rtl} == set(CORES) == set(rtl_cores.rtl_cores())
    extra = re.search(r"^rtl = \[(.*?)\]", (ROOT / "pyproject.toml").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert extra is not None
    assert sorted(re.findall(r'"([\w-]+)>=', extra[1])) == rtl_cores.rtl_packages()


def test_a_package_that_changed_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("verilator", "rtl")
    monkeypatch.setenv("EDGEQ_CACHE", str(tmp_path))
    core = rtl_cores.rtl_cores()["vexriscv"]
    with pytest.raises(ToolchainError, match="does not say 'no such text'"):
        rtl_cores.simulator(replace(core, edits=(("VexRiscv_IMAC.v", "no such text", ""),)))
    with pytest.raises(ToolchainError, match="Verilator could not build"):
        rtl_cores.simulator(replace(core, parameters={"NO_SUCH": 1}))
    assert not list(tmp_path.rglob("simulator"))


def test_instructions_retired_are_those_the_emulator_counts(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ibex's own minstret instead of the simulator's cycles: the core executed exactly what Unicorn executed."""
    runner = ready("ibex-small")
    program = build(profile=False)
    monkeypatch.setattr(rtl, "_MEASURING", ())
    counted = run_one(runner, program, count=True)
    emulated = run_one(runner_for(load_board("riscv"), "unicorn"), program, count=True)
    assert counted.cycles is not None and emulated.instructions is not None
    empty_run = 2  # taken off with the cost of measuring
    assert counted.cycles + empty_run == emulated.instructions


def test_the_simulator_says_what_it_cannot_do(tmp_path: Path) -> None:
    ready("picorv32")
    binary = str(rtl_cores.simulator(rtl_cores.rtl_cores()["picorv32"]))

    def said(*arguments: str) -> str:
        return subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60, check=False).stderr

    image = tmp_path / "image.bin"
    image.write_bytes(b"\0\0\0\0\x04\0\0\0\x13\0\0\0")
    memories = ("0x80000000", "4096", "0x80002000", "4096", "0x80000000", "0x80002000")
    assert "seven arguments" in said()
    assert "does not fit" in said(str(image), *memories)
    assert "cannot open" in said(str(tmp_path / "none"), *memories)
