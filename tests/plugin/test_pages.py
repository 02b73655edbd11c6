"""The pages for people: every command in them parses, and those of the worked example run, in the order of the page."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from edgeq import cli
from tests.tools import need

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "../README.md",
    "cli.md",
    "report.md",
    "regression-tests.md",
    "c-api.md",
    "cycles.md",
    "device.md",
    "projects.md",
    "sound.md",
)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str, language: str = "") -> Iterator[str]:
    """The fenced blocks of one language."""
    for match in _BLOCK.finditer((ROOT / "docs" / page).read_text("utf-8")):
        if match[1] == language:
            yield match[2]


def commands(page: str) -> list[list[str]]:
    """The command lines of a page, edgeq's own and others."""
    return [shlex.split(line) for block in blocks(page) for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("page", PAGES)
def test_commands_parse(page: str) -> None:
    for words in commands(page):
        if words[0] == "edgeq":
            with click.Context(cli.commands, info_name="edgeq") as context:
                name, command, rest = cli.commands.resolve_command(context, words[1:])
            assert command is not None and name is not None
            command.make_context(name, rest)


def test_every_command_and_option_is_described() -> None:
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for name, command in cli.commands.commands.items():
        assert f"edgeq {name}" in text
        for option in command.params if name in ("convert", "verify") else []:
            if isinstance(option, click.Option):
                assert any(f"`{word}" in text for word in option.opts), f"{name} {option.opts}"


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.parametrize("page", PAGES[:4])
def test_pages_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("zig", "unicorn", "onnxruntime")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    for words in commands(page):
        if words[0] == "cat":
            assert Path(words[1]).read_text("utf-8").startswith("edgeq report")
        else:
            assert cli.run(words[1:]) == 0, shlex.join(words)


@pytest.mark.slow
@pytest.mark.tools
def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("zig", "unicorn")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    for code in blocks("../README.md", "python"):
        exec(code, {})
    assert (tmp_path / "digits_cortex-m4" / "digits.h").is_file()


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.parametrize("page", ["c-api.md", "../README.md"])
def test_the_c_of_the_page_compiles(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("cc")
    monkeypatch.chdir(tmp_path)
    digits = ROOT / "examples" / "digits" / "digits"
    convert = ["convert", f"{digits}.onnx", "--board", "host", "--calibrate", f"{digits}_calibration.npz", "-o", "d"]
    assert cli.run(convert) == 0
    binary = str(ROOT / "examples" / "digits_low_bits" / "digits_w1a1.onnx")
    assert cli.run(["convert", binary, "--board", "host", "-o", "w"]) == 0
    assert cli.run(["combine", "d", "w", "-o", "networks"]) == 0
    Path("example.c").write_text("".join(blocks(page, "c")), "utf-8")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Inetworks", "-Inetworks/digits"]
    flags.append("-Inetworks/edgeq/include")
    subprocess.run(["cc", *flags, "-c", "example.c"], check=True, stdin=subprocess.DEVNULL)
