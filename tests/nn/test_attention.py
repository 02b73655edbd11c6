"""`edgeq.nn.LinearAttention` and its hash functions: what they compute, learn and refuse."""
# ruff: noqa: E402

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.tools import need

need("torch")
import torch
from torch import Tensor, nn

from edgeq.errors import EdgeqError, ModelDataError, UsageError
from edgeq.ir.serialize import load_graph
from edgeq.nn import Activation, HashFunctions, Linear, LinearAttention, export, fit_hashes
from edgeq.ops.execute import run_integer
from edgeq.pipeline import compile_model

HEADS, DEPTH = 2, 8


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than these small products."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def definition(layer: LinearAttention, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Token by token, in double precision, without its rounding: a mean of values weighted by agreeing bits."""
    result = torch.zeros(*queries.shape[:2], values.shape[2], dtype=torch.float64)
    width = values.shape[2] // layer.heads
    for h in range(layer.heads):
        codes = [torch.where(x[..., h * layer.bits : (h + 1) * layer.bits] >= 0, 1, -1) for x in (queries, keys)]
        part = values[..., h * width : (h + 1) * width].double()
        for t in range(queries.shape[1]):
            seen = t + 1 if layer.causal else keys.shape[1]
            weights = (codes[0][:, t : t + 1] * codes[1][:, :seen]).sum(2) + layer.offset
            assert (weights > 0).all()
            mean = (weights.unsqueeze(2) * part[:, :seen]).sum(1) / weights.sum(1, keepdim=True)
            result[:, t, h * width : (h + 1) * width] = mean
    return result


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("bits", [1, 4, 7])
def test_the_layer_is_its_definition(bits: int, causal: bool) -> None:
    torch.manual_seed(bits)
    layer = LinearAttention(3, bits, causal=causal)
    queries, keys, values = (torch.randn(2, 11, 3 * n) for n in (bits, bits, 5))
    trained = layer.train()(queries, keys, values)
    exact = layer.eval()(queries, keys, values)
    step = layer.step()
    want = definition(layer, queries, keys, layer.values(values)) / step.double()
    assert torch.equal(exact.double() / step.double(), (want + 0.5).floor().clamp(-128, 127))
    assert (trained - exact).abs().max() <= step * 1.001  # single precision may round to the neighbour
    assert int(layer.fraction) >= 0 and step * 2 ** int(layer.fraction) == layer.values.scale(values)


def test_gradients_reach_all_three() -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(2, 6, n, requires_grad=True) for n in (14, 14, 6)]
    LinearAttention(2, 7).train()(*inputs).square().sum().backward()
    for x in inputs:
        assert x.grad is not None and x.grad.abs().sum() > 0
    outside = inputs[0].detach().abs() > 1
    assert (inputs[0].grad[outside] == 0).all()  # straight-through, as binary activations


def clustered(count: int) -> tuple[Tensor, Tensor]:
    """Queries and keys of tokens that belong to one of eight kinds, off the middle, each head with its own."""
    kinds, middles = torch.randint(0, 8, (count, 64)), torch.randn(HEADS, 8, DEPTH)
    parts = [torch.cat([m[kinds] for m in middles], dim=2) for _ in range(2)]
    queries, keys = (p + 0.7 * torch.randn(p.shape) + 1.5 for p in parts)
    return queries, keys


def agreement(functions: HashFunctions, queries: Tensor, keys: Tensor) -> float:
    """Correlation of products of codes with the products that attention takes."""
    similar = functions.codes(queries) @ functions.codes(keys).transpose(2, 3)
    parts = [x.unflatten(2, (HEADS, DEPTH)).transpose(1, 2) for x in (queries, keys)]
    scores = parts[0] @ parts[1].transpose(2, 3)
    return float(torch.corrcoef(torch.stack([similar.flatten(), scores.flatten()]))[0, 1])


