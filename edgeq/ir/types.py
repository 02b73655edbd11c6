"""Tensor types: shape, element type, and the affine quantization that gives integers their real meaning."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from enum import Enum
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeq.formats.base import Format
from edgeq.formats.registry import number_format

Array = NDArray[Any]


class DType(str, Enum):
    """Element types. The value is numpy's and the manifest's name."""

    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.value)

    @property
    def bytes(self) -> int:
        """Bytes of one element in memory."""
        return int(self.numpy.itemsize)

    @property
    def is_float(self) -> bool:
        return self is DType.FLOAT32

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest integer; for integer types only."""
        info = np.iinfo(self.numpy)
        return int(info.min), int(info.max)


@dataclass(frozen=True)
class Quantization:
    """real = (q - zero_point) * scale; per tensor, or per slice along `axis`.

    scale: positive and finite, one entry or one per slice. zero_point: as many entries as scale.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None

    @staticmethod
    def per_tensor(scale: float, zero_point: int) -> Quantization:
        return Quantization((float(scale),), (int(zero_point),))

    @property
    def is_per_tensor(self) -> bool:
        return len(self.scale) == 1

    @property
    def tensor_scale(self) -> float:
        """The scale of a per-tensor quantization."""
        assert self.is_per_tensor
        return self.scale[0]

    @property
    def tensor_zero_point(self) -> int:
        """The zero point of a per-tensor quantization."""
        assert self.is_per_tensor
        return self.zero_point[0]

    def _broadcast(self, values: tuple[Any, ...], rank: int, dtype: type) -> Array:
        array: Array = np.asarray(values, dtype=dtype)
        if self.is_per_tensor:
            return array.reshape(())
        assert self.axis is not None
        shape = [1] * rank
        shape[self.axis] = len(values)
        return array.reshape(shape)

    def dequantize(self, q: Array) -> Array:
        """Integers -> float64 reals, same shape."""
        scale = self._broadcast(self.scale, q.ndim, float)
        zero = self._broadcast(self.zero_point, q.ndim, int)
        return np.asarray((q.astype(np.int64) - zero) * scale)

    def quantize(self, real: Array, dtype: DType) -> Array:
        """Reals -> the nearest integers of `dtype` (ties to even, saturating), same shape."""
        scale = self._broadcast(self.scale, real.ndim, float)
        zero = self._broadcast(self.zero_point, real.ndim, int)
        low, high = dtype.bounds
        q = np.rint(np.asarray(real, dtype=np.float64) / scale) + zero
        return np.asarray(np.clip(q, low, high).astype(dtype.numpy))


@dataclass(frozen=True)
class TensorType:
    """Shape (batch first, fully known), element type and optional quantization.

    format: name of the row of `edgeq.formats` to which all values belong; "" means any of `dtype`. Arrays hold the
    exact integers in `dtype` either way. packed: the tensor lies in memory in that format, in rows along the last
    axis; otherwise element by element.
    """

    shape: tuple[int, ...]
    dtype: DType
    quantization: Quantization | None = None
    format: str = ""
    packed: bool = False

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def number_format(self) -> Format | None:
        """The row of `format`; None for plain elements."""
        return number_format(self.format) if self.format else None

    @property
    def bytes(self) -> int:
        """Bytes of the whole tensor in memory: plain ones unpadded, packed ones by rows along the last axis."""
        row = self.number_format
        if row is None or not self.packed:
            return self.elements * self.dtype.bytes
        return prod(self.shape[:-1]) * row.row_bytes(self.shape[-1])

    def stored(self, array: Array) -> builtins.bytes:
        """One tensor's integers as they lie in memory."""
        row = self.number_format
        if row is None or not self.packed:
            return np.ascontiguousarray(array).tobytes()
        return row.pack(row.to_codes(array)).tobytes()

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest integer that the tensor can hold; for integer types only."""
        row = self.number_format
        return self.dtype.bounds if row is None else (row.low, row.high)

    def __str__(self) -> str:
        text = f"{self.dtype.value}[{','.join(map(str, self.shape))}]"
        if self.format:
            text = f"{self.format}[{','.join(map(str, self.shape))}]"
        if self.quantization is None:
            return text
        q = self.quantization
        if q.is_per_tensor:
            return f"{text} * {q.tensor_scale:.6g} @ {q.tensor_zero_point}"
        return f"{text} * per-axis {q.axis}"
