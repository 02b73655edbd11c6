"""RISC-V cores as simulators: their rows in runtime/port/rtl/cores.toml, built by Verilator once and kept.

The cores' own Verilog comes from PyPI packages; beside the rows lie a wrapper per core and the simulator's main.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgeq import resources
from edgeq.errors import EmulationError, ToolchainError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BUILD_SECONDS = 600
_ERROR_LINES = 12
_OPTIONS = (
    *("--cc", "--exe", "--build", "-j", "2", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert"),
    *("--flatten", "--top-module", "soc", "--Mdir", "build", "-o", "simulator", "-CFLAGS", "-O2"),
    *("-Wno-fatal", "-Wno-lint", "-Wno-style", "-Wno-BLKANDNBLK"),
)


@dataclass(frozen=True)
class RtlCore:
    """A row of cores.toml, which says what each field means."""

    name: str
    summary: str
    package: str
    folder: str
    wrapper: str
    sources: tuple[str, ...]
    includes: tuple[str, ...]
    parameters: Mapping[str, int]
    edits: tuple[tuple[str, str, str], ...]
    traps: bool
    invalidate: int | None


@cache
def rtl_cores() -> dict[str, RtlCore]:
    """Every row, by name."""
    table = tomllib.loads((_folder() / "cores.toml").read_text("utf-8"))
    rows = [
        RtlCore(
            **{key: row[key] for key in ("name", "summary", "package", "folder", "wrapper", "traps")},
            sources=tuple(row["sources"]),
            includes=tuple(row.get("includes", ())),
            parameters=row.get("parameters", {}),
            edits=tuple((file, text, instead) for file, text, instead in row.get("edits", ())),
            invalidate=row.get("invalidate"),
        )
        for row in table["core"]
    ]
    return {row.name: row for row in rows}


def rtl_packages() -> list[str]:
    """The PyPI packages that the rows need: the extra `rtl`."""
    return sorted({core.package for core in rtl_cores().values()})


def can_simulate(core: RtlCore) -> bool:
    """Whether Verilator and the core's Verilog are on this machine."""
    return not missing_parts(core)


def missing_parts(core: RtlCore) -> list[str]:
    """Commands that bring what is missing for a core."""
    missing = [] if shutil.which("verilator") else ["`apt install verilator`"]
    if importlib.util.find_spec(_module(core)) is None:
        missing.append("`pip install 'edgeq[rtl]'`")
    return missing


def simulator(core: RtlCore) -> Path:
    """The core's simulator; built on the first call (some seconds), found in the cache later.

    EmulationError: something is missing; ToolchainError: Verilator or the C++ compiler refused.
    """
    if missing := missing_parts(core):
        raise EmulationError(f"the core {core.name} cannot be simulated on this machine", hint=" and ".join(missing))
    folder = _cache() / f"{core.name}-{_fingerprint(core)}"
    binary = folder / "simulator"
    if not binary.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(folder / "lock"):
            if not binary.is_file():  # another process may have built it meanwhile
                _build(core, binary)
    return binary


def _folder() -> Path:
    return resources.runtime_dir() / "port" / "rtl"


def _module(core: RtlCore) -> str:
    return core.package.replace("-", "_")


def _rtl(core: RtlCore) -> Path:
    spec = importlib.util.find_spec(_module(core))
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / core.folder


def _cache() -> Path:
    own = os.environ.get("EDGEQ_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "edgeq"


def _fingerprint(core: RtlCore) -> str:
    """Changes with anything that the simulator is built from."""
    version = subprocess.run(["verilator", "--version"], capture_output=True, timeout=60, check=False).stdout
    facts = hashlib.sha256(repr((core, _OPTIONS, importlib.metadata.version(core.package), version)).encode())
    for name in (core.wrapper, "simulator.cpp"):
        facts.update((_folder() / name).read_bytes())
    return facts.hexdigest()[:16]


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    import fcntl  # not on Windows, where there is no Verilator either

    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # released when the file is closed, also by a crash
        yield


def _build(core: RtlCore, binary: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="edgeq-rtl-") as name:
        work = Path(name)
        command = ["verilator", *_OPTIONS]
        command += [f"-G{parameter}={value}" for parameter, value in core.parameters.items()]
        command += [f"-I{_rtl(core) / folder}" for folder in core.includes]
        command += [str(_edited(core, _rtl(core) / file, work)) for file in core.sources]
        command += [str(_folder() / core.wrapper), str(_folder() / "simulator.cpp")]
        try:
            done = subprocess.run(
                command, cwd=work, capture_output=True, text=True, errors="replace", timeout=_BUILD_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ToolchainError(f"no simulator of {core.name} after {_BUILD_SECONDS} s") from error
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).splitlines()
            first = next((i for i, line in enumerate(lines) if "error" in line.lower()), 0)
            shown = "\n".join(f"    {line}" for line in lines[first : first + _ERROR_LINES])
            raise ToolchainError(f"Verilator could not build the core {core.name}:\n{shown}")
        # Renamed into place, so that nobody runs half of it.
        half = binary.with_suffix(".part")
        shutil.copy(work / "build" / "simulator", half)
        half.replace(binary)


def _edited(core: RtlCore, path: Path, work: Path) -> Path:
    text = None
    for file, old, new in core.edits:
        if path.name == file:
            text = path.read_text("utf-8") if text is None else text
            if old not in text:
                raise ToolchainError(f"{path} does not say {old!r}", hint=f"another version of {core.package}?")
            text = text.replace(old, new)
    if text is None:
        return path
    copy = work / path.name
    copy.write_text(text, "utf-8")
    return copy
