"""Trains the network of this example on synthesised sounds: `python examples/sound/train.py` writes sound.onnx.

Minutes on one core. The features are those of edgeq's fixed-point front end (mel.toml), so the network hears in
training what it will hear on a board. `--clips 10 --epochs 1 --out DIR` is a trial of seconds.

pip install 'edgeq[train]'
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from sounds import CLASSES, SAMPLES, clips
from torch import Tensor, nn

from edgeq.ir.types import Array
from edgeq.sound import features, make_tables, read_settings

HERE = Path(__file__).resolve().parent
SETTINGS = read_settings(HERE / "mel.toml")
FRAMES, BANDS = (SAMPLES - SETTINGS.window) // SETTINGS.hop + 1, SETTINGS.features
WIDTH, LAYERS, HEADS, HIDDEN = 16, 2, 2, 36
TRAINING_SEED, TEST_SEED = 1, 2
CLIPS, TEST_CLIPS, EPOCHS, BATCH, RATE = 400, 50, 60, 64, 4e-3


class Layer(nn.Module):
    """Attention over all frames, then two dense layers, each added and normalised, as in BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)
        self.after_attention, self.after = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        count, places = x.shape[:2]
        q, k, v = (
            part.reshape(count, places, HEADS, WIDTH // HEADS).transpose(1, 2) for part in self.qkv(x).chunk(3, -1)
        )
        seen = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(count, places, WIDTH)
        x = self.after_attention(x + self.out(seen))
        return self.after(x + self.down(nn.functional.gelu(self.up(x))))


class Encoder(nn.Module):
    """Log-Mel features [B, FRAMES, BANDS] -> logits [B, classes], read from a token in front of the frames."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(BANDS, WIDTH)
        self.token = nn.Parameter(0.1 * torch.randn(1, 1, WIDTH))
        self.places = nn.Parameter(0.1 * torch.randn(1, FRAMES + 1, WIDTH))
        self.layers = nn.Sequential(*(Layer() for _ in range(LAYERS)))
        self.head = nn.Linear(WIDTH, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), self.embed(x)], 1) + self.places
        return self.head(self.layers(x)[:, 0])


def heard(sounds: Array) -> Array:
    """int16 [clips, SAMPLES] -> real features [clips, FRAMES, BANDS], those of a board before they become int8."""
    tables = make_tables(SETTINGS)
    return np.stack([features(tables, sound) for sound in sounds]).astype(np.float32) * np.float32(tables.output.scale)


def altered(x: Tensor) -> Tensor:
    """Training only: another level, and some frames and bands left out (after SpecAugment)."""
    x = x + 0.2 * torch.randn(len(x), 1, 1)
    for axis in (1, 2):
        first = torch.randint(x.shape[axis], (len(x), 1))
        place = torch.arange(x.shape[axis])[None]
        gone = (place >= first) & (place < first + torch.randint(5, (len(x), 1)))
        x = x.masked_fill(gone[:, :, None] if axis == 1 else gone[:, None], 0.0)
    return x


def accuracy(model: nn.Module, x: Array, labels: Array) -> float:
    with torch.no_grad():
        return float((model(torch.from_numpy(x)).argmax(1).numpy() == labels).mean())


def trained(per_kind: int, epochs: int, test: tuple[Array, Array]) -> Encoder:
    """The network after its training on `per_kind` clips of each class."""
    torch.manual_seed(TRAINING_SEED)
    torch.set_num_threads(1)
    sounds, kinds = clips(per_kind, TRAINING_SEED)
    x, labels = torch.from_numpy(heard(sounds)), torch.from_numpy(kinds)
    model = Encoder()
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.01)
    steps = epochs * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)
    for epoch in range(epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            loss = nn.functional.cross_entropy(model(altered(x[chosen])), labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {loss.item():.3f}, test {accuracy(model, *test):.3f}", flush=True)
    return model.eval()


def export(model: nn.Module, file: Path) -> None:
    """The network over a window of FRAMES frames as ONNX."""
    names = {"input_names": ["features"], "output_names": ["scores"]}
    torch.onnx.export(model, (torch.zeros(1, FRAMES, BANDS),), str(file), dynamo=False, opset_version=17, **names)


def main() -> None:
    """Trains and exports."""
    options = argparse.ArgumentParser()
    options.add_argument("--clips", type=int, default=CLIPS, help="of each class")
    options.add_argument("--epochs", type=int, default=EPOCHS)
    options.add_argument("--out", type=Path, default=HERE)
    given = options.parse_args()
    sounds, labels = clips(min(given.clips, TEST_CLIPS), TEST_SEED)
    test = heard(sounds), labels
    model = trained(given.clips, given.epochs, test)
    export(model, given.out / "sound.onnx")
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters; {accuracy(model, *test):.1%} of {len(labels)} test clips")


if __name__ == "__main__":
    main()
