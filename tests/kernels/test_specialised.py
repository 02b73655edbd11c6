"""Kernels that a layer has to itself give the same bits, and save what their rows promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.specialised import BOARDS, kernel_for, layers, recorded
from edgeq.boards import load_board
from edgeq.kernels.features import kernel_features
from edgeq.kernels.registry import kernels
from tests.kernels.one_layer import run_layers
from tests.tools import need


@pytest.mark.parametrize("board", BOARDS)
def test_copies_give_the_same_bits_and_save_what_is_promised(board: str, tmp_path: Path) -> None:
    need("zig", {"cortex-m55": "qemu-arm", "riscv-rvv": "qemu-riscv"}.get(board, "unicorn"))
    features = kernel_features(load_board(board))
    taken = [(label, kernel_for(case, board), case) for label, case in layers().items()]
    taken = [(label, kernel, case) for label, kernel, case in taken if kernel.saved_alone(case.facts, features)]
    assert taken
    labels, rows, cases = zip(*taken, strict=True)
    alone = run_layers(rows, cases, board, tmp_path, specialised=True)
    assert (tmp_path / "edgeq" / rows[0].source).with_name("layer_step0.c").is_file()
    for label, kernel, case, after in zip(labels, rows, cases, alone, strict=True):
        np.testing.assert_array_equal(after.output, case.expected(), err_msg=kernel.name)
        promised = kernel.saved_alone(case.facts, features)
        before = recorded()[label][board]["general"]["instructions"]
        assert before - after.instructions >= 0.85 * promised - 30, (kernel.name, promised)


def test_every_row_that_promises_to_save_is_measured() -> None:
    measured = {kernel_for(case, board).name for board in BOARDS for case in layers().values()}
    assert {kernel.name for kernel in kernels() if kernel.saves_alone != "0"} <= measured
