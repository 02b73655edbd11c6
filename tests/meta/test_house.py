"""Rules of the house that a file can break by itself: its size, its name, what it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BUDGETS = [
    ("edgeq", "*.py", 400),
    ("tests", "*.py", 400),
    ("runtime/src", "*.c", 200),
    ("codegen/ops", "*.j2", 60),
]
"""Folder, files, lines. A file that outgrows its budget holds two things; part them."""

EXCEPTIONS: dict[str, int] = {}
"""File -> lines it may have. Every entry needs a reason in a comment beside it."""

PARSERS = ("pycparser", "clang", "tree_sitter", "libclang", "pcpp")
"""Packages that read C. Python writes C and a manifest; every later step reads the manifest."""

WRITERS = ("edgeq/emit/", "edgeq/report/tables.py")
"""Who may handle C as text: the emitter copies runtime sources into the folder."""


def files(root: Path, folder: str, pattern: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((root / folder).rglob(pattern)):
        yield path.relative_to(root).as_posix(), path


def too_long(root: Path) -> list[str]:
    """Files above their budget, and exceptions that are no longer needed."""
    complaints = []
    exceptions = {name: lines for name, lines in EXCEPTIONS.items() if (root / name).exists()}
    for folder, pattern, budget in BUDGETS:
        for name, path in files(root, folder, pattern):
            lines = len(path.read_text("utf-8").splitlines())
            if lines > exceptions.get(name, budget):
                complaints.append(f"{name}: {lines} lines, the budget is {exceptions.get(name, budget)}")
            if name in exceptions and lines <= budget:
                complaints.append(f"{name}: {lines} lines fit the budget; take it off the list of exceptions")
    return complaints


def badly_named(root: Path) -> list[str]:
    """Files whose name says nothing about what is in them."""
    found = []
    for folder in ("edgeq", "tests", "runtime", "codegen", "examples"):
        for name, path in files(root, folder, "*"):
            if re.fullmatch(r"(utils?|helpers?|misc|common|stuff)(\.\w+)*", path.name):
                found.append(f"{name}: a name that says what is inside, please")
    return found


def readers_of_c(root: Path) -> list[str]:
    """Python that imports a C parser, or reads the text of a .c or .h file."""
    found = []
    for name, path in files(root, "edgeq", "*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"), name)):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                found += [f"{name}:{node.lineno}: parses C with {m}" for m in modules if m.split(".")[0] in PARSERS]
            elif isinstance(node, ast.Call) and not name.startswith(WRITERS):
                function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if function in ("read_text", "read_bytes", "open") and _names_c(node):
                    found.append(f"{name}:{node.lineno}: reads C; the manifest has what you need")
    return found


def _names_c(call: ast.Call) -> bool:
    writes = [a.value for a in [*call.args, *(k.value for k in call.keywords)] if isinstance(a, ast.Constant)]
    if any(isinstance(mode, str) and re.fullmatch(r"[wxa]b?\+?", mode) for mode in writes):
        return False
    texts = (n.value for n in ast.walk(call) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return any(text.endswith((".c", ".h")) for text in texts)


def versions(root: Path) -> dict[str, str]:
    """The version as each place states it."""
    patterns = {
        "pyproject.toml": r'^version = "([^"]+)"',
        "edgeq/__init__.py": r'^__version__ = "([^"]+)"',
        "CHANGELOG.md": r"^## (\S+)",
    }
    found = {name: re.search(p, (root / name).read_text("utf-8"), re.MULTILINE) for name, p in patterns.items()}
    return {name: match[1] if match else "missing" for name, match in found.items()}


def test_the_version_is_the_same_everywhere() -> None:
    assert len(set(versions(ROOT).values())) == 1, versions(ROOT)


def test_files_keep_their_budget() -> None:
    assert too_long(ROOT) == []


def test_file_names_say_something() -> None:
    assert badly_named(ROOT) == []


def test_nobody_reads_generated_c() -> None:
    assert readers_of_c(ROOT) == []


@pytest.mark.parametrize(
    ("name", "lines", "complaint"),
    [
        ("edgeq/ops/x.py", 401, "401 lines, the budget is 400"),
        ("runtime/src/conv2d/x.c", 201, "201 lines, the budget is 200"),
        ("codegen/ops/x.c.j2", 61, "61 lines, the budget is 60"),
    ],
)
def test_a_long_file_is_named(tmp_path: Path, name: str, lines: int, complaint: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("\n" * (lines - 1))
    assert too_long(tmp_path) == []
    path.write_text("\n" * lines)
    assert too_long(tmp_path) == [f"{name}: {complaint}"]


def test_an_exception_ends_when_it_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXCEPTIONS, "edgeq/x.py", 500)
    path = tmp_path / "edgeq" / "x.py"
    path.parent.mkdir()
    path.write_text("\n" * 450)
    assert too_long(tmp_path) == []
    path.write_text("\n" * 10)
    assert "take it off the list" in too_long(tmp_path)[0]


@pytest.mark.parametrize("name", ["edgeq/utils.py", "runtime/src/util.c", "tests/ops/helpers.py"])
def test_an_empty_name_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert len(badly_named(tmp_path)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "import pycparser",
        "from clang.cindex import Index",
        'text = (folder / f"{name}.c").read_text()',
        'text = open(name + "_weights.h").read()',
    ],
)
def test_a_reader_of_c_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "edgeq" / "report" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert len(readers_of_c(tmp_path)) == 1


def test_a_writer_of_c_is_not_named(tmp_path: Path) -> None:
    path = tmp_path / "edgeq" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text('open("main.c", "w").write("")\n(folder / "main.c").write_text("")')
    assert readers_of_c(tmp_path) == []
