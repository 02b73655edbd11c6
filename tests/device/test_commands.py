"""edgeq verify, bench, run and monitor on a board behind a port."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.tools import ROOT, need

need("device", "cc", "zig", "unicorn")

from edgeq.boards import load_board  # noqa: E402
from edgeq.cli import run  # noqa: E402
from edgeq.device import LocalDevice, build_firmware, start_simulator  # noqa: E402
from edgeq.ir.serialize import load_graph, save_graph  # noqa: E402
from edgeq.pipeline import Result, compile_model  # noqa: E402

pytestmark = pytest.mark.tools

DIGITS = ROOT / "examples" / "digits"
TEST_SET = str(DIGITS / "digits_test.npz")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("commands") / "digits"
    model = DIGITS / "digits.onnx"
    return compile_model(model, "netduinoplus2", out=out, calibrate=DIGITS / "digits_calibration.npz")


@pytest.fixture(scope="module")
def board(digits: Result, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDevice]:
    """The firmware behind a pseudo-terminal: a serial port as any other."""
    local = start_simulator(build_firmware([digits.dir], load_board("host"), tmp_path_factory.mktemp("firmware")))
    yield local
    local.close()


def test_verify(digits: Result, board: LocalDevice, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", str(digits.dir), "--on", "device", "--port", board.url, "--inputs", TEST_SET, "--json"]
    assert run(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bit_exact"] and found["samples"] == 360 and found["on"] == ["device"]
    assert found["accuracy"]["device"] > 0.97


def test_the_first_layer_that_differs_is_named(
    digits: Result, board: LocalDevice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reference is changed behind the C's back: the hash is of the C, so the board is taken for the right one."""
    folder = tmp_path / "digits"
    shutil.copytree(digits.dir, folder)
    graph = load_graph(folder / "verify" / "graph.npz")
    (bias,) = [node.input(2) for node in graph.nodes if node.name == digits.manifest["steps"][1]["name"]]
    assert bias.data is not None
    bias.data[:] += 4000
    node = next(node for node in graph.nodes if node.name == digits.manifest["steps"][1]["name"])
    node.params["bias"] = bias.data
    save_graph(graph, folder / "verify" / "graph.npz")
    assert run(["verify", str(folder), "--on", "device", "--port", board.url, "--json"]) == 11
    first = json.loads(capsys.readouterr().out)["first_mismatch"]
    assert (first["runner"], first["step"], first["name"]) == ("device", 1, digits.manifest["steps"][1]["name"])


def test_bench(digits: Result, board: LocalDevice, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", str(digits.dir), "--on", "device", "--port", board.url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    device = found["device"]
    assert found["instructions"] > 0 and found["cycles"] is None  # nanoseconds of this computer are no cycles
    assert device["ticks"] == sum(device["step_ticks"]) > 0 and len(device["step_ticks"]) == len(found["layers"])
    assert device["arena_used"] <= found["arena_bytes"]
    assert run(["bench", str(digits.dir), "--on", "device", "--port", board.url]) == 0
    assert "on the board host" in capsys.readouterr().out


def test_run(digits: Result, board: LocalDevice, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = tmp_path / "few.npz"
    with np.load(TEST_SET) as archive:
        np.savez(few, inputs=archive["inputs"][:7], labels=archive["labels"][:7])
        labels = archive["labels"][:7]
    arguments = ["run", str(digits.dir), "--port", board.url, "--inputs", str(few)]
    assert run(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["samples"] == 7 and printed["board"] == "host"
    assert run([*arguments, "-o", str(tmp_path / "out.npz")]) == 0
    (name,) = printed["outputs"]
    with np.load(tmp_path / "out.npz") as archive:
        scores = archive[name]
    assert scores.dtype == np.int8 and scores.tolist() == printed["outputs"][name]
    assert (scores.reshape(7, 10).argmax(axis=1) == labels).mean() > 0.8
    assert run([*arguments, "--real", "-o", str(tmp_path / "out.json")]) == 0
    reals = np.array(json.loads((tmp_path / "out.json").read_text())["outputs"][name])
    spec = digits.manifest["outputs"][0]
    assert np.allclose(reals, (scores.astype(float) - spec["zero_point"]) * spec["scale"])
    assert run([*arguments, "-o", "out.csv"]) == 2


def test_a_memory_fault_is_shown(
    digits: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--port sim:` watches memory: here the model writes behind its arena."""
    folder = tmp_path / "digits"
    shutil.copytree(digits.dir, folder)
    text = (folder / "digits.c").read_text()
    fault = "  ((volatile uint8_t *)arena)[DIGITS_ARENA_BYTES + arena[0] % 2] = 1;\n"
    (folder / "digits.c").write_text(text.replace("  EDGEQ_ON_STEP(1);\n", fault + "  EDGEQ_ON_STEP(1);\n"))
    monkeypatch.setenv("ASAN_OPTIONS", "color=never")
    assert run(["verify", str(folder), "--on", "device", "--port", "sim:"]) == 25
    said = capsys.readouterr().err
    assert "the line to the board broke" in said and "AddressSanitizer: global-buffer-overflow" in said


def test_monitor(board: LocalDevice, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["monitor", "--port", board.url, "--seconds", "0.3"]) == 0
    assert "host is here: 1 model, link 1" in capsys.readouterr().out


def test_errors_have_their_exit_codes(digits: Result, board: LocalDevice, tmp_path: Path) -> None:
    other = tmp_path / "digits"
    shutil.copytree(digits.dir, other)
    (other / "digits.c").write_text((digits.dir / "digits.c").read_text() + "\n")
    assert run(["verify", str(other), "--on", "device", "--port", board.url]) == 23
    assert run(["verify", str(digits.dir), "--on", "device", "--port", "/dev/ttyNOBODY"]) == 20
    assert run(["verify", str(digits.dir), "--on", "devise"]) == 2
