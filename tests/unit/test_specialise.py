"""Which layers get a kernel to themselves, and that the C of those that do is right with every compiler."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from edgeq.emit import render_files
from edgeq.ir.graph import Node
from edgeq.kernels.registry import Kernel, kernels
from edgeq.kernels.select import Choice, select_kernels
from edgeq.kernels.specialise import specialise
from edgeq.plan import plan_memory
from tests.kernels.cases import make_case
from tests.tools import need
from tests.unit.test_emit import FACTS, WARNINGS, small_net

NONE: frozenset[str] = frozenset()
SMALL, LARGE = ((1, 4), (3, 4)), ((1, 4), (300, 4))
TOTAL = 1_000_000
"""Instructions of a network of three layers; a byte of code has to save ten to be worth it."""


def network(*shapes: tuple[tuple[int, ...], tuple[int, ...]], **row: object) -> tuple[list[Node], dict[int, Choice]]:
    """Dense layers of one kernel, whose row says `row` of copies, and one layer of another."""
    base = next(k for k in kernels() if k.name == "edgeq_dense_a8_w8__c")
    kernel = replace(base, **({"code_bytes": 1000, "saves_alone": "10 * outputs"} | row))  # type: ignore[arg-type]
    nodes = [make_case("dense", x, w).node for x, w in (*shapes, SMALL)]
    choices = {id(n): Choice(kernel, "why", 0, 0, None, (), None) for n in nodes}
    other = replace(kernel, name="other", saves_alone="0")
    choices[id(nodes[-1])] = Choice(other, "why", TOTAL, 0, None, (), None)
    return nodes, choices


def alone(nodes: list[Node], choices: dict[int, Choice], goal: str) -> list[bool]:
    chosen = specialise(nodes, choices, NONE, goal)
    return [chosen[id(node)].specialised for node in nodes]


def test_the_only_layer_of_a_kernel_takes_its_place_unless_size_matters_most() -> None:
    for goal, wanted in (("speed", True), ("balanced", True), ("size", False)):
        assert alone(*network(SMALL, alone_code=0.9), goal) == [wanted, False]


def test_a_copy_larger_than_the_kernel_has_to_save_enough() -> None:
    assert alone(*network(SMALL, alone_code=2.0), "speed") == [False, False]
    assert alone(*network(SMALL, alone_code=2.0, saves_alone="20000"), "speed") == [True, False]


def test_among_others_only_what_saves_enough_is_copied_and_only_for_speed() -> None:
    nodes, choices = network(SMALL, LARGE, alone_code=1.2, saves_alone="100 * outputs")
    assert alone(nodes, choices, "speed") == [False, True, False]
    assert alone(nodes, choices, "balanced") == [False, False, False]


def test_all_layers_are_copied_where_that_frees_the_kernel() -> None:
    """The third brings little, but without it the kernel would stay."""
    assert alone(*network(SMALL, LARGE, LARGE, alone_code=0.2), "speed") == [True, True, True, False]


def test_rows_without_a_promise_are_never_copied() -> None:
    assert alone(*network(LARGE, saves_alone="0"), "speed") == [False, False]


def test_a_copy_lowers_the_estimate_and_says_why() -> None:
    nodes, choices = network(LARGE)
    choice = specialise(nodes, choices, NONE, "speed")[id(nodes[0])]
    assert choice.estimate == choices[id(nodes[0])].estimate - 3000
    assert "compiled for this layer" in choice.reason and "3,000" in choice.reason


def test_promises_go_by_the_first_feature_of_the_core() -> None:
    row: Kernel = replace(kernels()[0], cost="100", saves_alone={"dsp": "0.5 * cost", "mla": "7", "default": "0"})
    assert [row.saved_alone({}, frozenset(f)) for f in ({"mla", "dsp"}, {"mla"}, set[str]())] == [50, 7, 0]


@pytest.mark.parametrize("compiler", ["cc", "clang"])
def test_the_folder_compiles_without_a_warning_and_other_compilers_call_the_kernel(
    tmp_path: Path, compiler: str
) -> None:
    need(compiler)
    graph = small_net()
    chosen = select_kernels(graph.nodes, frozenset({"host"}), "speed")
    choices = {key: replace(choice, specialised=True) for key, choice in chosen.items()}
    files, _ = render_files(graph, plan_memory(graph, choices), choices, FACTS)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    copies = sorted(tmp_path.rglob("net_step*.c"))
    assert len(copies) == len(choices)
    for flags, calls in (("", False), (" -U__GNUC__", True)):
        subprocess.run(["make", f"CC={compiler}", f"CFLAGS=-O2 {' '.join(WARNINGS)}{flags}"], cwd=tmp_path, check=True)
        for copy in copies:
            symbols = subprocess.run(["nm", copy.with_suffix(".o")], capture_output=True, text=True, check=True).stdout
            assert ("U edgeq_" in symbols) == calls
        subprocess.run(["make", "clean"], cwd=tmp_path, check=True)
