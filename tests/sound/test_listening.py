"""Samples in, scores out: networks converted with their front end, pushed samples in pieces of any size."""

from __future__ import annotations

import json
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeq import resources
from edgeq.cli import run as command
from edgeq.errors import CalibrationError, UnsupportedError, UsageError
from edgeq.ir.serialize import load_graph
from edgeq.ir.types import Array
from edgeq.ops.execute import run_integer
from edgeq.pipeline import compile_model
from edgeq.sound import Output, Settings, features, make_tables, read_settings
from tests.kernels.host_runner import SANITIZERS, WARNINGS
from tests.sound.signals import signal
from tests.tools import need, shared
from tests.unit.onnx_models import array, make_model, node
from tests.unit.test_tflite_state import wake_word

FRAMES, BANDS = 12, 10
MFCC = Settings(mfcc=BANDS)
GAPS = Settings(rate=8000, window=100, hop=130, mels=BANDS, gain=0.1, offset=1.5)


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
    constants = {"w": array(8, BANDS, 3) / 5, "d": array(8 * (FRAMES - 2), 3, seed=1) / 8}
    file.write_bytes(make_model(nodes, {"x": [1, FRAMES, BANDS]}, ["y"], constants))
    return file


def sounds(rate: int) -> Array:
    return np.concatenate([signal(name, rate, rate // 4) for name in ("speech", "noise", "sine", "chirp")])


@dataclass(frozen=True)
class Listening:
    """A program that hears, and the network without its front end, by which it is judged."""

    settings: Settings
    every: int
    program: Path
    whole: Path

    def scores(self, pieces: list[int]) -> Array:
        sound = sounds(self.settings.rate)
        done = subprocess.run(
            [self.program, *map(str, pieces)], input=sound.tobytes(), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return np.frombuffer(done.stdout, np.int8).reshape(-1, 3)

    def expected(self) -> Array:
        """Features of silence and all samples, whole windows of them, the network on each."""
        s, graph = self.settings, load_graph(self.whole / "verify" / "graph.npz")
        x = graph.inputs[0]
        tables = make_tables(s, Output(x.scale, x.zero_point, 8))
        quiet = np.zeros(FRAMES * s.hop + max(s.window - s.hop, 0), np.int16)
        heard = features(tables, np.concatenate([quiet, sounds(s.rate)]))
        calls = len(sounds(s.rate)) // (s.hop * self.every)
        ends = [FRAMES + self.every * (call + 1) for call in range(calls)]
        (scores,) = run_integer(graph, {x.name: np.stack([heard[end - FRAMES : end] for end in ends])}).values()
        return np.asarray(scores)


CASES: dict[str, tuple[Settings, dict[str, Any]]] = {
    "frames overlap, window every third": (MFCC, {"every": 3}),
    "gaps between frames, stream": (GAPS, {"stream": True}),
}


@pytest.fixture(scope="module", params=CASES)
def listening(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Listening:
    need("gcc")
    front_end, options = CASES[request.param]
    folder = tmp_path_factory.mktemp("listening")
    given_sounds: dict[str, Any] = {"calibrate": {"inputs": np.stack([sounds(front_end.rate)])}, "name": "net"}
    whole = compile_model(network(folder), "host", out=folder / "whole", **{**given_sounds, **calibration(front_end)})
    heard = compile_model(network(folder), "host", out=folder / "net", features=front_end, **given_sounds, **options)
    if "every" in options:
        assert heard.verify(on=["host"], samples=4, reference="original").bit_exact
    sources = [folder / "net" / source for source in heard.manifest["sources"]]
    includes = [folder / "net", resources.runtime_dir() / "include"]
    program = folder / "program"
    built = subprocess.run(
        ["gcc", "-std=c99", "-O1", *WARNINGS, *SANITIZERS, *(f"-I{i}" for i in includes),
         str(Path(__file__).with_name("listening.c")), *map(str, sources), "-o", str(program)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return Listening(front_end, options.get("every", 1), program, whole.dir)


def calibration(front_end: Settings) -> dict[str, Any]:
    """Features of the same sounds, by hand: what the command makes of sounds."""
    tables = make_tables(front_end)
    heard = features(tables, sounds(front_end.rate)) * tables.output.scale
    windows = [heard[i : i + FRAMES] for i in range(0, len(heard) - FRAMES + 1, FRAMES)]
    return {"calibrate": {"x": np.stack(windows).astype(np.float32)}}


@pytest.mark.tools
@settings(max_examples=8, deadline=None)
@given(pieces=st.lists(st.integers(0, 3000), min_size=1, max_size=5).filter(any))
def test_the_pieces_do_not_matter(listening: Listening, pieces: list[int]) -> None:
    expected = listening.expected()
    np.testing.assert_array_equal(listening.scores(pieces), expected)
    assert len(np.unique(expected)) > 20


@pytest.mark.tools
@pytest.mark.parametrize(
    ("board", "model", "hop", "frames"),
    [("cortex-m4", "sww", 320, 1), ("riscv", "alexa", 160, 3)],
    ids=["mlperf tiny", "microWakeWord"],
)
def test_published_networks_hear(board: str, model: str, hop: int, frames: int, tmp_path: Path) -> None:
    """Emulated cores, and LiteRT on the same features: one network made to stream, one that has variables itself."""
    need("shared", "wakewords", "litert", "zig", "unicorn")
    file = shared() / "models" / "mlperf_tiny" / "sww_conv1d_int8.tflite" if model == "sww" else wake_word(model)
    reach = {"gain": 1 / 64, "offset": 52 / 64} if model == "sww" else {"gain": 0.25, "offset": 25.0}
    front_end = Settings(hop=hop, scale="htk", norm="none", **reach)
    options: dict[str, Any] = {"stream": model == "sww", "optimize": "speed"}
    result = compile_model(file, board, out=tmp_path / "m", features=front_end, **options)
    assert result.manifest["inputs"][0]["shape"] == [1, hop * frames]
    assert f"a score every {hop * frames / 16:g} ms" in " ".join(result.report.split())
    sound = sounds(16000)[:9600].reshape(-1, hop * frames)
    proof = result.verify(on=["emulator"], inputs={"inputs": sound}, reference="original")
    assert proof.bit_exact and proof.reference is not None and proof.reference["exact"]
    for wrong in ({"every": 99}, {"features": Settings(hop=hop, gain=20)}, {"features": Settings(hop=hop, gain=1e-3)}):
        with pytest.raises(UsageError, match=r"a score every 99 frames|input reaches from .* these features from"):
            compile_model(file, board, out=tmp_path / "m", **{"features": front_end, **options, **wrong})


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    model, sound = network(tmp_path), {"inputs": np.stack([sounds(16000)])}

    def refused(kind: type[Exception], text: str, **options: Any) -> None:
        given_options = {"features": MFCC, "calibrate": sound, **options}
        with pytest.raises(kind, match=text):
            compile_model(model, "host", out=tmp_path / "m", **given_options)

    refused(UsageError, r"takes \[1, 12, 10\], not frames of 40 features", features=Settings())
    refused(UsageError, "a score every 13 frames of a network over 12", every=13)
    refused(UsageError, "--every counts frames", every=2, features=None, **calibration(MFCC))
    refused(
        CalibrationError,
        "a sound of 500 samples; the network hears 2240",
        calibrate={"inputs": sound["inputs"][:, :500]},
    )
    refused(CalibrationError, r"shape \[16000\]", calibrate={"inputs": sound["inputs"][0]})
    file = tmp_path / "short.npz"
    np.savez(file, inputs=sound["inputs"][:, :500])
    refused(CalibrationError, "a sound of 500 samples", calibrate=file)
    file = tmp_path / "sounds" / "a.wav"
    file.parent.mkdir()
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(sounds(8000).tobytes())
    refused(CalibrationError, "8000 samples per second, 1 channels; the network hears 16000", calibrate=file.parent)
    two = tmp_path / "two.onnx"
    two.write_bytes(make_model([node("Add", ["a", "b"], "y")], {"a": [1, 4, 4], "b": [1, 4, 4]}, ["y"]))
    model = two
    refused(UsageError, "2 inputs", features=Settings(mels=4), calibrate={k: np.ones((2, 4, 4)) for k in "ab"})


def test_strides_decide_which_steps_there_are(tmp_path: Path) -> None:
    file = tmp_path / "two.onnx"
    nodes = [node("Conv", ["x", "w"], "y", strides=[2, 1])]
    file.write_bytes(make_model(nodes, {"x": [1, 1, 12, 4]}, ["y"], {"w": array(2, 1, 3, 4)}))
    options: dict[str, Any] = {"features": Settings(mels=4), "calibrate": {"inputs": np.stack([sounds(16000)])}}
    with pytest.raises(UnsupportedError, match="no step of 3 frames in the window of 12"):
        compile_model(file, "host", out=tmp_path / "m", stream=True, every=3, **options)
    assert compile_model(file, "host", out=tmp_path / "m", stream=True, **options).manifest["sound"]["frames"] == 2


def test_settings_files(tmp_path: Path) -> None:
    file = tmp_path / "mel.toml"
    file.write_text('rate = 8000\nwindow = "32ms"\nhop = 100\nmels = 20\ngain = 2\nunit = "ln"\n')
    assert read_settings(file) == Settings(rate=8000, window=256, hop=100, mels=20, gain=2.0, unit="ln")
    for text, complaint in (
        ("melz = 40", "features have no 'melz'"),
        ('mels = "40"', "is not of type int"),
        ("mfcc = true", "is not of type int"),
        ('hop = "soon"', "'soon' is not a length of time"),
        ('window = "-3ms"', "not a length of time"),
        ("mels = 400", "400 Mel bands"),
        ("mels = ", "cannot be read"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=complaint) as error:
            read_settings(file)
        assert str(file) in str(error.value) or error.value.where == str(file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_settings(tmp_path / "none.toml")


def test_only_its_own_folder_is_replaced(tmp_path: Path) -> None:
    assert command(["features", "--window", "256", "--hop", "8ms", "-o", str(tmp_path / "ears")]) == 0
    assert command(["features", "-o", str(tmp_path / "ears")]) == 0
    assert json.loads((tmp_path / "ears" / "ears.json").read_text())["front_end"]["window"] == 480
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes").touch()
    assert command(["features", "-o", str(tmp_path / "other")]) == UsageError.exit_code
    assert command(["features", "--window", "soon", "-o", str(tmp_path / "ears")]) == UsageError.exit_code
