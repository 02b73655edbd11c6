"""The route through an STM32's boot loader: the real stm32loader, against an emulated chip on a pseudo-terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.boards import load_board
from edgeq.errors import FlashError
from edgeq.flash import Flashed, flash
from edgeq.toolchain import Program
from tests.flash import stm32_bootloader as chip_commands
from tests.flash.stm32_bootloader import ACK, NACK, Stm32
from tests.tools import need

pytestmark = pytest.mark.tools

BOARD = load_board("nucleo-f446re")
UID_AND_SIZE = {0x1FFF7A22: 0, 0x1FFF7A23: 2}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, firmware: Program) -> None:
    need("stm32loader")
    monkeypatch.setattr("edgeq.flash.write.build_firmware", lambda *_: firmware)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "no_modem_lines"))


def written(chip: Stm32, out: Path) -> Flashed:
    with chip as port:
        return flash([], BOARD, port=port, route="stm32_uart", out=out)


def test_the_firmware_arrives_and_starts(tmp_path: Path) -> None:
    chip = Stm32(memory={0x08000004: 0, 0x08070000: 0, **UID_AND_SIZE})
    found = written(chip, tmp_path)
    image = found.file.read_bytes()
    assert len(image) > 4000 and chip.flash(len(image)) == image
    assert 0x08070000 not in chip.memory, "what was there before is erased"
    assert chip.started == 0x08000000
    assert found.commands[0].startswith("stm32loader --port /dev/") and "--verify" in found.commands[0]


def test_another_chip_is_left_alone(tmp_path: Path) -> None:
    chip = Stm32(chip_id=0x413, memory={0x08000004: 0})
    with pytest.raises(FlashError, match="not the chip of nucleo-f446re: 0x413 instead of 0x421"):
        written(chip, tmp_path)
    assert chip.memory[0x08000004] == 0 and chip_commands.EXTENDED_ERASE not in chip.seen


@pytest.mark.parametrize("refused", ["EXTENDED_ERASE", "WRITE"])
def test_a_refused_command_is_an_error(refused: str, tmp_path: Path) -> None:
    chip = Stm32(refuses=frozenset({getattr(chip_commands, refused)}), memory=dict(UID_AND_SIZE))
    with pytest.raises(FlashError, match=r"stm32loader failed") as caught:
        written(chip, tmp_path)
    assert "Traceback" not in str(caught.value) and ("NACK" in str(caught.value) or "Erase failed" in str(caught.value))
    assert chip.started is None


@pytest.mark.slow
def test_a_byte_that_is_lost_on_the_way_is_an_error(tmp_path: Path) -> None:
    chip = Stm32(loses=lambda command, received: command == chip_commands.WRITE and received == 40)
    with pytest.raises(FlashError, match="stm32loader failed"):
        written(chip, tmp_path)
    assert chip.started is None


@pytest.mark.slow
def test_a_silent_chip_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FlashError, match="BOOT0"):
        written(Stm32(silent=True), tmp_path)


def test_flash_that_keeps_something_else_is_noticed(tmp_path: Path) -> None:
    """A worn cell: the tool reads back what it wrote."""

    class Worn(Stm32):
        def _byte(self, address: int) -> int:
            return 0 if address == 0x08000123 else super()._byte(address)

    with pytest.raises(FlashError, match="Verification FAILED"):
        written(Worn(memory=dict(UID_AND_SIZE)), tmp_path)


def test_the_emulated_chip_answers_every_command() -> None:
    """Beside what the tool uses: AN3155 command by command, right and with a wrong checksum."""
    at = b"\x08\x00\x00\x00\x08"
    chip = Stm32(memory={0x08000000: 0xAB})
    with chip as port, open(port, "r+b", buffering=0) as line:

        def say(data: bytes, answer: int) -> bytes:
            line.write(data)
            return b"".join(line.read(1) for _ in range(answer))

        def command(code: int) -> bytes:
            return say(bytes([code, code ^ 0xFF]), 1)

        assert say(b"\x7f", 1) == ACK
        assert command(chip_commands.GET_VERSION) == ACK and say(b"", 4) == b"\x31\0\0" + ACK
        assert command(chip_commands.GET_ID) == ACK and say(b"", 4) == b"\x01\x04\x21" + ACK
        assert say(b"\x02\x02", 1) == NACK and command(0x99) == NACK
        for code in (chip_commands.READ_PROTECT, chip_commands.READ_UNPROTECT, chip_commands.WRITE_UNPROTECT):
            assert command(code) == ACK and say(b"", 1) == ACK
            assert (command(chip_commands.READ) == NACK) == (code == chip_commands.READ_PROTECT)
            assert chip.read_protected or say(at, 1) + say(b"\x00\xff", 2) == ACK + ACK + b"\xab"
        assert command(chip_commands.WRITE_PROTECT) == ACK and say(b"\x00\x05\x05", 1) == ACK
        assert command(chip_commands.WRITE) == ACK and say(at[:4] + b"\x09", 1) == NACK
        assert command(chip_commands.EXTENDED_ERASE) == ACK and say(b"\0\0\0\0\0", 1) == ACK
        assert command(chip_commands.GO) == ACK and say(at, 1) == ACK
    assert chip.started == 0x08000000 and 0x08000000 not in chip.memory
    assert set(chip.seen) >= set(chip_commands.COMMANDS) - {chip_commands.GET}
