"""Operators and kernels: every row is complete, and an incomplete one is named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.boards import list_boards
from edgeq.kernels import Kernel, kernels, kernels_for
from edgeq.ops import Operator, operator, operators
from tests.meta.row_rules import kernel_complaints, operator_complaints, orphan_sources, params_complaints
from tests.meta.sample_nodes import sample_for, sample_node
from tests.tools import ROOT

INTEGER_ROWS = [row for row in operators() if row.lowers_to_integers and not row.is_view]


def facts_of(kernel: Kernel) -> list[dict[str, int]]:
    """Facts of one sample layer per operator that kernels such as this one run."""
    return [row.facts(sample_for(kernel, row)) for row in INTEGER_ROWS if row.kernels == kernel.op]


@pytest.mark.parametrize("row", operators(), ids=lambda row: row.name)
def test_operator_is_complete(row: Operator) -> None:
    assert operator_complaints(row, kernels(), ROOT) == []


@pytest.mark.parametrize("row", INTEGER_ROWS, ids=lambda row: row.name)
def test_operator_lowers_to_integers(row: Operator) -> None:
    assert params_complaints(row, sample_node(row).params) == []


@pytest.mark.parametrize("kernel", kernels(), ids=lambda kernel: kernel.name)
def test_kernel_row_is_right(kernel: Kernel) -> None:
    assert kernel_complaints(kernel, ROOT, facts_of(kernel), list_boards()) == []


def test_every_kernel_file_has_a_row() -> None:
    assert orphan_sources(kernels(), ROOT) == []


class Broken(Operator):
    """Computes nothing."""

    name = "dense"
    summary = ""

    def infer(self, node: Any) -> list[tuple[int, ...]]:
        return []

    def compute(self, node: Any, inputs: Any) -> list[Any]:
        return []


def test_an_incomplete_operator_is_named(tmp_path: Path) -> None:
    """Without summary, file, integer arithmetic, kernel, template and test."""
    only_for_3x3 = [replace(kernels_for("dense")[0], when="kernel_h == 3")]
    found = operator_complaints(Broken(), only_for_3x3, tmp_path)
    for complaint in (
        "not in a file of edgeq/ops",
        "has no summary",
        "does not define lower()",
        "does not define compute_integer()",
        "has no portable kernel",
        "has no call site",
        "is named by no test",
    ):
        assert sum(complaint in sentence for sentence in found) == 1, complaint
    assert len(found) == 7


def test_parameters_that_are_no_integers_are_named() -> None:
    params = {"a": 1.5, "b": np.zeros(3), "c": True, "d": 3, "e": np.zeros(3, np.int8)}
    found = params_complaints(operator("dense"), params)
    assert [sentence.split("'")[1] for sentence in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "edgeq_dense_int8__c"}, "does not read edgeq_<op>"),
        ({"name": "edgeq_conv2d_a8_w8__c"}, "named for op 'conv2d'"),
        ({"name": "edgeq_dense_a8_w8_4x__c"}, "its file is named"),
        ({"name": "edgeq_dense_a8_w8__dsp"}, "ends in __dsp, but asks for no feature"),
        ({"isa": ("neon",)}, "features that no board can have: ['neon']"),
        ({"isa": ("dsp", "zbb")}, "runs on no board"),
        ({"source": "src/dense/missing.c"}, "does not exist"),
        ({"header": "edgeq/missing.h"}, "header edgeq/missing.h does not exist"),
        ({"header": "edgeq/edgeq_status.h"}, "does not declare it"),
        ({"layout": "sideways"}, "unknown layout 'sideways'"),
        ({"alignment": 3}, "impossible alignment"),
        ({"when": "in_c == 4 and outputz > 3"}, "unknown facts ['outputz']"),
        ({"when": "in_c = 4"}, "when = 'in_c = 4' gives"),
        ({"scratch": "in_c // 0"}, "division"),
        ({"scratch": "-4"}, "gives -4"),
        ({"cost": {"thumb1": "macs"}}, "cost has no default"),
        ({"cost": {"thumb1": "mac", "default": "macs"}}, "cost.thumb1 = 'mac'"),
        ({"op": "telepathy", "name": "edgeq_attention_a8_w8__c"}, "no operator uses kernels of op 'telepathy'"),
    ],
)
def test_a_wrong_kernel_row_is_named(changes: dict[str, Any], complaint: str) -> None:
    kernel = replace(kernels_for("dense")[0], **changes)
    found = kernel_complaints(kernel, ROOT, facts_of(kernel), list_boards())
    assert any(complaint in sentence for sentence in found), found
    assert all(sentence.startswith(kernel.name) for sentence in found)


def test_a_kernel_file_without_a_row_is_named(tmp_path: Path) -> None:
    kernel = kernels_for("dense")[0]
    target = tmp_path / "runtime" / kernel.source
    target.parent.mkdir(parents=True)
    shutil.copy(ROOT / "runtime" / kernel.source, target)
    assert orphan_sources([kernel], tmp_path) == []
    shutil.copy(target, target.with_name("edgeq_dense_a8_w4__c.c"))
    assert orphan_sources([kernel], tmp_path) == ["src/dense/edgeq_dense_a8_w4__c.c has no row in kernels.toml"]
