"""The decoder: its layers as llama has them, its training, its export. `python examples/decoder/network.py` writes all.

pip install 'edgeq[train]'
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tales import tales
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
SEED = 11
POSITIONS, WIDTH, LAYERS, HEADS, KV_HEADS, HIDDEN = 128, 64, 2, 4, 2, 128
SIZE = WIDTH // HEADS
TRAINING_SEED, CALIBRATION_SEED, TEST_SEED = 1, 2, 3
CHARACTERS = 200_000
STEPS, BATCH, RATE = 1500, 32, 3e-3
ALPHABET = "".join(sorted(set(tales(TRAINING_SEED, CHARACTERS))))


class Norm(nn.Module):
    """RMSNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.gain


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions: each pair (i, i + half) of a head turned by an angle that grows with the position."""
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


def shared(x: Tensor) -> Tensor:
    """Every head of keys or values as often as heads of queries read it."""
    count, heads, positions, size = x.shape
    wide = x[:, :, None].expand(count, heads, HEADS // KV_HEADS, positions, size)
    return wide.reshape(count, HEADS, positions, size)


class Block(nn.Module):
    """Attention in which two heads share keys and values, then the gated layer."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = Norm(), Norm()
        self.query = nn.Linear(WIDTH, HEADS * SIZE, bias=False)
        self.key = nn.Linear(WIDTH, KV_HEADS * SIZE, bias=False)
        self.value = nn.Linear(WIDTH, KV_HEADS * SIZE, bias=False)
        self.out = nn.Linear(HEADS * SIZE, WIDTH, bias=False)
        self.gate = nn.Linear(WIDTH, HIDDEN, bias=False)
        self.up = nn.Linear(WIDTH, HIDDEN, bias=False)
        self.down = nn.Linear(HIDDEN, WIDTH, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        count, positions = x.shape[:2]

        def heads(y: Tensor, number: int) -> Tensor:
            return y.reshape(count, positions, number, SIZE).transpose(1, 2)

        normal = self.before(x)
        q = rotated(heads(self.query(normal), HEADS), cos, sin)
        k = rotated(heads(self.key(normal), KV_HEADS), cos, sin)
        v = heads(self.value(normal), KV_HEADS)
        seen = nn.functional.scaled_dot_product_attention(q, shared(k), shared(v), is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(count, positions, HEADS * SIZE))
        normal = self.between(x)
        return x + self.down(nn.functional.silu(self.gate(normal)) * self.up(normal))


class Decoder(nn.Module):
    """Characters [B, POSITIONS] as places in ALPHABET -> logits of the next one [B, POSITIONS, len(ALPHABET)]."""

    cos: Tensor
    sin: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(len(ALPHABET), WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.last = Norm()
        angles = torch.outer(torch.arange(POSITIONS), 10000.0 ** (-torch.arange(0, SIZE, 2) / SIZE)).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        nn.init.normal_(self.table.weight, std=0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.table(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return self.last(x) @ self.table.weight.T


def encoded(text: str) -> NDArray[np.int64]:
    """Text as places in ALPHABET."""
    places = {character: place for place, character in enumerate(ALPHABET)}
    return np.array([places[character] for character in text], dtype=np.int64)


def windows(seed: int, count: int) -> NDArray[np.int64]:
    """[count, POSITIONS]: text that no training has seen, cut into windows."""
    return encoded(tales(seed, count * POSITIONS)).reshape(count, POSITIONS)


def trained() -> Decoder:
    """The network after its training; minutes."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    model, data = Decoder(), torch.from_numpy(encoded(tales(TRAINING_SEED, CHARACTERS)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.1, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS, pct_start=0.1)
    for step in range(STEPS):
        starts = torch.randint(len(data) - POSITIONS, (BATCH, 1))
        text = data[starts + torch.arange(POSITIONS + 1)]
        logits = model(text[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.3f}", flush=True)
    return model.eval()


def export(model: Decoder, file: Path) -> None:
    """The network over a window of POSITIONS characters as ONNX."""
    example = torch.zeros(1, POSITIONS, dtype=torch.int64)
    torch.onnx.export(
        model, (example,), str(file), input_names=["tokens"], output_names=["logits"], dynamo=False, opset_version=17
    )


def main() -> None:
    """Trains, exports, and writes windows for calibration and for tests beside it."""
    export(trained(), HERE / "decoder.onnx")
    np.savez_compressed(HERE / "decoder_calibration.npz", inputs=windows(CALIBRATION_SEED, 32))
    np.savez_compressed(HERE / "decoder_test.npz", inputs=windows(TEST_SEED, 8))


if __name__ == "__main__":
    main()
