"""conv2d, depthwise_conv2d and dense kernels on the host: every output bit, under sanitizers, on awkward layers."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq import resources
from edgeq.kernels.registry import Kernel, kernels
from edgeq.ops.fixed_point import requantize
from tests.kernels.cases import Case, constant_channels, make_case
from tests.kernels.host_runner import WARNINGS, host_program, run_on_host
from tests.tools import need

OPS = ("conv2d", "depthwise_conv2d", "dense")
ROWS = [
    k
    for k in kernels()
    if k.op in OPS
    and k.parts.formats == "a8_w8"
    and k.parts.isa == "c"
    and k.epilogue == "requantize"
    and k.output_bits == 8
]

GRID: dict[str, Case] = {
    "one value": make_case("conv2d", (1, 1, 1, 1), (1, 1, 1, 1)),
    "odd channels": make_case("conv2d", (1, 5, 4, 3), (7, 3, 3, 3), pads=(1, 1, 1, 1)),
    "1x1": make_case("conv2d", (1, 5, 3, 9), (10, 1, 1, 9)),
    "1x1 strided": make_case("conv2d", (1, 6, 7, 66), (9, 1, 1, 66), strides=(2, 3)),
    "wide window": make_case("conv2d", (1, 9, 6, 5), (8, 5, 3, 5), strides=(2, 2), pads=(2, 1, 2, 0)),
    "dilated": make_case("conv2d", (1, 9, 9, 2), (3, 3, 3, 2), dilations=(2, 3), pads=(1, 3, 2, 2)),
    "grouped": make_case("conv2d", (1, 4, 4, 6), (9, 3, 3, 2), groups=3, pads=(1, 1, 1, 1)),
    "mostly padding": make_case("conv2d", (1, 2, 2, 4), (5, 3, 3, 4), pads=(4, 4, 4, 4), input_zero_point=-128),
    "one row": make_case("conv2d", (1, 1, 20, 4), (6, 1, 5, 4), strides=(1, 2), pads=(0, 2, 0, 2)),
    "one pixel": make_case("conv2d", (1, 1, 1, 40), (12, 1, 1, 40)),
    "extreme": make_case("conv2d", (1, 4, 5, 17), (9, 3, 3, 17), extreme=True, pads=(1, 1, 1, 1), input_zero_point=127),
    "symmetric extreme": make_case("conv2d", (1, 4, 5, 100), (9, 1, 1, 100), extreme=2, input_zero_point=-128),
    "left shifts": make_case("conv2d", (1, 3, 3, 2), (4, 2, 2, 2), shifts=(-2, 3)),
    "deep shifts": make_case("conv2d", (1, 3, 3, 8), (4, 2, 2, 8), shifts=(-31, -1)),
    "clamped": make_case("conv2d", (1, 3, 3, 8), (4, 2, 2, 8), clamp=(-10, 31), output_zero_point=-10),
    "constant channels": constant_channels(make_case("conv2d", (1, 4, 4, 4), (7, 3, 3, 4), pads=(1, 1, 1, 1))),
    "depthwise": make_case("depthwise_conv2d", (1, 5, 4, 8), (3, 3, 8), pads=(1, 1, 1, 1)),
    "depthwise odd": make_case("depthwise_conv2d", (1, 5, 7, 5), (3, 2, 5), strides=(2, 1), pads=(0, 1, 1, 0)),
    "depthwise x3": make_case("depthwise_conv2d", (1, 5, 4, 3), (3, 3, 9), pads=(1, 1, 1, 1)),
    "depthwise tall": make_case("depthwise_conv2d", (1, 12, 1, 6), (10, 1, 6)),
    "depthwise dilated": make_case("depthwise_conv2d", (1, 9, 9, 4), (3, 3, 4), dilations=(2, 2), pads=(2, 2, 2, 2)),
    "depthwise small": make_case("depthwise_conv2d", (1, 1, 2, 2), (3, 3, 2), pads=(1, 1, 1, 1), input_zero_point=99),
    "depthwise extreme": make_case("depthwise_conv2d", (1, 4, 4, 7), (3, 3, 7), extreme=True, pads=(1, 1, 1, 1)),
    "depthwise left shifts": make_case("depthwise_conv2d", (1, 4, 4, 4), (3, 3, 4), shifts=(-1, 4)),
    "dense": make_case("dense", (1, 64), (10, 64)),
    "dense constant channels": constant_channels(make_case("dense", (1, 9), (11, 9))),
    "dense one": make_case("dense", (1, 1), (1, 1)),
    "dense rows": make_case("dense", (1, 3, 17), (9, 17)),
    "dense extreme": make_case("dense", (1, 300), (13, 300), extreme=True, input_zero_point=-128),
    "dense left shifts": make_case("dense", (1, 6), (5, 6), shifts=(0, 6)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def _check(kernel: Kernel, case: Case, folder: Path, defines: tuple[str, ...] = ()) -> None:
    """Apart from its input, and on top of it where the row says that the kernel may."""
    places = [(), ("IN_PLACE",)] if kernel.in_place_inputs(case.facts) else [()]
    for place in places:
        output = run_on_host(kernel, case, host_program(kernel, "gcc", folder, (*defines, *place)))
        np.testing.assert_array_equal(output, case.expected())


def _fits(kernel: Kernel, case: Case) -> bool:
    return kernel.op == case.node.op and kernel.accepts(case.facts)


@pytest.mark.parametrize(
    ("kernel", "name"),
    [pytest.param(k, n, id=f"{k.name}-{n}") for k in ROWS for n, c in GRID.items() if _fits(k, c)],
)
def test_grid(kernel: Kernel, name: str, folder: Path) -> None:
    need("gcc")
    _check(kernel, GRID[name], folder)


@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_without_wide_multiplication(kernel: Kernel, folder: Path) -> None:
    need("gcc")
    for case in GRID.values():
        if _fits(kernel, case):
            _check(kernel, case, folder, ("EDGEQ_WIDE_MULTIPLY=0",))


def test_every_layer_of_the_grid_has_a_kernel_and_every_kernel_a_layer() -> None:
    for kernel in ROWS:
        assert any(_fits(kernel, c) for c in GRID.values()), kernel.name
    for name, case in GRID.items():
        assert any(_fits(k, case) for k in ROWS), name


@st.composite
def convolutions(draw: st.DrawFn) -> Case:
    """Small convolutions and depthwise convolutions of any geometry."""
    size = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    window = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilations = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    pads = list(draw(st.tuples(*[st.integers(0, 3)] * 4)))
    for axis in (0, 1):  # the padded input holds the window at least once
        span = (window[axis] - 1) * dilations[axis] + 1
        pads[axis] += max(0, span - size[axis] - pads[axis] - pads[axis + 2])
    common = {
        "seed": draw(st.integers(0, 1000)),
        "input_zero_point": draw(st.sampled_from([-128, -1, 0, 127])),
        "output_zero_point": draw(st.sampled_from([-128, 3, 127])),
        "shifts": draw(st.sampled_from([(-9, -5), (-31, -1), (-2, 2)])),
        "extreme": draw(st.sampled_from([0, 1, 2])),
        "strides": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "dilations": dilations,
        "pads": tuple(pads),
    }
    if draw(st.booleans()):  # windows that start inside, so that some layers may run in place
        common["pads"] = (0, 0, pads[0] + pads[2], pads[1] + pads[3])
    channels = draw(st.integers(1, 9))
    if draw(st.booleans()):
        multiplier = draw(st.integers(1, 3))
        return make_case("depthwise_conv2d", (1, *size, channels), (*window, channels * multiplier), **common)
    groups = draw(st.sampled_from([1, 1, 1, 2]))
    outputs = draw(st.integers(1, 9)) * groups
    shape = (outputs, *window, channels)
    return make_case("conv2d", (1, *size, channels * groups), shape, groups=groups, **common)


@settings(max_examples=40)
@given(case=convolutions())
def test_any_convolution(case: Case, folder: Path) -> None:
    need("gcc")
    for kernel in ROWS:
        if _fits(kernel, case):
            _check(kernel, case, folder)


@pytest.fixture(scope="module", params=[0, 1], ids=["pieces", "wide"])
def requantize_library(request: pytest.FixtureRequest, folder: Path) -> ctypes.CDLL:
    need("gcc")
    source = folder / "requantize.c"
    source.write_text(
        '#include "edgeq/edgeq_requantize.h"\n'
        "void exact(const int32_t *x, const int32_t *m, const int32_t *s, int32_t *y, int32_t n) {"
        " for (int32_t i = 0; i < n; i++) y[i] = edgeq_requantize(x[i], m[i], s[i]); }\n"
        "void right(const int32_t *x, const int32_t *m, const int32_t *s, int32_t *y, int32_t n) {"
        " for (int32_t i = 0; i < n; i++) y[i] = edgeq_requantize_right(x[i], m[i], -s[i], 2 * -7 + 1); }\n"
    )
    library = folder / f"requantize{request.param}.so"
    command = ["gcc", "-std=c99", "-O1", "-fPIC", "-shared", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    command += [*WARNINGS, f"-DEDGEQ_WIDE_MULTIPLY={request.param}", "-I", str(resources.runtime_dir() / "include")]
    subprocess.run([*command, "-Wno-missing-prototypes", str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def _call(function: ctypes._CFuncPtr, *columns: np.ndarray) -> np.ndarray:
    columns = tuple(np.ascontiguousarray(c, dtype=np.int32) for c in columns)
    result = np.empty_like(columns[0])
    pointers = [c.ctypes.data_as(ctypes.c_void_p) for c in (*columns, result)]
    function(*pointers, len(result))
    return result


def _samples(limit: int, shifts: range) -> tuple[np.ndarray, ...]:
    """Accumulators around zero, powers of two, ties and the limit, with multipliers at their ends and between."""
    rng = np.random.default_rng(7)
    powers = np.array([2**k for k in range(limit.bit_length())])
    near = np.concatenate([powers + d for d in range(-3, 4)])
    x = np.unique(
        np.clip(np.concatenate([near, -near, np.arange(-70, 71), [limit - 1, 1 - limit]]), 1 - limit, limit - 1)
    )
    multipliers = [0, 2**30, 2**30 + 1, 3 * 2**29, 2**31 - 65536, 2**31 - 1, *rng.integers(2**30, 2**31, 6)]
    grid = [g.ravel() for g in np.meshgrid(x, multipliers, list(shifts))]
    many = 200_000
    free = rng.integers(1 - limit, limit, many) >> rng.integers(0, 24, many)
    drawn = [free, rng.integers(2**30, 2**31, many), rng.choice(list(shifts), many)]
    return tuple(np.concatenate([a, b]) for a, b in zip(grid, drawn, strict=True))


def test_requantize_is_the_twin_of_fixed_point(requantize_library: ctypes.CDLL) -> None:
    x, multiplier, shift = _samples(2**31, range(-31, 9))
    fits = (np.abs(x.astype(np.int64)) << np.maximum(shift, 0)) < 2**31
    x, multiplier, shift = x[fits], multiplier[fits], shift[fits]
    np.testing.assert_array_equal(
        _call(requantize_library.exact, x, multiplier, shift), requantize(x, multiplier, shift)
    )


def test_the_short_form_is_exact_within_its_range(requantize_library: ctypes.CDLL) -> None:
    x, multiplier, shift = _samples(2**29, range(-31, 0))
    np.testing.assert_array_equal(
        _call(requantize_library.right, x, multiplier, shift), requantize(x, multiplier, shift) - 7
    )


def test_ties_are_rounded_as_the_reference(requantize_library: ctypes.CDLL) -> None:
    """Every accumulator of 14 bits with factors that are powers of two: half of all shifts meet a tie."""
    x, shift = (g.ravel() for g in np.meshgrid(np.arange(-(2**13), 2**13), np.arange(-12, 0)))
    for multiplier in (2**30, 2**30 + 1, 2**31 - 1, 3 * 2**29):
        column = np.full_like(x, multiplier)
        np.testing.assert_array_equal(
            _call(requantize_library.right, x, column, shift), requantize(x, multiplier, shift) - 7
        )
