"""Variables of .tflite files: published streaming networks give LiteRT's bits call by call; others are refused."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.errors import UnsupportedError
from edgeq.frontends.detect import load_model
from edgeq.frontends.tflite import load_tflite
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer
from edgeq.passes.pipeline import prepare, to_integer
from edgeq.pipeline import compile_model
from tests.oracles.litert import LiteRt
from tests.oracles.tflite_writer import GraphSpec, OperatorSpec, TensorSpec, graphs
from tests.tools import need

WORDS = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")
CALLS = 200


def wake_word(name: str) -> Path:
    """A model of the package pymicro-wakeword."""
    spec = importlib.util.find_spec("pymicro_wakeword")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "models" / f"{name}.tflite"


def speech_like(calls: int) -> Array:
    """Features that rise and fall, so that the networks answer: [calls, 3, 40]."""
    rng = np.random.default_rng(11)
    level = -60 + 45 * np.sin(np.arange(calls) / 7)
    return np.clip(rng.normal(level[:, None, None], 40, (calls, 3, 40)), -128, 127).astype(np.int8)


def every_tensor(graph: Graph, frames: Array) -> dict[str, Array]:
    found: dict[str, Array] = {}

    def keep(value: Value, array: Array) -> None:
        found[value.name] = array

    run_integer(graph, {graph.inputs[0].name: frames}, keep)
    return found


@pytest.mark.parametrize("name", WORDS)
def test_every_tensor_of_wake_words_equals_litert_call_by_call(name: str) -> None:
    need("wakewords", "litert")
    graph = load_model(wake_word(name))
    to_integer(graph)
    frames = speech_like(CALLS)
    ours = every_tensor(graph, frames)
    oracle = LiteRt(wake_word(name).read_bytes(), keep_all=True)
    origin = {n: i for n, i in graph.meta["origin"].items() if n in ours}
    assert sum(n.op == "delay_line" for n in graph.nodes) == 6 and len(origin) > 20
    for call in range(CALLS):
        oracle.run([frames[call : call + 1]])
        for tensor, index in origin.items():
            theirs = oracle.tensor(index)
            mine = ours[tensor][call : call + 1]
            if theirs.dtype == np.uint8:
                theirs = (theirs.astype(np.int16) - 128).astype(np.int8)
            np.testing.assert_array_equal(mine, theirs, err_msg=f"{tensor}, call {call}")


@pytest.mark.tools
@pytest.mark.parametrize("board", ["cortex-m4", "riscv"])
def test_a_wake_word_in_firmware_equals_litert_over_200_calls(board: str, tmp_path: Path) -> None:
    need("wakewords", "litert", "zig", "unicorn", "cc")
    result = compile_model(wake_word("alexa"), board, out=tmp_path / "m")
    assert result.manifest["outputs"][0]["source_dtype"] == "uint8"
    proof = result.verify(on=["host", "emulator"], inputs={"inputs": speech_like(CALLS)}, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["exact"]
    assert proof.reference["sqnr_db"] is None or proof.reference["sqnr_db"] > 100


class Ring:
    """A small network with one variable: 2 older frames, 1 new one; what a test changes is told by keywords."""

    def __init__(self, **changes: Any) -> None:
        def frames(n: int, **more: Any) -> TensorSpec:
            return TensorSpec([1, n, 1, 4], scale=0.5, zero_point=3, **more)

        handle = TensorSpec([], "resource", name="h")
        x, read, joined, newest, y = (frames(n, name=f"{n}.{i}") for i, n in enumerate((1, 2, 3, 2, 3)))
        first = frames(2, data=np.arange(8).reshape(1, 2, 1, 4), name="first")
        begin = TensorSpec([4], "int32", data=changes.get("begin", [0, 1, 0, 0]))
        end, step = TensorSpec([4], "int32", data=[1, 3, 1, 4]), TensorSpec([4], "int32", data=[1, 1, 1, 1])
        order = [read, x] if changes.get("older_first", True) else [x, read]
        named = {"SharedName": "ring"}
        self.steps: Sequence[OperatorSpec] = [
            OperatorSpec("CALL_ONCE", [], [], {"InitSubgraphIndex": 1}),
            OperatorSpec("VAR_HANDLE", [], [handle], named),
            OperatorSpec("READ_VARIABLE", [handle], [read]),
            OperatorSpec("CONCATENATION", order, [joined], {"Axis": 1}),
            OperatorSpec("STRIDED_SLICE", [joined, begin, end, step], [newest]),
            OperatorSpec("ASSIGN_VARIABLE", [handle, newest], []),
            OperatorSpec("RELU", [joined], [y]),
        ]
        own = TensorSpec([], "resource", name="h1")
        assign = [OperatorSpec("VAR_HANDLE", [], [own], named), OperatorSpec("ASSIGN_VARIABLE", [own, first], [])]
        self.data = graphs(GraphSpec(self.steps, [x], [y]), GraphSpec(assign, [], []))


def test_a_variable_with_its_own_first_values_starts_from_them() -> None:
    need("litert")
    graph = load_tflite(Path("ring.tflite"), Ring().data)
    prepare(graph)
    to_integer(graph)
    frames = np.random.default_rng(0).integers(-128, 128, (6, 1, 1, 4)).astype(np.int8)
    (ours,) = run_integer(graph, {graph.inputs[0].name: frames}).values()
    oracle = LiteRt(Ring().data)
    theirs = [oracle.run([frames[k : k + 1]])[0] for k in range(6)]
    np.testing.assert_array_equal(ours, np.concatenate(theirs))


@pytest.mark.parametrize("change", [{"begin": [0, 0, 0, 0]}, {"older_first": False}], ids=["oldest", "order"])
def test_a_variable_that_is_no_delay_line_is_refused_with_all_its_operators(change: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError) as caught:
        load_tflite(Path("ring.tflite"), Ring(**change).data)
    listed = "\n".join(caught.value.problems)
    for words in (
        "CALL_ONCE",
        "VAR_HANDLE",
        "READ_VARIABLE",
        "ASSIGN_VARIABLE",
        "a variable may hold the older frames",
    ):
        assert words in listed
