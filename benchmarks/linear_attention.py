"""Softmax attention beside attention over binary codes (EcoFormer), on digits read as 256 tokens.

`python -m benchmarks.linear_attention` trains a network of one transformer block on scikit-learn's digits, enlarged to
16 x 16 pixels, one token each: first with softmax attention in float, which is then quantized to int8; then with
`edgeq.nn.LinearAttention`, from the float network's weights and from hash functions fitted to its queries and keys
(and, for comparison, from random ones). It scores the integers of both on held-out digits, counts instructions on an
emulated Cortex-M4 and RV32, proves every bit of them, writes linear_attention.json beside this file and the table of
docs/training.md. Takes some twenty minutes of one core.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mlperf_tiny import ROOT, rewrite
from edgeq.errors import VerificationError
from edgeq.ir.graph import Value
from edgeq.ir.serialize import load_graph
from edgeq.ir.types import Array, DType, Quantization, TensorType
from edgeq.kernels.names import PLAIN_ACTIVATIONS
from edgeq.kernels.registry import kernels_for
from edgeq.ops import operator
from edgeq.ops.build import make_node
from edgeq.ops.execute import run_integer
from edgeq.pipeline import Result, compile_model
from tests.kernels.cases import Case
from tests.kernels.one_layer import run_layer

FILE = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "training.md"
BOARDS = ("cortex-m4", "riscv")
SIDE, WIDTH, HEADS, BITS = 16, 32, 2, 15
TOKENS, FEATURES = SIDE * SIDE, 11
STEP = 1 / 127
"""Of the inputs, which are -1 to 1."""
TRAINED = 1200
CALIBRATION = 64
EPOCHS, BATCH, RATE = 30, 32, 4e-3
SEED = 1
ATTENTION = ("attention", "linear_attention", "matmul", "softmax")
"""Operators from queries, keys and values to their means."""
SOFTMAX, FITTED, RANDOM = "softmax, int8", "codes, fitted hash functions", "codes, random hash functions"


def digits() -> tuple[Array, Array]:
    """([1797, 256, 11], [1797]): brightness, row and column of every pixel, and waves of these; shuffled."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    loaded = load_digits()
    images = loaded.images.repeat(2, axis=1).repeat(2, axis=2) / 8 - 1
    places = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2, indexing="ij")
    waves = [wave(np.pi * cycles * p) for p in places for cycles in (1, 2) for wave in (np.sin, np.cos)]
    parts = [images, *(np.broadcast_to(p, images.shape) for p in (*places, *waves))]
    tokens = np.stack(parts, axis=-1).reshape(len(images), TOKENS, FEATURES)
    order = np.random.default_rng(0).permutation(len(images))
    return (np.rint(tokens[order] / STEP) * STEP).astype(np.float32), loaded.target[order]


