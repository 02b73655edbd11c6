"""Firmware with a board's own start-up code: it links within every board, and starts where the chip looks."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from edgeq.boards import Board, Memory, list_boards, load_board
from edgeq.device import Device, build_firmware
from edgeq.device.link import Link
from edgeq.emulate.image import read_image
from edgeq.flash import load_chunks
from edgeq.flash.images import binary
from edgeq.pipeline import open_result
from edgeq.toolchain import Program, device_port
from tests.flash.chip import UARTS, Chip
from tests.flash.conftest import Truth
from tests.tools import ROOT, need

pytestmark = pytest.mark.tools

TALKING = [board for board in list_boards() if board.serial is not None]


def inside(address: int, size: int, memory: Memory | None) -> bool:
    return memory is not None and memory.origin <= address and address + size <= memory.origin + memory.bytes


def word(program: Program, address: int) -> int:
    image = binary(chunks := load_chunks(program.elf))
    return int(struct.unpack_from("<I", image, address - chunks[0].address)[0])


@pytest.mark.parametrize("board", TALKING, ids=lambda board: board.name)
def test_every_board_starts_and_answers(
    board: Board, thumb1_folder: Path, rv32e_folder: Path, truth: Truth, tmp_path: Path
) -> None:
    """Firmware links within the board's memories and starts where its chip looks. Where Unicorn has the processor and
    chip.py the UART, it sets itself up, says hello over it and gives the right bits."""
    need(f"gcc-{board.arch}", "unicorn")
    folder = thumb1_folder if board.arch == "arm" else rv32e_folder
    program = build_firmware([folder], board, tmp_path, "gcc")
    assert board.flash is not None and board.ram is not None
    for chunk in load_chunks(program.elf):
        assert inside(chunk.address, len(chunk.data), board.flash) or inside(
            chunk.address, len(chunk.data), board.constants
        )
    symbols = program.symbols
    assert inside(symbols["edgeq_stack_low"].address, board.stack_bytes, board.ram)
    assert symbols["edgeq_bss_end"].address <= symbols["edgeq_arena_guard"].address
    assert symbols["edgeq_arena_end"].address <= symbols["edgeq_ram_end"].address
    start = board.flash.origin + (256 if "rp2040_boot2" in board.startup.blocks else 0)
    if board.arch == "arm":
        assert word(program, start) == symbols["edgeq_stack_top"].address
        assert word(program, start + 4) == symbols["edgeq_reset"].address | 1 == read_image(program.elf).entry
        assert word(program, start + 60) == symbols["edgeq_systick"].address | 1
    else:
        assert symbols["edgeq_reset"].address == start == read_image(program.elf).entry
    if board.unicorn is not None and board.serial is not None and board.serial.driver in UARTS:
        answer(Chip(program), board, folder, truth)


def answer(chip: Chip, board: Board, folder: Path, truth: Truth) -> None:
    with Device(Link(chip, board.name, retry=5.0)) as device:
        assert device.hello.board == board.name
        index = device.select(folder, open_result(folder).manifest)
        assert device.infer(index, truth.sample) == truth.output
        output, timing = device.time(index, truth.sample)
        assert output == truth.output and timing.ticks > 0
        assert 0 < timing.marks.stack_bytes <= timing.marks.stack_limit - 32
    assert board.serial is not None
    last = {step.address: step for step in board.serial.setup if not step.wait}
    for address, step in last.items():
        assert chip.written[address] & step.value == step.value
        assert chip.written[address] & ~step.keep & ~step.value & 0xFFFFFFFF == 0 or step.keep == 0


def test_the_boot_rom_of_rp2040_gets_its_checksum_and_plain_reads(thumb1_folder: Path, tmp_path: Path) -> None:
    """CRC-32 without reflection (RP2040 data sheet, section 2.8.1.3.1), and the code itself, run as the ROM does."""
    need("gcc-arm", "unicorn")
    import unicorn
    from unicorn import arm_const

    program = build_firmware([thumb1_folder], load_board("pico"), tmp_path, "gcc")
    image = binary(load_chunks(program.elf))
    remainder = 0xFFFFFFFF
    for byte in image[:252]:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x04C11DB7 if remainder & 0x80000000 else 0)) & 0xFFFFFFFF
    assert struct.unpack_from("<I", image, 252)[0] == remainder

    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M0)
    uc.mem_map(0x10000000, 1 << 20)
    uc.mem_write(0x10000000, image)
    uc.mem_map(0x20041000, 4096)
    uc.mem_write(0x20041F00, image[:256])
    written: dict[int, int] = {}
    uc.mmio_map(0x18000000, 4096, None, None, lambda _u, at, _s, value, _d: written.update({at: value}), None)
    uc.emu_start(0x20041F00 | 1, program.symbols["edgeq_reset"].address, timeout=5_000_000, count=100)
    assert uc.reg_read(arm_const.UC_ARM_REG_PC) & ~1 == program.symbols["edgeq_reset"].address
    assert uc.reg_read(arm_const.UC_ARM_REG_SP) == program.symbols["edgeq_stack_top"].address
    assert written == {0x08: 1, 0x14: 4, 0x00: 0x001F0300, 0x04: 0, 0xF4: 0x03000218}
    assert next(iter(written)) == 0x08, "it is off while it is set up"


STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-pedantic"]
STRICT += ["-Werror", "-ffreestanding"]


@pytest.mark.parametrize("arch", ["arm", "riscv"])
def test_drivers_compile_without_a_warning(arch: str, tmp_path: Path) -> None:
    need(f"gcc-{arch}")
    seen: set[Path] = set()
    for board in (b for b in TALKING if b.arch == arch):
        assert board.gcc is not None
        port = device_port(board)
        for source in (s for s in port.sources if s.suffix == ".c" and s not in seen):
            seen.add(source)
            macros = [f"-D{name}={value}" for name, value in port.macros.items()]
            command = [f"{board.gcc.prefix}gcc", *board.gcc.compile, *STRICT, *macros, f"-I{source.parent}"]
            done = subprocess.run(
                [*command, "-c", str(source), "-o", str(tmp_path / "x.o")], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    assert len(seen) >= 8


@pytest.mark.parametrize(("name", "kind"), [("pico2", 0x1021), ("pico2-riscv", 0x1101)])
def test_the_boot_rom_of_rp2350_finds_its_block(
    name: str, kind: int, thumb1_folder: Path, rv32e_folder: Path, tmp_path: Path
) -> None:
    board = load_board(name)
    need(f"gcc-{board.arch}")
    program = build_firmware([thumb1_folder if board.arch == "arm" else rv32e_folder], board, tmp_path, "gcc")
    block = struct.pack("<IHHIII", 0xFFFFDED3, 0x0142, kind, 0x1FF, 0, 0xAB123579)
    at = binary(load_chunks(program.elf)).find(block)
    assert 0 < at < 4096 - len(block) and at % 4 == 0


CH32V003_FLASH, CH32V003_RAM = 10_240, 1_536
"""What the digits network with ternary weights takes, rounded up: 16 KB and 2 KB are there."""
CH32V003_INSTRUCTIONS = 5_800_000


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_a_ternary_network_and_the_link_fit_a_ch32v003(compiler: str, rv32e_folder: Path, tmp_path: Path) -> None:
    need("gcc-riscv", "zig")
    board = load_board("ch32v003")
    program = build_firmware([rv32e_folder], board, tmp_path, compiler)
    assert program.text_bytes + program.rodata_bytes + program.data_bytes <= CH32V003_FLASH
    assert program.data_bytes + program.bss_bytes <= CH32V003_RAM


def test_it_reads_digits_on_an_rv32e(rv32e_folder: Path) -> None:
    """As on the host, in code that uses no register and no instruction that RV32EC lacks."""
    need("unicorn", "zig", "cc")
    result = open_result(rv32e_folder)
    proof = result.verify(on=["host"], inputs=ROOT / "examples" / "digits" / "digits_test.npz")
    assert proof.bit_exact and proof.accuracy is not None and proof.accuracy["host"] >= 0.96
    assert result.verify(on=["emulator"], samples=8).bit_exact
    cost = result.bench()
    assert cost.instructions is not None and cost.stack_bytes is not None
    assert cost.instructions <= CH32V003_INSTRUCTIONS
    assert cost.stack_bytes + 128 <= load_board("ch32v003").stack_bytes, "with room for the frames that call it"
