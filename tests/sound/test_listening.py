"""Samples in, scores out: a front end for a network, written by the command; and its cost on emulated cores."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks.mlperf_tiny import TOLERANCE, rewrite
from benchmarks.sound import BOARDS, FRONT_ENDS, PAGE, measure, recorded, sounds, tables
from edgeq import resources
from edgeq.cli import run as command
from edgeq.errors import UsageError, VerificationError
from edgeq.ir.serialize import load_graph
from edgeq.ops.execute import run_integer
from edgeq.pipeline import compile_model
from edgeq.sound import Settings, features, make_tables, read_listener, write_front_end
from tests.kernels.host_runner import SANITIZERS, WARNINGS
from tests.sound.signals import signal
from tests.tools import need
from tests.unit.onnx_models import array, make_model, node

FRAMES, MFCC = 12, 10
HEARD = Settings(mfcc=MFCC)


def network(folder: Path) -> Path:
    """A convolution over time and a dense layer behind it: [1, 12, 10] -> [1, 3], float."""
    file = folder / "net.onnx"
    nodes = [
        node("Transpose", ["x"], "t", perm=[0, 2, 1]),
        node("Conv", ["t", "w"], "c"),
        node("Relu", ["c"], "r"),
        node("Flatten", ["r"], "f"),
        node("Gemm", ["f", "d"], "y"),
    ]
    constants = {"w": array(8, MFCC, 3) / 5, "d": array(8 * (FRAMES - 2), 3, seed=1) / 8}
    file.write_bytes(make_model(nodes, {"x": [1, FRAMES, MFCC]}, ["y"], constants))
    return file


@pytest.mark.tools
@pytest.mark.parametrize("stream", [False, True], ids=["window", "stream"])
def test_samples_become_scores(stream: bool, tmp_path: Path) -> None:
    need("gcc")
    plain = make_tables(HEARD)
    sound = np.concatenate([signal("speech", 16000, 8000), signal("noise", 16000, 3000), signal("sine", 16000, 3000)])
    heard = features(plain, sound) * plain.output.scale
    windows = np.lib.stride_tricks.sliding_window_view(heard, FRAMES, axis=0).transpose(0, 2, 1)
    calibration = {"x": windows.astype(np.float32)}
    options = {"calibrate": calibration, "name": "net"}
    whole = compile_model(network(tmp_path), "host", out=tmp_path / "whole", **options)
    folder = tmp_path / "whole"
    if stream:
        folder = tmp_path / "net"
        compile_model(network(tmp_path), "host", out=folder, stream=True, **options)
    assert command(["features", "--mfcc", "10", "--network", str(folder), "-o", str(tmp_path / "ears")]) == 0

    front = json.loads((tmp_path / "ears" / "ears.json").read_text())
    program, model = tmp_path / "program", json.loads((folder / "net.json").read_text())
    sources = [*(tmp_path / "ears" / s for s in front["sources"]), *(folder / s for s in model["sources"])]
    includes = [tmp_path / "ears", folder, resources.runtime_dir() / "include"]
    built = subprocess.run(
        ["gcc", "-std=c99", "-O1", *WARNINGS, *SANITIZERS, *(f"-I{i}" for i in includes),
         str(Path(__file__).with_name("listening.c")), *map(str, sources), "-o", str(program)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program], input=sound.tobytes(), capture_output=True, check=True)
    scores = np.frombuffer(done.stdout, np.int8).reshape(-1, 3)

    given = features(make_tables(HEARD, read_listener(folder, HEARD).output), sound)
    graph = load_graph(tmp_path / "whole" / "verify" / "graph.npz")
    ends = np.lib.stride_tricks.sliding_window_view(given, FRAMES, axis=0).transpose(0, 2, 1)
    (expected,) = run_integer(graph, {graph.inputs[0].name: np.ascontiguousarray(ends)}).values()
    assert len(scores) == (len(given) if stream else len(ends)) and whole.manifest["state_bytes"] == 0
    np.testing.assert_array_equal(scores[-len(ends) :], expected)
    assert len(np.unique(expected)) > 20


def test_another_network_is_refused(tmp_path: Path) -> None:
    steps: dict[str, object] = {"name": "net", "steps": [], "state_bytes": 0}
    good = {"dtype": "int8", "packed": False, "scale": 0.5, "zero_point": 3, "real_offset": 0.0, "bytes": 120}
    for inputs, complaint in (
        ([{**good, "shape": [1, 10, 12]}], "time comes before features"),
        ([{**good, "shape": [1, 11, 11], "bytes": 121}], "not frames of 10 features"),
        ([{**good, "shape": [1, 12, 10], "dtype": "int32"}], "not plain int8"),
        ([], "0 inputs"),
    ):
        (tmp_path / "net.json").write_text(json.dumps({**steps, "inputs": inputs}))
        with pytest.raises(UsageError, match=complaint):
            read_listener(tmp_path, HEARD)
    (tmp_path / "net.json").write_text(json.dumps({**steps, "inputs": [{**good, "shape": [1, 12, 10, 1]}]}))
    listener = read_listener(tmp_path, HEARD)
    assert (listener.frames, listener.kept, listener.output.zero_point) == (12, 11, 3)
    with pytest.raises(UsageError, match="its network's name"):
        write_front_end(make_tables(HEARD, listener.output), tmp_path / "out", "net", listener)


def test_only_its_own_folder_is_replaced(tmp_path: Path) -> None:
    assert command(["features", "--window", "256", "--hop", "8ms", "-o", str(tmp_path / "ears")]) == 0
    assert command(["features", "-o", str(tmp_path / "ears")]) == 0
    assert json.loads((tmp_path / "ears" / "ears.json").read_text())["front_end"]["window"] == 480
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes").touch()
    assert command(["features", "-o", str(tmp_path / "other")]) == UsageError.exit_code
    assert command(["features", "--window", "soon", "-o", str(tmp_path / "ears")]) == UsageError.exit_code


@pytest.mark.tools
@pytest.mark.parametrize("board", BOARDS)
def test_emulated_cores_give_the_reference_bits_at_the_recorded_cost(board: str) -> None:
    need("unicorn", "zig")
    name, settings = next(iter(FRONT_ENDS.items()))
    was, now = recorded()[name][board], measure(settings, board, sounds(settings))
    for key, figure in was.items():
        assert now[key] <= figure * (1 + TOLERANCE), f"{key}; if it must be so, run python -m benchmarks.sound"


@pytest.mark.tools
def test_a_wrong_bit_of_an_emulated_core_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    need("unicorn", "zig")
    monkeypatch.setattr("benchmarks.sound.features", lambda tables, frame: features(tables, frame) ^ 1)
    with pytest.raises(VerificationError):
        measure(HEARD, "riscv", sounds(HEARD)[:1])


def test_the_page_has_the_recorded_figures() -> None:
    text = PAGE.read_text("utf-8")
    assert "<!-- figures:sound -->" in text and rewrite(text, tables(recorded())) == text
