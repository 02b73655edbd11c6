"""Networks as PyTorch exports them, by both of its exporters: same numbers, and no transposition left."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tools import need
from tests.unit.onnx_models import assert_same, ops, run_in_source_layout, simplified, turned

Network = tuple[Any, tuple[int, ...]]


def residual() -> Network:
    from torch import nn

    class Block(nn.Module):
        def __init__(self, c: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(c, c, 3, padding=1, bias=False),
                nn.BatchNorm2d(c),
                nn.ReLU(),
                nn.Conv2d(c, c, 3, padding=1, bias=False),
                nn.BatchNorm2d(c),
            )

        def forward(self, x: Any) -> Any:
            return (x + self.body(x)).relu()

    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5), nn.Softmax(1))
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Block(8), nn.MaxPool2d(2), Block(8), *head), (1, 3, 12, 10)


def mobile() -> Network:
    import torch.nn.functional as F  # noqa: N812
    from torch import nn

    class Squeeze(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)

        def forward(self, x: Any) -> Any:
            return x * F.hardsigmoid(self.b(F.relu(self.a(F.adaptive_avg_pool2d(x, 1)))))

    depthwise = (nn.Conv2d(8, 8, 3, 2, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
    layers = (nn.Conv2d(3, 8, 3, 2, 1), nn.Hardswish(), *depthwise, Squeeze(), nn.Conv2d(8, 4, 1), nn.SiLU())
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 4 * 3, 6)), (1, 3, 16, 12)


def hourglass() -> Network:
    import torch
    import torch.nn.functional as F  # noqa: N812
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(10, 2, 1)

        def forward(self, x: Any) -> Any:
            wide = F.leaky_relu(self.a(x))
            deep = F.interpolate(F.elu(self.b(F.max_pool2d(wide, 2))), scale_factor=2)
            first, second = self.c(torch.cat([wide, deep], 1)).chunk(2, 1)
            return torch.sigmoid(F.pad(first, (1, 0, 0, 2)) + F.pad(second, (0, 1, 2, 0)))

    return Net(), (1, 1, 8, 8)


def normalized() -> Network:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, 3)
            self.register_buffer("shift", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
            self.register_buffer("width", torch.tensor([0.2, 0.3, 0.25]).view(1, 3, 1, 1))

        def forward(self, x: Any) -> Any:
            return self.head(self.conv((x - self.shift) / self.width).tanh().mean((2, 3)))

    return Net(), (1, 3, 9, 9)


def series() -> Network:
    from torch import nn

    first = (nn.Conv1d(3, 8, 5, padding=2), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2))
    second = (nn.Conv1d(8, 8, 3, padding=2, dilation=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    return nn.Sequential(*first, *second, nn.Linear(8, 4)), (1, 3, 20)


def series_flat() -> Network:
    from torch import nn

    layers = (nn.Conv1d(3, 8, 5, stride=2), nn.AvgPool1d(2, ceil_mode=True), nn.ELU(), nn.Flatten(), nn.Linear(40, 4))
    return nn.Sequential(*layers, nn.BatchNorm1d(4)), (1, 3, 21)


def perceptron() -> Network:
    from torch import nn

    layers = (nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 5), nn.Tanh())
    return nn.Sequential(*layers), (1, 3, 4, 4)


NETWORKS: dict[str, tuple[Callable[[], Network], list[str]]] = {
    "residual": (residual, ["conv2d"] * 3 + ["add", "max_pool2d", "conv2d", "conv2d", "add", "mean"]),
    "mobile": (mobile, ["conv2d", "hard_swish", "depthwise_conv2d", "mean", "conv2d", "conv2d", "hard_sigmoid", "mul"]),
    "hourglass": (hourglass, ["conv2d", "leaky_relu", "max_pool2d", "conv2d", "elu", "resize_nearest", "concat"]),
    "normalized": (normalized, ["conv2d", "tanh", "mean", "reshape", "dense"]),
    "series": (series, ["reshape", "conv2d", "max_pool2d", "conv2d", "reshape", "mean", "reshape", "dense"]),
    "series_flat": (series_flat, ["reshape", "conv2d", "avg_pool2d", "elu", "reshape", "dense"]),
    "perceptron": (perceptron, ["reshape", "dense", "dense", "tanh"]),
}
"""Name -> the network, and the operators that it begins with after simplification."""


def export(network: Any, shape: tuple[int, ...], dynamo: bool, path: Path) -> bytes:
    import torch

    x = torch.zeros(shape)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if dynamo:
                torch.onnx.export(network, (x,), path, dynamo=True, external_data=False, verbose=False)
                return path.read_bytes()
            stream = io.BytesIO()
            torch.onnx.export(network, (x,), stream, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "batch"}})
            return stream.getvalue()
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network_of_pytorch_computes_the_same_without_transpositions(name: str, dynamo: bool, tmp_path: Path) -> None:
    need("torch", "onnxruntime")
    import torch

    torch.manual_seed(0)
    make, beginning = NETWORKS[name]
    network, shape = make()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 2.0),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.5, 0.5),
            ):
                tensor.uniform_(low, high)
    network.eval()
    data = export(network, shape, dynamo, tmp_path / "m.onnx")
    graph = simplified(data)
    assert "transpose" not in ops(graph)
    assert ops(graph)[: len(beginning)] == beginning
    assert_same(data, graph)
    x = torch.randn(shape)
    (y,) = graph.outputs
    (key,) = graph.meta["inputs"]
    found = run_in_source_layout(graph, {key: x.numpy()})[y.name]
    wanted = turned(graph.meta["outputs"][y.name], y, network(x).detach().numpy())
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_external_weights_of_the_exporter_are_found(tmp_path: Path) -> None:
    need("torch", "onnxruntime")
    import torch

    network, shape = perceptron()
    path = tmp_path / "m.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.zeros(shape),), path, dynamo=True, external_data=True, verbose=False)
    assert (tmp_path / "m.onnx.data").exists()
    assert ops(simplified(path.read_bytes(), path)) == ["reshape", "dense", "dense", "tanh"]
