"""Finds instructions that the board's processor lacks but an emulator would run all the same.

Unicorn runs CBZ on a Cortex-M0 and SMLAD on a Cortex-M3; QEMU runs ARMv6-M code on an M3; RV32E is run as RV32I.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgeq.boards import Board
from edgeq.emulate.exchange import place
from edgeq.emulate.image import Image
from edgeq.errors import EmulationError
from edgeq.toolchain import Program

# ARMv6-M: all 16-bit Thumb instructions but these, and these of the 32-bit ones.
_NOT_IN_V6M = re.compile(r"(cbz|cbnz|it[te]*)$")
_WIDE_IN_V6M = re.compile(r"(bl|msr|mrs|dmb|dsb|isb|udf)(\.w)?$")

# The DSP extension, which ARMv7-M (Cortex-M3) lacks.
_DSP = re.compile(
    r"(smla[bt][bt]|smlal?dx?|smlsl?dx?|smlal[bt][bt]|smlaw[bt]|smu[as]dx?|smul[bt][bt]|smulw[bt]"
    r"|smml[as]r?|smmulr?|[su]xtab(16)?|[su]xtah|[su]xtb16|pkh(bt|tb)|qd?(add|sub)"
    r"|([qsu]|[su]h|uq)(add|sub)(8|16)|([qsu]|[su]h|uq)(asx|sax)|sel|usada?8|[su]sat16|umaal)"
    r"(eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?(\.w)?$"
)

# RV32E has x0 to x15 only, and no multiplier unless it has M.
_UPPER_REGISTER = re.compile(r"\b(a[67]|s[2-9]|s1[01]|t[3-6])\b")
_M = re.compile(r"(mul|mulh|mulhu|mulhsu|div|divu|rem|remu)$")


def check_instructions(program: Program, image: Image) -> None:
    """EmulationError names the first instruction that the board lacks."""
    find = _foreign_arm if program.board.arch == "arm" else _foreign_riscv
    for address, what in find(program.board, image):
        raise EmulationError(
            f"board {program.board.name} has no {what}, used at {place(program, address)}",
            hint="the compiler flags and the features of the board file must agree",
        )


def _foreign_arm(board: Board, image: Image) -> Iterator[tuple[int, str]]:
    if "dsp" in board.features:
        return
    import capstone

    thumb = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    thumb.skipdata = True
    for start, code in image.code:
        for address, size, mnemonic, _ in thumb.disasm_lite(code, start):
            if "thumb2" in board.features:
                foreign = _DSP.match(mnemonic) is not None
            elif size == 4:
                foreign = _WIDE_IN_V6M.match(mnemonic) is None
            else:
                foreign = _NOT_IN_V6M.match(mnemonic) is not None
            if foreign:
                yield address, mnemonic.upper()


def _foreign_riscv(board: Board, image: Image) -> Iterator[tuple[int, str]]:
    """Compressed instructions, multiplies, the upper registers; unknown extensions trap by themselves."""
    extensions = board.cpu.removeprefix("rv32").split("_")[0]
    if "c" not in extensions:
        yield from _compressed(image)
    if extensions.startswith("e"):
        yield from _not_in_e(image, "m" in extensions)


def _compressed(image: Image) -> Iterator[tuple[int, str]]:
    for start, code in image.code:
        for offset in range(0, len(code) - 1, 4):
            padding = not any(code[offset : offset + 4])  # between sections
            if code[offset] & 3 != 3 and not padding:
                yield start + offset, "compressed instructions"
                return


def _not_in_e(image: Image, multiplies: bool) -> Iterator[tuple[int, str]]:
    import capstone

    disassembler = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
    disassembler.skipdata = True
    for start, code in image.code:
        for address, _, mnemonic, operands in disassembler.disasm_lite(code, start):
            if not multiplies and _M.match(mnemonic):
                yield address, mnemonic.upper()
            elif upper := _UPPER_REGISTER.search(operands):
                yield address, f"register {upper[0]}"
