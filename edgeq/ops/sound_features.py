"""Log-Mel features or MFCC of sound: what stands before networks that listen (docs/sound.md)."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import ClassVar

import numpy as np

from edgeq.errors import UnsupportedError
from edgeq.ir.graph import Node
from edgeq.ir.types import Array, DType
from edgeq.ops.base import Operator, Params
from edgeq.ops.inferences import Operands, each_inference, operand
from edgeq.ops.registry import register
from edgeq.ops.sound_reference import features, real_features
from edgeq.ops.sound_settings import Settings
from edgeq.ops.sound_tables import Output, Tables, make_tables

_tables = cache(make_tables)


def _settings(node: Node) -> Settings:
    return Settings(**node.attrs)


@register
class SoundFeatures(Operator):
    """y[1, frames, features] of samples x[1, N]: frame i begins at sample i * hop; samples after the last stay unused.

    The attributes are those of `Settings`, and say what a feature is; x is int16, of which 32768 is full scale.
    """

    name = "sound_features"
    summary = "What `--features` puts before a network: log-Mel or MFCC of samples (docs/sound.md)"
    attributes: ClassVar = {field.name: field.default for field in fields(Settings)}

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        x, s = node.input(0).shape, _settings(node)
        if len(x) != 2 or x[0] != 1 or x[1] < s.window:
            raise ValueError(f"samples of shape {list(x)} for frames of {s.window}")
        return [(1, (x[1] - s.window) // s.hop + 1, s.features)]

    def compute(self, node: Node, inputs: Operands) -> list[Array]:
        return [each_inference(node, inputs, lambda x: real_features(_settings(node), operand(x, 0)[0])[None])]

    def lower(self, node: Node) -> Params:
        x, y = node.input(0).type, node.output.type
        if x.dtype is not DType.INT16 or y.dtype not in (DType.INT8, DType.INT16):
            raise UnsupportedError(f"features of {x} as {y}", where=node.name)
        return {"frames": y.shape[1], **self._tables(node).descriptor}

    def _tables(self, node: Node) -> Tables:
        y = node.output
        return _tables(_settings(node), Output(y.scale, y.zero_point, 8 * y.type.dtype.bytes))

    def compute_integer(self, node: Node, inputs: Operands) -> list[Array]:
        return [np.stack([features(self._tables(node), samples) for samples in operand(inputs, 0)])]
