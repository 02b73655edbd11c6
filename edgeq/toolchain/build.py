"""Compiles and links a program: the model's C, a harness main, and the port of the board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgeq import resources
from edgeq.boards import PAGE_BYTES, Board, Memory
from edgeq.errors import CapacityError, ToolchainError
from edgeq.toolchain.compile import Unit, compile_units, run_compiler
from edgeq.toolchain.compilers import COMPILE_FLAGS, Compiler, find_compiler
from edgeq.toolchain.ports import Port, emulator_port, host_port
from edgeq.toolchain.program import Program, read_program

# Folders of object files; runtime/port/link.ld.in sorts sections by the first two.
_MODEL, _HARNESS, _LIBRARY = "edgeq-model", "edgeq-harness", "edgeq-library"
_PROBE_BYTES = 64 << 20
_SMALL_BYTES = 64 << 10


def build_program(
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    board: Board,
    *,
    main: str,
    work_dir: Path,
    compiler: str = "auto",
    optimize: str = "balanced",
    defines: Mapping[str, str] | None = None,
    sanitize: bool = False,
    port: Port | None = None,
) -> Program:
    """Compiles `sources` (the model and its kernels) with a harness `main` (C text) for a board.

    compiler: "auto", "zig", "gcc", or for the host also "clang". optimize: "size", "balanced", "speed".
    defines: macro -> value, for every file. sanitize: address and undefined-behaviour checks, host only.
    port: what starts the program and gives it a world; by default the emulators', or the host's for the host.
    Everything is written into work_dir. ToolchainError: a compiler is missing or refuses the code;
    CapacityError: the program does not fit the board, with the shortfall.
    """
    tool = find_compiler(board, compiler)
    macros = dict(defines or {})
    to_debug = port is not None
    if port is None:
        port = host_port() if board.is_host else emulator_port(board)
        board = with_room_for_harness(board)
    work_dir.mkdir(parents=True, exist_ok=True)
    main_path = work_dir / "harness_main.c"
    main_path.write_text(main, encoding="utf-8")
    groups = [(source.resolve(), _MODEL) for source in sources]
    groups += [(source, _HARNESS) for source in (*port.sources, main_path.resolve())]
    groups += [(source, _LIBRARY) for source in port.library]
    flags = [
        *COMPILE_FLAGS,
        tool.optimize(optimize),
        *tool.target_flags(board),
        *(_sanitizers(tool) if sanitize and board.is_host else ()),
        *(f"-D{name}={value}" for name, value in (macros | dict(port.macros)).items()),
        *(f"-I{directory.resolve()}" for directory in (*include_dirs, *port.include_dirs)),
    ]
    objects = [f"{group}/{index}_{source.stem}.o" for index, (source, group) in enumerate(groups)]
    for group in {group for _, group in groups}:
        (work_dir / group).mkdir(exist_ok=True)
    units = [
        Unit(source, (work_dir / output).resolve(), ("-fno-builtin",) if group == _LIBRARY else ())
        for (source, group), output in zip(groups, objects, strict=True)
    ]
    compile_units(tool, units, flags, cached=not to_debug)
    elf = work_dir / "program.elf"
    if board.is_host:
        extra = _sanitizers(tool) if sanitize else []
        run_compiler([*tool.command, *tool.link_flags(board), *extra, *objects, "-o", elf.name], work_dir)
    else:
        _link(tool, board, objects, elf)
    return read_program(elf, board, str(tool), "EDGEQ_PROFILE" in macros)


def with_room_for_harness(board: Board) -> Board:
    """The board as it is emulated: small memories grow, since the harness has tables, a stack and code of its own.

    Only where the board's own memory map is no machine of QEMU. Whether a model fits the board itself is another
    question (report/capacity.py); whether firmware does, that of a build with the device's port.
    """
    if board.flash is None or board.ram is None or board.qemu is not None:
        return board
    flash, ram = board.flash, board.ram
    if flash.bytes < _SMALL_BYTES:
        flash = Memory(flash.origin, _SMALL_BYTES)
    if ram.bytes < _SMALL_BYTES:
        ram = Memory(ram.origin, ram.bytes + (-ram.bytes) % PAGE_BYTES + PAGE_BYTES)
    return replace(board, flash=flash, ram=ram)


def _sanitizers(tool: Compiler) -> list[str]:
    # Zig ships no address sanitizer runtime.
    checks = "undefined" if tool.kind == "zig" else "address,undefined"
    return [f"-fsanitize={checks}", "-fno-sanitize-recover=all"]


def _link(tool: Compiler, board: Board, objects: Sequence[str], elf: Path) -> None:
    try:
        _link_with(tool, board, objects, elf)
    except ToolchainError as error:
        # Linkers word an overflow differently, and stop at the first; with room for all, its size is
        # known exactly. Anything else fails again and is reported as it is.
        problem = _shortfall(tool, board, objects, elf.with_name("oversized.elf"))
        if not problem:
            raise
        raise CapacityError(
            f"the program does not fit board {board.name}: {problem}",
            hint="a smaller model, fewer bits per weight, --optimize size, or a larger board",
        ) from error


def _link_with(tool: Compiler, board: Board, objects: Sequence[str], elf: Path) -> None:
    script = elf.with_suffix(".ld")
    script.write_text(linker_script(board), encoding="utf-8")
    run_compiler(
        [
            *tool.command,
            *tool.link_flags(board),
            *objects,
            *tool.libraries(board),
            "-Wl,--gc-sections",
            # Of larger pages lld would fill the room before a program's first address with the ELF headers.
            f"-Wl,-z,max-page-size={PAGE_BYTES}",
            f"-Wl,-T,{script.name}",
            "-Wl,-e,edgeq_reset",  # zig does not take the entry from the script
            "-o",
            elf.name,
        ],
        elf.parent,
    )


def linker_script(board: Board) -> str:
    """runtime/port/link.ld.in with the board's memories."""
    assert board.flash is not None and board.ram is not None
    constants, memory = "FLASH", ""
    if board.constants is not None:
        constants = "CONSTANTS"
        memory = f"  CONSTANTS (r) : ORIGIN = {board.constants.origin:#x}, LENGTH = {board.constants.bytes:#x}\n"
    text = (resources.runtime_dir() / "port" / "link.ld.in").read_text(encoding="utf-8")
    values = {
        "FLASH_ORIGIN": f"{board.flash.origin:#x}",
        "FLASH_BYTES": f"{board.flash.bytes:#x}",
        "RAM_ORIGIN": f"{board.ram.origin:#x}",
        "RAM_BYTES": f"{board.ram.bytes:#x}",
        "STACK_BYTES": str(board.stack_bytes),
        "CONSTANTS": constants,
        "CONSTANTS_MEMORY": memory,
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _shortfall(tool: Compiler, board: Board, objects: Sequence[str], elf: Path) -> str:
    """Which region lacks how many bytes, or "" when room was not the problem."""
    assert board.flash is not None and board.ram is not None
    roomy = replace(
        board,
        flash=Memory(board.flash.origin, _PROBE_BYTES),
        ram=Memory(board.ram.origin, _PROBE_BYTES),
        constants=None,
    )
    try:
        _link_with(tool, roomy, objects, elf)
    except ToolchainError:
        return ""
    program = read_program(elf, roomy, str(tool), False)
    code, constants = program.text_bytes, program.rodata_bytes + program.data_bytes
    needs = [("RAM", program.data_bytes + program.bss_bytes, board.ram)]
    if board.constants is None:
        needs.insert(0, ("flash", code + constants, board.flash))
    else:
        needs[:0] = [("code memory", code, board.flash), ("constants' memory", constants, board.constants)]
    return "; ".join(
        f"{region} needs {need} bytes of {memory.bytes}, {need - memory.bytes} too many "
        f"(largest: {', '.join(_largest(program, region == 'RAM'))})"
        for region, need, memory in needs
        if need > memory.bytes
    )


def _largest(program: Program, in_ram: bool) -> list[str]:
    """The three largest functions and objects of one memory; the stack counts as one."""
    sizes = {
        name: symbol.size
        for name, symbol in program.symbols.items()
        if (symbol.section in (".data", ".bss", ".arena")) == in_ram
    }
    if in_ram:
        sizes["stack"] = program.board.stack_bytes
    return [f"{name} {sizes[name]}" for name in sorted(sizes, key=lambda name: -sizes[name])[:3]]
