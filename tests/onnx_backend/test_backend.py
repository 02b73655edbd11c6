"""onnx's own node tests: none may be answered wrongly, and the share that passes may not shrink unseen."""

from __future__ import annotations

import re
import unittest
import warnings
from functools import cache

import onnx.backend.test
import pytest

from edgeq.onnx_backend import EdgeqBackend, Score, node_tests, score
from tests.tools import ROOT

PASSING = 342
"""Node tests that pass with onnx 1.23; other versions of onnx have a few more or fewer."""

ANSWERED = ("conv_with_strides_padding", "gemm_all_attributes", "maxpool_2d_ceil", "softmax_axis_0", "flatten_axis1")


@cache
def scores() -> dict[str, Score]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numpy, where onnx makes its reference data
        return score(node_tests())


def test_no_answer_is_wrong() -> None:
    wrong = {name: reason for s in scores().values() for name, reason in s.wrong.items()}
    assert not wrong


def test_the_share_that_passes_holds() -> None:
    assert sum(s.passed for s in scores().values()) >= PASSING - 10


def test_the_readme_tells_the_share() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    told = re.search(r"onnx (\d+\.\d+) ships for these operators, (\d+) of (\d+) \((\d+) %\)", page)
    assert told is not None
    passed, asked, percent = (int(told[i]) for i in (2, 3, 4))
    assert percent == round(100 * passed / asked)
    if onnx.__version__.startswith(f"{told[1]}."):
        assert passed == sum(s.passed for s in scores().values())
        assert asked == passed + sum(len(s.refused) + len(s.wrong) for s in scores().values())


def test_every_refusal_says_why() -> None:
    assert all(reason.strip() for s in scores().values() for reason in s.refused.values())


@pytest.mark.parametrize("name", ANSWERED)
def test_the_class_answers_to_the_runner_of_onnx(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = onnx.backend.test.BackendTest(EdgeqBackend, __name__)
        runner.include(f"^test_{name}_cpu$")
        suite = runner.test_suite
    result = unittest.TestResult()
    suite.run(result)
    ran = [str(case) for case, _ in (*result.failures, *result.errors)]
    assert result.testsRun - len(result.skipped) == 1 and not ran, result.failures + result.errors
