"""The built wheel, installed in an empty environment outside the checkout, does what the checkout does."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tests.tools import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.tools]

DATA_FOLDERS = ("boards", "codegen", "runtime")
NOT_IN_CORE = {
    "torch",
    "ziglang",
    "unicorn",
    "capstone",
    "pyelftools",
    "onnxruntime",
    "ai-edge-litert",
    "tflite-runtime",
    "pyserial",
    "cobs",
}
"""What only extras may bring."""
HELP_SECONDS = 0.5
DIGITS = ROOT / "examples" / "digits"


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel, and what a core install had brought."""

    bin: Path
    core_packages: frozenset[str]

    def run(self, *command: str | Path, cwd: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment where nothing points to the checkout."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "EDGEQ"))}
        variables["PATH"] = f"{self.bin}{os.pathsep}{os.environ['PATH'] if path is None else path}"
        line = [str(self.bin / command[0]), *map(str, command[1:])]
        return subprocess.run(line, capture_output=True, text=True, cwd=cwd, env=variables, timeout=600, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    empty = Environment(folder / ("Scripts" if os.name == "nt" else "bin"), frozenset())
    pip = ("python", "-m", "pip", "--disable-pip-version-check")
    installed = empty.run(*pip, "install", "--quiet", wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    listed = json.loads(empty.run(*pip, "list", "--format=json", cwd=folder).stdout)
    return Environment(empty.bin, frozenset(package["name"].lower() for package in listed))


@pytest.fixture(scope="module")
def full_environment(environment: Environment, wheel: Path) -> Environment:
    pip = ("python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    installed = environment.run(*pip, f"{wheel}[emulate]", cwd=wheel.parent)
    assert installed.returncode == 0, installed.stderr
    return environment


def unwanted(packages: set[str] | frozenset[str]) -> list[str]:
    """Packages that a core install must not bring; torch pulls nvidia's along."""
    return sorted(p for p in packages if p in NOT_IN_CORE or p.startswith(("nvidia-", "torch")))


def missing_data(wheel_names: set[str], root: Path) -> list[str]:
    """Data files of the checkout that the wheel lacks."""
    wanted = (p for folder in DATA_FOLDERS for p in sorted((root / folder).rglob("*")) if p.is_file())
    names = (path.relative_to(root).as_posix() for path in wanted if "__pycache__" not in path.parts)
    return [name for name in names if f"edgeq/data/{name}" not in wheel_names]


def test_wheel_holds_code_and_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert missing_data(names, ROOT) == []
    for path in (ROOT / "edgeq").rglob("*.py"):
        assert path.relative_to(ROOT).as_posix() in names
    assert "edgeq/py.typed" in names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"edgeq"}
    assert not [name for name in names if re.search(r"__pycache__|\.(o|elf|npz|pyc)$", name)]


def test_metadata_asks_for_no_extra(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
        licenses = [n for n in archive.namelist() if "/licenses/LICENSE" in n]
    core = {
        re.split(r"[ <>=!~;\[]", r)[0].lower() for r in metadata.get_all("Requires-Dist", []) if "extra ==" not in r
    }
    assert core and unwanted(core) == []
    assert metadata["License-Expression"] == "Apache-2.0" and licenses


def test_core_install_pulls_neither_torch_nor_a_toolchain(environment: Environment) -> None:
    assert "edgeq" in environment.core_packages
    assert unwanted(environment.core_packages) == []


def test_unwanted_packages_and_missing_files_are_named() -> None:
    assert unwanted({"numpy", "torch", "nvidia-cublas-cu12", "ziglang"}) == ["nvidia-cublas-cu12", "torch", "ziglang"]
    assert "boards/riscv.toml" in missing_data({"edgeq/data/boards/host.toml"}, ROOT)


def test_help_answers_at_once(environment: Environment, tmp_path: Path) -> None:
    assert environment.run("edgeq", "--help", cwd=tmp_path).returncode == 0
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        environment.run("edgeq", "--help", cwd=tmp_path)
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < HELP_SECONDS


def test_data_comes_from_the_installation(environment: Environment, tmp_path: Path) -> None:
    code = "from edgeq import resources as r; print(r.codegen_dir(), r.runtime_dir(), r.boards_dir(), sep='\\n')"
    done = environment.run("python", "-c", code, cwd=tmp_path)
    folders = [Path(line) for line in done.stdout.splitlines()]
    assert [folder.name for folder in folders] == ["codegen", "runtime", "boards"], done.stderr
    assert all(folder.is_dir() and environment.bin.parent in folder.parents for folder in folders)


def test_core_install_says_what_it_lacks(environment: Environment, tmp_path: Path) -> None:
    """Without a compiler on the PATH, conversion works and verification says what to install."""
    convert = ("convert", DIGITS / "digits.onnx", "--board", "cortex-m0", "-o", "out")
    calibrate = ("--calibrate", DIGITS / "digits_calibration.npz")
    assert "ziglang" in environment.core_packages or not any(environment.bin.glob("*zig*"))
    converted = environment.run("edgeq", *convert, *calibrate, cwd=tmp_path, path="")
    assert converted.returncode == 0, converted.stderr
    verified = environment.run("edgeq", "verify", "out", "--on", "emulator", cwd=tmp_path, path="")
    assert verified.returncode in (9, 10)
    assert "edgeq[emulate]" in verified.stderr and "Traceback" not in verified.stderr


def test_core_install_converts_beside_system_compilers(environment: Environment, tmp_path: Path) -> None:
    """With system compilers on the PATH but nothing to read their programs with, conversion still works."""
    convert = ("convert", DIGITS / "digits.onnx", "--board", "cortex-m4", "-o", "out")
    calibrate = ("--calibrate", DIGITS / "digits_calibration.npz")
    converted = environment.run("edgeq", *convert, *calibrate, cwd=tmp_path)
    assert converted.returncode == 0, converted.stderr
    assert (tmp_path / "out" / "digits.c").is_file()


def test_installed_wheel_converts_compiles_and_verifies(full_environment: Environment, tmp_path: Path) -> None:
    convert = ("convert", DIGITS / "digits.onnx", "--board", "riscv", "-o", "out")
    calibrate = ("--calibrate", DIGITS / "digits_calibration.npz")
    converted = full_environment.run("edgeq", *convert, *calibrate, cwd=tmp_path)
    assert converted.returncode == 0, converted.stderr
    inputs = ("--inputs", DIGITS / "digits_test.npz")
    verified = full_environment.run("edgeq", "verify", "out", "--on", "emulator", *inputs, "--json", cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr
    facts = json.loads(verified.stdout)
    assert facts["bit_exact"] is True and facts["samples"] == 360
    assert facts["accuracy"]["emulator"] >= 0.97
