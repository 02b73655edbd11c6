"""Every kernel as the compilers see it: no warning, one symbol, no writable data, no float, nothing from a libc."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edgeq.boards import Board, list_cores, load_board
from edgeq.kernels import Kernel, kernels
from edgeq.kernels.features import kernel_features
from edgeq.ops import operators
from edgeq.toolchain import find_compiler
from tests.headers.compile_c import C99, C_COMPILERS, run
from tests.headers.object_files import ObjectFile, read_object, struct_fields
from tests.meta.sample_nodes import is_wide, runs_wide, sample_for
from tests.tools import ROOT, need

pytestmark = pytest.mark.tools

RUNTIME = ROOT / "runtime"
INCLUDES = (f"-I{RUNTIME / 'include'}", f"-I{RUNTIME / 'port' / 'shim'}")
PORTABLE = [kernel for kernel in kernels() if kernel.name.endswith("__c")]

SUPPLIED = re.compile(
    r"mem(cpy|move|set)|__aeabi_mem(cpy|move|set|clr)[48]?"  # runtime/port/shim, or any libc
    r"|__aeabi_l(mul|lsl|lsr|asr)|__(mul|ashl|ashr|lshr)[ds]i3"  # 64-bit integers on cores without them
    r"|__aeabi_u?i?divmod|__aeabi_u?idiv(mod)?|__u?(div|mod)si3"  # division, outside of hot loops only
    r"|__gnu_thumb1_case_\w+|__aeabi_unwind_cpp_pr[01]"
)
"""What an object file may want from outside: memory functions and the compiler's integer arithmetic."""


def boards_for(kernel: Kernel) -> list[Board]:
    """Boards whose compiler can build the kernel: one per architecture, the smallest core first."""
    order = ["cortex-m0", "riscv", "cortex-m4", "cortex-m55", "riscv-zbb"]
    boards = sorted(list_cores(), key=lambda b: order.index(b.name) if b.name in order else len(order))
    chosen: dict[str, Board] = {}
    for board in boards:
        if not board.is_host and kernel.runs_on(kernel_features(board)):
            chosen.setdefault(board.arch, board)
    return list(chosen.values())


def object_complaints(kernel: Kernel, seen: ObjectFile) -> list[str]:
    """What a compiled kernel defines or wants that it must not."""
    found = []
    if seen.functions != {kernel.name}:
        found.append(f"must define {kernel.name} alone, but defines {sorted(seen.functions)}")
    if seen.writable_bytes:
        found.append(f"has {seen.writable_bytes} bytes of writable data")
    found += [f"uses {name}" for name in sorted(seen.undefined) if not SUPPLIED.fullmatch(name)]
    return found


def build(source: Path, board: Board, compiler: str, folder: Path, flags: Sequence[str] = C99) -> ObjectFile:
    tool = find_compiler(board, compiler)
    target = folder / "kernel.o"
    said = run([*tool.command, *flags, "-Os", *tool.target_flags(board), *INCLUDES, "-c", source, "-o", target], folder)
    assert said == ""
    return read_object(target)


@pytest.mark.parametrize("compiler", C_COMPILERS)
@pytest.mark.parametrize("kernel", kernels(), ids=lambda kernel: kernel.name)
def test_kernel_without_warning(kernel: Kernel, compiler: str, tmp_path: Path) -> None:
    """On this computer, where kernels with instructions of one core have a plain form, or intrinsics in plain C."""
    need(compiler)
    vectors = f"-I{RUNTIME / 'port' / 'host' / 'simd'}"
    command = [C_COMPILERS[compiler], *C99, "-O1", "-ffreestanding", *INCLUDES, vectors]
    assert run([*command, "-c", RUNTIME / kernel.source, "-o", "kernel.o"], tmp_path) == ""


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("kernel", kernels(), ids=lambda kernel: kernel.name)
def test_kernel_object(kernel: Kernel, compiler: str, tmp_path: Path) -> None:
    need("unicorn")  # brings the ELF reader
    for board in boards_for(kernel):
        if compiler == "gcc" and board.gcc is None:
            continue
        need("zig" if compiler == "zig" else f"gcc-{board.arch}")
        assert object_complaints(kernel, build(RUNTIME / kernel.source, board, compiler, tmp_path)) == [], board.name


DESCRIPTORS = {kernel.descriptor_type: kernel for kernel in kernels()}


@pytest.mark.parametrize("descriptor", sorted(DESCRIPTORS))
def test_descriptor_fields_are_the_parameters(descriptor: str, tmp_path: Path) -> None:
    """A parameter without a field would not compile; a field without a parameter would silently be zero."""
    need("zig", "unicorn")
    kernel = DESCRIPTORS[descriptor]
    probe = tmp_path / "probe.c"
    probe.write_text(f'#include "{kernel.header}"\n{descriptor} probe;\n')
    tool, board = find_compiler(load_board("cortex-m0"), "zig"), load_board("cortex-m0")
    command = [*tool.command, "-std=c99", "-g", *tool.target_flags(board), *INCLUDES]
    assert run([*command, "-c", probe, "-o", "probe.o"], tmp_path) == ""
    fields = struct_fields(tmp_path / "probe.o", descriptor)
    rows = [row for row in operators() if row.kernels == kernel.op and row.lowers_to_integers and not row.is_view]
    for row in (row for row in rows if not is_wide(kernel) or runs_wide(kernel, row)):
        assert sorted(sample_for(kernel, row).params) == sorted(fields), row.name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("int helper(int a); int helper(int a) { return a; }", "but defines"),
        ("static int calls; int {name}(void); int {name}(void) {{ return ++calls; }}", "writable data"),
        ("float {name}(float a, float b); float {name}(float a, float b) {{ return a * b; }}", "uses __aeabi_fmul"),
        ('int puts(const char *); int {name}(void); int {name}(void) {{ return puts(""); }}', "uses puts"),
    ],
    ids=["another symbol", "a static", "float", "libc"],
)
def test_a_broken_kernel_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    need("zig", "unicorn")
    kernel = replace(PORTABLE[0], isa=())
    source = tmp_path / "kernel.c"
    source.write_text(text.replace("{name}", kernel.name).replace("{{", "{").replace("}}", "}") + "\n")
    found = object_complaints(kernel, build(source, load_board("cortex-m0"), "zig", tmp_path))
    assert any(complaint in sentence for sentence in found), found
