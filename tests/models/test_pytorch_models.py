"""What an ordinary PyTorch user exports: small networks become C, bit-exact everywhere and close to the original."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.pipeline import Result, compile_model
from tests.tools import need


def _lenet(nn: Any) -> tuple[Any, tuple[int, ...]]:
    layers = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16)]
    layers += [nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 20), nn.ReLU(), nn.Linear(20, 10)]
    return nn.Sequential(*layers), (1, 12, 12)


def _mobile(nn: Any) -> tuple[Any, tuple[int, ...]]:
    layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.Hardswish(), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.ReLU6()]
    layers += [nn.Conv2d(8, 13, 1), nn.BatchNorm2d(13), nn.Conv2d(13, 26, 3, 2, 2, dilation=2, groups=13), nn.ReLU()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(26, 5), nn.Softmax(1)]
    return nn.Sequential(*layers), (3, 17, 15)


def _conv1d(nn: Any) -> tuple[Any, tuple[int, ...]]:
    layers = [nn.Conv1d(3, 12, 5, 2, 1), nn.LeakyReLU(0.1), nn.MaxPool1d(2), nn.Conv1d(12, 7, 3), nn.Tanh()]
    layers += [nn.Flatten(), nn.Linear(7 * 9, 4), nn.Sigmoid()]
    return nn.Sequential(*layers), (3, 46)


def _mlp(nn: Any) -> tuple[Any, tuple[int, ...]]:
    return nn.Sequential(nn.Linear(9, 33), nn.ELU(), nn.Linear(33, 17), nn.SiLU(), nn.Linear(17, 3)), (9,)


def _residual(nn: Any) -> tuple[Any, tuple[int, ...]]:
    import torch

    class Residual(nn.Module):  # type: ignore[misc]
        """Branches, a join, a split, a scaled sum, and an upsampling."""

        def __init__(self) -> None:
            super().__init__()
            self.stem, self.left, self.right = nn.Conv2d(2, 8, 3, 1, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.Conv2d(8, 4, 1)
            self.up, self.head = nn.Upsample(scale_factor=2), nn.Conv2d(12, 3, 3, 2, 1)

        def forward(self, x: Any) -> Any:
            x = torch.relu(self.stem(x))
            x = torch.relu(x + self.left(x))
            y = torch.cat([self.up(self.right(x[:, :, ::2, ::2])), x * 0.5], dim=1)
            a, b = torch.split(self.head(nn.functional.pad(y, (1, 0, 0, 1))), [1, 2], dim=1)
            return (a * b).mean(dim=(2, 3))

    return Residual(), (2, 8, 8)


MODELS: dict[str, Callable[[Any], tuple[Any, tuple[int, ...]]]] = {
    "lenet": _lenet,
    "mobile": _mobile,
    "conv1d": _conv1d,
    "mlp": _mlp,
    "residual": _residual,
}


def exported(name: str, folder: Path) -> tuple[Path, np.ndarray]:
    """The network as an ONNX file, and 64 samples for it."""
    import torch

    torch.manual_seed(7)
    model, shape = MODELS[name](torch.nn)
    for module in model.modules():  # norms of a trained network are not the identity
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    file = folder / f"{name}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), torch.zeros(1, *shape), str(file), opset_version=17, dynamo=False)
    return file, np.random.default_rng(3).normal(size=(64, *shape)).astype(np.float32)


def converted(name: str, board: str, folder: Path) -> tuple[Result, np.ndarray]:
    file, samples = exported(name, folder)
    return compile_model(file, board, out=folder / "out", calibrate={"inputs": samples}), samples


@pytest.mark.parametrize("name", MODELS)
def test_exports_become_c(name: str, tmp_path: Path) -> None:
    need("torch", "onnxruntime", "zig", "unicorn", "cc")
    result, samples = converted(name, "riscv", tmp_path)
    proof = result.verify(inputs={"inputs": samples[:16]}, reference="original")
    assert proof.bit_exact, proof.first_mismatch
    assert proof.reference is not None and proof.reference["sqnr_db"] > 20
    assert all(layer["sqnr_db"] is None or layer["sqnr_db"] > 15 for layer in proof.reference["layers"])
    assert "transpose" not in [step["op"] for step in result.manifest["steps"]]


def test_two_models_share_one_firmware_and_one_arena(tmp_path: Path) -> None:
    need("torch", "cc")
    import subprocess

    for name in ("mlp", "conv1d"):
        (tmp_path / name).mkdir()
        result, _ = converted(name, "host", tmp_path / name)
        subprocess.run(["make", "CC=gcc", "CFLAGS=-O1"], cwd=result.dir, check=True, capture_output=True)
    (tmp_path / "main.c").write_text(
        '#include "mlp.h"\n#include "conv1d.h"\n'
        "#define LARGER (MLP_ARENA_BYTES > CONV1D_ARENA_BYTES ? MLP_ARENA_BYTES : CONV1D_ARENA_BYTES)\n"
        "static uint8_t arena[LARGER] __attribute__((aligned(16)));\n"
        "int main(void) {\n"
        "  mlp_t a; conv1d_t b;\n"
        "  if (mlp_init(&a, arena, sizeof arena) != EDGEQ_OK || mlp_run(&a) != EDGEQ_OK) return 1;\n"
        "  if (conv1d_init(&b, arena, sizeof arena) != EDGEQ_OK || conv1d_run(&b) != EDGEQ_OK) return 2;\n"
        "  return 0;\n}\n"
    )
    folders = [tmp_path / name / "out" for name in ("mlp", "conv1d")]
    includes = [f"-I{f}{sub}" for f in folders for sub in ("", "/edgeq/include")]
    libraries = [str(f / f"lib{n}.a") for f, n in zip(folders, ("mlp", "conv1d"), strict=True)]
    subprocess.run(["gcc", "main.c", *includes, *libraries, "-o", "main"], cwd=tmp_path, check=True)
    subprocess.run([str(tmp_path / "main")], check=True)
