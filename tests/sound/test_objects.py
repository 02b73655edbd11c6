"""The C of front ends as compilers see it: no warning, no float, no division, no writable data, nothing of a libc."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.boards import load_board
from tests.headers.compile_c import C99, C_COMPILERS, run
from tests.headers.test_kernel_objects import INCLUDES, RUNTIME, SUPPLIED, build
from tests.sound.host_program import SOURCES
from tests.tools import need

pytestmark = pytest.mark.tools


@pytest.mark.parametrize("board", ["cortex-m0", "cortex-m4", "riscv"])
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_objects_want_nothing_but_long_products_and_memory(compiler: str, board: str, tmp_path: Path) -> None:
    core = load_board(board)
    need("unicorn", "zig" if compiler == "zig" else f"gcc-{core.arch}")
    objects = [build(RUNTIME / source, core, compiler, tmp_path) for source in SOURCES]
    own = {name for seen in objects for name in seen.functions}
    assert own == {f"edgeq_sound_{name}" for name in ("features_a16__c", "start", "next")}
    assert not any(seen.writable_bytes for seen in objects)
    wanted = {name for seen in objects for name in seen.undefined} - own
    assert [name for name in wanted if not SUPPLIED.fullmatch(name) or "div" in name or "mod" in name] == []


@pytest.mark.parametrize("compiler", C_COMPILERS)
def test_no_warning(compiler: str, tmp_path: Path) -> None:
    need(compiler)
    for source in SOURCES:
        command = [C_COMPILERS[compiler], *C99, "-Wsign-conversion", "-O2", "-ffreestanding", *INCLUDES]
        assert run([*command, "-c", RUNTIME / source, "-o", "sound.o"], tmp_path) == ""