def test_fitted_hash_functions_find_what_attention_finds() -> None:
    torch.manual_seed(0)
    queries, keys = clustered(12)
    seen, held = ((queries[:4], keys[:4]), (queries[4:], keys[4:]))
    fitted = fit_hashes(*seen, HEADS, 7)
    again = fit_hashes(*seen, HEADS, 7)
    assert torch.equal(fitted.weight, again.weight) and torch.equal(fitted.bias, again.bias)
    middle = torch.cat(seen).mean((0, 1)).unflatten(0, (HEADS, DEPTH))
    drawn = [torch.randn(HEADS, 7, DEPTH) for _ in range(5)]
    random = [agreement(HashFunctions(w, -torch.einsum("hrd,hd->hr", w, middle)), *held) for w in drawn]
    assert agreement(fitted, *held) > max(random) + 0.05


def test_hash_functions_vanish_into_the_projection() -> None:
    torch.manual_seed(1)
    projection, x = nn.Linear(12, HEADS * DEPTH), torch.randn(3, 20, 12)
    functions = fit_hashes(projection(x), projection(x), HEADS, 5)
    weight, bias = functions.after(projection)
    codes = functions.codes(projection(x)).transpose(1, 2).flatten(2)
    assert ((nn.functional.linear(x, weight, bias) >= 0) == (codes > 0)).float().mean() > 0.999


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LinearAttention(0, 4),
        lambda: LinearAttention(2, 32),
        lambda: LinearAttention(2, 4, fraction=9),
        lambda: LinearAttention(2, 4, values="int9"),
        lambda: fit_hashes(torch.zeros(1, 4, 6), torch.zeros(1, 4, 6), 4, 3),
    ],
)
def test_wrong_numbers_are_refused(wrong: object) -> None:
    with pytest.raises(UsageError):
        wrong()  # type: ignore[operator]


def test_untrained_and_unquantized_are_refused(tmp_path: object) -> None:
    layer = LinearAttention(1, 4, values="int8").eval()
    with pytest.raises(ModelDataError):
        layer(*[torch.ones(1, 3, 4)] * 3)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.attend = Activation("int8", step=0.1), LinearAttention(1, 4, fraction=0)

        def forward(self, x: Tensor) -> Tensor:
            return self.attend(x, self.first(x), self.first(x))

    network = Net()
    network.train()(torch.randn(2, 3, 4))
    with pytest.raises(EdgeqError, match="queries are the model's raw input"):
        export(network.eval(), torch.randn(1, 3, 4), f"{tmp_path}/net.onnx")


class Listening(nn.Module):
    """A causal layer between projections, one result per token."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.mixed = Activation("int8", step=0.05), Activation("int8")
        self.queries, self.keys, self.values = (Linear(6, n, weights="int8") for n in (14, 14, 10))
        self.attention = LinearAttention(2, 7, causal=True)
        self.scores = Linear(10, 3, weights="int8", scale="tensor", bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tokens(x)
        return self.scores(self.mixed(self.attention(self.queries(x), self.keys(x), self.values(x))))


@pytest.mark.tools
@pytest.mark.parametrize("board", ["cortex-m4", "riscv", "cortex-m0plus"])
def test_a_stream_in_c_is_the_layer_token_by_token(board: str, tmp_path: Path) -> None:
    """C on emulated cores with its sums in the state, against PyTorch's whole sequence."""
    need("cc", "zig", "unicorn")
    torch.manual_seed(3)
    network = Listening()
    network.train()(torch.randn(4, 24, 6))
    x = (torch.randn(1, 24, 6) / 0.05).round().clamp(-128, 127) * 0.05
    file = export(network.eval(), x, tmp_path / "net.onnx")
    result = compile_model(file, board, out=tmp_path / "c", stream=True)
    assert result.manifest["state_bytes"] >= 4 * 2 * 8 * 6
    steps = {"x": x.reshape(24, 1, 6).numpy()}
    assert result.verify(on=["emulator"], inputs=steps).bit_exact
    graph = load_graph(result.dir / "verify" / "graph.npz")
    levels = (x.numpy() / np.float32(0.05)).round().astype(np.int8)
    (got,) = run_integer(graph, {"x": levels.reshape(24, 1, 6)}).values()
    with torch.no_grad():
        want = network(x)
    scale = result.manifest["outputs"][0]["scale"]
    assert np.abs(got.reshape(24, 3) * scale - want.numpy()[0]).max() <= 1e-5 * float(want.abs().max())
