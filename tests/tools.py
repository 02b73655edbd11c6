"""What a test needs beside Python: `need("qemu-arm")` skips with a sentence that says how to get it.

Under EDGEQ_REQUIRE_TOOLS=1, as in CI, a missing tool fails the test instead, so that nothing goes untested unseen.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared() -> Path:
    """The folder of published models and data: $EDGEQ_SHARED, else `shared` beside the checkout."""
    return Path(os.environ.get("EDGEQ_SHARED", ROOT.parent / "shared"))


def _package(*names: str) -> Callable[[], bool]:
    return lambda: all(importlib.util.find_spec(name) is not None for name in names)


def _command(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def _litert() -> bool:
    # Either of the two ships the same reference kernels.
    return any(importlib.util.find_spec(name) is not None for name in ("ai_edge_litert", "tflite_runtime"))


def _qemu(system: str, machine: str) -> Callable[[], bool]:
    def works() -> bool:
        binary = shutil.which(f"qemu-system-{system}")
        if binary is None:
            return False
        listed = subprocess.run([binary, "-M", "help"], capture_output=True, text=True, timeout=60, check=False)
        return machine in listed.stdout

    return works


_TOOLS: dict[str, tuple[Callable[[], bool], str]] = {
    "zig": (_package("ziglang"), "pip install 'edgeq[emulate]'"),
    "unicorn": (_package("unicorn", "capstone", "elftools"), "pip install 'edgeq[emulate]'"),
    "litert": (_litert, "pip install 'edgeq[reference]'"),
    "scipy": (_package("scipy"), "pip install 'edgeq[tune]'"),
    "dask": (_package("dask", "distributed"), "pip install 'edgeq[cluster]'"),
    "device": (_package("serial", "cobs"), "pip install 'edgeq[device]'"),
    "wakewords": (_package("pymicro_wakeword"), "pip install pymicro-wakeword"),
    "onnxruntime": (_package("onnxruntime"), "pip install 'edgeq[reference]'"),
    # PyTorch's newer ONNX exporter is in a package of its own.
    "torch": (_package("torch", "onnxscript"), "pip install torch==2.13.0 onnxscript"),
    "qonnx": (_package("qonnx", "onnxruntime"), "pip install qonnx onnxruntime"),
    "clang-format": (_command("clang-format"), "pip install clang-format"),
    "cc": (_command("cc"), "apt install gcc"),
    "c++": (_command("c++"), "apt install g++"),
    "gcc": (_command("gcc"), "apt install gcc"),
    "clang": (_command("clang"), "apt install clang"),
    "gcc-arm": (_command("arm-none-eabi-gcc"), "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"),
    "gcc-riscv": (
        _command("riscv64-unknown-elf-gcc"),
        "apt install gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    ),
    "qemu-arm": (_qemu("arm", "mps3-an547"), "apt install qemu-system-arm"),
    "qemu-riscv": (_qemu("riscv32", "virt"), "apt install qemu-system-misc"),
    "verilator": (_command("verilator"), "apt install verilator"),
    "rtl": (
        _package(*(f"pythondata_cpu_{core}" for core in ("ibex", "cv32e40p", "picorv32", "vexriscv"))),
        "pip install 'edgeq[rtl]'",
    ),
    "stm32loader": (_package("stm32loader"), "pip install 'edgeq[flash]'"),
    "esptool": (_package("esptool", "intelhex"), "pip install 'edgeq[flash]'"),
    "uf2utils": (_package("uf2utils"), "pip install uf2utils"),
    "pyocd": (_package("pyocd"), "pip install 'edgeq[flash]'"),
    "adafruit-nrfutil": (_package("nordicsemi"), "pip install 'edgeq[flash]'"),
    "cmake": (_command("cmake"), "apt install cmake"),
    # PlatformIO runs SCons from a package of its registry; the tests give it PyPI's.
    "platformio": (_package("platformio", "SCons"), "pip install platformio scons"),
    "idf-component-manager": (_package("idf_component_tools"), "pip install idf-component-manager"),
    "pykwalify": (_package("pykwalify"), "pip install pykwalify"),
    "kconfiglib": (_package("kconfiglib"), "pip install kconfiglib"),
    "west": (_package("west"), "pip install west"),
    "make": (_command("make"), "apt install make"),
    "shared": (lambda: (shared() / "models").is_dir(), "put the folder beside the checkout or set EDGEQ_SHARED"),
}
"""Name -> (is it there?, how to get it)."""


@cache
def has(name: str) -> bool:
    """Whether a tool of the list above is there."""
    return _TOOLS[name][0]()


def need(*names: str) -> None:
    """Skips the test, or the module at its top, unless every tool is there; fails under EDGEQ_REQUIRE_TOOLS=1."""
    for name in names:
        if not has(name):
            reason = f"needs {name}: {_TOOLS[name][1]}"
            if os.environ.get("EDGEQ_REQUIRE_TOOLS") == "1":
                pytest.fail(f"EDGEQ_REQUIRE_TOOLS=1, but the test {reason}", pytrace=False)
            pytest.skip(reason, allow_module_level=True)
