"""Random QONNX networks: everything that exact quantization knows, in small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeq.ir.types import Array
from tests.unit.qonnx_models import Net

SAMPLES = 8
ROUNDINGS = ("ROUND", "ROUND", "ROUND", "CEIL", "FLOOR", "DOWN", "UP", "HALF_UP", "HALF_DOWN")


@dataclass
class Image:
    """A tensor on a grid: its name, its shape [channels, height, width], its scale, and how large it usually is."""

    name: str
    shape: tuple[int, int, int]
    scale: float
    spread: float


class Maker:
    """Draws one network."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        size = int(self.rng.integers(3, 7))
        self.net = Net(1, int(self.rng.integers(1, 4)), size, size)
        # Powers of two leave qonnx's float sums exact. With other scales an addend keeps sums off the edges of levels,
        # where their rounding would decide.
        self.dyadic = bool(self.rng.random() < 0.5)

    def some(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def scale(self, spread: float, bits: int) -> float:
        """A scale at which `bits` bits hold reals of that spread, more or less."""
        middle = np.log2(spread * 4 / 2**bits)
        exponent = float(2.0 ** np.clip(round(middle + self.rng.uniform(-1, 1)), -12, 8))
        return exponent if self.dyadic else float(np.float32(exponent * self.rng.uniform(1, 2)))

    def activation(self, x: str, shape: tuple[int, int, int], spread: float) -> Image:
        """A quantization of some kind."""
        bits, signed = int(self.rng.integers(1, 9)), int(self.rng.integers(2))
        scale = self.scale(spread, bits)
        if self.rng.random() < 0.2:
            return Image(self.net.bipolar(x, scale), shape, scale, scale)
        narrow = int(self.rng.integers(2)) if bits > 1 else 0
        zero = float(self.rng.integers(-2, 3)) if self.rng.random() < 0.2 and bits > 2 else 0.0
        rounding = self.some(*ROUNDINGS)
        op = self.some("Quant", "IntQuant")
        name = self.net.quant(x, bits, scale, zero, signed=signed, narrow=narrow, rounding=rounding, op=op)
        return Image(name, shape, scale, min(spread, scale * 2**bits))

    def weights(self, shape: tuple[int, ...], axis: int) -> str:
        reals = self.rng.normal(size=shape) * 4
        data = self.net.constant(reals)
        bits = int(self.rng.integers(1, 9))
        per_channel = [1] * len(shape)
        scale: Any = self.scale(4, bits)
        if self.rng.random() < 0.5:
            per_channel[axis] = shape[axis]
            scale = np.array([self.scale(4, bits) for _ in range(shape[axis])]).reshape(per_channel)
        if bits == 1:
            return self.net.bipolar(data, scale)
        return self.net.quant(data, bits, scale, narrow=int(self.rng.integers(2)))

    def between(self, x: str, channels: int, rank: int, spread: float) -> tuple[str, float]:
        """What may stand between a layer and its quantization; the spread behind it."""
        shape = (1, channels) + (1,) * (rank - 2)
        if not self.dyadic:
            x = self.net.add("Add", x, self.net.constant(0.3 * spread * self.rng.normal(size=shape)))
        for _ in range(int(self.rng.integers(0, 4))):
            kind = int(self.rng.integers(8))
            if kind <= 1:
                gamma, beta, mean = (self.rng.normal(size=channels) for _ in range(3))
                x = self.net.norm(x, gamma, beta, mean * spread, spread**2 * self.rng.uniform(0.1, 4, size=channels))
                spread = 1.5
            elif kind == 2:
                x = self.net.add("Relu", x)
            elif kind == 3:
                x = self.net.add(self.some("Add", "Sub"), x, self.net.constant(spread * self.rng.normal(size=shape)))
            elif kind == 4:
                factor = self.some(0.5, -2.0, 0.3)
                x, spread = self.net.add("Mul", x, self.net.constant(factor)), spread * abs(factor)
            elif kind == 5:
                divisor = self.some(2.0, 3.0)
                x, spread = self.net.add("Div", x, self.net.constant(divisor)), spread / divisor
            elif kind == 6 and spread < 20:
                x, spread = self.net.add(self.some("Sigmoid", "Tanh", "HardSigmoid"), x), 1.0
            else:
                low, high = (self.net.constant(f * spread) for f in (-0.7, 1.1))
                x = self.net.add("Clip", x, low, high)
        return x, spread

    def conv(self, image: Image) -> Image:
        channels, height, width = image.shape
        depthwise = bool(self.rng.random() < 0.3)
        outputs = channels * int(self.rng.integers(1, 3)) if depthwise else int(self.rng.integers(1, 6))
        kernel = int(self.some(1, 3)) if min(height, width) >= 3 else 1
        pad, stride = (int(self.rng.integers(2)) if kernel == 3 else 0), int(self.rng.integers(1, 3))
        shape = (outputs, 1 if depthwise else channels, kernel, kernel)
        inputs = [image.name, self.weights(shape, 0)]
        if self.rng.random() < 0.4:
            inputs.append(self.net.constant(self.rng.normal(size=outputs)))
        attrs: dict[str, Any] = {"kernel_shape": [kernel] * 2, "pads": [pad] * 4, "strides": [stride] * 2}
        y = self.net.add("Conv", *inputs, group=channels if depthwise else 1, **attrs)
        size = tuple((d + 2 * pad - kernel) // stride + 1 for d in (height, width))
        taps = kernel**2 * (1 if depthwise else channels)
        y, spread = self.between(y, outputs, 4, image.spread * 4 * taps**0.5)
        return self.activation(y, (outputs, size[0], size[1]), spread)

    def pool(self, image: Image) -> Image:
        channels, height, width = image.shape
        if min(height, width) < 2:
            return image
        smaller = (channels, height // 2, width // 2)
        kind = int(self.rng.integers(3))
        if kind == 0:
            y = self.net.add("MaxPool", image.name, kernel_shape=[2, 2], strides=[2, 2])
            return Image(y, smaller, image.scale, image.spread)
        if kind == 1:
            y = self.net.add("AveragePool", image.name, kernel_shape=[2, 2], strides=[2, 2])
            y, spread = self.between(y, channels, 4, image.spread / 2)
            return self.activation(y, smaller, spread)
        y = self.net.add("GlobalAveragePool", image.name)
        y, spread = self.between(y, channels, 4, image.spread / (height * width) ** 0.5)
        return self.activation(y, (channels, 1, 1), spread)

    def residual(self, image: Image) -> Image:
        """Two branches of one scale, added."""
        bits = int(self.rng.integers(1, 9))
        parts = [self.net.quant(image.name, bits, image.scale, signed=int(self.rng.integers(2))) for _ in range(2)]
        y = self.net.add(self.some("Add", "Sub"), *parts)
        y, spread = self.between(y, image.shape[0], 4, 1.4 * image.spread)
        return self.activation(y, image.shape, spread)

    def join(self, image: Image) -> Image:
        scale = self.scale(image.spread, 4)
        signed = int(self.rng.integers(2))
        parts = [self.net.quant(image.name, int(self.rng.integers(2, 8)), scale, signed=signed) for _ in range(2)]
        y = self.net.add("Concat", *parts, axis=1)
        return Image(y, (2 * image.shape[0], *image.shape[1:]), scale, image.spread)

    def chain(self, image: Image) -> Image:
        y, spread = self.between(image.name, image.shape[0], 4, image.spread)
        return self.activation(y, image.shape, spread)

    def finish(self, x: str, outputs: int, spread: float) -> str:
        y, spread = self.between(x, outputs, 2, spread)
        return self.activation(y, (outputs, 1, 1), spread).name


def random_net(seed: int) -> tuple[bytes, Array]:
    """(model, samples)."""
    make = Maker(seed)
    net, rng = make.net, make.rng
    x = "x"
    if rng.random() < 0.5:
        x = net.add("Sub", net.add("Mul", x, net.constant(2.0)), net.constant(1.0))
    image = make.activation(x, (net.shape[1], net.shape[2], net.shape[3]), 2.0)
    image = make.conv(image)
    for _ in range(int(rng.integers(0, 4))):
        step = make.some(make.conv, make.conv, make.pool, make.residual, make.join, make.chain)
        image = step(image)
    y = image.name
    if rng.random() < 0.7:
        features, outputs = int(np.prod(image.shape)), int(rng.integers(1, 6))
        flat = net.add("Flatten", y)
        y = net.add("MatMul", flat, make.weights((features, outputs), 1))
        y = make.some(
            lambda: make.finish(y, outputs, 4 * image.spread * features**0.5),
            lambda: net.add("Add", y, net.constant(rng.normal(size=outputs))),
            lambda: y,
        )()
    # Of many sizes and offsets, so that few layers are always at one end of their grid.
    size, offset = (rng.uniform(*ends, size=(SAMPLES, 1, 1, 1)) for ends in ((0.1, 6), (-5, 5)))
    samples = rng.normal(size=(SAMPLES, *net.shape[1:])) * size + offset
    # Every other network shows all its quantized activations: the last alone says little of a deep one.
    shown = [n.output[0] for n in net.nodes if n.domain and n.input[0] not in net.constants] if seed % 2 else []
    return net.model(*dict.fromkeys((*shown, y))), samples.astype(np.float32)
