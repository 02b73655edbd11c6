"""Outputs that share memory with their input: no kernel reads a byte after it was written, as its row promises.

Which bytes a kernel reads and writes, and when, depends on its layer's shape alone, never on the data: one traced run
per shape proves the shape. A second run shares the memory, as close as the row allows, and must give every bit.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeq.boards import load_board
from edgeq.formats import number_format
from edgeq.kernels.features import kernel_features
from edgeq.kernels.matching import takes
from edgeq.kernels.registry import Kernel, kernels
from edgeq.ops import operator
from tests.kernels.cases import Case, make_case
from tests.tools import need
from tests.unit.quantized_nodes import lowered, tensor
from tests.unit.test_kernels_accumulate import GRID

BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "riscv")
ROWS = [k for k in kernels() if k.overlap and not {"mve", "rvv"} & set(k.isa)]
"""Nothing here traces vectors: `test_mve` and `test_rvv` run those kernels with shared memory and compare the bits."""


def _board(kernel: Kernel) -> str:
    return next(b for b in BOARDS if kernel.runs_on(kernel_features(load_board(b))))


def _fits(kernel: Kernel, case: Case) -> bool:
    return kernel.op == operator(case.node.op).kernels and takes(kernel, case.node) and kernel.accepts(case.facts)


def _stored(kernel: Kernel, case: Case) -> Case:
    """The case with weights that the kernel's format has; when a kernel reads and writes does not depend on them."""
    if kernel.parts.weights in (None, "w8"):
        return case
    case = deepcopy(case)
    node = case.node
    values = np.array([v for v in number_format(str(kernel.parts.weights)).values if v is not None], dtype=np.int8)
    node.params["weights"] = np.random.default_rng(1).choice(values, node.params["weights"].shape)
    node.input(1).data = node.params["weights"]
    return case


def _check(kernel: Kernel, case: Case, machine: Any) -> int:
    """How many bytes the row keeps between output and input more than this shape needs."""
    anywhere = replace(kernel, alignment=1)  # inputs end where nothing is mapped
    needed = machine.run(anywhere, case, trace=True).lead
    promised = kernel.overlap_bytes(case.facts)
    assert promised is not None and needed <= promised
    shared = machine.run(anywhere, case, lead=min(promised, case.node.output.type.bytes))
    np.testing.assert_array_equal(shared.output, case.expected())
    return min(promised, case.node.output.type.bytes) - needed


@st.composite
def windows(draw: st.DrawFn, op: str) -> Case:
    """Layers of any window, stride and padding, as long as each window has a tap inside."""
    c = draw(st.sampled_from([1, 2, 3, 4, 8, 12, 16]))
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    pads = tuple(draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4))
    h, w = (max(draw(st.integers(1, 8)), kernel[i] - pads[i] - pads[i + 2]) for i in (0, 1))
    shape: dict[str, Any] = {"strides": (draw(st.integers(1, 3)), draw(st.integers(1, 3))), "pads": pads}
    seed = draw(st.integers(0, 100))
    if op == "strided_copy":
        first, last = sorted((draw(st.integers(0, h - 1)), draw(st.integers(0, h - 1))))
        rows = {"begin": (0, first, 0, 0), "end": (1, last + 1, w, c), "strides": (1, 1, 1, 1)}
        node = lowered("slice", [tensor((1, h, w, c))], **rows)
        return Case(node, np.random.default_rng(seed).integers(-128, 128, (1, h, w, c)).astype(np.int8))
    if op in ("max_pool2d", "avg_pool2d"):
        node = lowered(op, [tensor((1, h, w, c))], kernel=kernel, **shape)
        return Case(node, np.random.default_rng(seed).integers(-128, 128, (1, h, w, c)).astype(np.int8))
    if op == "depthwise_conv2d":
        if draw(st.booleans()):  # what has the most kernels
            kernel, shape["strides"], h, w = (3, 3), (1, 1), max(h, 3), max(w, 3)
        weights = (*kernel, c * draw(st.sampled_from([1, 1, 1, 2, 3])))
    else:
        if draw(st.booleans()):  # a pixel, for kernels of nothing else
            kernel, shape["strides"], shape["pads"] = (1, 1), (1, 1), (0, 0, 0, 0)
        weights = (draw(st.sampled_from([1, 4, 7, 16])), *kernel, c)
    return make_case(op, (1, h, w, c), weights, seed, **shape)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    need("unicorn", "zig", "gcc-arm")
    from tests.kernels.machine import Machine  # needs the emulator

    return {b: Machine.of(b, "zig", tmp_path_factory.mktemp(b)) for b in BOARDS}


@pytest.mark.parametrize("kernel", ROWS, ids=lambda k: k.name)
def test_no_byte_is_read_after_it_was_written(kernel: Kernel, machines: dict[str, Any]) -> None:
    machine = machines[_board(kernel)]
    cases = [_stored(kernel, case) for case in GRID.values() if case.node.op == kernel.op]
    spare = [_check(kernel, case, machine) for case in cases if _fits(kernel, case)]

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
    @given(windows(kernel.op).map(lambda case: _stored(kernel, case)).filter(lambda case: _fits(kernel, case)))
    def any_shape(case: Case) -> None:
        spare.append(_check(kernel, case, machine))

    any_shape()
    assert min(spare) <= 1, "the row could promise less for every shape"  # 1: areas of a memcpy may not even touch
