"""The cycle estimate of a Cortex-M4 against CoreMark on hardware: `python -m benchmarks.coremark` prints the table.

CoreMark's sources are in the package pythondata-cpu-ibex (extra `rtl`), its port in the folder beside this file. Other
than networks it has published results of programs that GCC built, on chips whose flash has a cache.
"""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import replace
from pathlib import Path

from edgeq import resources
from edgeq.boards import load_board
from edgeq.emulate import render_main, runner_for
from edgeq.toolchain import build_program

FOLDER = Path(__file__).with_suffix("")
BOARD, COMPILERS = "cortex-m4", ("gcc", "zig")
HARDWARE = {
    "ATSAMD51, 200 MHz, the fastest of its GCC options": 536.35 / 200,
    "MK66FX1M0, 180 MHz": 440.72 / 180,
    "MK20DX256, 72 MHz": 168.62 / 72,
}
"""CoreMark per MHz of three boards with a Cortex-M4 (README of github.com/PaulStoffregen/CoreMark)."""
_MANIFEST = {
    "name": "run",
    "inputs": [{"name": "nothing", "bytes": 4, "offset": 0}],
    "outputs": [{"name": "validated", "bytes": 1, "offset": 8}],
    "state_bytes": 0,
    "steps": [{"outputs": [{"name": "validated", "offset": 8, "in_state": False, "bytes": 1, "dtype": "int8"}]}],
}


def sources() -> Path:
    """CoreMark's folder in the package."""
    spec = importlib.util.find_spec("pythondata_cpu_ibex")
    assert spec is not None and spec.submodule_search_locations, "pip install 'edgeq[rtl]'"
    return Path(spec.submodule_search_locations[0]) / "system_verilog" / "vendor" / "eembc_coremark"


def cycles(compiler: str, iterations: int) -> int:
    """Estimated cycles of a whole run."""
    names = ("list_join", "main", "matrix", "state", "util")
    with tempfile.TemporaryDirectory() as folder:
        program = build_program(
            [FOLDER / "run.c", *(sources() / f"core_{name}.c" for name in names)],
            [FOLDER, sources(), resources.runtime_dir() / "include"],
            replace(load_board(BOARD), stack_bytes=8192),
            compiler=compiler,
            optimize="speed",
            defines={"COREMARK_ITERATIONS": str(iterations), "main": "coremark_main"},
            main=render_main(_MANIFEST, "emulator"),
            work_dir=Path(folder),
        )
        result = runner_for(program.board, "unicorn").run(program, [bytes(4)], output_bytes=1, count=True)
    assert result.outputs == [b"\1"], "CoreMark did not validate its results"
    assert result.cycles is not None
    return result.cycles


def per_megahertz(compiler: str) -> float:
    """Iterations in a million cycles; what comes before the first is taken off."""
    return 1e6 / (cycles(compiler, 3) - cycles(compiler, 2))


def main() -> None:
    """Prints estimate and hardware."""
    for compiler in COMPILERS:
        found = per_megahertz(compiler)
        print(f"{BOARD}, {compiler}: {found:.2f} estimated")
        for name, score in HARDWARE.items():
            print(f"  {score:.2f} {name}: {100 * (found / score - 1):+.0f} %")


if __name__ == "__main__":
    main()
