"""The ways into every board: commands as their tools want them, and errors that say how to go on."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgeq.boards import Board, Upload, list_boards, load_board
from edgeq.cli.group import commands
from edgeq.errors import BoardError, FlashError, UsageError
from edgeq.flash import ROUTES, flash
from edgeq.flash.write import find_drive, find_tool
from edgeq.toolchain import Program
from tests.tools import need

WAYS = [(board, upload) for board in list_boards() for upload in board.uploads]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, firmware: Program) -> None:
    """Any firmware serves, where only the way into the board matters."""
    monkeypatch.setattr("edgeq.flash.write.build_firmware", lambda *_: firmware)


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Puts a program on the PATH that notes its arguments; no other tool is found."""
    monkeypatch.setattr("edgeq.flash.write.find_tool", lambda name: str(tmp_path / name) if name in given else None)
    monkeypatch.setattr("edgeq.flash.write.find_drive", lambda volume: None)
    given: set[str] = set()

    def add(name: str, code: int = 0, says: str = "") -> Path:
        given.add(name)
        script = tmp_path / name
        log = tmp_path / f"{name}.log"
        script.write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(log))}\necho "{says}"\nexit {code}\n')
        script.chmod(0o755)
        return log

    return add


@pytest.mark.parametrize(("board", "upload"), WAYS, ids=[f"{b.name}-{u.route}" for b, u in WAYS])
@pytest.mark.usefixtures("built")
def test_every_way_into_every_board_has_a_command(board: Board, upload: Upload, tmp_path: Path) -> None:
    found = flash([], board, port="/dev/ttyX", route=upload.route, out=tmp_path, dry_run=True)
    assert found.file.is_file() and len(found.commands) >= 1
    way = ROUTES[upload.route]
    for command in found.commands:
        words = shlex.split(command)
        assert words[0] == (way.tool or "cp")
        assert ("/dev/ttyX" in command) == (way.needs_port and "genpkg" not in words)
    assert upload.note in [*found.notes, ""]
    last = " ".join(found.commands)
    assert str(found.file.with_suffix("")) in last
    texts = [text for _, value in upload.parameters if isinstance(value, str) for text in value.split()]
    assert all(text in last for text in texts if text != dict(upload.parameters).get("pack"))


@pytest.mark.usefixtures("built")
def test_the_first_way_whose_tool_is_there_is_taken(tools: Callable[..., Path], tmp_path: Path) -> None:
    board = load_board("nucleo-f446re")
    with pytest.raises(FlashError, match="nothing here can write nucleo-f446re") as caught:
        flash([], board, port="/dev/ttyX")
    assert "openocd needs openocd: apt install openocd; pyocd needs pyocd: pip install 'edgeq[flash]'" in str(
        caught.value
    )
    log = tools("pyocd")
    assert flash([], board).route == "pyocd"
    log = tools("openocd")
    assert flash([], board, out=tmp_path).route == "openocd"
    assert f"-f board/st_nucleo_f4.cfg -c program {{{tmp_path}/firmware.elf}} verify reset exit" in log.read_text()
    with pytest.raises(FlashError, match="stm32loader is not installed"):
        flash([], board, port="/dev/ttyX", route="stm32_uart")


@pytest.mark.usefixtures("built")
def test_what_a_failing_tool_says_is_shown(tools: Callable[..., Path]) -> None:
    tools("openocd", code=1, says="Error: open failed")
    said: list[str] = []
    with pytest.raises(FlashError, match=r"openocd failed \(exit code 1\):\n    Error: open failed"):
        flash([], load_board("hifive1-revb"), say=said.append)
    assert said == ["Error: open failed"]


@pytest.mark.usefixtures("built")
def test_a_drive_gets_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    board = load_board("pico")
    with pytest.raises(FlashError, match="the drive RPI-RP2 is not there"):
        flash([], board, route="uf2_drive")
    (tmp_path / "RPI-RP2").mkdir()
    assert find_drive("RPI-RP2", [tmp_path]) == tmp_path / "RPI-RP2"
    (tmp_path / "INFO_UF2.TXT").write_text("Model: Raspberry Pi RP2\nBoard-ID: RP2350\n")
    assert find_drive("RP2350", [tmp_path]) == tmp_path and find_drive("RP2351", [tmp_path]) is None
    monkeypatch.setattr("edgeq.flash.write.find_drive", lambda volume: tmp_path / volume)
    found = flash([], board)
    assert found.route == "uf2_drive"
    assert (tmp_path / "RPI-RP2" / "firmware.uf2").read_bytes()[:4] == b"UF2\n"


@pytest.mark.usefixtures("built")
def test_wrong_board_files_and_wishes_are_named() -> None:
    board = load_board("pico")
    with pytest.raises(UsageError, match="pico is not written by 'esptool'"):
        flash([], board, route="esptool")
    with pytest.raises(FlashError, match="the file of board virt names no way"):
        flash([], load_board("virt"))
    for parameters, complaint in (
        ((("volume", "X"),), "needs 'family'"),
        ((("volume", "X"), ("family", "Y")), "family must be of type int"),
        ((("volume", "X"), ("family", 1), ("speed", 2)), "has no parameter 'speed'"),
    ):
        with pytest.raises(BoardError, match=complaint):
            flash([], replace(board, uploads=(Upload("uf2_drive", parameters, ""),)), dry_run=True)
    with pytest.raises(BoardError, match="unknown route 'magic'"):
        flash([], replace(board, uploads=(Upload("magic", (), ""),)), dry_run=True)


def test_code_for_a_larger_core_is_refused(thumb1_folder: Path, rv32e_folder: Path) -> None:
    with pytest.raises(UsageError, match="converted for cortex-m0, whose code pico2-riscv does not run"):
        flash([thumb1_folder], load_board("pico2-riscv"), dry_run=True)


@pytest.mark.tools
def test_pyocd_knows_our_targets() -> None:
    """Those that need no package of their maker."""
    need("pyocd")
    tool = find_tool("pyocd")
    assert tool is not None
    listed = subprocess.run([tool, "list", "--targets"], capture_output=True, text=True, timeout=120, check=True)
    known = {line.split()[0] for line in listed.stdout.splitlines() if line.strip()}
    wanted = {
        str(dict(u.parameters)["target"]) for _, u in WAYS if u.route == "pyocd" and "pack" not in dict(u.parameters)
    }
    assert wanted and wanted <= known


@pytest.mark.tools
def test_after_writing_the_board_proves_ten_samples(tools: Callable[..., Path], thumb1_folder: Path) -> None:
    """With a tool that only notes its call, and the simulated device in the board's place."""
    need("gcc-arm", "cc")
    log = tools("openocd")
    command = ["flash", str(thumb1_folder), "--board", "nucleo-f446re", "--port", "sim:", "--compiler", "gcc"]
    seen = CliRunner().invoke(commands, command)
    assert seen.exit_code == 0, seen.output
    assert "10 samples on the board: bit-exact" in seen.output and log.is_file()
    planned: Any = CliRunner().invoke(commands, [*command, "--dry-run", "--json"])
    assert planned.exit_code == 0 and '"route": "openocd"' in planned.output and "verified" not in planned.output
