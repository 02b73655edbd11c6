"""The forms in which PyTorch writes attention down: one operator of each, with the heads read where they lie."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.frontends.detect import load_model
from edgeq.ops.execute import run_real
from edgeq.passes.pipeline import prepare
from edgeq.pipeline import compile_model
from tests.tools import need

TOKENS, WIDTH, HEADS = 10, 16, 4
FORMS = {
    "unbind": {"dense": 2, "attention": 1},
    "causal": {"dense": 2, "attention": 1},
    "masked": {"dense": 2, "attention": 1},
    "grouped": {"dense": 3, "attention": 1},
    "keras": {"dense": 2, "attention": 1},
    "module": {"reshape": 2, "dense": 2, "attention": 1},
    "biased": {"dense": 2, "attention": 0},
}
"""Operators that are left, of some."""


def network(form: str, tokens: int = TOKENS) -> Any:
    """A layer of attention between two dense ones."""
    import torch
    from torch import nn
    from torch.nn import functional

    size, split = WIDTH // HEADS, (1, tokens, HEADS, WIDTH // HEADS)

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(WIDTH, WIDTH)
            if form == "module":
                self.whole = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
            elif form == "grouped":
                self.q, self.kv = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
            else:
                self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
            later = torch.triu(torch.full((tokens, tokens), float("-inf")), 1)
            self.register_buffer("mask", torch.rand(HEADS, tokens, tokens) if form == "biased" else later)

        def heads(self, x: Any) -> Any:
            if form == "unbind":
                return self.qkv(x).reshape(1, tokens, 3, HEADS, size).permute(2, 0, 3, 1, 4).unbind(0)
            if form == "grouped":
                k, v = (t.reshape(1, tokens, 2, size).transpose(1, 2) for t in self.kv(x).chunk(2, -1))
                return self.q(x).view(split).transpose(1, 2), k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
            return (t.reshape(split).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))

        def forward(self, x: Any) -> Any:
            if form == "module":
                return self.whole(x, x, x, need_weights=False)[0]
            if form == "keras":
                q, k, v = (t.reshape(split) for t in self.qkv(x).chunk(3, -1))
                scores = torch.matmul(q.permute(0, 2, 1, 3) * size**-0.5, k.permute(0, 2, 3, 1))
                return self.out(torch.matmul(scores.softmax(-1), v.permute(0, 2, 1, 3)).permute(0, 2, 1, 3).flatten(2))
            q, k, v = self.heads(x)
            if form in ("masked", "biased"):
                mixed = ((q @ k.transpose(-2, -1)) / size**0.5 + self.mask).softmax(-1) @ v
            else:
                mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=form == "causal")
            return self.out(mixed.transpose(1, 2).reshape(1, tokens, WIDTH))

    torch.manual_seed(0)
    return Layer().eval()


def export(made: Any, x: np.ndarray[Any, Any], file: Path) -> np.ndarray[Any, Any]:
    """Writes the ONNX file; returns what PyTorch computes."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            made, (torch.from_numpy(x),), str(file), dynamo=True, verbose=False, external_data=False, input_names=["x"]
        )
        return np.asarray(made(torch.from_numpy(x)).numpy())


@pytest.mark.parametrize("form", FORMS)
def test_forms_are_one_operator(form: str, tmp_path: Path) -> None:
    need("torch")
    x = np.random.default_rng(3).normal(size=(1, TOKENS, WIDTH)).astype(np.float32)
    want = export(network(form), x, tmp_path / "m.onnx")
    graph = load_model(tmp_path / "m.onnx")
    prepare(graph)
    left = Counter(n.op for n in graph.nodes)
    assert {op: left[op] for op in FORMS[form]} == FORMS[form]
    assert left["transpose"] == 0 or not FORMS[form]["attention"]
    for node in graph.nodes:
        if node.op == "attention":
            assert node.attrs["causal"] == (form in ("causal", "masked"))
            assert node.attrs["kv_heads"] == (2 if form == "grouped" else HEADS)
    (got,) = run_real(graph, {"x": x}).values()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.tools
def test_attention_keeps_no_matrix_of_scores(tmp_path: Path) -> None:
    need("torch", "cc", "onnxruntime")
    tokens = 96
    inputs = np.random.default_rng(4).normal(size=(24, tokens, WIDTH)).astype(np.float32)
    export(network("unbind", tokens), inputs[:1], tmp_path / "m.onnx")
    options: dict[str, Any] = {"calibrate": {"x": inputs[:16]}}

    def converted(name: str, **more: Any) -> Any:
        return compile_model(tmp_path / "m.onnx", "riscv", out=tmp_path / name, **options, **more)

    whole, split = converted("whole"), converted("split", attention="split")
    coarse = converted("coarse", attention="log2")
    limit = whole.manifest["arena_bytes"] - 600
    tiled = converted("tiled", max_ram=limit)
    told = [r.manifest["attention"] for r in (whole, tiled, split)]
    assert [t and t["layers"][0]["tile"] for t in told] == [tokens, 16, None]
    assert tiled.manifest["arena_bytes"] <= limit
    assert max(s["scratch_bytes"] for s in whole.manifest["steps"]) < tokens * tokens
    assert split.manifest["arena_bytes"] == pytest.approx(told[0]["split_arena_bytes"], rel=0.05)
    assert told[0]["split_arena_bytes"] > HEADS * tokens**2
    assert f"scores of 16 of {tokens} keys at a time" in tiled.report
    given = {"x": inputs[16:]}
    proofs = [r.verify(on=("host",), inputs=given, reference="original") for r in (whole, tiled, split, coarse)]
    assert all(p.bit_exact for p in proofs)
    exactly, same, apart, rough = [p.reference["sqnr_db"] for p in proofs]
    assert exactly == same > apart and exactly > rough > 20


@pytest.mark.tools
def test_keys_lose_what_all_tokens_share(tmp_path: Path) -> None:
    """The float network stays the same; where keys have an offset, integers come nearer to it."""
    need("torch", "cc", "onnxruntime")
    made = network("causal", 24)
    made.qkv.bias.data[WIDTH : 2 * WIDTH] = 40.0 * made.qkv.bias.data.new_tensor([1, -1] * (WIDTH // 2))
    inputs = np.random.default_rng(4).normal(size=(48, 24, WIDTH)).astype(np.float32)
    export(made, inputs[:1], tmp_path / "m.onnx")
    sqnr = []
    for name in ("none", "keys"):
        result = compile_model(
            tmp_path / "m.onnx", "host", out=tmp_path / name, calibrate={"x": inputs[:32]}, methods=name
        )
        proof = result.verify(on=("host",), inputs={"x": inputs[32:]}, reference="original")
        assert proof.bit_exact and proof.reference is not None
        sqnr.append(proof.reference["sqnr_db"])
    assert sqnr[1] > sqnr[0] + 10
