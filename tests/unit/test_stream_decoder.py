"""Decoders token by token: rings of keys and values give, call by call, the positions of the whole window."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.calibrate import calibrated_graph
from edgeq.errors import UsageError
from edgeq.frontends.detect import load_model
from edgeq.ir.graph import Graph, Value
from edgeq.ir.types import DType, TensorType
from edgeq.ops import operator
from edgeq.ops.attention import attend
from edgeq.ops.build import make_node
from edgeq.ops.execute import run_integer
from edgeq.ops.ring_int4 import HIGH, LOW, MOST_SHIFT, decode, encode
from edgeq.passes.pipeline import prepare, to_integer
from edgeq.passes.stream import stream
from edgeq.pipeline import compile_model
from tests.tools import need
from tests.unit.quantized_nodes import lowered, tensor

WINDOW, WIDTH, HEADS, WORDS = 10, 12, 2, 17
SIZE = WIDTH // HEADS


def decoder(positions: str, packed: bool, causal: bool = True) -> Any:
    """One block. positions: "rotary" or "learned"; packed: q, k and v from one layer, else all heads share keys."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Decoder(nn.Module):
        cos: Any
        sin: Any
        late: Any

        def __init__(self) -> None:
            super().__init__()
            self.table, self.places = nn.Embedding(WORDS, WIDTH), nn.Parameter(torch.randn(WINDOW, WIDTH))
            self.first = nn.Linear(WIDTH, 3 * WIDTH if packed else WIDTH + 2 * SIZE)
            self.out, self.norm = nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH)
            angles = torch.outer(torch.arange(WINDOW), 50.0 ** (-torch.arange(0, SIZE, 2) / SIZE)).repeat(1, 2)
            self.register_buffer("cos", angles.cos())
            self.register_buffer("sin", angles.sin())
            self.register_buffer("late", torch.full((WINDOW, WINDOW), float("-inf")).triu(1))

        def heads(self, x: Any, rotary: bool) -> Any:
            x = x.reshape(1, WINDOW, -1, SIZE).transpose(1, 2)
            if rotary and positions == "rotary":
                a, b = x.chunk(2, -1)
                x = x * self.cos + torch.cat((-b, a), -1) * self.sin
            return x if packed or x.shape[1] == HEADS else x.expand(1, HEADS, WINDOW, SIZE)

        def forward(self, tokens: Any) -> Any:
            x = self.table(tokens)
            if positions == "learned":
                x = x + self.places
            q, k, v = self.first(x).split((WIDTH, WIDTH, WIDTH) if packed else (WIDTH, SIZE, SIZE), -1)
            q, k, v = self.heads(q, True), self.heads(k, True), self.heads(v, False)
            if packed and causal:
                seen = torch.softmax(q @ k.transpose(-2, -1) / SIZE**0.5 + self.late, -1) @ v
            else:
                seen = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            x = self.norm(x + self.out(seen.transpose(1, 2).reshape(1, WINDOW, WIDTH)))
            return x @ self.table.weight.T

    torch.manual_seed(4)
    return Decoder().eval()


def export(network: Any, file: Path) -> Path:
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = torch.zeros(1, WINDOW, dtype=torch.int64)
        torch.onnx.export(network, (example,), str(file), input_names=["tokens"], dynamo=False, opset_version=17)
    return file


