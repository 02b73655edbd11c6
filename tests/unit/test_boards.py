"""Board files: every shipped one is sound, and a wrong one is refused by file and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgeq import resources
from edgeq.boards import FEATURES, Board, list_boards, load_board, read_board, tomllib
from edgeq.errors import BoardError

NAMES = {
    "cortex-m0",
    "cortex-m0plus",
    "cortex-m3",
    "cortex-m33",
    "cortex-m4",
    "cortex-m55",
    "cortex-m7",
    "host",
    "riscv",
    "riscv-zbb",
    "rv32im",
}


def written(folder: Path, old: str = "", new: str = "") -> Path:
    """A copy of the riscv board file with a piece of text replaced."""
    text = (resources.boards_dir() / "riscv.toml").read_text(encoding="utf-8")
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_promised_boards_are_there() -> None:
    assert {board.name for board in list_boards()} >= NAMES


@pytest.mark.parametrize("board", list_boards(), ids=lambda board: board.name)
def test_every_board_can_be_compiled_for_and_run(board: Board) -> None:
    assert board.summary
    assert board.features <= FEATURES.keys()
    if not board.is_host:
        assert board.zig is not None and board.gcc is not None
        assert board.unicorn is not None or board.qemu is not None
        assert board.flash is not None and board.ram is not None
        assert board.ram.bytes >= 256 << 10


def test_an_alias_is_the_same_board() -> None:
    assert load_board("rv32imc") is load_board("riscv")


def test_an_unknown_board_lists_the_known_and_the_closest() -> None:
    with pytest.raises(BoardError) as caught:
        load_board("cortexm4")
    text = str(caught.value)
    assert "did you mean 'cortex-m4'?" in text
    assert all(name in text for name in NAMES)
    assert caught.value.exit_code == 7


def test_a_users_own_file(tmp_path: Path) -> None:
    board = load_board(str(written(tmp_path, "bytes = 262144", "bytes = 65536")))
    assert board.name == "mine"
    assert board.ram is not None and board.ram.bytes == 65536


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="cannot read the board file"):
        load_board(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('arch = "riscv"', 'arch = "mips"', r"arch: must be one of arm, riscv, host"),
        ('arch = "riscv"', "", r"arch: missing"),
        ("bytes = 262144", "bytes = 262145", r"ram\.bytes: must be a multiple of 4096"),
        ("bytes = 262144", "bytes = 0", r"ram\.bytes: must not be zero"),
        ("bytes = 262144", "bytes = -4096", r"ram\.bytes: must be from 0"),
        ("bytes = 262144", 'bytes = "256K"', r"ram\.bytes: must be an integer"),
        ("bytes = 262144", "bytes = 4096\nspeed = 3", r"ram\.speed: unknown key"),
        ("bytes = 262144", "bytes = 0xFFFFF000", r"ram\.bytes: the region ends beyond"),
        ("[ram]", "[rom]", r"ram: missing table"),
        ('"mul_high"', '"mul_hihg"', r"features: unknown feature 'mul_hihg'"),
        ('"mul_high"', "3", r"features: must be a list of texts"),
        ('system = "riscv32"', 'system = "x86_64"', r"qemu\.system: must be one of"),
        ('counts = "instructions"', 'counts = "up"', r"qemu\.counter\.address: missing"),
        ('counts = "instructions"', 'counts = "up"\naddress = 0\nhz = 0', r"qemu\.counter\.hz: must not be zero"),
        ('counts = "instructions"', 'counts = "up"\nsetup = [[1]]', r"qemu\.counter\.setup: must be a list"),
        ("stack_bytes = 4096", "stack_bytes = 4097", r"stack_bytes: must be a multiple of 16"),
        ("stack_bytes = 4096", "stack_bytes = true", r"stack_bytes: must be an integer"),
        ("[flash]", "[flash", r"not a TOML file"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = written(tmp_path, old, new)
    with pytest.raises(BoardError, match=complaint) as caught:
        read_board(path)
    assert str(path) in str(caught.value)


def test_a_board_without_a_compiler(tmp_path: Path) -> None:
    text = written(tmp_path).read_text(encoding="utf-8")
    text = re.sub(r"\[zig\].*?(?=\[unicorn\])", "", text, flags=re.DOTALL)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BoardError, match="at least one of these tables"):
        read_board(path)


def test_the_field_table_knows_every_key_and_feature() -> None:
    text = (Path(__file__).parents[2] / "docs" / "boards.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z_0-9.]+)`", text))

    def keys(table: dict[str, object], prefix: str = "") -> set[str]:
        found: set[str] = set()
        for key, value in table.items():
            found |= keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
        return found

    for path in resources.boards_dir().glob("*.toml"):
        assert keys(tomllib.loads(path.read_text(encoding="utf-8"))) <= documented, path.name
    assert documented >= FEATURES.keys()
