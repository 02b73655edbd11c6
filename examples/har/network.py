"""The binary network: its layers, its training, and `python examples/har/network.py`, which writes motion.onnx.

pip install 'edgeq[train]' && pip install --no-deps aeon
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch
from data import CLASSES, TRAINING, load
from torch import Tensor, nn

import edgeq.nn

SEED = 7
EPOCHS = 200
BLOCK = 5
"""Readings that enter together: 20 blocks of 5 x 6 numbers are the same bytes as 100 readings of 6."""


def build() -> nn.Sequential:
    """3,553 binary weights; the readings enter in two bits, so that the first layer is two bit-planes."""
    layers = {
        "readings": edgeq.nn.Activation("int2", step=2.0),
        "conv1": edgeq.nn.Conv1d(BLOCK * 6, 21, 1, bias=False, weights="binary", scale="one"),
        "norm1": nn.BatchNorm1d(21),
        "sign1": edgeq.nn.Activation("binary"),
        "conv2": edgeq.nn.Conv1d(21, 37, 3, stride=2, bias=False, weights="binary", scale="one"),
        "norm2": nn.BatchNorm1d(37),
        "sign2": edgeq.nn.Activation("binary"),
        "pool": nn.MaxPool1d(2),
        "flatten": nn.Flatten(),
        "dense": edgeq.nn.Linear(37 * 4, len(CLASSES), bias=False, weights="binary", scale="tensor"),
    }
    return nn.Sequential(OrderedDict(layers))


def blocks(series: Tensor) -> Tensor:
    """[N, 100, 6] -> [N, 30, 20], the network's input: channels first, as PyTorch has it; in C the last axis is 30."""
    return series.reshape(len(series), -1, BLOCK * 6).transpose(1, 2)


def train(series: Tensor, classes: Tensor, seed: int) -> nn.Sequential:
    """A trained network in eval mode. Motions begin anywhere and are done more or less strongly: so are the samples."""
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(series)).split(20):
            turned = [torch.roll(series[i], int(torch.randint(0, 100, ())), 0) for i in batch]
            x = torch.stack(turned) * (1 + 0.1 * torch.randn(len(batch), 1, 1))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(blocks(x)), classes[batch]).backward()
            optimizer.step()
            edgeq.nn.clip_weights_(model)
        schedule.step()
    return model.eval()


def correct(model: nn.Module, series: Tensor, classes: Tensor) -> int:
    """How many of the series the network names."""
    with torch.no_grad():
        return int((model(blocks(series)).argmax(1) == classes).sum())


def main() -> None:
    """Train on the archive's training set, test on its test set, export."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    series, classes = (torch.from_numpy(array) for array in load())
    model = train(series[:TRAINING], classes[:TRAINING], SEED)
    right = correct(model, series[TRAINING:], classes[TRAINING:])
    print(f"test accuracy: {right}/{len(series) - TRAINING}")
    edgeq.nn.export(model, blocks(series[:1]), Path(__file__).resolve().with_name("motion.onnx"))


if __name__ == "__main__":
    main()
