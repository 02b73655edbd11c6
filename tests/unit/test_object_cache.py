"""Objects from the cache are those that the compiler would make now; a bad cache is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import diskcache
import pytest

from edgeq.boards import load_board
from edgeq.errors import ToolchainError
from edgeq.toolchain import compile as compiling
from edgeq.toolchain import find_compiler
from edgeq.toolchain.compile import Unit, compile_units
from edgeq.toolchain.object_cache import object_key
from tests.tools import need


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The sources that a compiler was really started for; the cache is empty."""
    monkeypatch.setenv("EDGEQ_CACHE", str(tmp_path / "cache"))
    started: list[str] = []
    original = compiling.run_compiler

    def run(command: list[str], directory: Path) -> None:
        started.append(Path(command[command.index("-c") + 1]).name)
        original(command, directory)

    monkeypatch.setattr(compiling, "run_compiler", run)
    return started


def folder(tmp_path: Path, name: str, *, value: int = 1, deep: str = "") -> Path:
    made = tmp_path / name
    (made / "include").mkdir(parents=True)
    (made / "f.c").write_text('#include <stdint.h>\n#include "a.h"\nint32_t f(void) { return ANSWER; }\n')
    (made / "include" / "a.h").write_text('#include "b.h"\n')
    (made / "include" / "b.h").write_text(f"#define ANSWER {value}\n{deep}")
    return made


def build(made: Path, *flags: str) -> bytes:
    need("cc")
    tool = find_compiler(load_board("host"))
    output = made / "f.o"
    compile_units(tool, [Unit(made / "f.c", output)], ["-O1", f"-I{made / 'include'}", *flags], cached=True)
    return output.read_bytes()


def test_another_folder_with_the_same_texts_compiles_nothing(compiled: list[str], tmp_path: Path) -> None:
    first = build(folder(tmp_path, "one"))
    assert build(folder(tmp_path, "two")) == first
    assert compiled == ["f.c"]


def test_whatever_makes_an_object_makes_it_anew(compiled: list[str], tmp_path: Path) -> None:
    first = build(folder(tmp_path, "one"))
    assert build(folder(tmp_path, "header", value=2)) != first
    build(tmp_path / "one", "-DOTHER")
    build(tmp_path / "one", "-O2")
    source = tmp_path / "one" / "f.c"
    source.write_text(source.read_text() + "int32_t g;\n")
    build(tmp_path / "one")
    shadow = tmp_path / "one" / "b.h"  # the first directory of a quoted include is the includer's
    shadow.write_text("#define ANSWER 3\n")
    build(tmp_path / "one")
    assert len(compiled) == 5  # a.h lies elsewhere: b.h beside f.c is not what it includes
    (tmp_path / "one" / "include" / "a.h").unlink()
    (tmp_path / "one" / "a.h").write_text('#include "b.h"\n')
    assert build(tmp_path / "one") != first
    assert len(compiled) == 6


def test_another_compiler_has_keys_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("cc")
    made, tool = folder(tmp_path, "one"), find_compiler(load_board("host"))
    other = tmp_path / "cc"
    other.write_text("another")
    keys = {
        object_key(t, [], made / "f.c")
        for t in (tool, replace(tool, version="0"), replace(tool, command=(str(other),)))
    }
    monkeypatch.setenv("CPATH", "/elsewhere")
    keys.add(object_key(tool, [], made / "f.c"))
    assert len(keys) == 4 and None not in keys


@pytest.mark.parametrize(
    "deep", ["#include NAME\n", "static const char *where = __FILE__;\n", "#if __has_include(<x.h>)\n#endif\n"]
)
def test_what_texts_do_not_tell_is_compiled_every_time(deep: str, compiled: list[str], tmp_path: Path) -> None:
    made = folder(tmp_path, "one", deep=f'#define NAME "c.h"\n{deep}')
    (made / "include" / "c.h").touch()
    build(made)
    build(made)
    assert compiled == ["f.c", "f.c"]


def test_a_torn_or_unusable_cache_is_none(compiled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = folder(tmp_path, "one")
    first = build(made)
    with diskcache.Cache(str(tmp_path / "cache" / "objects")) as cache:
        for key in list(cache):
            cache.set(key, cache.get(key)[:-1])
    assert build(made) == first
    (tmp_path / "file").touch()
    for place in ("off", str(tmp_path / "file")):
        monkeypatch.setenv("EDGEQ_CACHE", place)
        assert build(made) == first
    assert len(compiled) == 4


def test_code_that_fails_fails_every_time(compiled: list[str], tmp_path: Path) -> None:
    made = folder(tmp_path, "one", deep="#error no\n")
    for _ in range(2):
        with pytest.raises(ToolchainError, match=r"b\.h:2"):
            build(made)
    assert compiled == ["f.c", "f.c"]
