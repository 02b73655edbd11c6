"""Sample files: what is accepted, what is refused and how it is said."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.errors import CalibrationError
from edgeq.npz import load_samples, random_samples, sample_shape, to_internal, to_original


def spec(**changes: Any) -> dict[str, Any]:
    """An input as a PyTorch CNN has it: NCHW float outside, NHWC int8 inside."""
    return {
        "name": "x",
        "shape": [1, 4, 5, 3],
        "dtype": "int8",
        "scale": 0.5,
        "zero_point": -3,
        "source_shape": [1, 3, 4, 5],
        "source_perm": [0, 2, 3, 1],
        "source_dtype": "float32",
        **changes,
    }


FLAT = spec(shape=[1, 6], source_shape=[1, 6], source_perm=None)


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_inputs_and_labels(tmp_path: Path) -> None:
    data = np.arange(2 * 60, dtype=np.float64).reshape(2, 3, 4, 5)
    samples = load_samples(save(tmp_path / "s.npz", inputs=data, labels=np.array([[3], [1]], np.uint8)), [spec()])
    assert samples.count == 2
    assert samples.inputs["x"].dtype == np.float32
    assert samples.labels is not None and samples.labels.tolist() == [3, 1]
    assert samples.first(1).count == 1 and samples.first(1).labels is not None


def test_name_of_the_input_and_batch_axis_of_one(tmp_path: Path) -> None:
    data = np.zeros((2, 1, 3, 4, 5), np.float32)
    assert load_samples(save(tmp_path / "s.npz", x=data), [spec()]).inputs["x"].shape == (2, 3, 4, 5)


def test_name_in_the_model() -> None:
    named = {**FLAT, "source_name": "serving_default_x:0"}
    assert load_samples({"serving_default_x:0": np.zeros((4, 6), np.int8)}, [named]).count == 4


def test_mapping() -> None:
    assert load_samples({"inputs": np.zeros((4, 6), np.int8)}, [FLAT]).count == 4


def test_several_inputs_need_every_name() -> None:
    specs = [spec(name="a"), spec(name="b")]
    array = np.zeros((2, 3, 4, 5), np.float32)
    assert set(load_samples({"a": array, "b": array}, specs).inputs) == {"a", "b"}
    with pytest.raises(CalibrationError, match=r"'b'.*found a, inputs"):
        load_samples({"a": array, "inputs": array}, specs)
    with pytest.raises(CalibrationError, match="'a' has 2, 'b' has 1"):
        load_samples({"a": array, "b": array[:1]}, specs)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((2, 4, 5, 3), "channels are last in the file"),
        ((3, 4, 5), "one sample without the axis"),
        ((2, 60), "reshape"),
        ((2, 7), "per inference"),
        ((), "per inference"),
    ],
)
def test_wrong_shape_shows_expected_and_found(tmp_path: Path, shape: tuple[int, ...], hint: str) -> None:
    path = save(tmp_path / "s.npz", inputs=np.zeros(shape, np.float32))
    with pytest.raises(CalibrationError) as error:
        load_samples(path, [spec()])
    assert "[samples, 3, 4, 5]" in error.value.message
    assert "[" + ", ".join(map(str, shape)) + "]" in error.value.message
    assert hint in str(error.value.hint)
    assert error.value.where == str(path)


def test_channels_first_for_a_channels_last_model() -> None:
    nhwc = spec(source_shape=[1, 4, 5, 3], source_perm=None)
    with pytest.raises(CalibrationError) as error:
        load_samples({"inputs": np.zeros((2, 3, 4, 5), np.float32)}, [nhwc])
    assert "moveaxis(array, 1, -1)" in str(error.value.hint)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 6), np.int64), "of type int64; expected float, or the model's own int8 or float32"),
        (np.zeros((2, 6), complex), "of type complex128"),
        (np.zeros((0, 6), np.float32), "no samples"),
        (np.array([[0.0] * 6, [np.nan] * 6]), "6 values that are not finite, the first in sample 1"),
        (np.full((1, 6), 1e300), "not finite"),
    ],
)
def test_wrong_values(array: Any, message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        load_samples({"inputs": array}, [FLAT])


def test_objects_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, allow_pickle=True, inputs=np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(CalibrationError, match="objects"):
        load_samples(path, [FLAT])


@pytest.mark.parametrize("cut", [0, 1, 30, 100, 300, -30])
def test_truncated(tmp_path: Path, cut: int) -> None:
    path = save(tmp_path / "s.npz", inputs=np.zeros((20, 6), np.float32))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CalibrationError, match="npz"):
        load_samples(path, [FLAT])


def test_every_flipped_byte_is_an_error_or_data(tmp_path: Path) -> None:
    path = save(tmp_path / "s.npz", inputs=np.zeros((2, 6), np.float32))
    good = path.read_bytes()
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0xA5]) + good[position + 1 :])
        try:
            load_samples(path, [FLAT])
        except CalibrationError:
            continue


def test_a_header_that_promises_more_than_the_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("inputs.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 6)})
        stream.write(b"\0" * 24)
    with pytest.raises(CalibrationError, match="shorter or longer"):
        load_samples(path, [FLAT])


def test_missing_file_and_plain_npy(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no such file"):
        load_samples(tmp_path / "none.npz", [FLAT])
    np.save(tmp_path / "a.npy", np.zeros((2, 6)))
    with pytest.raises(CalibrationError, match=r"numpy\.savez"):
        load_samples(tmp_path / "a.npy", [FLAT])


@pytest.mark.parametrize("labels", [np.zeros((2, 3), int), np.zeros(2), np.zeros(3, int)])
def test_wrong_labels(labels: Any) -> None:
    with pytest.raises(CalibrationError, match="labels"):
        load_samples({"inputs": np.zeros((2, 6), np.float32), "labels": labels}, [FLAT])


def test_an_input_called_labels() -> None:
    samples = load_samples({"labels": np.zeros((2, 6), np.int8)}, [{**FLAT, "name": "labels"}])
    assert samples.labels is None


def test_to_internal_transposes_and_quantizes() -> None:
    real = np.linspace(-100, 100, 2 * 60, dtype=np.float32).reshape(2, 3, 4, 5)
    inner = to_internal(spec(), real)
    assert inner.shape == (2, 4, 5, 3) and inner.dtype == np.int8
    expected = np.clip(np.rint(real.astype(np.float64) / 0.5) - 3, -128, 127).transpose(0, 2, 3, 1)
    assert np.array_equal(inner, expected)


def test_to_internal_keeps_integers_and_shifts_uint8() -> None:
    unsigned = {**FLAT, "source_dtype": "uint8"}
    assert to_internal(unsigned, np.array([[0, 1, 127, 128, 254, 255]], np.uint8)).tolist() == [
        [-128, -127, -1, 0, 126, 127]
    ]
    ints = np.array([[-128, -1, 0, 1, 2, 127]], np.int8)
    assert np.array_equal(to_internal(FLAT, ints), ints)


def test_to_original() -> None:
    ints = np.array([[-128, -1, 0, 1, 2, 127]], np.int8)
    assert to_original(FLAT, ints).tolist() == [[[-62.5, 1.0, 1.5, 2.0, 2.5, 65.0]]]
    unsigned = {**FLAT, "source_dtype": "uint8"}
    assert to_original(unsigned, ints).tolist() == [[[0, 127, 128, 129, 130, 255]]]
    assert to_original(spec(), np.zeros((2, 3, 4, 5), np.float32)).shape == (2, 1, 3, 4, 5)


def test_one_dimensional_input_gets_its_inner_axes() -> None:
    row = spec(shape=[1, 1, 7, 2], source_shape=[1, 2, 7], source_perm=[0, 2, 1])
    inner = to_internal(row, np.arange(14, dtype=np.int8).reshape(1, 2, 7))
    assert inner.shape == (1, 1, 7, 2)
    assert inner[0, 0, 0].tolist() == [0, 7]


def test_int64_source_of_an_int32_input() -> None:
    wide = {**FLAT, "dtype": "int32", "source_dtype": "int64", "scale": None}
    assert to_internal(wide, np.array([[1, 2, 3, 4, 5, 6]], np.int64)).dtype == np.int32
    with pytest.raises(CalibrationError, match="do not fit"):
        to_internal(wide, np.full((1, 6), 2**40))
    with pytest.raises(CalibrationError, match="no scale"):
        to_internal(wide, np.zeros((1, 6), np.float32))


def test_random_samples_repeat_and_cover_the_type() -> None:
    specs = [FLAT, {**FLAT, "name": "y"}]
    one, two = random_samples(specs, 500), random_samples(specs, 500)
    assert all(np.array_equal(one.inputs[k], two.inputs[k]) for k in one.inputs)
    assert not np.array_equal(one.inputs["x"], one.inputs["y"])
    assert one.inputs["x"].min() == -128 and one.inputs["x"].max() == 127
    assert not np.array_equal(one.inputs["x"], random_samples(specs, 500, seed=1).inputs["x"])
    assert np.array_equal(random_samples(specs, 3).inputs["x"], one.inputs["x"][:3])
    assert sample_shape(FLAT) == (6,)


@pytest.mark.parametrize(("dtype", "first"), [("int8", [121, 81, 35]), ("uint8", [121, 81, 35])])
def test_random_samples_are_the_same_for_ever(dtype: str, first: list[int]) -> None:
    assert random_samples([{**FLAT, "dtype": dtype}], 1).inputs["x"][0, :3].tolist() == first


def test_random_floats_and_booleans() -> None:
    real = random_samples([{**FLAT, "dtype": "float32"}], 50).inputs["x"]
    assert real.dtype == np.float32 and -1 <= real.min() < -0.9 and 0.9 < real.max() <= 1
    assert set(random_samples([{**FLAT, "dtype": "bool"}], 50).inputs["x"].ravel().tolist()) == {False, True}
