"""Every number format of the registry: codes, bytes, tails, extremes, damage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq.errors import InternalError, ModelDataError
from edgeq.formats import Format, number_format, number_formats, register
from edgeq.formats.packing import Planes, Trits
from tests.formats.byte_by_byte import read_row
from tests.tools import ROOT

some = settings(max_examples=30)
"""Per format; there are over thirty of them."""

every_format = pytest.mark.parametrize("form", number_formats(), ids=lambda form: form.name)


def existing(form: Format) -> list[int]:
    """Codes that stand for a value."""
    return [code for code, value in enumerate(form.values) if value is not None]


def code_rows(form: Format) -> st.SearchStrategy[np.ndarray]:
    """One to three rows of 1..100 codes."""
    row = st.integers(1, 100).flatmap(
        lambda n: st.lists(st.lists(st.sampled_from(existing(form)), min_size=n, max_size=n), min_size=1, max_size=3)
    )
    return row.map(lambda rows: np.array(rows, dtype=np.uint8))


def test_the_formats_that_were_asked_for_are_there() -> None:
    names = {form.name for form in number_formats()}
    weights = {"w1", "w2", "w4", "w8", "wt", "wt3", "wt5", *(f"wp{b}" for b in range(1, 9))}
    activations = {f"{kind}{bits}" for kind in ("a", "au") for bits in (1, 2, 4, 8)}
    assert names == weights | activations | {f"ap{b}" for b in range(1, 9)}


@every_format
def test_a_row_is_complete(form: Format) -> None:
    assert form.summary and form.tail and (ROOT / "runtime" / "include" / form.header).is_file()
    assert form.values[form.neutral] == (0 if form.has_zero else 1)
    values = [form.values[code] for code in existing(form)]
    assert len(set(values)) == len(values), "two codes for one value"
    assert form.has_zero == (form.name not in ("w1", "a1"))


@every_format
def test_a_set_top_bit_is_a_negative_number(form: Format) -> None:
    """In every format that has a sign bit, so that no two kernels disagree about it."""
    if isinstance(form.packing, Trits):
        return
    top = 1 << (form.packing.bits - 1)
    if form.low < 0:
        assert all((form.values[code] < 0) == bool(code & top) for code in existing(form))


@every_format
@some
@given(data=st.data())
def test_codes_survive_packing(form: Format, data: st.DataObject) -> None:
    codes = data.draw(code_rows(form))
    n = codes.shape[-1]
    packed = form.pack(codes)
    assert packed.dtype == np.uint8 and packed.shape == (len(codes), form.row_bytes(n))
    assert np.array_equal(form.unpack(packed, n), codes)
    for row, wanted in zip(packed, codes, strict=True):
        read = read_row(row.tobytes(), form, n)
        assert read.legal and read.codes[:n] == wanted.tolist()


@every_format
@some
@given(data=st.data())
def test_values_survive_encoding(form: Format, data: st.DataObject) -> None:
    codes = data.draw(code_rows(form))
    # A power of two, so that value * scale / scale is exact.
    scale = 2.0 ** data.draw(st.integers(-40, 40))
    values = form.decode(codes)
    assert np.array_equal(form.encode(values * scale, scale), codes)
    assert np.array_equal(form.to_codes(values), codes)
    per_row = np.full((len(codes), 1), scale)
    assert np.array_equal(form.encode(values * scale, per_row), codes)


@every_format
def test_every_tail_is_neutral_bit_by_bit(form: Format) -> None:
    other = next(code for code in reversed(existing(form)) if code != form.neutral)
    for n in range(1, 101):
        row = form.pack(np.full(n, other)).tobytes()
        read = read_row(row, form, n)
        assert len(row) == form.row_bytes(n) and read.legal
        assert read.codes[:n] == [other] * n and set(read.codes[n:]) <= {form.neutral}
        # Whichever padding bit flips, the row is no longer one that edgeq writes.
        for bit in range(8 * len(row) if n <= 17 else 0):
            flipped = np.frombuffer((int.from_bytes(row, "little") ^ 1 << bit).to_bytes(len(row), "little"), np.uint8)
            if read_row(flipped.tobytes(), form, n).codes[:n] == read.codes[:n]:
                with pytest.raises(ModelDataError):
                    form.unpack(flipped, n)


@every_format
@some
@given(data=st.data())
def test_any_bytes_are_read_or_refused(form: Format, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 100))
    size = form.row_bytes(n)
    row = data.draw(st.binary(min_size=size, max_size=size))
    read = read_row(row, form, n)
    if read.legal:
        codes = form.unpack(np.frombuffer(row, np.uint8), n)
        assert codes.tolist() == read.codes[:n] and form.pack(codes).tobytes() == row
    else:
        with pytest.raises(ModelDataError):
            form.unpack(np.frombuffer(row, np.uint8), n)


@every_format
@some
@given(real=st.floats(-1e6, 1e6), scale=st.floats(1e-6, 1e6))
def test_reals_go_to_the_nearest_value(form: Format, real: float, scale: float) -> None:
    (value,) = form.decode(form.encode([real], scale))
    values = [form.values[code] for code in existing(form)]
    assert abs(real - value * scale) <= min(abs(real - v * scale) for v in values) * (1 + 1e-9) + 1e-9 * scale


@every_format
def test_extremes(form: Format) -> None:
    huge = np.array([1e308, -1e308, np.finfo(float).max, -np.finfo(float).max])
    for scale in (1.0, 5e-324):
        assert form.quantize(huge, scale).tolist() == [form.high, form.low] * 2
    middle = 0 if form.has_zero else 1
    assert form.quantize([0.0, -0.0, 5e-324], 1.0).tolist() == [middle] * 3
    if form.high >= 2:
        assert form.quantize([0.5, 1.5], 1.0).tolist() == [0, 2], "ties to even"


@every_format
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_without_a_code_are_refused(form: Format, wrong: float) -> None:
    with pytest.raises(ModelDataError, match="NaN or infinity"):
        form.encode([1.0, wrong], 1.0)
    with pytest.raises(ModelDataError, match="positive finite scales"):
        form.encode([1.0, 2.0], [1.0, wrong])


@every_format
def test_scales_that_divide_nothing_are_refused(form: Format) -> None:
    for scale in (0.0, -0.0, -1.0):
        with pytest.raises(ModelDataError, match="positive finite scales"):
            form.encode([0.0], scale)
    assert form.fit_scale([[0.0, 0.0], [1.0, -1.0]])[0] == 0


@every_format
@some
@given(data=st.data())
def test_the_fitted_scale_saturates_nothing(form: Format, data: st.DataObject) -> None:
    reals = np.array(data.draw(st.lists(st.floats(-100, 100, width=16), min_size=1, max_size=40)))
    (scale,) = form.fit_scale(reals)
    if {form.low, form.high} == {-1, 1}:
        assert scale == np.abs(reals).mean()
    elif scale > 0:
        reals = reals[(reals > 0) == (form.high > 0)] if form.low * form.high == 0 else reals
        assert np.all(reals / scale <= form.high + 1e-9) and np.all(reals / scale >= form.low - 1e-9)


@every_format
def test_wrong_arguments_are_named(form: Format) -> None:
    for codes in ([len(form.values)], [-1], [256]):
        for use in (form.decode, form.pack):
            with pytest.raises(ModelDataError, match="has no code"):
                use(np.array(codes))
    for value in (form.low - 1, form.high + 1, *([] if form.has_zero else [0])):
        with pytest.raises(ModelDataError, match="has the values"):
            form.to_codes(np.array([value]))
    with pytest.raises(InternalError, match="integers"):
        form.pack(np.array([0.0]))
    with pytest.raises(ModelDataError, match="at least one element"):
        form.row_bytes(0)
    for shape in ((form.row_bytes(9) + 1,), ()):
        with pytest.raises(ModelDataError, match="a row of 9"):
            form.unpack(np.zeros(shape, np.uint8), 9)
    with pytest.raises(ModelDataError, match="at least one element"):
        form.encode(np.zeros((2, 0)), 1.0)


def test_codes_that_do_not_exist_are_named() -> None:
    for name, row, n, what in [
        ("wt", [0x02, 0x02], 8, "has no code 3"),
        ("wt5", [243], 5, "number 243 at position 0"),
        ("wt3", [27], 3, "number 27 at position 0"),
    ]:
        with pytest.raises(ModelDataError, match=what):
            number_format(name).unpack(np.array(row, np.uint8), n)


def test_padding_that_is_not_neutral_is_named() -> None:
    with pytest.raises(ModelDataError, match="padding"):
        number_format("w4").unpack(np.array([0x10], np.uint8), 1)


def test_names_are_found_once() -> None:
    with pytest.raises(InternalError, match="no number format 'w3'"):
        number_format("w3")
    with pytest.raises(InternalError, match="registered twice"):
        register(replace(number_format("w4"), packing=Planes(4)))


@pytest.mark.parametrize("rows", [64, 65, 256])
@pytest.mark.parametrize("row", [(64,), (128,), (576,), (3, 3, 64), (1000,)])
def test_bits_per_weight_at_64x64_and_above(rows: int, row: tuple[int, ...]) -> None:
    shape = (rows, *row)
    assert number_format("w1").bits_per_weight(shape) <= 1.05
    assert number_format("wt5").bits_per_weight(shape) <= 1.7


@every_format
@some
@given(rows=st.integers(1, 5), n=st.integers(1, 100))
def test_bits_per_weight_counts_every_byte(form: Format, rows: int, n: int) -> None:
    packed = form.pack(np.full((rows, n), form.neutral))
    assert form.bits_per_weight((rows, n), scales=0) * rows * n == pytest.approx(8 * packed.size)
    assert form.bits_per_weight((rows, 1, n), scales=rows) * rows * n == pytest.approx(8 * (packed.size + 5 * rows))
