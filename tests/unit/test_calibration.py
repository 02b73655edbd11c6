"""Calibration: histograms that do not depend on how data come, ranges, streams of samples, suspicious tensors."""

from __future__ import annotations

import struct
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeq import samples as samples_room
from edgeq.cli.progress import progress_bar
from edgeq.errors import CalibrationError, UsageError
from edgeq.ir.types import Array
from edgeq.ops.build import GraphBuilder
from edgeq.quant.calibration import CALIBRATIONS, calibrated, check_calibration
from edgeq.quant.lint import lint
from edgeq.quant.observe import BINS, Range, observe_ranges
from edgeq.sample_files import read_sample_file
from edgeq.samples import Samples

SPEC = {
    "name": "x",
    "shape": [1, 4, 6, 3],
    "dtype": "float32",
    "scale": None,
    "zero_point": None,
    "source_shape": [1, 4, 6, 3],
    "source_perm": None,
    "source_dtype": "float32",
}


def seen(*parts: Array) -> Range:
    found = Range()
    for part in parts:
        found.include(part)
    return found


@given(
    arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6, allow_subnormal=False)),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_a_histogram_of_a_stream_is_that_of_the_whole(data: Array, cuts: list[int]) -> None:
    whole = seen(data[:, np.newaxis])
    streamed = seen(*(part[:, np.newaxis] for part in np.split(data, sorted(cuts)) if len(part)))
    a, b = whole.histogram, streamed.histogram
    assert a.counts.sum() == len(data) and len(a.counts) <= BINS
    assert (a.exponent, a.start, a.counts.tolist()) == (b.exponent, b.start, b.counts.tolist())
    assert (whole.low, whole.high) == (streamed.low, streamed.high)
    centers, counts = a.centers_and_counts()
    expected = np.floor(data / a.width).astype(np.int64)
    for center, count in zip(centers, counts, strict=True):
        assert count == (expected == round(center / a.width - 0.5)).sum()


def squared_error(x: Array, low: float, high: float, levels: int) -> float:
    scale = (high - low) / (levels - 1)
    first = round(low / scale)
    return float(np.square(x - np.clip(np.rint(x / scale), first, first + levels - 1) * scale).sum())


@pytest.mark.parametrize("levels", [256, 16, 4])
@pytest.mark.parametrize("name", list(CALIBRATIONS))
def test_ranges_contain_zero_and_lie_inside_what_was_seen(name: str, levels: int) -> None:
    rng = np.random.default_rng(0)
    for x in (rng.normal(size=5000), np.abs(rng.standard_t(2, 5000)), -rng.random(5000), np.full(10, 3.0)):
        observed = seen(x[:, np.newaxis])
        range_ = calibrated(observed, levels, name)
        assert observed.low <= range_.low <= 0 <= range_.high <= observed.high and range_.low < range_.high
        assert range_.mean is not None and range_.samples == len(x)
    zeros = seen(np.zeros((4, 1)))
    assert (calibrated(zeros, levels, name).low, calibrated(zeros, levels, name).high) == (0, 0)


def test_min_max_is_the_default_at_eight_bits_and_the_squared_error_below() -> None:
    x = np.random.default_rng(1).standard_t(3, 20_000)
    observed = seen(x[:, np.newaxis])
    assert (calibrated(observed, 256).low, calibrated(observed, 256).high) == (x.min(), x.max())
    assert calibrated(observed, 16) == calibrated(observed, 16, "mse")
    with pytest.raises(UsageError, match="'max' is not a way"):
        check_calibration("max")


def test_the_squared_error_is_near_the_least_of_a_fine_search() -> None:
    x = np.random.default_rng(2).standard_t(3, 20_000)
    observed = seen(x[:, np.newaxis])
    for levels in (4, 16, 64):
        range_ = calibrated(observed, levels, "mse")
        ends = np.geomspace(0.02, 1, 60)
        least = min(squared_error(x, x.min() * a, x.max() * b, levels) for a in ends for b in ends)
        assert squared_error(x, range_.low, range_.high, levels) < 1.05 * least


