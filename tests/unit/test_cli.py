"""The command line: options, what is printed where, and exit codes. The pipeline is made up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import edgeq.inspect
import edgeq.pipeline
import edgeq.snapshot
from edgeq import cli, errors
from edgeq.bench import Bench
from edgeq.device.session import Line
from edgeq.inspect import Inspection
from edgeq.snapshot import Change, Check
from edgeq.verify import Verification
from tests.unit.manifests import manifest

ROOT = Path(__file__).resolve().parents[2]
LAYER = {"name": "conv", "op": "conv2d", "kernel": "k", "reason": "r", "macs": 5, "instructions": 10, "cycles": None}


@dataclass
class FakeResult:
    """Records what it is asked."""

    dir: Path = Path("build/kws")
    manifest: dict[str, Any] = field(default_factory=manifest)
    asked: dict[str, Any] = field(default_factory=dict)
    exact: bool = True

    def verify(self, **options: Any) -> Verification:
        self.asked = options
        return Verification(["host"], 20, self.exact, 0 if self.exact else 3, None, None, None)

    def bench(self, compiler: str = "auto", on: str | None = None, line: Line | None = None) -> Bench:
        self.asked = {"compiler": compiler, "on": on}
        return Bench("riscv", "zig 0.17.1", 10, None, None, 5, 1, 2, 3, 4, 0, 0, 6, [LAYER])


@pytest.fixture
def result(monkeypatch: pytest.MonkeyPatch) -> FakeResult:
    """What every command gets from the pipeline."""
    fake = FakeResult()

    def compile_model(model: Path, board: str, **options: Any) -> FakeResult:
        fake.asked = {"model": model, "board": board, **options}
        return fake

    monkeypatch.setattr(edgeq.pipeline, "compile_model", compile_model)
    monkeypatch.setattr(edgeq.pipeline, "open_result", lambda folder: fake)
    return fake


def test_convert_passes_everything_on(result: FakeResult, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["convert", "m.onnx", "--board", "riscv"]) == 0
    assert callable(result.asked.pop("progress"))
    assert result.asked == {
        "model": Path("m.onnx"),
        "board": "riscv",
        "out": None,
        "name": None,
        "calibrate": None,
        "calibration": None,
        "methods": None,
        "plan": None,
        "seed": None,
        "stream": False,
        "ring": "int8",
        "features": None,
        "every": None,
        "weights": None,
        "weights_edges": None,
        "activations": None,
        "optimize": "balanced",
        "require_int": False,
        "keep_dead": False,
        "max_ram": None,
        "attention": "fused",
        "dimensions": {},
        "compiler": "auto",
    }
    assert "build/kws/kws_report.txt" in capsys.readouterr().out
    options = "-o out --name n --calibrate x.npz --optimize size --require-int -d batch:1 -d a:b:7 --compiler gcc "
    options += (
        "--stream --calibration mse --plan p.toml --weights int4:g32 --weights-edges int4 --keep-dead --max-ram 9000 "
        "--features mel.toml --every 4 --activations mixed:30 --ring int4"
    )
    assert cli.run(["convert", "m.onnx", "--board", "riscv", *options.split()]) == 0
    assert result.asked["dimensions"] == {"batch": 1, "a:b": 7}
    assert result.asked["out"] == Path("out") and result.asked["calibrate"] == Path("x.npz")
    assert result.asked["require_int"] is True
    assert result.asked["keep_dead"] is True and result.asked["max_ram"] == 9000
    assert result.asked["ring"] == "int4"
    assert result.asked["stream"] is True and result.asked["plan"] == Path("p.toml")
    assert result.asked["calibration"] == "mse"
    assert result.asked["features"] == Path("mel.toml") and result.asked["every"] == 4
    assert result.asked["activations"] == "mixed:30"
    assert result.asked["weights"] == "int4:g32" and result.asked["weights_edges"] == "int4"


def test_convert_can_verify(result: FakeResult, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["convert", "m.onnx", "--board", "riscv", "--verify"]) == 0
    assert "bit-exact" in capsys.readouterr().out
    result.exact = False
    assert cli.run(["convert", "m.onnx", "--board", "riscv", "--verify"]) == 11


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ([], ["host", "emulator"]),
        (["--on", "emulator"], ["emulator"]),
        (["--on", "emulator", "--on", "host"], ["emulator", "host"]),
        (["--on", "host,emulator,host"], ["host", "emulator"]),
    ],
)
def test_verify_places(result: FakeResult, options: list[str], places: list[str]) -> None:
    assert cli.run(["verify", "build/kws", *options]) == 0
    assert result.asked["on"] == places


def test_verify_json_is_all_of_stdout(result: FakeResult, capsys: pytest.CaptureFixture[str]) -> None:
    result.exact = False
    arguments = "verify build/kws --json --inputs x.npz --samples 7 --reference original --compiler zig"
    assert cli.run(arguments.split()) == 11
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["on", "samples", "bit_exact", "mismatches", "first_mismatch", "reference", "accuracy"]
    assert result.asked == {
        "on": ["host", "emulator"],
        "inputs": Path("x.npz"),
        "samples": 7,
        "reference": "original",
        "compiler": "zig",
        "line": Line(),
    }


def test_bench(result: FakeResult, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", "build/kws", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"board", "compiler", "instructions", "macs", "text_bytes", "rodata_bytes", "weights_bytes"} <= set(found)
    assert {"arena_bytes", "stack_bytes", "layers"} <= set(found)
    assert cli.run(["bench", "build/kws"]) == 0
    assert "Measured on riscv" in capsys.readouterr().out
    assert cli.run(["bench", "build/kws", "--on", "rtl:ibex-max"]) == 0
    assert result.asked["on"] == "rtl:ibex-max"
    assert cli.run(["bench", "build/kws", "--on", "oracle"]) == 2


def test_snapshot_and_check(
    result: FakeResult, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []
    found = Check("s.toml", "kws", "riscv", "zig 0.17.1", 4)

    def take(*arguments: Any, **options: Any) -> Path:
        asked.append((arguments, options))
        return Path("s.toml")

    def check(*arguments: Any, **options: Any) -> Check:
        asked.append((arguments, options))
        return found

    monkeypatch.setattr(edgeq.snapshot, "take", take)
    monkeypatch.setattr(edgeq.snapshot, "check", check)
    assert cli.run(["snapshot", "build/kws", "-o", "s.toml", "--samples", "2", "--seed", "9"]) == 0
    defaults = {"inputs": None, "compiler": "auto"}
    assert asked.pop() == ((result,), {"file": Path("s.toml"), "samples": 2, "seed": 9, **defaults})
    assert "s.toml" in capsys.readouterr().out
    assert cli.run(["check", "build/kws", "s.toml", "--strict"]) == 0
    assert asked.pop() == ((result, Path("s.toml")), {"strict": True, "compiler": "auto"})
    assert cli.run(["check", "build/kws"]) == 0
    assert asked.pop()[0] == (result, None)
    found.violations.append(Change("instructions", "conv", 10, 20, 100.0))
    assert cli.run(["check", "build/kws"]) == 12
    assert "conv" in capsys.readouterr().out
    assert cli.run(["check", "build/kws", "--json"]) == 12
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_inspect(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = Inspection("m.onnx", "ab" * 32, convertible=True)
    asked: list[Any] = []

    def inspect_model(*arguments: Any) -> Inspection:
        asked.append(arguments)
        return found

    monkeypatch.setattr(edgeq.inspect, "inspect_model", inspect_model)
    assert cli.run(["inspect", "m.onnx", "-d", "n:2"]) == 0
    assert asked == [(Path("m.onnx"), {"n": 2})]
    capsys.readouterr()
    found.convertible, found.problems = False, ["'x': no"]
    assert cli.run(["inspect", "m.onnx", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["problems"] == ["'x': no"]


@pytest.mark.parametrize("command", ["boards", "ops", "doctor"])
def test_tables(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([command]) == 0
    text = capsys.readouterr().out
    assert cli.run([command, "--json"]) == 0
    json.loads(capsys.readouterr().out)
    word = {"boards": "cortex-m4", "ops": "depthwise_conv2d", "doctor": "ziglang"}[command]
    assert word in text


def family(error: type[errors.EdgeqError]) -> list[type[errors.EdgeqError]]:
    children = [child for child in error.__subclasses__() if child.__module__ == errors.__name__]
    return [error, *(kind for child in children for kind in family(child))]


@pytest.mark.parametrize("kind", family(errors.EdgeqError), ids=lambda kind: str(kind.__name__))
def test_errors_end_with_their_code(
    kind: type[errors.EdgeqError],
    result: FakeResult,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(folder: Path) -> None:
        raise kind("it is wrong", where="layer 3", hint="make it right")

    monkeypatch.setattr(edgeq.pipeline, "open_result", fail)
    assert cli.run(["verify", "build/kws", "--json"]) == kind.exit_code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "error: layer 3: it is wrong\n  hint: make it right\n"


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        (
            ZeroDivisionError("division\nby zero"),
            70,
            "error: this is a bug in edgeq: ZeroDivisionError: division by zero",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device", "/full/x"), 1, "error: /full/x: No space left on device"),
    ],
)
def test_what_nobody_expects(
    raised: BaseException, code: int, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(folder: Path) -> None:
        raise raised

    monkeypatch.delenv("EDGEQ_DEBUG", raising=False)
    monkeypatch.setattr(edgeq.pipeline, "open_result", fail)
    assert cli.run(["bench", "build/kws"]) == code
    printed = capsys.readouterr()
    assert text in printed.err and "Traceback" not in printed.err and printed.out == ""


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> None:
        raise errors.ModelFileError("no")

    monkeypatch.setenv("EDGEQ_DEBUG", "1")
    monkeypatch.setattr(edgeq.pipeline, "open_result", fail)
    with pytest.raises(errors.ModelFileError):
        cli.run(["bench", "build/kws"])


@pytest.mark.parametrize(
    "arguments",
    [
        "convert m.onnx",
        "convert --board riscv",
        "convert m.onnx --board riscv --optimize fast",
        "convert m.onnx --board riscv -d batch",
        "convert m.onnx --board riscv -d batch:0",
        "convert m.onnx --board riscv -d :1",
        "verify build/kws --on moon",
        "verify build/kws --samples 0",
        "verify build/kws --reference other",
        "frobnicate",
        "bench",
    ],
)
def test_usage_errors(arguments: str, result: FakeResult, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "Error" in printed.err


def test_real_failures_have_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["convert", str(tmp_path / "none.onnx"), "--board", "riscv"]) == 3
    assert cli.run(["convert", str(tmp_path / "none.onnx"), "--board", "rsicv"]) == 7
    assert cli.run(["verify", str(tmp_path)]) == 3
    (tmp_path / "bad.tflite").write_bytes(b"\0\0\0\0TFL3")
    assert cli.run(["inspect", str(tmp_path / "bad.tflite")]) == 3
    printed = capsys.readouterr()
    assert printed.out == "" and "Traceback" not in printed.err and printed.err.count("error: ") == 4


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = "import sys, edgeq.cli; edgeq.cli.run(['--help']); sys.exit('numpy' in sys.modules)"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    seconds = time.perf_counter() - start
    assert done.returncode == 0 and "convert" in done.stdout
    assert seconds < 5, "0.2 s on an idle machine; a busy one may take longer"


def test_every_command_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    for command in cli.commands.commands:
        assert cli.run([command, "--help"]) == 0
        assert "Usage: edgeq" in capsys.readouterr().out
