"""How each kind of project is built and run on this computer; stubs/ stands in for the SDKs that are not here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.tools import need

STUBS = Path(__file__).parent / "stubs"
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
TIMEOUT = 120


def call(command: list[str | Path], cwd: Path, **variables: str) -> str:
    """What a command prints. The test fails with all of it when the command does."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def cmake_build(source: Path, work: Path, *options: str, **variables: str) -> Path:
    """Configures and builds `source` in work/build."""
    need("cmake", "gcc")
    build = work / "build"
    flags = {"CFLAGS": " ".join(WARNINGS), "CXXFLAGS": " ".join(WARNINGS), **variables}
    call(["cmake", "-S", source, "-B", build, *options], work, **flags)
    call(["cmake", "--build", build, "--parallel", "2"], work, **variables)
    return build


def build_make(project: Path, work: Path) -> str:
    need("make", "gcc")
    return call(["make", "--silent", "run", f"CFLAGS=-O1 {' '.join(WARNINGS)}"], project)


def build_cmake(project: Path, work: Path) -> str:
    build = cmake_build(project, work)
    assert "100% tests passed" in call(["ctest", "--test-dir", build], work)
    (example,) = build.glob("*_example")
    return call([example], work)


def build_platformio(project: Path, work: Path) -> str:
    """By PlatformIO itself, with SCons from PyPI and a native platform of our own: its registry is not asked."""
    need("platformio", "gcc", "c++")
    core = work / "core"
    shutil.copytree(STUBS / "platformio", core)
    version = call([sys.executable, "-c", _SCONS_VERSION], work).strip()
    packages = (("packages/tool-scons", "tool", "tool-scons", version), ("platforms/native", "platform", "native", ""))
    for folder, kind, name, wanted in packages:
        manifest = core / folder / "platform.json"
        found = json.loads(manifest.read_text())["version"] if kind == "platform" else wanted
        spec = {"owner": "platformio", "id": None, "name": name, "requirements": None, "uri": None}
        (core / folder / ".piopm").write_text(json.dumps({"type": kind, "name": name, "version": found, "spec": spec}))
        if kind == "tool":
            (core / folder / "package.json").write_text(json.dumps({"name": name, "version": found}))
    printed = call(
        [sys.executable, "-m", "platformio", "run", "-e", "native", "-t", "exec"],
        project,
        PLATFORMIO_CORE_DIR=str(core),
        PLATFORMIO_SETTING_ENABLE_TELEMETRY="no",
        PLATFORMIO_BUILD_FLAGS=" ".join(WARNINGS),
    )
    return "\n".join(line for line in printed.splitlines() if re.search(r"PASS|FAIL", line))


_SCONS_VERSION = "from platformio.dependencies import get_core_dependencies as d; print(d()['tool-scons'].lstrip('~'))"


def build_arduino(project: Path, work: Path) -> str:
    """As arduino-builder does: every source under src/, `src` the only include path, the sketch as C++."""
    need("gcc", "c++")
    (sketch,) = project.glob("examples/*/*.ino")
    assert sketch.stem == sketch.parent.name
    (work / "sketch.cpp").write_text(f'#include <Arduino.h>\n#line 1 "{sketch}"\n{sketch.read_text()}')
    objects = []
    for source in sorted((project / "src").rglob("*.c")):
        objects.append(work / f"{len(objects)}.o")
        call(["gcc", "-std=gnu11", *WARNINGS, "-I", project / "src", "-c", source, "-o", objects[-1]], work)
    includes: list[str | Path] = ["-I", project / "src", "-I", STUBS / "arduino"]
    core = STUBS / "arduino" / "core.cpp"
    call(["c++", "-std=gnu++11", *WARNINGS, *includes, work / "sketch.cpp", core, *objects, "-o", "sketch"], work)
    return call([work / "sketch"], work)


def build_zephyr(project: Path, work: Path) -> str:
    build = cmake_build(project, work, ZEPHYR_BASE=str(STUBS / "zephyr"))
    return call([build / "app"], work)


def build_esp_idf(project: Path, work: Path) -> str:
    build = cmake_build(project, work, IDF_PATH=str(STUBS / "esp-idf"))
    (program,) = build.glob("*.elf")
    return call([program], work)


def build_pico_sdk(project: Path, work: Path) -> str:
    build = cmake_build(project, work, PICO_SDK_PATH=str(STUBS / "pico-sdk"))
    (example,) = build.glob("*_example")
    return call([example], work)


def build_micropython(project: Path, work: Path) -> str:
    """The module by make and by CMake, its names made of the MP_QSTR_ words in it; both must print the same."""
    need("cmake", "make", "gcc")
    (module,) = project.glob("modules/*/mod*.c")
    names = sorted(set(re.findall(r"\bMP_QSTR_(\w+)", module.read_text())))
    enum = ", ".join(f"MP_QSTR_{name}" for name in names)
    (work / "qstrs.h").write_text(
        f"enum {{ {enum} }};\n#define QSTR_NAMES {', '.join(json.dumps(name) for name in names)}\n"
    )
    stub = STUBS / "micropython"
    flags = f"-std=gnu99 {' '.join(WARNINGS)} -Wno-unused-function -I{stub} -I{work}"
    setting = f"INTERPRETER={stub / 'interpreter.c'}"
    call(["make", "-f", stub / "Makefile", f"USER_C_MODULES={project / 'modules'}", setting, f"CFLAGS={flags}"], work)
    printed = call([work / "port"], work)
    user_modules = f"-DUSER_C_MODULES={project / 'modules' / 'micropython.cmake'}"
    build = cmake_build(stub, work, user_modules, f"-D{setting}", CFLAGS=flags)
    assert call([build / "port"], work) == printed
    return printed


BUILDERS: dict[str, Callable[[Path, Path], str]] = {
    "arduino": build_arduino,
    "cmake": build_cmake,
    "esp-idf": build_esp_idf,
    "make": build_make,
    "micropython": build_micropython,
    "pico-sdk": build_pico_sdk,
    "platformio": build_platformio,
    "zephyr": build_zephyr,
}
"""Kind -> function from the project and an empty folder to what the example prints."""
