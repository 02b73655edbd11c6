"""Snapshots: the file, what is judged a violation, and the whole way with a measurement that is made up."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeq.errors import CalibrationError, RegressionError, UsageError
from edgeq.report.checked import render_check
from edgeq.snapshot import Layer, Snapshot, check, compare, default_file, read_snapshot, snapshot_text, steps, take
from tests.unit.manifests import manifest


def snapshot(**changes: Any) -> Snapshot:
    """Three layers, two samples."""
    names = ["conv", "pool", 'odd "name" \\ with\ttab é']
    values: dict[str, Any] = {
        "edgeq": "0.1.0",
        "name": "kws",
        "model": "ab" * 32,
        "board": "cortex-m4",
        "optimize": "balanced",
        "compiler": "zig 0.17.1",
        "outputs": ["11" * 32, "22" * 32],
        "instructions": 10_000,
        "sizes": {"text_bytes": 1000, "rodata_bytes": 2000, "arena_bytes": 3000, "stack_bytes": 400},
        "layers": [Layer(name, "op", f"edgeq_{k}__c", 3000 + k, f"{k:016x}") for k, name in enumerate(names)],
    }
    return Snapshot(**{**values, **changes})


def changed(**layer: Any) -> Snapshot:
    """The snapshot with its second layer changed."""
    other = snapshot()
    for key, value in layer.items():
        setattr(other.layers[1], key, value)
    return other


@dataclass
class FakeResult:
    dir: Path
    manifest: dict[str, Any] = field(default_factory=manifest)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[list[bytes]]:
    """Replaces building and running; returns the vectors of every call."""
    calls: list[list[bytes]] = []

    def measure(result: Any, vectors: Sequence[bytes], compiler: str = "auto") -> Snapshot:
        calls.append(list(vectors))
        return snapshot(outputs=["11" * 32] * len(vectors))

    monkeypatch.setattr(steps, "measure", measure)
    return calls


@pytest.mark.parametrize("vectors", [None, [b"\x00\xff", b""], [bytes(range(256)), b"ab" * 48]])
def test_text_and_back(tmp_path: Path, vectors: list[bytes] | None) -> None:
    before = snapshot(vectors=vectors, seed=7 if vectors is None else 0)
    before.tolerance.sizes = 2.5
    (tmp_path / "s.toml").write_text(snapshot_text(before), "utf-8")
    assert read_snapshot(tmp_path / "s.toml") == before


def test_text_is_the_same_for_the_same_measurement() -> None:
    assert snapshot_text(snapshot()) == snapshot_text(snapshot())
    assert all(len(line) <= 120 for line in snapshot_text(snapshot(vectors=[bytes(500)] * 2)).splitlines())


def test_counts_that_are_not_known_are_left_out(tmp_path: Path) -> None:
    before = snapshot(instructions=None, sizes={**snapshot().sizes, "stack_bytes": None})
    before.layers[0].instructions = None
    (tmp_path / "s.toml").write_text(snapshot_text(before), "utf-8")
    assert read_snapshot(tmp_path / "s.toml") == before


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("snapshot = 1", "snapshot = 2", "not a snapshot of this edgeq"),
        ("snapshot = 1", "", "not a snapshot of this edgeq"),
        ('board = "cortex-m4"', "board = 4", "board: must be a text"),
        ('board = "cortex-m4"', "", "board: missing"),
        ("sizes = 1.0", "sizes = -1", "tolerance.sizes"),
        ("sizes = 1.0", "sizes = nan", "tolerance.sizes"),
        ("sizes = 1.0", 'sizes = "much"', "tolerance.sizes"),
        ("text_bytes = 1000", "text_bytes = 1.5", "text_bytes: must be a whole number"),
        ("[tolerance]", "[tolerance", "not a TOML file"),
        ("seed = 0", 'hex = ["0g", "00"]', "hexadecimal"),
        ("seed = 0", 'hex = ["00"]', "inputs.hex: has 1 entries"),
        ("[cost]", "[[cost]]", "cost: must be a table"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(snapshot_text(snapshot()).replace(old, new, 1), "utf-8")
    with pytest.raises(UsageError) as error:
        read_snapshot(path)
    assert complaint in error.value.message and error.value.where == str(path)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="edgeq snapshot FOLDER"):
        read_snapshot(tmp_path / "none.toml")
    (tmp_path / "s.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a TOML file"):
        read_snapshot(tmp_path / "s.toml")


def test_the_same_holds() -> None:
    found = compare(snapshot(), snapshot())
    assert found.passed and not found.improvements and not found.notes and found.costs_compared
    found.raise_if_failed()
    assert "holds: bits and costs of 2 samples" in render_check(found.to_json())


def test_a_changed_bit_names_the_sample_and_the_first_layer() -> None:
    now = changed(output="f" * 16)
    now.layers[2].output = "e" * 16
    now.outputs[1] = "33" * 32
    found = compare(snapshot(), now)
    assert [(v.what, v.layer) for v in found.violations] == [
        ("output bits of sample 1", None),
        ("output bits, the first layer to differ", "pool"),
    ]
    with pytest.raises(RegressionError, match="2 things") as error:
        found.raise_if_failed()
    assert error.value.exit_code == 12


def test_a_bit_that_changes_only_inside_is_a_violation() -> None:
    found = compare(snapshot(), changed(output="f" * 16))
    assert [v.layer for v in found.violations] == ["pool"]


@pytest.mark.parametrize(
    ("now", "verdict"), [(3031, "same"), (3032, "worse"), (2971, "same"), (2970, "better"), (None, "same")]
)
def test_tolerance_is_one_percent_of_what_was(now: int | None, verdict: str) -> None:
    found = compare(snapshot(), changed(instructions=now))
    assert bool(found.violations) == (verdict == "worse")
    assert bool(found.improvements) == (verdict == "better")
    for change in found.violations + found.improvements:
        assert (change.what, change.layer, change.was, change.now) == ("instructions", "pool", 3001, now)


def test_tolerance_is_the_one_in_the_snapshot() -> None:
    was = snapshot()
    was.tolerance.instructions = 50
    assert compare(was, changed(instructions=4500)).passed
    was.tolerance.instructions = 0
    assert not compare(was, changed(instructions=3002)).passed


@pytest.mark.parametrize("size", ["text_bytes", "rodata_bytes", "arena_bytes", "stack_bytes"])
def test_every_size_counts(size: str) -> None:
    now = snapshot()
    now.sizes[size] = (now.sizes[size] or 0) * 2
    (violation,) = compare(snapshot(), now).violations
    assert (violation.what, violation.percent) == (size, 100.0)


def test_something_from_nothing_is_a_violation() -> None:
    was = changed(instructions=0)
    (violation,) = compare(was, changed(instructions=1)).violations
    assert violation.percent is None


def test_another_compiler_is_told_and_fails_only_when_strict() -> None:
    now = changed(instructions=9999)
    now.compiler = "gcc 12.2.0"
    found = compare(snapshot(), now)
    assert found.passed and not found.costs_compared
    text = render_check(found.to_json())
    assert "holds: bits of 2 samples" in text and "built with gcc 12.2.0; the snapshot: zig 0.17.1" in text
    assert not compare(snapshot(), now, strict=True).passed
    now.outputs[0] = "33" * 32
    assert not compare(snapshot(), now).passed


def test_other_differences_are_notes() -> None:
    now = snapshot(model="cd" * 32, optimize="speed")
    now.layers[0].kernel = "edgeq_faster__c"
    now.layers[2].name = "new"
    found = compare(snapshot(), now)
    assert found.passed
    text = render_check(found.to_json())
    for expected in ("the model file is another", "--optimize speed", "kernel was edgeq_0__c", "new: a layer that"):
        assert expected in text


def test_layers_of_the_same_name_pair_in_order() -> None:
    was, now = snapshot(), snapshot()
    for measurement in (was, now):
        measurement.layers.append(copy.copy(measurement.layers[0]))
    now.layers[3].instructions = 9000
    (violation,) = compare(was, now).violations
    assert (violation.layer, violation.now) == ("conv", 9000)


def test_check_text_lists_changes() -> None:
    found = compare(snapshot(), changed(instructions=6002), "kws.snapshot.toml")
    text = render_check(found.to_json())
    assert "FAILED: 1 change against kws.snapshot.toml" in text
    assert ["pool", "instructions", "3,001", "6,002", "+100.00", "%"] in [line.split() for line in text.splitlines()]


def test_take_and_check(tmp_path: Path, measured: list[list[bytes]]) -> None:
    result = FakeResult(tmp_path / "kws")
    path = take(result)
    assert path == tmp_path / "kws.snapshot.toml" == default_file(result)
    assert "seed = 0" in path.read_text("utf-8"), "490 bytes times 4 are too many to write out"
    assert check(result).passed
    assert measured[0] == measured[1] and len(measured[0]) == 4 and len(measured[0][0]) == 490


def test_small_vectors_are_written_out(tmp_path: Path, measured: list[list[bytes]]) -> None:
    result = FakeResult(tmp_path / "kws")
    path = take(result, samples=2, seed=5)
    assert read_snapshot(path).vectors == measured[0]
    assert check(result).samples == 2 and measured[1] == measured[0]


def test_given_inputs_are_stored(tmp_path: Path, measured: list[list[bytes]]) -> None:
    data = np.arange(6 * 490, dtype=np.int16).astype(np.int8).reshape(6, 1, 49, 10)
    path = take(FakeResult(tmp_path / "kws"), tmp_path / "a" / "s.toml", inputs={"inputs": data}, samples=3)
    assert read_snapshot(path).vectors == [data[k].transpose(1, 2, 0).tobytes() for k in range(3)]
    with pytest.raises(CalibrationError):
        take(FakeResult(tmp_path / "kws"), inputs={"inputs": data[:, :, :2]})
    with pytest.raises(UsageError, match="do not fit"):
        take(FakeResult(tmp_path / "kws"), inputs={"inputs": np.tile(data, (30, 1, 1, 1))}, samples=180)


def test_a_new_snapshot_keeps_edited_tolerances(tmp_path: Path, measured: list[list[bytes]]) -> None:
    result = FakeResult(tmp_path / "kws")
    path = take(result)
    path.write_text(path.read_text("utf-8").replace("instructions = 1.0", "instructions = 7.5", 1), "utf-8")
    assert read_snapshot(take(result)).tolerance.instructions == 7.5


def test_no_snapshot_over_another_file(tmp_path: Path, measured: list[list[bytes]]) -> None:
    other = tmp_path / "pyproject.toml"
    other.write_text("[project]\n", "utf-8")
    with pytest.raises(UsageError):
        take(FakeResult(tmp_path), other)
    assert other.read_text("utf-8") == "[project]\n"


def test_wrong_board_and_changed_inputs(tmp_path: Path, measured: list[list[bytes]]) -> None:
    result = FakeResult(tmp_path / "kws")
    path = take(result, samples=1)
    with pytest.raises(UsageError, match="of board cortex-m4, the folder is for riscv"):
        check(FakeResult(tmp_path / "kws", manifest(board="riscv")), path)
    other = manifest()
    other["inputs"][0]["bytes"] = 17
    with pytest.raises(RegressionError, match="takes 17 bytes, the snapshot has 490"):
        check(FakeResult(tmp_path / "kws", other), path)


@pytest.mark.parametrize("samples", [0, 1001])
def test_number_of_samples(tmp_path: Path, samples: int) -> None:
    with pytest.raises(UsageError):
        take(FakeResult(tmp_path), samples=samples)
