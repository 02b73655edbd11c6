"""The cycle estimate of a Cortex-M follows its reference manual, instruction by instruction."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from edgeq.boards import list_cores, load_board
from edgeq.emulate import runner_for
from edgeq.emulate.cycle_estimate import TIMINGS, estimate
from edgeq.toolchain import Program
from edgeq.toolchain.program import open_elf
from tests.emulated.tiny_model import OUTPUT_BYTES, need_compiler, samples
from tests.emulated.tiny_model import build as build_tiny
from tests.tools import need

pytestmark = pytest.mark.tools

TIMES = 100
Build = Callable[..., Program]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """tiny_model.build for a board, each program once."""

    @cache
    def once(board: str, **settings: Any) -> Program:
        need_compiler(load_board(board), "zig")
        return build_tiny(load_board(board), tmp_path_factory.mktemp("tiny"), **settings)

    return once


def steps(program: Program) -> list[int]:
    result = runner_for(program.board, "unicorn").run(program, samples(1), output_bytes=OUTPUT_BYTES, timeout=60)
    assert result.step_cycles is not None and result.cycles == sum(result.step_cycles)
    assert result.cycles_from is not None and "estimate" in result.cycles_from
    assert result.instructions is not None and result.cycles > result.instructions
    return result.step_cycles


def looped(build: Build, board: str, text: str, times: int) -> list[int]:
    return steps(build(board, TINY_LOOP=f'"{text}"'.replace("\n", "\\n"), TINY_TIMES=f'"{times}"'))


V7M, V6M = ("cortex-m3", "cortex-m4"), ("cortex-m0", "cortex-m0plus")
SNIPPETS = [
    # The manual's own examples of loads that overlap.
    (V7M, "ldr r0, [r1]; ldr r1, [r2]", 3),
    (V7M, "ldr r0, [r1, r2]; str r0, [r3, #20]", 3),
    (V7M, "ldr r0, [r1, r2]; str r1, [r3, r2]", 3),
    (V7M, "ldr r0, [r1, r5]; ldr r1, [r2]; ldr r2, [r3, #4]", 4),
    (V7M, "ldrsb r0, [r1]; ldrh r1, [r2]", 3),
    (V7M, "ldr r0, [r1]; nop; ldr r1, [r2]", 5),
    (V7M, "ldr r0, [r1]; ldr r1, [r0]", 4),
    (V7M, "ldr r0, [r1], #4; ldr r2, [r1], #4", 3),
    (V7M, "str r0, [r1, #4]", 1),
    (V7M, "str r0, [r1, r2]; ldr r0, [r3]", 4),
    (V7M, "ldrd r0, r1, [r2]", 3),
    (V7M, "ldrd r0, r1, [r2]; ldr r3, [r2]", 5),
    (V7M, "ldr r0, =0x12345678; ldr r1, =0x12345679", 3),
    (V7M, "ldm r3, {r0, r1, r2}; ldr r4, [r5]", 4 + 2),
    (V7M, "stmdb sp!, {r0, r1, r2}", 4),
    (V7M, "push {r4, r5, lr}", 4),
    # An address that is the result of the instruction before: another cycle.
    (V7M, "mov r0, r5; ldr r1, [r0]", 1 + 3),
    (V7M, "mov r0, r5; nop; ldr r1, [r0]", 1 + 1 + 2),
    (V7M, "adds r2, r2, #1; str r0, [r1, r2]", 1 + 3),
    (V7M, "adds r2, r2, #1; str r2, [r1]", 1 + 1),
    (V7M, "mul r0, r1, r2", 1),
    (("cortex-m3",), "mla r0, r1, r2, r0", 2),
    (("cortex-m3",), "umull r0, r1, r2, r3", 5),
    (("cortex-m3",), "smlal r0, r1, r2, r3", 7),
    (("cortex-m4",), "mla r0, r1, r2, r0", 1),
    (("cortex-m4",), "umull r0, r1, r2, r3", 1),
    (("cortex-m4",), "smlal r0, r1, r2, r3", 1),
    (("cortex-m4",), "smlad r0, r1, r2, r0; smmlar r0, r1, r2, r0; sxtb16 r0, r1; ssat r0, #8, r0", 4),
    (V7M, "udiv r0, r1, r3", 12),
    (V6M, "ldr r0, [r1]; ldr r1, [r2, #4]", 4),
    (V6M, "str r0, [r1]", 2),
    (V6M, "muls r0, r1, r0", 1),
    (V6M, "push {r0, r1}; pop {r0, r1}; ldm r0!, {r1, r2, r3}", 3 + 3 + 4),
]
JUMPS = [
    # What the last instruction takes when it jumps to a halfword instruction, and when it does not.
    ("cortex-m4", "bne 9f", 2, 1),
    ("cortex-m4", "b 9f", 2, 1),
    ("cortex-m4", "cbz r0, 9f", 3, 1),
    ("cortex-m4", "bl 9f", 2, 1),
    ("cortex-m4", "bx lr", 2, 1),
    ("cortex-m4", "bx r3", 3, 1),
    ("cortex-m4", "blx r3", 3, 1),
    ("cortex-m4", "pop {r4, pc}", 1 + 2 + 3, 3),
    ("cortex-m4", "ldr pc, [r0]", 5, 2),
    ("cortex-m4", "tbb [pc, r0]", 6, 3),
    ("cortex-m4", "mov pc, r0", 3, 1),
    ("cortex-m0plus", "bne 9f", 2, 1),
    ("cortex-m0plus", "bl 9f", 3, 1),
    ("cortex-m0plus", "bx lr", 2, 1),
    ("cortex-m0plus", "pop {r4, pc}", 3 + 2, 3),
    ("cortex-m0", "bne 9f", 3, 1),
    ("cortex-m0", "bl 9f", 4, 1),
    ("cortex-m0", "bx lr", 3, 1),
    ("cortex-m0", "pop {r4, pc}", 4 + 2, 3),
]


@pytest.fixture(scope="session")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Code of every text above, assembled at once."""
    need("zig", "unicorn")
    folder = tmp_path_factory.mktemp("assembled")
    texts = sorted({text for _, text, *_ in [*SNIPPETS, *JUMPS]})
    lines = [".syntax unified", ".thumb"]
    for index, text in enumerate(texts):
        lines += [".balign 4", f"from_{index}: {text}", f"to_{index}: nop", "nop", "9: nop"]
    (folder / "all.s").write_text("\n".join(lines) + "\n")
    target = ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4")
    command = [sys.executable, "-m", "ziglang", "cc", *target, "-c", "all.s", "-o", "all.o"]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    with open_elf(folder / "all.o") as elf:
        code = elf.get_section_by_name(".text").data()
        at = {symbol.name: symbol["st_value"] for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
    return {text: code[at[f"from_{i}"] : at[f"to_{i}"]] for i, text in enumerate(texts)}


@pytest.mark.parametrize(("core", "text", "cycles"), [(core, t, c) for cores, t, c in SNIPPETS for core in cores])
def test_instructions_take_the_documented_cycles(
    core: str, text: str, cycles: int, assembled: dict[str, bytes]
) -> None:
    assert estimate(TIMINGS[core], {0x100: 1}, {0x100: assembled[text]}) == cycles


@pytest.mark.parametrize(("core", "text", "taken", "passed"), JUMPS)
def test_jumps_take_the_documented_cycles(
    core: str, text: str, taken: int, passed: int, assembled: dict[str, bytes]
) -> None:
    nop = b"\x00\xbf"
    code = {0x100: assembled[text], 0x100 + len(assembled[text]): nop, 0x200: nop}
    for target, cycles in ((0x200, taken), (0x100 + len(assembled[text]), passed)):
        assert estimate(TIMINGS[core], {0x100: 1, 0x100 << 32 | target: 1}, code) == cycles + 1


def test_a_wide_target_at_an_odd_halfword_takes_a_cycle_more() -> None:
    again, wide_nop = b"\xfe\xe7", b"\xaf\xf3\x00\x80"
    for core, more in (("cortex-m4", 1), ("cortex-m0plus", 0)):
        code = {0x100: again, 0x200: wide_nop, 0x202: wide_nop}
        even, odd = (estimate(TIMINGS[core], {0x100 << 32 | at: 1}, code) for at in (0x200, 0x202))
        assert odd - even == more


@pytest.mark.parametrize(
    ("board", "each"), [("cortex-m0", 4), ("cortex-m0plus", 3), ("cortex-m3", 3), ("cortex-m4", 3)]
)
def test_a_counting_loop_takes_what_boards_are_known_to_take(board: str, each: int, build: Build) -> None:
    """SUBS and BNE: the delay loop of many a firmware."""
    long, short = (looped(build, board, "", times)[1] for times in (2 * TIMES, TIMES))
    assert long - short == TIMES * each


def test_only_the_step_that_works_longer_costs_more(build: Build) -> None:
    before, after = (looped(build, "cortex-m4", "nop", times) for times in (TIMES, 2 * TIMES))
    assert [b - a for a, b in zip(before, after, strict=True)] == [0, TIMES * 4, 0]


def test_cores_without_published_timings_have_no_estimate(build: Build) -> None:
    estimated = {board.name for board in list_cores() if board.cpu in TIMINGS}
    assert estimated == {"cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4"}
    program = build("cortex-m7")
    result = runner_for(program.board, "unicorn").run(program, samples(1), output_bytes=OUTPUT_BYTES, timeout=60)
    assert result.cycles is None and result.step_cycles is None and result.cycles_from is None