def test_outliers_are_cut_by_percentile_and_entropy() -> None:
    x = np.concatenate([np.random.default_rng(3).normal(size=100_000), [500.0]])
    observed = seen(x[:, np.newaxis])
    for name in ("percentile", "entropy"):
        assert calibrated(observed, 16, name).high < 100
    kept = calibrated(observed, 256, "percentile")
    assert ((x >= kept.low) & (x <= kept.high)).mean() >= 0.9999 and kept.high < 6


def given_samples(count: int = 70) -> Array:
    return np.random.default_rng(5).normal(size=(count, 4, 6, 3)).astype(np.float32)


def collected(source: Any, seed: int = 0) -> tuple[Array, Samples]:
    stream = Samples(source, [SPEC], seed)
    batches = [batch["x"] for batch in stream.batches()]
    assert all(len(batch) == samples_room.BATCH for batch in batches[:-1])
    return np.concatenate(batches), stream


def test_every_kind_of_source_gives_the_same_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = given_samples()
    np.savez_compressed(tmp_path / "x.npz", inputs=data, labels=np.zeros(70, int))
    folder = tmp_path / "folder"
    folder.mkdir()
    np.save(folder / "a.npy", data[:20])
    for index, sample in enumerate(data[20:]):
        np.save(folder / f"b{index:02}.npy", sample)
    sources = [tmp_path / "x.npz", folder, {"inputs": data}, list(data), lambda: iter(data), iter(data)]
    for source in sources:
        np.testing.assert_array_equal(collected(source)[0], data)
    monkeypatch.setattr(samples_room, "WHOLE_BYTES", 0)
    monkeypatch.setattr(samples_room, "CHUNK", 7)
    np.testing.assert_array_equal(collected(tmp_path / "x.npz")[0], data)


def test_what_is_kept_is_bounded_and_the_same_for_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = given_samples()
    np.testing.assert_array_equal(collected(iter(data))[1].kept["x"], data)
    monkeypatch.setattr(samples_room, "RESERVOIR", 10)
    first, second, other = (collected(iter(data), seed)[1] for seed in (0, 0, 1))
    assert len(first.kept["x"]) == 10 and first.count == 70
    np.testing.assert_array_equal(first.kept["x"], second.kept["x"])
    assert (first.kept["x"] != other.kept["x"]).any()
    assert all((data == sample).all(axis=(1, 2, 3)).any() for sample in first.kept["x"])
    again = np.concatenate([b["x"] for b in first.batches()])
    np.testing.assert_array_equal(again, first.kept["x"])  # an iterator cannot be read twice
    monkeypatch.setattr(samples_room, "RESERVOIR_BYTES", 3 * data[0].nbytes)
    assert len(collected(iter(data))[1].kept["x"]) == 3


