"""The accumulating kernels as the boards' compilers build them: every output bit, on emulated cores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.boards import load_board
from edgeq.kernels.features import kernel_features
from edgeq.kernels.registry import Kernel
from tests.tools import need
from tests.unit.test_kernels_accumulate import GRID, ROWS

BOARDS = ("cortex-m0plus", "cortex-m3", "riscv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emulated")


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_grid_on_the_core(kernel: Kernel, board: str, folder: Path) -> None:
    need("zig", "unicorn")
    from tests.kernels.machine import Machine  # needs the emulator

    if not kernel.runs_on(kernel_features(load_board(board))):
        return
    machine = Machine.of(board, "zig", folder)
    for case in GRID.values():
        if kernel.op == case.node.op and kernel.accepts(case.facts):
            result = machine.run(kernel, case)
            np.testing.assert_array_equal(result.output, case.expected())
            assert result.stack_bytes < 1024
