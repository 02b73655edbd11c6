"""One small model, converted and built once for all tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeq.boards import load_board
from edgeq.device import build_firmware
from edgeq.ir.serialize import load_graph
from edgeq.npz import random_samples, to_bytes, to_internal
from edgeq.ops.execute import run_integer
from edgeq.pipeline import compile_model, open_result
from edgeq.toolchain import Program
from tests.tools import ROOT, need

MODEL = ROOT / "examples" / "digits_low_bits" / "digits_tiny.onnx"


@pytest.fixture(scope="session")
def thumb1_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converted for the smallest Arm core: every Arm board runs it."""
    return compile_model(MODEL, "cortex-m0", out=tmp_path_factory.mktemp("thumb1") / "m", optimize="size").dir


@pytest.fixture(scope="session")
def rv32e_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converted for the smallest RISC-V core: every RISC-V board runs it."""
    return compile_model(MODEL, "ch32v003", out=tmp_path_factory.mktemp("rv32e") / "m", optimize="size").dir


@dataclass(frozen=True)
class Truth:
    """A sample, and what the integer reference makes of it."""

    sample: bytes
    output: bytes


@pytest.fixture(scope="session")
def truth(thumb1_folder: Path) -> Truth:
    """The same for every folder here: it is one model."""
    manifest = open_result(thumb1_folder).manifest
    (entry,), (result,) = manifest["inputs"], manifest["outputs"]
    given = to_internal(entry, random_samples([entry], 1).inputs[entry["name"]])
    graph = load_graph(thumb1_folder / "verify" / "graph.npz")
    output = run_integer(graph, {entry["name"]: given})[result["name"]]
    return Truth(to_bytes(entry, given[0]), to_bytes(result, output[0]))


@pytest.fixture(scope="session")
def firmware(thumb1_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """For an STM32F446."""
    need("gcc-arm")
    return build_firmware([thumb1_folder], load_board("nucleo-f446re"), tmp_path_factory.mktemp("firmware"), "gcc")