def networks() -> tuple[Any, Any]:
    """(float network with softmax attention, the same layers in few bits with codes)."""
    import torch
    from torch import Tensor, nn

    import edgeq.nn

    class Softmax(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.mix = nn.Linear(FEATURES, WIDTH), nn.Linear(WIDTH, WIDTH)
            self.queries, self.keys, self.values = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
            self.joined = nn.Linear(WIDTH, WIDTH)
            self.wide, self.narrow = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
            self.scores = nn.Linear(WIDTH, 10)

        def heads(self, x: Tensor) -> Tensor:
            return x.reshape(-1, TOKENS, HEADS, WIDTH // HEADS).transpose(1, 2)

        def trunk(self, x: Tensor) -> Tensor:
            return self.mix(torch.relu(self.embed(x)))

        def forward(self, x: Tensor) -> Tensor:
            x = self.trunk(x)
            parts = [self.heads(p(x)) for p in (self.queries, self.keys, self.values)]
            mixed = nn.functional.scaled_dot_product_attention(*parts)
            x = x + self.joined(mixed.transpose(1, 2).reshape(-1, TOKENS, WIDTH))
            x = x + self.narrow(torch.relu(self.wide(x)))
            return self.scores(x.mean(1))

    def linear(inputs: int, outputs: int) -> Any:
        return edgeq.nn.Linear(inputs, outputs, weights="int8")

    class Codes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input = edgeq.nn.Activation("int8", step=STEP)
            self.embed, self.mix = linear(FEATURES, WIDTH), linear(WIDTH, WIDTH)
            self.queries, self.keys = (linear(WIDTH, HEADS * BITS) for _ in range(2))
            self.values, self.joined = linear(WIDTH, WIDTH), linear(WIDTH, WIDTH)
            self.wide, self.narrow = linear(WIDTH, 2 * WIDTH), linear(2 * WIDTH, WIDTH)
            self.scores = edgeq.nn.Linear(WIDTH, 10, weights="int8", scale="tensor", bias=False)
            self.attention = edgeq.nn.LinearAttention(HEADS, BITS)
            self.embedded, self.hidden, self.pooled = (edgeq.nn.Activation(n) for n in ("uint8", "uint8", "int8"))
            self.stream = edgeq.nn.Activation("int8")
            self.pool = nn.AdaptiveAvgPool1d(1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stream(self.mix(self.embedded(torch.relu(self.embed(self.input(x))))))
            mixed = self.attention(self.queries(x), self.keys(x), self.values(x))
            x = self.stream(x + self.stream(self.joined(mixed)))
            x = self.stream(x + self.stream(self.narrow(self.hidden(torch.relu(self.wide(x))))))
            return self.scores(self.pooled(self.pool(x.transpose(1, 2))).flatten(1))

    return Softmax(), Codes()


def train(network: Any, tokens: Array, labels: Array, epochs: int, rate: float) -> None:
    """Adam with a rate that falls to nothing."""
    import torch

    x, y = torch.from_numpy(tokens), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    steps = epochs * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    generator = torch.Generator().manual_seed(SEED)
    network.train()
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x), generator=generator)[: len(x) // BATCH * BATCH].split(BATCH):
            loss = torch.nn.functional.cross_entropy(network(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"  epoch {epoch + 1}: loss {total * BATCH / len(x):.3f}", flush=True)
    network.eval()


def start(codes: Any, softmax: Any, tokens: Array, *, fitted: bool) -> None:
    """The float network's weights, and hash functions behind its queries and keys."""
    import torch

    from edgeq.nn import HashFunctions, fit_hashes

    own = codes.state_dict()
    given = {k: v for k, v in softmax.state_dict().items() if k in own and own[k].shape == v.shape}
    codes.load_state_dict(given, strict=False)
    with torch.no_grad():
        x = softmax.trunk(torch.from_numpy(tokens))
        queries, keys = softmax.queries(x), softmax.keys(x)
    functions = fit_hashes(queries, keys, HEADS, BITS)
    if not fitted:
        generator = torch.Generator().manual_seed(SEED)
        drawn = torch.randn(functions.weight.shape, generator=generator)
        drawn *= functions.weight.norm(dim=-1, keepdim=True) / drawn.norm(dim=-1, keepdim=True)
        functions = HashFunctions(drawn, torch.zeros_like(functions.bias))
    for mine, theirs in ((codes.queries, softmax.queries), (codes.keys, softmax.keys)):
        weight, bias = functions.after(theirs)
        with torch.no_grad():
            mine.weight.copy_(weight)
            mine.bias.copy_(bias)


def exports(folder: Path) -> dict[str, Path]:
    """The trained networks as files, by their names in the table."""
    import torch

    import edgeq.nn

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    tokens, labels = digits()
    tokens, labels = tokens[:TRAINED], labels[:TRAINED]
    softmax, _ = networks()
    print(SOFTMAX, flush=True)
    train(softmax, tokens, labels, EPOCHS, RATE)
    files = {SOFTMAX: folder / "softmax.onnx"}
    sample = torch.from_numpy(tokens[:1])
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(softmax, (sample,), str(files[SOFTMAX]), opset_version=17, dynamo=False, input_names=["x"])
    for name in (FITTED, RANDOM):
        torch.manual_seed(SEED)
        _, codes = networks()
        start(codes, softmax, tokens[:16], fitted=name == FITTED)
        print(name, flush=True)
        train(codes, tokens, labels, EPOCHS, RATE / 4)
        files[name] = edgeq.nn.export(codes, sample, folder / f"{name.split()[1]}.onnx")
    return files


def convert(file: Path, board: str, folder: Path) -> Result:
    """A network of `exports` as C."""
    tokens, _ = digits()
    calibration = {"x": tokens[:CALIBRATION]} if file.stem == "softmax" else None
    return compile_model(file, board, out=folder / f"{file.stem}_{board}", calibrate=calibration, optimize="speed")


def accuracy(result: Result) -> float:
    """Of the integers, on the digits that were held out."""
    tokens, labels = digits()
    graph = load_graph(result.dir / "verify" / "graph.npz")
    x = graph.inputs[0]
    given = x.quantization.quantize(tokens[TRAINED:].astype(np.float64), x.type.dtype)
    parts = [next(iter(run_integer(graph, {"x": part}).values())) for part in np.array_split(given, 64)]
    return float((np.concatenate(parts).reshape(len(given), -1).argmax(axis=1) == labels[TRAINED:]).mean())


def measure(result: Result) -> dict[str, Any]:
    """Instructions of all layers and of attention alone, and memory. Raises VerificationError for other bits."""
    tokens, _ = digits()
    if not (proof := result.verify(on=["emulator"], inputs={"x": tokens[TRAINED : TRAINED + 1]})).bit_exact:
        raise VerificationError(f"{result.dir.name}: {proof.first_mismatch}")
    bench = result.bench().to_json()
    attention = [layer for layer in bench["layers"] if layer["op"] in ATTENTION]
    return {
        "instructions": bench["instructions"],
        "attention_instructions": sum(layer["instructions"] for layer in attention),
        "attention_kernels": [layer["kernel"] for layer in attention],
        "arena_bytes": bench["arena_bytes"],
        "weights_bytes": bench["weights_bytes"],
    }


def network_figures(file: Path, folder: Path) -> dict[str, Any]:
    """The accuracy, the same on every board, and what each board takes."""
    results = {board: convert(file, board, folder) for board in BOARDS}
    return {"accuracy": accuracy(results[BOARDS[0]]), **{board: measure(r) for board, r in results.items()}}


KERNEL_SHAPE = {"tokens": 256, "heads": 4, "width": 64, "bits": 15}
"""Of the kernels' own figures: the attention for which softmax may take 2.5 instructions per MAC on M4, 5 on RV32."""
SOFTMAX_MACS = 2 * 256 * 256 * 64


@dataclass
class _Layer(Case):
    """A layer of three inputs, one after the other in memory."""

    arrays: list[Array]

    def expected(self) -> Array:
        return operator(self.node.op).compute_integer(self.node, self.arrays)[0]

    def stored_input(self) -> bytes:
        pairs = zip(self.node.inputs, self.arrays, strict=True)
        return b"".join(value.type.stored(array) for value, array in pairs if value is not None)


def kernel_figures(board: str, name: str) -> dict[str, Any]:
    """Instructions and scratch of one kernel at KERNEL_SHAPE. Raises VerificationError for other bits."""
    (kernel,) = (k for k in kernels_for("linear_attention") if k.name == name)
    tokens, heads, width, bits = KERNEL_SHAPE.values()
    codes = kernel.parts.activations if kernel.parts.activations != PLAIN_ACTIVATIONS else ""
    inputs = []
    for what, channels, form in (("q", heads * bits, codes), ("k", heads * bits, codes), ("v", width, "")):
        scale = Quantization.per_tensor(1.0 if form else 0.25, 0)
        inputs.append(Value(what, TensorType((1, tokens, channels), DType.INT8, scale, form, packed=bool(form))))
    output = [Quantization.per_tensor(0.0625, 0)]
    attrs = {"heads": heads, "causal": kernel.parts.shape != "tables"}
    node = make_node("linear_attention", "a", inputs, attrs, output_names=["y"], dtype=DType.INT8, quantizations=output)
    node.params = operator(node.op).lower(node)
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-128, 128, v.shape).astype(np.int8) for v in inputs]
    arrays = [
        np.where(a < 0, -1, 1).astype(np.int8) if v.type.format else a for v, a in zip(inputs, arrays, strict=True)
    ]
    case = _Layer(node, arrays[0], arrays)
    with tempfile.TemporaryDirectory() as folder:
        found = run_layer(kernel, case, board, Path(folder))
    if not np.array_equal(found.output, case.expected()):
        raise VerificationError(f"{name} on {board}: other bits than the reference")
    return {"instructions": found.instructions, "scratch_bytes": kernel.scratch_bytes(case.facts)}


def recorded() -> dict[str, Any]:
    """The checked-in figures: `networks` by name and board, `kernels` by name and board."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown tables of docs/training.md."""
    text = "| attention | accuracy | instructions of attention, M4 | RV32 | of the network, M4 | RV32 | arena |\n"
    text += f"|---|{'---:|' * 6}\n"
    for name, boards in figures["networks"].items():
        first, second = (boards[board] for board in BOARDS)
        cells = [
            name,
            f"{boards['accuracy']:.1%}",
            *(f"{b['attention_instructions']:,}" for b in (first, second)),
            *(f"{b['instructions']:,}" for b in (first, second)),
            f"{first['arena_bytes']:,}",
        ]
        text += f"| {' | '.join(cells)} |\n"
    kernels = "| kernel | M4 | per MAC of softmax attention | RV32 | per MAC | scratch or state |\n"
    kernels += f"|---|{'---:|' * 5}\n"
    for name, boards in figures["kernels"].items():
        counts = [boards[board]["instructions"] for board in BOARDS]
        cells = [cell for count in counts for cell in (f"{count:,}", f"{count / SOFTMAX_MACS:.2f}")]
        scratch = boards[BOARDS[0]]["scratch_bytes"]
        kernels += f"| {' | '.join([f'`{name}`', *cells, f'{scratch:,}'])} |\n"
    return {"linear_attention": text, "linear_attention_kernels": kernels}


def main(words: list[str]) -> None:
    """Measures the kernels; unless `kernels` is among the words, trains and measures the networks, too; records."""
    names = [kernel.name for kernel in kernels_for("linear_attention")]
    figures = recorded() if FILE.is_file() else {}
    figures["kernels"] = {name: {board: kernel_figures(board, name) for board in BOARDS} for name in names}
    if "kernels" not in words:
        with tempfile.TemporaryDirectory() as folder:
            files = exports(Path(folder))
            figures["networks"] = {name: network_figures(file, Path(folder)) for name, file in files.items()}
    FILE.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    PAGE.write_text(rewrite(PAGE.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
