"""Trains the example network: a small CNN that reads the handwritten digits of scikit-learn (8x8, grey).

    pip install torch scikit-learn onnx
    python examples/digits/train.py

writes digits.onnx, digits_calibration.npz and digits_test.npz beside this file. The three are checked in, so only
whoever wants another network needs PyTorch. The same machine and versions give the same bytes again.
"""

from __future__ import annotations

import argparse
import io
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

SEED = 20
TEST_SAMPLES = 360
CALIBRATION_SAMPLES = 100
OPSET = 17
IR_VERSION = 9
"""Of the ONNX file: what opset 17 needs is 8, and every runtime of the last years reads 9."""


def data() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Training images and labels, test images and labels; images are [N, 1, 8, 8] with values from 0 to 1."""
    digits = load_digits()
    images = (digits.images[:, None] / 16.0).astype(np.float32)
    labels = digits.target.astype(np.int64)
    x, x_test, y, y_test = train_test_split(images, labels, test_size=TEST_SAMPLES, random_state=SEED, stratify=labels)
    return x, y, x_test, y_test


def network() -> nn.Sequential:
    """3,818 parameters, 81,000 multiply-accumulates."""
    layers = {
        "conv1": nn.Conv2d(1, 8, 3, padding=1),
        "relu1": nn.ReLU(),
        "conv2": nn.Conv2d(8, 16, 3, padding=1),
        "relu2": nn.ReLU(),
        "pool": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "dropout": nn.Dropout(0.25),
        "dense": nn.Linear(16 * 4 * 4, 10),
    }
    return nn.Sequential(OrderedDict(layers))  # the names reach the ONNX nodes and from there edgeq's report


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, epochs: int) -> None:
    """Adam on shuffled batches of 32; the learning rate falls to nothing along half a cosine."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        schedule.step()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1:3d}: loss {total / len(x):.4f}")
    model.eval()


def export(model: nn.Module, path: Path) -> None:
    """One ONNX file in PyTorch's own NCHW layout.

    The older of PyTorch's two exporters: it writes opset 17 and needs no package beside torch.
    """
    buffer = io.BytesIO()
    warnings.filterwarnings("ignore", message=".*legacy TorchScript-based ONNX export")
    torch.onnx.export(
        model,
        (torch.zeros(1, 1, 8, 8),),
        buffer,
        input_names=["image"],
        output_names=["scores"],
        opset_version=OPSET,
        dynamo=False,
    )
    proto = onnx.load_from_string(buffer.getvalue())
    proto.ir_version = IR_VERSION
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def save(path: Path, **arrays: NDArray[np.generic]) -> None:
    """An npz like numpy's, but without the clock in it, so that equal arrays make equal files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue(), zipfile.ZIP_DEFLATED
            )


def main() -> None:
    """Train, export, measure."""
    parser = argparse.ArgumentParser(description="train the digits example and write its three files")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent, help="folder of the files")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    x, y, x_test, y_test = data()
    model = network()
    train(model, torch.from_numpy(x), torch.from_numpy(y), arguments.epochs)
    with torch.no_grad():
        correct = int((model(torch.from_numpy(x_test)).argmax(1).numpy() == y_test).sum())
    print(f"test accuracy: {correct}/{len(y_test)} = {correct / len(y_test):.2%}")

    export(model, arguments.output / "digits.onnx")
    # The first samples of a shuffled split: calibration has no labels and shares no sample with the test set.
    save(arguments.output / "digits_calibration.npz", inputs=x[:CALIBRATION_SAMPLES])
    save(arguments.output / "digits_test.npz", inputs=x_test, labels=y_test)


if __name__ == "__main__":
    main()
