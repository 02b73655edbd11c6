"""Every public header stands alone, in C99 and C++, twice in one file, and in two files of one program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.headers.compile_c import C_COMPILERS, compile_and_link
from tests.tools import ROOT, need

pytestmark = pytest.mark.tools

INCLUDE = ROOT / "runtime" / "include"
SIMD = ROOT / "runtime" / "port" / "host" / "simd"
"""Plain C in place of the headers that only compilers for such cores bring."""
PORT = ROOT / "runtime" / "port"
HEADERS = [
    *((path, INCLUDE) for path in sorted(INCLUDE.rglob("*.h"))),
    *((path, PORT) for path in sorted(PORT.glob("*.h"))),
]


def complaints(header: Path, root: Path, compiler: str, folder: Path) -> list[str]:
    """What a compiler has against a header, one sentence per rule it breaks."""
    include = f'#include "{header.relative_to(root).as_posix()}"\n'
    includes = [*sorted({root, INCLUDE}), SIMD]
    main = "int main(void) { return 0; }\n"
    twice = include * 2
    rules = {
        "does not stand alone as C99": ({"alone.c": include + main}, False),
        "does not stand alone as C++": ({"alone.cpp": include + main}, False),
        "cannot be included twice": ({"twice.c": twice + main}, False),
        "cannot be in two files of one C program": (
            {"one.c": include + main, "two.c": include + "extern int two;\n"},
            True,
        ),
        "cannot be in two files of one C++ program": (
            {"one.cpp": include + main, "two.cpp": include + "extern int two;\n"},
            True,
        ),
    }
    found = []
    for rule, (units, link) in rules.items():
        said = compile_and_link(folder, compiler, units, includes, link)
        if said:
            found.append(f"{header.name} {rule}: {said}")
    return found


@pytest.mark.parametrize("compiler", C_COMPILERS)
@pytest.mark.parametrize(("header", "root"), HEADERS, ids=lambda p: p.name if p.suffix else None)
def test_header(header: Path, root: Path, compiler: str, tmp_path: Path) -> None:
    need("c++", compiler)
    assert complaints(header, root, compiler, tmp_path) == []


GUARDED = "#ifndef X_H\n#define X_H\n{}\n#endif\n"


@pytest.mark.parametrize("compiler", C_COMPILERS)
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("typedef struct { int a; } edgeq_x_t;\n", "cannot be included twice"),
        (GUARDED.format("uint32_t edgeq_x(void);"), "does not stand alone as C99"),
        (GUARDED.format("int edgeq_x(int class);"), "does not stand alone as C++"),
        (
            GUARDED.format("int edgeq_x(void);\nint edgeq_x(void) { return 1; }"),
            "cannot be in two files of one C program",
        ),
        (GUARDED.format("const int edgeq_table[2] = {1, 2};"), "cannot be in two files of one C program"),
        (
            GUARDED.format("static inline char edgeq_x(int a) { return a; }"),
            "does not stand alone as C99",
        ),
    ],
    ids=["no guard", "missing include", "C++ keyword", "function defined", "table defined", "narrowing"],
)
def test_a_broken_header_is_named(text: str, rule: str, compiler: str, tmp_path: Path) -> None:
    need("c++", compiler)
    header = tmp_path / "include" / "edgeq_x.h"
    header.parent.mkdir()
    header.write_text(text)
    found = complaints(header, header.parent, compiler, tmp_path)
    assert any(rule in sentence for sentence in found)
    assert all(sentence.startswith("edgeq_x.h") for sentence in found)
