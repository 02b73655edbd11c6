"""Random choices of test models of one TFLite operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tflite

from tests.oracles.tflite_writer import TensorSpec


class Draw:
    """Random choices of one case. `quantized` says whether activations are int8 or float32."""

    def __init__(self, seed: int, *, quantized: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.quantized = quantized

    def one(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def int(self, low: int, high: int) -> int:
        """low..high, both included."""
        return int(self.rng.integers(low, high + 1))

    def scale(self) -> float:
        return float(np.float32(np.exp(self.rng.uniform(np.log(0.004), np.log(0.4)))))

    def zero_point(self) -> int:
        return int(self.one(-128, 127, 0, self.int(-128, 127)))

    def tensor(self, shape: Sequence[int], like: TensorSpec | None = None, **fixed: Any) -> TensorSpec:
        """An activation with random quantization, or that of `like`."""
        if not self.quantized:
            return TensorSpec(shape, "float32")
        scale, zero = (self.scale(), self.zero_point()) if like is None else (like.scale, like.zero_point)
        return TensorSpec(shape, scale=fixed.get("scale", scale), zero_point=fixed.get("zero_point", zero))

    def constant(self, shape: Sequence[int], like: TensorSpec | None = None) -> TensorSpec:
        """A constant of the activations' type."""
        spec = self.tensor(shape, like)
        spec.data = self.rng.integers(-128, 128, shape) if self.quantized else self.rng.normal(size=shape)
        return spec

    def shape(self, rank: int, most: int = 6) -> list[int]:
        """Batch 1, then random sizes."""
        return [1, *(self.int(1, most) for _ in range(rank - 1))]

    def activation(self) -> int:
        a = tflite.ActivationFunctionType
        return int(self.one(a.NONE, a.RELU, a.RELU6, a.RELU_N1_TO_1))

    def weights(self, shape: Sequence[int], axis: int, x: TensorSpec, taps: int) -> list[TensorSpec]:
        """Weights, a bias, and in `self.reach` the real size that sums have."""
        channels = shape[axis]
        if not self.quantized:
            self.reach = 1.0
            data = self.rng.normal(size=shape) / np.sqrt(taps)
            return [TensorSpec(shape, "float32", data=data), TensorSpec([channels], "float32", data=np.ones(channels))]
        per_channel = axis and self.one(True, True, False)
        count = channels if per_channel or (axis == 0 and len(shape) == 4) else 1
        scales = np.float32([self.scale() for _ in range(count)])
        assert isinstance(x.scale, float)
        biases = np.float32(x.scale) * scales
        self.reach = float(np.sqrt(taps) * 60 * 60 * x.scale * np.exp(np.log(scales).mean()))
        w = TensorSpec(shape, scale=scales, axis=axis, data=self.rng.integers(-127, 128, shape))
        b = TensorSpec([channels], "int32", scale=biases, data=self.rng.integers(-2000, 2001, channels))
        # TFLite refuses a convolution without bias, but not a dense or depthwise layer.
        return [w, b][: 2 if axis == 0 and len(shape) == 4 else self.one(1, 2, 2)]

    def result(self, shape: Sequence[int]) -> TensorSpec:
        """The output of a layer with weights: sums fill its range about once."""
        if not self.quantized:
            return TensorSpec(shape, "float32")
        scale = float(np.float32(self.reach / 60 * np.exp(self.rng.uniform(-1, 1))))
        return TensorSpec(shape, scale=scale, zero_point=self.zero_point())
