"""Estimates the cycles of a Cortex-M from the instructions that it executes and its reference manual's timings.

An estimate, not a measurement: memory without wait states, no interrupts, and what depends on data (division, the long
multiply of the M3) at its longest. docs/cycles.md has the rules, and how far they are from published hardware results.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Timing:
    """Cycles of one core.

    multiplies: pattern of mnemonics -> cycles, first match; all other data processing takes 1.
    branch, call, indirect: what a taken branch, BL, and a branch to a register take beyond 1.
    load_pc: what loading the PC takes beyond the load.
    unaligned: beyond all that when the target is a 32-bit instruction at an odd halfword.
    pipelined: the rules for neighbouring loads and stores of ARMv7-M; without them a load or store takes 2.
    """

    manual: str
    multiplies: tuple[tuple[str, int], ...]
    branch: int
    call: int
    indirect: int
    load_pc: int
    unaligned: int
    pipelined: bool


def _v7m(manual: str, *multiplies: tuple[str, int]) -> Timing:
    return Timing(manual, multiplies, branch=1, call=1, indirect=2, load_pc=3, unaligned=1, pipelined=True)


TIMINGS: Mapping[str, Timing] = {
    "cortex-m0": Timing("ARM DDI 0432C, table 3-1", (), 2, 3, 2, 3, 0, False),
    "cortex-m0plus": Timing("ARM DDI 0484C, table 3-1", (), 1, 2, 1, 2, 0, False),
    "cortex-m3": _v7m(
        "ARM DDI 0337I, section 3.3", (r"[su]mull", 5), (r"[su]mlal", 7), (r"ml[as]", 2), (r"[su]div", 12)
    ),
    "cortex-m4": _v7m("Arm 100166_0001, section 3.3", (r"[su]div", 12)),
}
"""By the `cpu` of a board file. The others have none: M7 and M55 issue two instructions at once, and Arm does not
publish the timings of the M33."""

_CONDITION = r"(eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?(\.w|\.n)?$"
_LOAD, _STORE = re.compile(r"ldr"), re.compile(r"str")
_DOUBLE = re.compile(r"(ldr|str)d" + _CONDITION)
_MULTIPLE = re.compile(r"(ldm|stm|vldm|vstm|push|pop|vpush|vpop)")
_TABLE_BRANCH = re.compile(r"tb[bh]")
_CALL = re.compile(r"bl" + _CONDITION)
_INDIRECT = re.compile(r"bl?x" + _CONDITION)


def estimate(timing: Timing, flow: Mapping[int, int], code: Mapping[int, bytes]) -> int:
    """Cycles of a run of blocks.

    flow: previous block's address << 32 | block's address -> how often; previous 0: not known. code: bytes by block.
    """
    total = 0
    for step, times in flow.items():
        previous, address = step >> 32, step & 0xFFFFFFFF
        total += times * _block(timing, address, code[address]).cycles
        if previous and previous + len(code[previous]) != address:
            wide_at_odd_halfword = address % 4 == 2 and _is_wide(code[address])
            taken = _block(timing, previous, code[previous]).taken
            total += times * (taken + timing.unaligned * wide_at_odd_halfword)
    return total


@dataclass(frozen=True)
class _Block:
    """cycles: when it ends without a jump. taken: beyond that when its last instruction jumps."""

    cycles: int
    taken: int


@cache
def _block(timing: Timing, address: int, code: bytes) -> _Block:
    instructions = list(_disassembler().disasm(code, address))
    cycles, before = 0, None
    for instruction in instructions:
        cycles += _cycles(timing, instruction, before)
        before = instruction
    return _Block(cycles, _taken(timing, instructions))


@cache
def _disassembler() -> Any:
    import capstone

    thumb = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    thumb.detail = True
    return thumb


def _cycles(timing: Timing, instruction: Any, before: Any) -> int:
    name = instruction.mnemonic
    if _MULTIPLE.match(name):
        return 1 + _registers(instruction)
    if _TABLE_BRANCH.match(name):
        return 3
    if _is_access(instruction):
        return 2 if not timing.pipelined else _pipelined_access(instruction, before)
    for pattern, cycles in timing.multiplies:
        if re.match(pattern + _CONDITION, name):
            return cycles
    return 1


def _pipelined_access(instruction: Any, before: Any) -> int:
    """ARMv7-M: LDR is 2, or 1 right after another LDR; STR with an immediate offset is 1; another cycle when the
    address is the result of the data processing just before."""
    if _DOUBLE.match(instruction.mnemonic):
        return 3
    address = _address_registers(instruction)
    cycles = 1 if _STORE.match(instruction.mnemonic) and len(address) == 1 else 2
    if before is None:
        return cycles
    written = set(before.regs_access()[1])
    if _is_access(before) or _MULTIPLE.match(before.mnemonic):
        follows_load = _LOAD.match(before.mnemonic) and not _DOUBLE.match(before.mnemonic)
        loaded = {before.operands[0].reg}
        return 1 if follows_load and not loaded & address else cycles
    return cycles + (1 if written & address else 0)


def _is_access(instruction: Any) -> bool:
    return bool(_LOAD.match(instruction.mnemonic) or _STORE.match(instruction.mnemonic))


def _address_registers(instruction: Any) -> set[int]:
    """Base and index, without the PC: it is not the result of any instruction."""
    from capstone import arm

    memory = next(operand.mem for operand in instruction.operands if operand.type == arm.ARM_OP_MEM)
    return {memory.base, memory.index} - {arm.ARM_REG_INVALID, arm.ARM_REG_PC}


def _registers(instruction: Any) -> int:
    """How many registers a multiple load or store moves."""
    listed = len(instruction.operands)
    return listed if instruction.mnemonic.startswith(("push", "pop", "vpush", "vpop")) else listed - 1


def _taken(timing: Timing, instructions: Sequence[Any]) -> int:
    name = instructions[-1].mnemonic
    if _CALL.match(name):
        return timing.call
    # ARMv7-M knows these targets one stage later than the others (DDI 0337G, table 15-3).
    if name.startswith("cb") or (_INDIRECT.match(name) and instructions[-1].op_str != "lr"):
        return timing.indirect
    if _is_access(instructions[-1]) or _MULTIPLE.match(name) or _TABLE_BRANCH.match(name):
        return timing.load_pc
    return timing.indirect if name.startswith(("mov", "add")) else timing.branch


def _is_wide(code: bytes) -> bool:
    return code[1] >> 3 in (0x1D, 0x1E, 0x1F)
