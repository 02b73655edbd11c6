"""Transformer blocks as PyTorch exports them: normalizations, gelu and scales are found again; verified C follows."""

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

TOKENS, WIDTH, HEADS = 10, 16, 2
OPS = {"layer_norm": 2, "dense": 4, "attention": 1, "add": 2}
"""Of one block; the activation comes on top."""


def block(activation: str, by_hand: bool) -> Any:
    """Attention and a feed-forward pair, LayerNorm before one and RMSNorm before the other."""
    import torch
    from torch import nn
    from torch.nn import functional

    class RootMeanSquare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.rand(WIDTH) + 0.5)

        def forward(self, x: Any) -> Any:
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.gain

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.between = nn.LayerNorm(WIDTH), RootMeanSquare()
            nn.init.uniform_(self.before.weight, 0.5, 1.5)
            nn.init.uniform_(self.before.bias, -0.5, 0.5)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
            self.activation = nn.GELU() if activation == "gelu" else nn.SiLU()

        def forward(self, x: Any) -> Any:
            heads = (1, TOKENS, HEADS, WIDTH // HEADS)
            q, k, v = (t.reshape(heads).transpose(1, 2) for t in self.qkv(self.before(x)).chunk(3, -1))
            if by_hand:
                a = torch.softmax(q @ k.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5, -1) @ v
            else:
                a = functional.scaled_dot_product_attention(q, k, v)
            x = x + self.out(a.transpose(1, 2).reshape(1, TOKENS, WIDTH))
            return x + self.down(self.activation(self.up(self.between(x))))

    torch.manual_seed(0)
    return Block().eval()


def exported(network: Any, how: str, file: Path) -> np.ndarray[Any, Any]:
    """Writes the ONNX file; returns what PyTorch computes for `sample`."""
    import torch

    x = torch.from_numpy(sample(1)[0])
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if how == "dynamo":
            torch.onnx.export(network, (x,), str(file), dynamo=True, verbose=False, external_data=False)
        else:
            torch.onnx.export(network, (x,), str(file), opset_version=int(how), dynamo=False)
        return np.asarray(network(x).numpy())


def sample(count: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).normal(size=(count, 1, TOKENS, WIDTH)).astype(np.float32)


@pytest.mark.parametrize("how", ["14", "17", "dynamo"])
@pytest.mark.parametrize("by_hand", [True, False], ids=["hand", "function"])
@pytest.mark.parametrize("activation", ["gelu", "silu"])
def test_a_block_is_recognised(activation: str, by_hand: bool, how: str, tmp_path: Path) -> None:
    need("torch")
    file = tmp_path / "block.onnx"
    want = exported(block(activation, by_hand), how, file)
    graph = load_model(file)
    prepare(graph)
    assert Counter(n.op for n in graph.nodes) == {**OPS, activation: 1}
    (got,) = run_real(graph, {graph.inputs[0].name: sample(1)[0]}).values()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.tools
def test_a_block_in_c(tmp_path: Path) -> None:
    need("torch", "cc", "zig", "unicorn", "onnxruntime")
    file = tmp_path / "block.onnx"
    exported(block("gelu", True), "17", file)
    inputs = sample(48)[:, 0]
    result = compile_model(file, "cortex-m4", out=tmp_path / "m", calibrate={"inputs": inputs[:32]})
    proof = result.verify(inputs={"inputs": inputs[32:]}, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["sqnr_db"] > 25
