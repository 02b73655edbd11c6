"""Trains networks below eight bits on the digits of ../digits: one binary, two with ternary weights.

    pip install 'edgeq[train]' scikit-learn
    python examples/digits_low_bits/train.py

writes digits_w1a1.onnx, digits_ternary.onnx and digits_tiny.onnx (QONNX) beside this file. They are checked in, so only
whoever wants other networks needs PyTorch. The same machine and versions give the same bytes again.
"""

from __future__ import annotations

import argparse
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

import edgeq.nn

SEED = 20
TEST_SAMPLES = 360
"""Both as in ../digits/train.py, so that the test images are those of ../digits/digits_test.npz."""


def data() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training images and labels, test images and labels; images are [N, 1, 8, 8], multiples of 1/16 from 0 to 1."""
    digits = load_digits()
    images, labels = torch.tensor(digits.images[:, None] / 16.0).float(), torch.tensor(digits.target)
    train, test = train_test_split(
        torch.arange(len(images)).numpy(), test_size=TEST_SAMPLES, random_state=SEED, stratify=digits.target
    )
    return images[train], labels[train], images[test], labels[test]


def binary_network() -> nn.Sequential:
    """Weights and activations of one bit; the image enters with its 17 levels. 18,208 weights."""
    layers = {
        "image": edgeq.nn.Activation("int8", step=1 / 16),
        "conv1": edgeq.nn.Conv2d(1, 32, 3, padding=1, bias=False, weights="binary", scale="one"),
        "norm1": nn.BatchNorm2d(32),
        "sign1": edgeq.nn.Activation("binary"),
        "conv2": edgeq.nn.Conv2d(32, 40, 3, padding=1, bias=False, weights="binary", scale="one"),
        "pool": nn.MaxPool2d(2),  # of the sums: maxima of -1 and +1 would nearly all be +1
        "norm2": nn.BatchNorm2d(40),
        "sign2": edgeq.nn.Activation("binary"),
        "flatten": nn.Flatten(),
        "dense": edgeq.nn.Linear(40 * 4 * 4, 10, bias=False, weights="binary", scale="tensor"),
    }
    return nn.Sequential(OrderedDict(layers))  # the names reach the ONNX nodes and from there edgeq's report


def ternary_network() -> nn.Sequential:
    """Weights -1, 0 and 1 with one scale per layer, activations of four bits. 5,468 weights."""
    layers = {
        "image": edgeq.nn.Activation("int8", step=1 / 16),
        "conv1": edgeq.nn.Conv2d(1, 12, 3, padding=1, bias=False, weights="ternary"),
        "norm1": nn.BatchNorm2d(12),
        "relu1": nn.ReLU(),
        "levels1": edgeq.nn.Activation("uint4"),
        "conv2": edgeq.nn.Conv2d(12, 20, 3, padding=1, bias=False, weights="ternary"),
        "norm2": nn.BatchNorm2d(20),
        "relu2": nn.ReLU(),
        "levels2": edgeq.nn.Activation("uint4"),
        "pool": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "dense": edgeq.nn.Linear(20 * 4 * 4, 10, bias=False, weights="ternary"),
    }
    return nn.Sequential(OrderedDict(layers))


def tiny_network() -> nn.Sequential:
    """Ternary weights, activations of four bits, for a chip of 2 KB RAM and no multiplier. 4,812 weights."""
    layers = {
        "image": edgeq.nn.Activation("int8", step=1 / 16),
        "conv1": edgeq.nn.Conv2d(1, 12, 3, padding=1, stride=2, bias=False, weights="ternary"),
        "norm1": nn.BatchNorm2d(12),
        "relu1": nn.ReLU(),
        "levels1": edgeq.nn.Activation("uint4"),
        "conv2": edgeq.nn.Conv2d(12, 20, 3, padding=1, bias=False, weights="ternary"),
        "norm2": nn.BatchNorm2d(20),
        "relu2": nn.ReLU(),
        "levels2": edgeq.nn.Activation("uint4"),
        "flatten": nn.Flatten(),
        "dense": edgeq.nn.Linear(20 * 4 * 4, 10, bias=False, weights="ternary"),
    }
    return nn.Sequential(OrderedDict(layers))


NETWORKS: dict[str, tuple[Callable[[], nn.Sequential], int]] = {
    "digits_w1a1": (binary_network, 80),
    "digits_ternary": (ternary_network, 60),
    "digits_tiny": (tiny_network, 80),
}
"""Name of the file -> (what builds the network, epochs)."""


def shifted(images: Tensor) -> Tensor:
    """Each image moved by at most one pixel, so that the 1,437 training images are not learned by heart."""
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    down, right = torch.randint(0, 3, (2, len(images)))
    rows, columns = down[:, None] + torch.arange(8), right[:, None] + torch.arange(8)
    return padded[torch.arange(len(images))[:, None, None, None], 0, rows[:, None, :, None], columns[:, None, None, :]]


def train(model: nn.Module, x: Tensor, y: Tensor, epochs: int) -> None:
    """Adam on shuffled batches of 64; the learning rate falls to nothing along half a cosine."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(shifted(x[batch])), y[batch])
            loss.backward()
            optimizer.step()
            edgeq.nn.clip_weights_(model)
            total += loss.item() * len(batch)
        schedule.step()
        if epoch % 20 == 19:
            print(f"epoch {epoch + 1:3d}: loss {total / len(x):.4f}")
    model.eval()


def main() -> None:
    """Train, export, measure."""
    parser = argparse.ArgumentParser(description="train the networks and write their QONNX files")
    parser.add_argument("networks", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)}; all by default")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent, help="folder of the files")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    x, y, x_test, y_test = data()
    for name in arguments.networks or NETWORKS:
        build, epochs = NETWORKS[name]
        torch.manual_seed(SEED)
        model = build()
        train(model, x, y, epochs)
        with torch.no_grad():
            correct = int((model(x_test).argmax(1) == y_test).sum())
        print(f"{name}: test accuracy {correct}/{len(y_test)} = {correct / len(y_test):.2%}")
        edgeq.nn.export(model, x_test[:1], arguments.output / f"{name}.onnx")


if __name__ == "__main__":
    main()
