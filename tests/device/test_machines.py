"""Firmware that boots by itself on QEMU's machines and answers over their UARTs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tools import has, need

need("device")

from benchmarks import link_faults, link_machines  # noqa: E402
from edgeq.boards import load_board  # noqa: E402
from edgeq.device import build_firmware, start_qemu  # noqa: E402
from edgeq.device.link import Link  # noqa: E402
from edgeq.device.ports import open_port  # noqa: E402
from edgeq.device.session import Device, Line, step_regions  # noqa: E402
from edgeq.pipeline import compile_model  # noqa: E402
from tests.device.mirror_device import MANIFEST, SAMPLE_BYTES, expected, mirror_folder, steps  # noqa: E402

pytestmark = pytest.mark.tools

SAMPLES = [bytes((7 * i + k) & 0xFF for i in range(SAMPLE_BYTES)) for k in range(6)]


@pytest.mark.parametrize("name", link_machines.MACHINES)
def test_every_machine_boots_and_answers(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    assert board.qemu is not None
    need("zig", "unicorn", "qemu-arm" if board.qemu.system == "arm" else "qemu-riscv")
    compiler = "gcc" if board.arch == "riscv" and has("gcc-riscv") else "zig"  # the second compiler, on some
    local = start_qemu(build_firmware([mirror_folder(tmp_path / "m")], board, tmp_path / "w", compiler))
    try:
        with Device(Link(open_port(local.url), name, retry=2.0, patience=60.0)) as device:
            assert device.hello.board == name and device.hello.has_steps and device.hello.has_stack
            assert device.run(0, SAMPLES) == [expected(sample, k + 1) for k, sample in enumerate(SAMPLES)]
            assert device.trace(0, SAMPLES[:2], step_regions(MANIFEST)) == steps(SAMPLES[1], 2)
            output, timing = device.time(0, SAMPLES[0])
            assert output == expected(SAMPLES[0], 1)
            assert timing.step_ticks is not None and timing.ticks == sum(timing.step_ticks) > 0
            assert 0 < timing.marks.stack_bytes < timing.marks.stack_limit == board.stack_bytes
            assert timing.marks.arena_used == 180
    finally:
        local.close()


@pytest.mark.parametrize(("name", "samples"), [("netduinoplus2", 30), ("microbit", 60)])
def test_published_networks_on_a_machine(name: str, samples: int, tmp_path: Path) -> None:
    """The first samples of the recorded study: their accuracy by the emulator is that over the UART."""
    need("shared", "zig", "unicorn", "qemu-arm")
    network = link_machines.MACHINES[name]
    result = compile_model(link_machines.model_file(network), name, out=tmp_path / "model")
    data = link_machines.data_set(network, samples)
    found = result.verify(on=["device", "emulator"], inputs=data, line=Line(f"qemu:{name}"))
    assert found.bit_exact and found.accuracy is not None
    assert found.accuracy["device"] == found.accuracy["emulator"] > 0.85


def test_the_records_hold() -> None:
    """What the page says is what was recorded, and the record is what the issue asks for."""
    record = json.loads(link_machines.RECORD.read_text("utf-8"))
    assert list(record) == list(link_machines.MACHINES)
    for name, row in record.items():
        assert row["bit_exact"] and row["samples"] == 1000 and row["network"] == link_machines.MACHINES[name]
        assert (
            row["accuracy"]
            == record["netduinoplus2" if row["network"] == link_machines.KWS else "microbit"]["accuracy"]
        )
        ram = load_board(name).ram
        assert ram is not None and row["ram_bytes"] <= ram.bytes
    page = link_machines.PAGE.read_text("utf-8")
    assert link_machines.with_table(page, record) == page
    faults = json.loads(link_faults.RECORD.read_text("utf-8"))
    assert faults["frames"] >= 100_000 and faults["wrong"] == faults["errors"] == 0
    for number in (faults["frames"], sum(faults["faults"].values()), faults["retries"]):
        assert f"{number:,}" in page
