"""Small networks of edgeq.nn, one per shape of network that the export must carry, with a few batches of training."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from edgeq.nn import Activation, Conv1d, Conv2d, Linear, LinearAttention

Network = tuple[nn.Module, tuple[int, ...]]


def binary_mlp() -> Network:
    layers = [Activation("binary"), Linear(17, 33, bias=False, weights="binary", scale="one"), nn.BatchNorm1d(33)]
    layers += [Activation("binary"), Linear(33, 5, weights="binary", bias=False, scale="tensor")]
    return nn.Sequential(*layers), (17,)


def binary_cnn() -> Network:
    layers = [Activation("uint8", step=1 / 255), Conv2d(3, 13, 3, padding=1, weights="binary"), nn.MaxPool2d(2)]
    layers += [nn.BatchNorm2d(13), Activation("binary"), Conv2d(13, 21, 3, padding=1, weights="binary", scale="one")]
    layers += [nn.BatchNorm2d(21), Activation("binary"), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*layers, Linear(21 * 4, 7, weights="binary")), (3, 8, 8)


def ternary_cnn() -> Network:
    layers = [Activation("int8"), Conv2d(2, 9, (3, 1), stride=(2, 1), dilation=(1, 2), weights="ternary"), nn.ReLU()]
    layers += [nn.BatchNorm2d(9), Activation("uint4"), Conv2d(9, 9, 3, groups=9, weights="ternary-median")]
    layers += [nn.BatchNorm2d(9), Activation("int4"), Conv2d(9, 6, 1, groups=3, weights="ternary", scale="channel")]
    layers += [
        nn.BatchNorm2d(6),
        nn.ReLU(),
        Activation("uint2"),
        nn.AvgPool2d(2),
        Activation("uint4"),
        nn.Flatten(),
        nn.Dropout(0.5),
    ]
    return nn.Sequential(*layers, Linear(6 * 1 * 3, 4, weights="ternary")), (2, 11, 9)


def integer_conv1d() -> Network:
    layers = [Activation("int8"), Conv1d(6, 11, 5, 2, 2, weights="int4", narrow=True), nn.BatchNorm1d(11)]
    layers += [Activation("int3"), nn.MaxPool1d(2), Conv1d(11, 11, 3, groups=11, weights="int2"), nn.BatchNorm1d(11)]
    layers += [nn.ReLU(), Activation("uint1"), nn.AdaptiveAvgPool1d(1), Activation("uint8"), nn.Flatten()]
    return nn.Sequential(*layers, Linear(11, 3, weights="int8", scale="tensor")), (6, 40)


def pools() -> Network:
    """Every way of pooling: padded, dilated, overlapping, rounded up; a narrow activation that is driven to its end."""
    layers = [Activation("int4", step=0.05, narrow=True), nn.MaxPool2d(2, stride=2, padding=1, dilation=2)]
    layers += [nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False), Activation("int8")]
    layers += [nn.AvgPool2d((2, 1), padding=(1, 0)), Activation("int5"), nn.MaxPool2d(2, stride=2, ceil_mode=True)]
    return nn.Sequential(*layers, nn.Flatten(), Linear(4, 2, weights="int3", narrow=True)), (1, 19, 11)


class Residual(nn.Module):
    """A residual addition, a concatenation, padding with a level, functions instead of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = Conv2d(2, 7, 3, padding=1, weights="int4"), nn.BatchNorm2d(7)
        self.image, self.trunk, self.joined = Activation("uint8", step=1 / 255), Activation("int4"), Activation("int4")
        self.body, self.body_norm = Conv2d(7, 7, 3, padding=1, weights="ternary"), nn.BatchNorm2d(7)
        self.centre = nn.BatchNorm2d(14)
        self.sign, self.pad = Activation("binary"), nn.ConstantPad2d((1, 0, 2, 1), -1.0)
        self.last = Conv2d(14, 5, 3, stride=2, weights="binary")
        self.scores = Linear(5 * 5 * 3, 3, weights="int4", scale="tensor", bias=False)
        self.positive = Activation("uint4")

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(torch.relu(self.norm(self.stem(self.image(image)))))
        x = self.joined(x + self.trunk(self.body_norm(self.body(x))))
        x = self.pad(self.sign(self.centre(torch.cat([x, x], dim=1))))
        x = self.positive(self.last(x).relu())
        return self.scores(x.view(x.shape[0], -1)), x


def residual() -> Network:
    return Residual(), (2, 8, 6)


class Transformed(nn.Module):
    """Linear layers over the last axis of a sequence, names that collide with the file's own, an unused layer."""

    def __init__(self) -> None:
        super().__init__()
        self.input, self.output = Activation("int8"), Linear(12, 9, weights="int8")
        self.unused = nn.LSTM(2, 2)
        self.again = Activation("uint4")

    def forward(self, input: Tensor) -> Tensor:
        x = self.again(torch.relu(self.output(self.input(input.reshape(-1, 3, 12)))))
        return self.again(torch.flatten(x, 1))


def sequence() -> Network:
    return Transformed(), (36,)


class Attending(nn.Module):
    """Attention over codes, of a window and causal, between projections; sums, a residual, a mean over the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.trunk, self.pooled = Activation("int8"), Activation("int8"), Activation("int8")
        self.queries, self.keys, self.values = (Linear(12, n, weights="int8") for n in (14, 14, 10))
        self.attention, self.after = LinearAttention(2, 7), Linear(10, 12, weights="int4")
        self.causal = LinearAttention(3, 4, values="uint4", causal=True, fraction=1)
        self.pool, self.scores = nn.AdaptiveAvgPool1d(1), Linear(12, 4, weights="int8", scale="tensor", bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.trunk(self.tokens(x.reshape(-1, 9, 12)))
        y = self.after(self.attention(self.queries(x), self.keys(x), self.values(x)))
        x = self.trunk(x + self.trunk(y))
        x = self.trunk(self.causal(x, x, torch.relu(x)))
        return self.scores(self.pooled(self.pool(x.transpose(1, -1))).flatten(1))


def attention() -> Network:
    return Attending(), (108,)


NETWORKS: dict[str, Callable[[], Network]] = {
    row.__name__: row
    for row in (binary_mlp, binary_cnn, ternary_cnn, integer_conv1d, pools, residual, sequence, attention)
}


def trained(name: str, seed: int) -> tuple[nn.Module, Tensor]:
    """The network after a few steps towards nothing in particular, in eval mode, and 6 samples for it."""
    torch.manual_seed(seed)
    model, shape = NETWORKS[name]()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(4):
        results = model.train()(torch.rand(16, *shape) * 2 - 0.5)
        optimizer.zero_grad()
        sum(result.square().mean() for result in (results if isinstance(results, tuple) else (results,))).backward()
        optimizer.step()
    return model.eval(), torch.rand(6, *shape) * 2 - 0.5