def tokens(count: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(7).integers(0, WORDS, (count, WINDOW))


def quantized(network: Any, folder: Path) -> Graph:
    graph = load_model(export(network, folder / "m.onnx"), dimensions={})
    prepare(graph)
    return calibrated_graph(graph, {"tokens": tokens(30)})


@pytest.mark.parametrize(("positions", "packed"), [("rotary", False), ("rotary", True), ("learned", True)])
def test_calls_give_the_positions_of_the_window(positions: str, packed: bool, tmp_path: Path) -> None:
    need("torch")
    whole = quantized(decoder(positions, packed), tmp_path)
    steps = stream(whole)
    made = Counter(node.op for node in steps.nodes)
    assert (made["ring"], made["attention_ring"], made["position"]) == (2, 1, 1) and not made["delay_line"]
    assert made["gather"] == (2 if positions == "learned" else 1)
    to_integer(whole)
    to_integer(steps)
    text = tokens(31)[-1].astype(np.int32)
    (want,) = run_integer(whole, {"tokens": text[None]}).values()
    (got,) = run_integer(steps, {"tokens": text[:, None]}).values()
    np.testing.assert_array_equal(got.reshape(want.shape), want)


def test_what_sees_later_tokens_sees_whole_windows(tmp_path: Path) -> None:
    need("torch")
    whole = quantized(decoder("learned", True, causal=False), tmp_path)
    steps = stream(whole)
    assert not any(node.op in ("ring", "position") for node in steps.nodes) and not steps.meta["stream"]["endless"]
    to_integer(whole)
    to_integer(steps)
    text = tokens(2).reshape(-1).astype(np.int32)
    (want,) = run_integer(whole, {"tokens": text[None, -WINDOW:]}).values()
    (got,) = run_integer(steps, {"tokens": text[:, None]}).values()
    np.testing.assert_array_equal(got[-1].reshape(want.shape), want)


@pytest.mark.tools
@pytest.mark.parametrize(("board", "ring"), [("riscv", "int8"), ("cortex-m4", "int8"), ("cortex-m4", "int4")])
def test_tokens_one_by_one_in_c(board: str, ring: str, tmp_path: Path) -> None:
    """Beyond the window too, with tokens that the table does not have, and against the original within it."""
    need("torch", "cc", "zig", "unicorn", "onnxruntime")
    file = export(decoder("rotary", False), tmp_path / "m.onnx")
    result = compile_model(file, board, out=tmp_path / "c", calibrate={"tokens": tokens(30)}, stream=True, ring=ring)
    row = SIZE if ring == "int8" else 1 + SIZE // 2
    assert 0 <= result.manifest["state_bytes"] - 2 * WINDOW * row - 3 * 4 <= 8  # whole words, and what may be over-read
    assert result.verify(samples=3 * WINDOW).bit_exact
    text = {"tokens": tokens(31)[-1].reshape(-1, 1)}
    proof = result.verify(on=["host"], inputs=text, reference="original")
    assert (
        proof.bit_exact and proof.reference is not None and proof.reference["sqnr_db"] > (20 if ring == "int8" else 15)
    )
    with pytest.raises(UsageError, match="starts anew with every window") as refused:
        result.verify(on=["host"], samples=WINDOW + 1, reference="original")
    assert f"at most {WINDOW}" in str(refused.value.hint)


@pytest.mark.tools
def test_methods_and_wide_activations_take_tokens(tmp_path: Path) -> None:
    """What is measured on the integer network feeds it tokens as they are."""
    need("torch", "cc")
    file = export(decoder("rotary", False), tmp_path / "m.onnx")
    wanted = {"weights": "int4", "activations": "int16", "methods": "gptq"}
    result = compile_model(file, "host", out=tmp_path / "c", calibrate={"tokens": tokens(8)}, stream=True, **wanted)
    assert any(step["outputs"][0]["dtype"] == "int16" for step in result.manifest["steps"])
    assert result.verify(on=["host"], samples=2 * WINDOW).bit_exact


def test_rings_in_four_bits_without_rings_are_refused(tmp_path: Path) -> None:
    need("torch")
    whole = quantized(decoder("learned", True, causal=False), tmp_path)
    with pytest.raises(UsageError, match="nothing is kept in rings"):
        stream(whole, ring="int4")
    for wrong in ({"ring": "int4"}, {"ring": "int2", "stream": True}):
        with pytest.raises(UsageError, match="--ring"):
            compile_model(tmp_path / "m.onnx", "riscv", out=tmp_path / "c", calibrate={"tokens": tokens(2)}, **wrong)


@given(st.lists(st.integers(-255, 255), min_size=2, max_size=12).filter(lambda x: len(x) % 2 == 0))
def test_four_bits_and_a_shift_are_as_near_as_they_can_be(part: list[int]) -> None:
    x = np.array([part])
    codes = encode(x)
    shift = int(codes[0, 0])
    assert codes.shape == (1, 1 + len(part) // 2) and 0 <= shift <= MOST_SHIFT
    assert np.abs(decode(codes) - x).max() <= (1 << shift) // 2
    if shift:  # one less does not do
        m = (x + (1 << shift >> 2)) >> (shift - 1)
        assert m.min() < LOW or m.max() > HIGH


def test_rings_hold_the_newest_frames() -> None:
    """And attention over one is that over as many of them, in the order in which they came, as there are."""
    frames, calls, rng = 4, 11, np.random.default_rng(0)
    x, position = tensor((1, 1, 9)), Value("p", TensorType((1, 1), DType.INT32))
    zeros = tensor((1, 1, 4), data=np.full((1, 1, 4), -7, np.int8))
    ring = lowered("ring", [x, zeros, position], frames=frames, start=1, parts=2, size=2, stride=5)
    first = Value("first", TensorType((1, 1), DType.INT32), np.full((1, 1), -1, np.int32))
    count = make_node("position", "n", [x, first], {"window": frames}, output_names=["n"], dtype=DType.INT32)
    values = rng.integers(-128, 128, (calls, 1, 9)).astype(np.int8)
    (places,) = operator("position").compute_integer(count, [values, first.constant])
    assert places.reshape(-1).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6]
    (held,) = operator("ring").compute_integer(ring, [values, zeros.constant, places])
    rows = values[:, 0, [1, 2, 6, 7]]
    for call in range(calls):
        newest = rows[max(0, call - frames + 1) : call + 1]
        full = min(call + 1, frames)
        assert sorted(map(tuple, held[call, :full])) == sorted(map(tuple, newest))
        assert (held[call, full:] == -7).all()

    attrs = {"batches": 1, "heads": 2, "kv_heads": 1, "queries": 1, "keys": frames, "depth": 4, "columns": 4}
    views = {"q_view": (0, 0, 4, 8), "k_view": (0, 0, 4, 4), "v_view": (0, 0, 4, 4), "y_view": (0, 4, 8)}
    kept = [tensor((1, frames, 4), (0.03, 3)), tensor((1, frames, 4), (0.02, -5))]
    inputs = [tensor((1, 1, 8)), *kept, position]
    node = lowered("attention_ring", inputs, (0.02, 1), **attrs, **views, shape=(1, 1, 8), scale=0.5)
    q = rng.integers(-128, 128, (calls, 1, 8)).astype(np.int8)
    (got,) = operator("attention_ring").compute_integer(node, [q, held, held, places])
    for call in range(calls):
        newest = rows[max(0, call - frames + 1) : call + 1]
        want = attend(node.params, q[call].reshape(2, 4), newest, newest, len(newest))
        np.testing.assert_array_equal(got[call].reshape(2, 4), want)
