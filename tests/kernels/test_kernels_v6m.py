"""Kernels for Cortex-M0 and M0+: every output bit on an emulated core, from both compilers, and of their C form.

Inputs end at a page that is not mapped; outputs and scratch lie between canaries.
"""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq import resources
from edgeq.kernels.registry import Kernel, kernels
from edgeq.ops.fixed_point import requantize, requantize_once
from tests.kernels.cases import Case, constant_channels, make_case
from tests.kernels.host_runner import SANITIZERS, WARNINGS, check_plain_form
from tests.kernels.test_kernels_dsp import MORE, _check, _fits, depthwise
from tests.tools import need
from tests.unit.test_kernels_accumulate import GRID, convolutions

ROWS = [k for k in kernels() if k.name.endswith("__v6m")]
_SAME = (1, 1, 1, 1)
_TAPS = {
    f"{taps} taps, {outputs} outputs": make_case(op, x, w)
    for taps, outputs in ((1, 1), (4, 3), (5, 2), (9, 5), (15, 4), (16, 7), (17, 8), (33, 1))
    for op, x, w in (
        ("conv2d", (1, 3, 3, taps), (outputs, 1, 1, taps)),
        ("dense", (1, 3, taps), (outputs, taps)),
    )
}
_OTHERS: dict[str, Case] = {
    "wide factors": make_case("conv2d", (1, 6, 5, 24), (8, 3, 3, 24), pads=_SAME, shifts=(-5, -1)),
    "deep factors": make_case("conv2d", (1, 6, 5, 24), (8, 3, 3, 24), pads=_SAME, shifts=(-31, -1)),
    "dense wide factors": make_case("dense", (1, 2, 389), (71, 389), shifts=(-5, -1)),
    "dense deep factors": make_case("dense", (1, 2, 389), (71, 389), shifts=(-31, -1)),
    "depthwise wide factors": make_case("depthwise_conv2d", (1, 9, 8, 13), (3, 3, 13), pads=_SAME, shifts=(-4, -1)),
    "depthwise one channel": make_case("depthwise_conv2d", (1, 5, 4, 1), (3, 3, 1), pads=_SAME, clamp=(-7, 90)),
    "depthwise 9 by 1": make_case("depthwise_conv2d", (1, 12, 4, 3), (9, 1, 3), shifts=(-6, -3)),
    "constants": constant_channels(make_case("conv2d", (1, 4, 4, 8), (8, 3, 3, 8), pads=_SAME)),
    "dense constants": constant_channels(make_case("dense", (1, 9), (11, 9))),
}
CASES: dict[str, Case] = {**GRID, **MORE, **_TAPS, **_OTHERS}


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    need("unicorn", "zig", "gcc-arm")
    from tests.kernels.machine import Machine  # needs the emulator

    return {c: Machine.of("cortex-m0plus", c, tmp_path_factory.mktemp(c)) for c in ("zig", "gcc")}


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_grid(kernel: Kernel, compiler: str, machines: dict[str, Any]) -> None:
    names = [name for name, case in CASES.items() if _fits(kernel, case)]
    assert len(names) >= 10
    for name in names:
        _check(kernel, CASES[name], machines[compiler])


@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_grid_of_the_plain_form(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What stands beside the assembly for other processors, under sanitizers."""
    need("gcc")
    check_plain_form(kernel, (c for c in CASES.values() if _fits(kernel, c)), tmp_path_factory.mktemp("host"))


@st.composite
def dense(draw: st.DrawFn) -> Case:
    """Fully connected layers of any size."""
    rows, inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 70)), draw(st.integers(1, 13))
    return make_case(
        "dense",
        (1, rows, inputs),
        (outputs, inputs),
        draw(st.integers(0, 1000)),
        input_zero_point=draw(st.sampled_from([-128, -1, 0, 127])),
        extreme=draw(st.sampled_from([0, 1])),
    )


@settings(max_examples=80)
@given(case=convolutions() | depthwise() | dense())
def test_any_layer(case: Case, machines: dict[str, Any]) -> None:
    for kernel in ROWS:
        if _fits(kernel, case):
            _check(kernel, case, machines["zig"])


@pytest.mark.parametrize("twice", [1, 0], ids=["twice", "once"])
def test_estimates_decide_only_what_is_certain(twice: int, tmp_path: Path) -> None:
    """Sums at and around every step of the output, where an estimate that claims too much would be wrong."""
    need("gcc")
    source, library = tmp_path / "finish.c", tmp_path / "finish.so"
    full, offset = ("edgeq_v6m_full", "2 * zero + 1") if twice else ("edgeq_v6m_full_once", "zero")
    source.write_text(
        '#include "edgeq/edgeq_v6m.h"\n'
        "void finish(const int32_t *x, const int32_t *m, const int32_t *s, int32_t *y, int32_t n, int32_t zero) {"
        " for (int32_t i = 0; i < n; i++) { const int32_t factor[2] = {m[i], s[i]};"
        f" y[i] = edgeq_v6m_finish(x[i], factor, {twice}, {full}, {offset}, edgeq_v6m_offset(zero), -128, 127); }} }}\n"
    )
    command = ["gcc", "-std=c99", "-O1", "-fPIC", "-shared", *SANITIZERS[1:], "-fsanitize=undefined", *WARNINGS]
    command += ["-I", str(resources.runtime_dir() / "include"), "-Wno-missing-prototypes", str(source)]
    subprocess.run([*command, "-o", str(library)], check=True)
    finish = ctypes.CDLL(str(library)).finish
    rng = np.random.default_rng(5)
    for right in range(1, 32):
        for multiplier in [1 << 30, (1 << 31) - 1, *rng.integers(1 << 30, 1 << 31, 12).tolist()]:
            steps = (np.arange(-300, 300) + 0.5) * 2.0 ** (31 + right) / multiplier
            near = (np.floor(steps)[:, None] + np.arange(-8, 10)).ravel()
            ends = (1 << 23) - 1
            sums = np.concatenate([near, rng.integers(-ends, ends, 500), [-ends, -1, 0, 1, ends]])
            sums = sums[np.abs(sums) <= ends].astype(np.int32)
            zero = int(rng.integers(-128, 128))
            factor = np.full_like(sums, multiplier)
            outputs = np.empty_like(sums)
            columns = (sums, factor, np.full_like(sums, right), outputs)
            finish(*(c.ctypes.data_as(ctypes.c_void_p) for c in columns), len(sums), zero)
            rule = requantize if twice else requantize_once
            expected = rule(sums.astype(np.int64), factor.astype(np.int64), np.full(len(sums), -right)) + zero
            np.testing.assert_array_equal(outputs, np.clip(expected, -128, 127))
