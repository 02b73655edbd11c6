"""Host compilers at the strictness that edgeq promises to users of its C."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
C99 = ("-std=c99", *STRICT)
CXX = ("-std=c++11", *STRICT)

C_COMPILERS = {"gcc": "gcc", "clang": "clang"}
CXX_COMPILERS = {"gcc": "g++", "clang": "clang++"}


def run(command: Sequence[str | Path], folder: Path) -> str:
    """ "" when a compiler is content, else what it says."""
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode == 0:
        return ""
    return (done.stderr or done.stdout).strip() or f"{command[0]} exited with {done.returncode}"


def compile_and_link(folder: Path, compiler: str, units: dict[str, str], includes: Sequence[Path], link: bool) -> str:
    """Compiles texts by file name (.c as C99, .cpp as C++11), then links them; "" or the first complaint.

    One of the units must define main when `link` is set.
    """
    objects = []
    for name, text in units.items():
        (folder / name).write_text(text)
        is_cxx = name.endswith(".cpp")
        command = CXX_COMPILERS[compiler] if is_cxx else C_COMPILERS[compiler]
        flags = CXX if is_cxx else C99
        objects.append(f"{name}.o")
        said = run([command, *flags, *(f"-I{i}" for i in includes), "-c", name, "-o", objects[-1]], folder)
        if said:
            return said
    if not link:
        return ""
    linker = CXX_COMPILERS if any(name.endswith(".cpp") for name in units) else C_COMPILERS
    return run([linker[compiler], *objects, "-o", "program"], folder)


def found(compiler: str) -> bool:
    """Whether a compiler is there for both languages."""
    return all(shutil.which(table[compiler]) for table in (C_COMPILERS, CXX_COMPILERS))