def test_samples_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases: list[tuple[Any, str]] = [
        (tmp_path / "none.npz", "no such file"),
        (tmp_path / "empty", "holds no samples"),
        ([], "no samples"),
        (5, "not from int"),
        ([np.zeros((4, 5, 3))], "has shape"),
    ]
    for source, message in cases:
        with pytest.raises(CalibrationError, match=message):
            collected(source)
    bad = tmp_path / "bad"
    bad.mkdir()
    for name in ("a.png", "b.wav", "c.npy"):
        (bad / name).write_bytes(b"nothing of the kind")
        with pytest.raises(CalibrationError, match="cannot be read as") as caught:
            read_sample_file(bad / name)
        assert name in str(caught.value.where)


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 1), (2, 2), (3, 1), (4, 2)])
def test_sound_is_a_part_of_full_scale(tmp_path: Path, width: int, channels: int) -> None:
    full = 2 ** (8 * width - 1)
    integers = np.array([-full, -1, 0, 1, full // 2, full - 1] * channels)
    stored = integers + (full if width == 1 else 0)
    with wave.open(str(tmp_path / "x.wav"), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(8000)
        sound.writeframes(b"".join(int(n).to_bytes(width, "little", signed=width > 1) for n in stored))
    found = read_sample_file(tmp_path / "x.wav")
    assert found.shape == ((6,) if channels == 1 else (6, channels))
    np.testing.assert_allclose(found.reshape(-1), integers / full, atol=1e-7)


def png(pixels: Array, colour: int, filters: list[int], palette: bytes = b"") -> bytes:
    """An image by the specification's formulas for the five filters, row by row."""
    height, width, channels = pixels.shape
    rows, above = b"", np.zeros(width * channels, dtype=np.int64)
    for y in range(height):
        line, kind = pixels[y].reshape(-1).astype(np.int64), filters[y % len(filters)]
        left = np.concatenate([np.zeros(channels, np.int64), line[:-channels]])
        corner = np.concatenate([np.zeros(channels, np.int64), above[:-channels]])
        p = left + above - corner
        pa, pb, pc = abs(p - left), abs(p - above), abs(p - corner)
        paeth = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, above, corner))
        predicted = [0 * line, left, above, (left + above) // 2, paeth][kind]
        rows += bytes([kind]) + ((line - predicted) & 255).astype(np.uint8).tobytes()
        above = line
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))]
    chunks += [(b"PLTE", palette)] if palette else []
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_images_are_parts_of_255(tmp_path: Path, colour: int, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(7, 5, channels))
    (tmp_path / "x.png").write_bytes(png(pixels, colour, [0, 1, 2, 3, 4]))
    np.testing.assert_allclose(read_sample_file(tmp_path / "x.png"), pixels / 255, atol=1e-7)


def test_images_with_a_palette(tmp_path: Path) -> None:
    palette = np.arange(12, dtype=np.uint8)
    pixels = np.array([[[0], [3]], [[1], [2]]])
    (tmp_path / "x.png").write_bytes(png(pixels, 3, [0], palette.tobytes()))
    expected = palette.reshape(4, 3)[pixels[:, :, 0]] / 255
    np.testing.assert_allclose(read_sample_file(tmp_path / "x.png"), expected, atol=1e-7)


def test_a_folder_of_images_calibrates_an_image_network(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(3, 4, 6, 3))
    for index, image in enumerate(pixels):
        (tmp_path / f"{index}.png").write_bytes(png(image, 2, [4]))
    np.testing.assert_allclose(collected(tmp_path)[0], pixels / 255, atol=1e-7)


def test_suspicious_tensors_are_named_with_a_remedy() -> None:
    rng = np.random.default_rng(0)
    builder = GraphBuilder("net")
    x = builder.input("x", (1, 64))
    w = np.eye(8, 64) + 0.01 * rng.normal(size=(8, 64))
    w[0] *= 100
    w[1] = 0
    y = builder.add("dense", [x, builder.constant("w", w), None], {"clamp_min": 0.0}, name="uneven")
    graph = builder.finish([y])
    data = rng.normal(size=(300, 64)).clip(-0.5, 0.5)
    ranges = observe_ranges(graph, {"x": data})
    used = {name: calibrated(r, 4, "mse") for name, r in ranges.items()}
    problems = {(f["tensor"], f["problem"].split(":")[0].split(",")[0]) for f in lint(graph, ranges, used)}
    assert ("x", "part of the values at the end of what was seen") in problems
    assert ("uneven", "uneven channels") in problems
    assert ("uneven", "channels that never change") in problems
    assert ("uneven (weights)", "outliers") in problems
    assert all(f["remedy"] and f["figure"] > 0 for f in lint(graph, ranges, used))
    plain = observe_ranges(graph, {"x": rng.normal(size=(300, 64))})
    assert not [f for f in lint(graph, plain, plain) if f["tensor"] == "x"]


def test_progress_is_silent_without_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as report:
        report("calibration", 1, 0)
        report("calibration", 2, 2)
    assert capfd.readouterr() == ("", "")


def test_a_stream_that_ends_is_asked_once() -> None:
    asked = []

    def source() -> Iterator[Array]:
        asked.append(1)
        return iter(given_samples(3))

    stream = Samples(source, [SPEC])
    for _ in range(2):
        assert sum(len(b["x"]) for b in stream.batches()) == 3
    assert len(asked) == 2
