"""The numbers that Python and C share are the same: a compiled probe prints C's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from edgeq import contract
from tests.tools import ROOT, need

pytestmark = pytest.mark.tools

HEADER = ROOT / "runtime" / "include" / "edgeq" / "edgeq_contract.h"


def python_numbers(module: ModuleType | SimpleNamespace) -> dict[str, int]:
    """NAME -> value of every public integer of a module."""
    return {name: value for name, value in vars(module).items() if name.isupper() and isinstance(value, int)}


def c_numbers(header: Path, folder: Path) -> dict[str, int]:
    """NAME -> value of every EDGEQ_NAME that a header defines as a number, printed by a program that includes it."""
    listed = subprocess.run(["cc", "-dM", "-E", str(header)], capture_output=True, text=True, check=True).stdout
    names = [
        parts[1].removeprefix("EDGEQ_")
        for line in listed.splitlines()
        if len(parts := line.split()) > 2 and parts[1].startswith("EDGEQ_") and "(" not in parts[1]
    ]
    lines = [f'  printf("{name} %lld\\n", (long long)EDGEQ_{name});' for name in names]
    probe = folder / "probe.c"
    probe.write_text(
        "\n".join(["#include <stdio.h>", f'#include "{header}"', "int main(void) {", *lines, "  return 0; }"])
    )
    subprocess.run(["cc", str(probe), "-o", str(folder / "probe")], check=True)
    printed = subprocess.run([str(folder / "probe")], capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in (line.split() for line in printed.splitlines())}


def differences(python: dict[str, int], c: dict[str, int]) -> list[str]:
    return [
        f"{name} is {python.get(name, 'missing')} in contract.py and {c.get(name, 'missing')} in C"
        for name in sorted(python.keys() | c.keys())
        if python.get(name) != c.get(name)
    ]


def test_python_and_c_agree(tmp_path: Path) -> None:
    need("cc")
    numbers = python_numbers(contract)
    assert numbers
    assert differences(numbers, c_numbers(HEADER, tmp_path)) == []


def test_a_difference_is_named(tmp_path: Path) -> None:
    need("cc")
    changed = tmp_path / "edgeq_contract.h"
    text = HEADER.read_text().replace(f"EDGEQ_ARENA_ALIGN {contract.ARENA_ALIGN}", "EDGEQ_ARENA_ALIGN 8")
    changed.write_text(text.replace("#endif", "#define EDGEQ_ONLY_IN_C 3\n#endif"))
    python = python_numbers(SimpleNamespace(**vars(contract), ONLY_IN_PYTHON=4))
    assert differences(python, c_numbers(changed, tmp_path)) == [
        f"ARENA_ALIGN is {contract.ARENA_ALIGN} in contract.py and 8 in C",
        "ONLY_IN_C is missing in contract.py and 3 in C",
        "ONLY_IN_PYTHON is 4 in contract.py and missing in C",
    ]
