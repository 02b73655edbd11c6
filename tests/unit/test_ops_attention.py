"""Integer LayerNorm, RMSNorm and products of computed tensors against their real arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import ModelDataError
from edgeq.ir.graph import Node, Value
from edgeq.ir.types import DType, Quantization, TensorType
from edgeq.ops.layer_norm import inverse_root
from tests.unit.quantized_nodes import integers, lowered, random_arrays, reals, tensor


def finely(size: float, data: np.ndarray) -> Value:
    """A constant of 16 bits, as quantization stores gains and offsets."""
    quantization = Quantization.per_tensor(size / 32767, 0)
    return Value("", TensorType(data.shape, DType.INT16, quantization), np.rint(data * 32767).astype(np.int16))


def norm(rng: np.random.Generator, columns: int, scale: float, gain: float, epsilon: float, centred: bool) -> Node:
    x = tensor((4, columns), (scale, int(rng.integers(-128, 128))))
    constants = [finely(gain, rng.uniform(-1, 1, columns)), finely(2.0, rng.uniform(-1, 1, columns))]
    return lowered("layer_norm", [x, *constants], (gain / 40, 7), epsilon=epsilon, centred=centred)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    columns=st.sampled_from([1, 2, 3, 7, 16, 64, 200, 1000, 16384]),
    scale=st.floats(1e-4, 10.0),
    gain=st.floats(1e-3, 100.0),
    epsilon=st.sampled_from([0.0, 1e-12, 1e-5, 1e-2, 10.0]),
    centred=st.booleans(),
    extreme=st.booleans(),
)
def test_rows_are_normalized_to_half_a_unit(
    seed: int, columns: int, scale: float, gain: float, epsilon: float, centred: bool, extreme: bool
) -> None:
    rng = np.random.default_rng(seed)
    node = norm(rng, columns, scale, gain, epsilon, centred)
    arrays = random_arrays(node, rng, extreme=extreme)
    arrays[0][0] = arrays[0][0, 0]  # a row without variance
    with np.errstate(invalid="ignore", divide="ignore"):
        real = np.nan_to_num(reals(node, arrays))
    got = integers(node, arrays)
    if epsilon == 0.0:  # 0 / 0 gives the offset: W is one at least
        base = arrays[0].mean(axis=-1, keepdims=True) if centred else node.params["input_zero_point"]
        lively = np.abs(arrays[0] - base).max(axis=-1) > 0
        real, got = real[lively], got[lively]
    # W and the fixed point add less than a hundredth of a unit to the half that rounding may take.
    assert np.abs(np.clip(real, -128, 127) - got).max(initial=0) <= 0.51


def test_the_inverse_root_is_right_to_28_bits() -> None:
    m = np.unique(np.concatenate([np.geomspace(2**30, 2**32 - 1, 20001).astype(np.int64), 2**30 + np.arange(99)]))
    exact = np.minimum(2.0**31 / np.sqrt(m / 2.0**30), 2**31 - 1)
    assert np.abs(inverse_root(m) / exact - 1).max() < 2.0**-28


def test_rows_that_are_too_long_are_refused() -> None:
    with pytest.raises(ModelDataError, match="at most 16384"):
        norm(np.random.default_rng(0), 16385, 0.1, 1.0, 1e-5, True)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**31), depth=st.integers(1, 70), swapped=st.booleans(), extreme=st.booleans())
def test_products_are_exact_before_they_are_rounded(seed: int, depth: int, swapped: bool, extreme: bool) -> None:
    rng = np.random.default_rng(seed)
    a, b = tensor((2, 3, depth), (0.02, -5)), tensor((2, *((4, depth) if swapped else (depth, 4))), (0.05, 9))
    node = lowered("matmul", [a, b], (0.001 * (depth + 1), 1), transpose_b=swapped)
    arrays = random_arrays(node, rng, extreme=extreme)
    real = reals(node, arrays)
    # The fixed point rounds its product, then the output: a tie of the second may be one of the first.
    assert np.abs(np.clip(real, -128, 127) - integers(node, arrays)).max() <= 0.501
