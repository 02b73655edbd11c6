"""Board files: every shipped one is sound, and a wrong one is refused by file and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgeq import resources
from edgeq.boards import FEATURES, Board, SetupStep, list_boards, list_cores, load_board, read_board
from edgeq.boards.read import tomllib
from edgeq.errors import BoardError
from edgeq.kernels import kernels_for
from edgeq.kernels.features import NO_MULTIPLIER, kernel_features
from edgeq.kernels.registry import MULTIPLY_CALL

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
    "riscv-rvv",
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
        assert board.zig is not None
        assert board.gcc is not None or "rvv" in board.features  # gcc 12 has no vector intrinsics
        assert board.core or board.unicorn is not None or board.qemu is not None
        assert board.flash is not None and board.ram is not None
        assert board.core or board.ram.bytes >= 256 << 10


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
        ("bytes = 262144", "bytes = 262145", r"ram\.bytes: must be a multiple of 256"),
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


DEVICE = """
[serial]
driver = "ns16550"
base = 0x10000000
baud = 115200
clock_hz = 3686400
setup = [{ address = 0x20, set = 1 }, { address = 0x24, mask = 2, until = 2 }, { address = 0x28, write = 3 }]
usb = [{ vid = 0x1234, pid = 1 }]

[ticks]
driver = "mcycle"
hz = 1000000
"""


def board_file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_board_takes_its_core_and_keeps_its_own(tmp_path: Path) -> None:
    path = board_file(
        tmp_path,
        'summary = "x"\ncore = "riscv"\nfeatures = []\n[flash]\norigin = 0\nbytes = 4096\n'
        "[ram]\norigin = 0x20000000\nbytes = 2048\n" + DEVICE,
    )
    board, core = read_board(path), load_board("riscv")
    assert (board.cpu, board.zig, board.gcc, board.unicorn) == (core.cpu, core.zig, core.gcc, core.unicorn)
    assert board.features == frozenset() and board.qemu is None and board.rtl == ()
    assert board.serial is not None
    assert board.serial.setup == (
        SetupStep(0x20, 0xFFFFFFFF, 1, wait=False),
        SetupStep(0x24, 2, 2, wait=True),
        SetupStep(0x28, 0, 3, wait=False),
    )
    assert core in list_cores() and len(list_cores()) < len(list_boards())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('core = "riscv"', 'core = "virt"', r"core: there is no generic board 'virt'"),
        ('core = "riscv"', "core = 3", r"core: must be a text"),
        ('driver = "ns16550"', 'driver = "uart"', r"serial\.driver: must be one of .*pl011"),
        ('driver = "mcycle"', 'driver = "clock"', r"ticks\.driver: must be one of .*systick"),
        ("baud = 115200", "baud = 0", r"serial\.baud: must not be zero"),
        ("mask = 2, until = 2", "mask = 2, until = 3", r"serial\.setup\[1\]\.until: 0x3 has bits outside"),
        ("write = 3", "writes = 3", r"serial\.setup\[2\]\.address: needs"),
        ("write = 3", "write = 3, set = 4", r"serial\.setup\[2\]\.set: unknown key"),
        ("write = 3", "clear = 0xFFFFFFFF", r"serial\.setup\[2\]\.clear: clears every bit"),
        ("usb = [{ vid = 0x1234, pid = 1 }]", "usb = [3]", r"serial\.usb: must be a list of tables"),
        ("[ticks]", "[tocks]", r"tocks: unknown key"),
        ('[ticks]\ndriver = "mcycle"\nhz = 1000000\n', "", r"serial, ticks: a board that can be talked to"),
        ("[ticks]", '[startup]\nblocks = ["none"]\n[ticks]', r"startup\.blocks: there is no runtime/port/device/none"),
    ],
)
def test_a_wrong_device_field_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = (resources.boards_dir() / "virt.toml").read_text(encoding="utf-8")
    text = text[: text.index("[serial]")] + DEVICE
    assert old in text
    with pytest.raises(BoardError, match=complaint):
        read_board(board_file(tmp_path, text.replace(old, new, 1)))


def test_products_cost_more_where_there_is_no_multiplier() -> None:
    bare, with_m = (kernel_features(load_board(name)) for name in ("rv32ec", "riscv"))
    assert NO_MULTIPLIER in bare and NO_MULTIPLIER not in with_m | kernel_features(load_board("cortex-m0"))
    facts = dict.fromkeys(("macs", "outputs", "taps", "levels", "rows", "columns"), 64)
    kernels = {k.name: k for k in kernels_for("dense")}
    by_products, by_bits = kernels["edgeq_dense_ax_w2_levels__c"], kernels["edgeq_dense_a1_w1_levels__c"]
    more = by_products.instructions(facts, bare) - by_products.instructions(facts, with_m)
    assert more == MULTIPLY_CALL * facts["macs"]
    assert by_bits.instructions(facts, bare) == by_bits.instructions(facts, with_m)


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
