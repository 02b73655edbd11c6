"""Starts compilers: sources to objects, several at a time, those that were compiled before from the cache."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edgeq.errors import ToolchainError
from edgeq.toolchain.compilers import Compiler
from edgeq.toolchain.object_cache import object_key, recall, remember

_COMPILE_SECONDS = 300
_ERROR_LINES = 12
_TWICE = re.compile(r"(?:multiple definition of|duplicate symbol:?)\W*(\w+)")


@dataclass(frozen=True)
class Unit:
    """A source, the object to make of it, and flags of its own. Paths are absolute."""

    source: Path
    output: Path
    flags: tuple[str, ...] = ()


def compile_units(tool: Compiler, units: Sequence[Unit], flags: Sequence[str], *, cached: bool) -> None:
    """Compiles every unit; raises ToolchainError with what the compiler said of the first that fails.

    cached: objects may come from the cache and go there. In these, debug information names sources without their
    folder, and headers as in the folder that was compiled first.
    """
    keys: dict[Path, str] = {}
    if cached:
        found = {unit.output: object_key(tool, [*flags, *unit.flags], unit.source) for unit in units}
        keys = {output: key for output, key in found.items() if key is not None}
    there = recall(keys) if keys else set()
    missing = [unit for unit in units if unit.output not in there]

    def compile_one(unit: Unit) -> None:
        # Named without its folder, so that what sanitizers print is right wherever the object is used.
        source = unit.source.name if cached else str(unit.source)
        run_compiler([*tool.command, *flags, *unit.flags, "-c", source, "-o", str(unit.output)], unit.source.parent)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for _ in pool.map(compile_one, missing):
            pass
    if made := {unit.output: keys[unit.output] for unit in missing if unit.output in keys}:
        remember(made)


def run_compiler(command: Sequence[str], directory: Path) -> None:
    """Runs one command in a directory; ToolchainError has its first error and the command."""
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMPILE_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise ToolchainError(f"cannot start {command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(f"no answer within {_COMPILE_SECONDS} s: {' '.join(command)}") from error
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        first = next((i for i, line in enumerate(lines) if "error" in line.lower()), 0)
        shown = "\n".join(f"    {line}" for line in lines[first : first + _ERROR_LINES])
        twice = _TWICE.search("\n".join(lines))
        raise ToolchainError(
            f"the compiler failed:\n{shown}\n  command: {' '.join(command)}",
            hint=f"{twice[1]} is defined twice: put several models together with edgeq combine" if twice else None,
        )
