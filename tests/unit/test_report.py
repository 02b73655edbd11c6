"""Reports: what they say, and that they fit 100 columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgeq.boards import Memory, load_board
from edgeq.errors import CapacityError, ModelFileError, UnsupportedError
from edgeq.report.capacity import capacity_error, check_capacity, fits, memory_consumers
from edgeq.report.failures import render_error
from edgeq.report.inspected import render_inspection
from edgeq.report.layout import WIDTH, Column, elide, facts, table
from edgeq.report.measured import render_bench, render_verification
from edgeq.report.text import buffer, render_report, render_summary
from tests.unit.manifests import manifest, step

SIZES = {
    "compiler": "zig 0.17.1",
    "text_bytes": 6_910,
    "rodata_bytes": 4_800,
    "stack_bytes": 500,
    "flash_bytes": 1 << 20,
    "ram_bytes": 1 << 18,
}


def section(text: str, title: str) -> str:
    """The body of one section of a report."""
    return text.split(f"{title}\n{'-' * len(title)}\n")[1].split("\n\n\n")[0]


def assert_neat(text: str) -> None:
    """No line is too long or ends in spaces, and the text ends in one newline."""
    for line in text.splitlines():
        assert len(line) <= WIDTH and line == line.rstrip(), line
    assert text.endswith("\n") and not text.endswith("\n\n")


def test_report_is_neat_with_and_without_sizes() -> None:
    assert_neat(render_report(manifest()))
    assert_neat(render_report(manifest(), SIZES))


@pytest.mark.parametrize("render", [render_report, lambda m: render_summary(m, "out")])
def test_channels_left_out_are_said(render: Any) -> None:
    said = "1,690 channels with 3,715,560 MACs that never change or that nothing reads"
    text = render(manifest(removed={"channels": 1690, "macs": 3_715_560}))
    assert said in " ".join(text.split())
    assert_neat(text)
    for nothing in (None, {"channels": 0, "macs": 0}):
        assert "left out" not in render(manifest(removed=nothing))


def test_report_says_what_users_look_for() -> None:
    text = render_report(manifest(), SIZES)
    for expected in (
        "edgeq          0.1.0, ABI 1",
        "ab" * 32,
        "1x49x10x1   1x1x49x10",
        "0.584702909    83    490   8,000",
        "392,000 per inference",
        "4,160 bytes, 31.9 % of 13,056 as float",
        "16,640 bytes, proved minimal",
        "640 bytes at most, inside the arena",
        "11,710 bytes, 1.1 % of the board's 1,048,576",
        "17,140 bytes (arena and stack), 6.5 %",
        "litert_reference",
        "2,147,483,647",
        "axes (0, 2, 3, 1)",
    ):
        assert expected in text, expected


def test_report_proves_the_arena() -> None:
    cost = section(render_report(manifest()), "Cost")
    assert "No arena can be smaller than 16,640 bytes: at step 1" in cost
    assert "    8,000  a:0\n    8,000  b:0\n      640  mean scratch" in cost
    above = render_report(manifest(arena_bytes=17_000))
    assert "17,000 bytes, 360 above the lower bound of 16,640" in above
    proved = render_report(manifest(arena_bytes=17_000, arena_proved=True))
    assert "17,000 bytes, proved minimal by trying all placements" in proved
    shared = render_report(manifest(arena_lower_bound=16_000))
    assert "may reach into its input by 640 bytes" in " ".join(shared.split())
    assert "No arena" not in render_report(manifest(arena_peak=None))


def test_report_gives_every_name_in_full_once() -> None:
    text = render_report(manifest())
    joined = "".join(line.strip() for line in text.splitlines())
    for layer in manifest()["steps"]:
        assert layer["name"] in joined


def test_report_names_the_runner_up_once() -> None:
    text = render_report(manifest(steps=[step(0, "a", "conv2d", reason="smaller", runner_up="edgeq_other__c")]))
    assert "smaller; runner-up edgeq_other__c" in text
    assert render_report(manifest()).count("edgeq_conv2d_a8_w8__c") == 1


def test_report_of_a_network_without_macs_estimates_or_bounds() -> None:
    bare = step(0, "softmax", "softmax", kernel="edgeq_softmax_a8__c")
    del bare["estimated_instructions"]
    text = render_report(manifest(steps=[bare], macs=0, weights_bytes=0, float_weights_bytes=0, scratch_bytes=0))
    assert "scratch     none" in text and "accumulators" not in text


def test_report_says_where_a_small_format_pays() -> None:
    fast = step(0, "hidden", "dense", formats="a1 w1", parameters=4096, weights_bytes=640, estimated_instructions=900)
    slow = step(1, "last", "dense", formats="a8 w4", parameters=4096, weights_bytes=2100, estimated_instructions=9000)
    text = render_report(manifest(steps=[{**fast, "int8_estimate": 9000}, {**slow, "int8_estimate": 6000}]))
    assert "Below eight bits" in text and "10.0 times faster" in text and "slower, 1.50 times" in text
    assert "1.25" in text and "saves flash but no time in layers 1." in text
    assert "Below eight bits" not in render_report(manifest())


def test_summary() -> None:
    text = render_summary(manifest(), "build/kws")
    assert "4 layers, 392,000 MACs" in text and "build/kws/kws_report.txt" in text


def test_buffer_names_may_hold_parentheses() -> None:
    assert buffer("relu (1) (8000)") == ("relu (1)", 8000)
    assert buffer("strange") == ("strange", None)


def test_table_narrows_only_what_may_be_narrowed() -> None:
    columns = [Column("name", flex=True), Column("n", right=True)]
    lines = table(columns, [["x" * 200, "7"], ["y", "12,345"]])
    assert {len(line) for line in lines[:3]} == {WIDTH}
    assert lines[3].startswith("  y ") and lines[3].endswith("12,345")
    assert table(columns, [])[0] == "  name  n"


def test_elide_keeps_both_ends() -> None:
    assert elide("abcdefghij", 10) == "abcdefghij"
    assert elide("abcdefghijk", 8) == "ab..hijk"


def test_facts_wrap_under_their_value() -> None:
    lines = facts([("a", "word " * 40), ("bcd", "x")])
    assert lines[0].startswith("  a    word") and lines[1].startswith("       word") and lines[-1] == "  bcd  x"


def small_board() -> Any:
    return replace(load_board("cortex-m0"), flash=Memory(0, 8192), ram=Memory(0x20000000, 4096), stack_bytes=1024)


def test_capacity_error_names_shortfall_and_three_largest() -> None:
    consumers = {"flash": [("a", 10), ("b", 7000), ("c", 900), ("d", 600)], "ram": [("arena", 3000)]}
    error = capacity_error(small_board(), 8510, 2000, consumers)
    assert isinstance(error, CapacityError)
    assert "8,510 bytes needed, 8,192 there, 318 too many" in error.message
    listed = [line.split() for line in error.message.splitlines()[2:]]
    assert listed == [["7,000", "b"], ["900", "c"], ["600", "d"]]
    assert "RAM" not in error.message and error.hint


def test_check_capacity() -> None:
    board = small_board()
    assert fits(board, 8192, 4096) and not fits(board, 8193, 0) and not fits(board, 0, 4097)
    check_capacity(board, manifest(arena_bytes=3072), {"text_bytes": 4000, "rodata_bytes": 4192})
    with pytest.raises(CapacityError, match="RAM: 4,097 bytes needed, 4,096 there, 1 too many"):
        check_capacity(board, manifest(arena_bytes=3073), {})
    with pytest.raises(CapacityError) as error:
        check_capacity(board, manifest(), {"text_bytes": 9000, "rodata_bytes": 4200})
    assert "flash" in error.value.message and "RAM" in error.value.message
    check_capacity(load_board("host"), manifest(arena_bytes=1 << 40), {})


def test_consumers_are_tensors_and_layers() -> None:
    found = memory_consumers(manifest(), {"text_bytes": 10, "rodata_bytes": 4200, "stack_bytes": 20})
    assert ("other constants", 40) in found["flash"] and ("code", 10) in found["flash"]
    assert sorted(found["ram"]) == [
        ("stack", 20),
        ("tensor a:0", 8000),
        ("tensor b:0", 8000),
        ("tensor mean scratch", 640),
    ]
    without = memory_consumers(manifest(arena_peak=None), {})
    assert without["ram"] == [("arena", 16_640)]


def bench(**changes: Any) -> dict[str, Any]:
    names = ["first", "second", "third"]
    layers = [
        {
            "name": n,
            "op": "conv2d",
            "kernel": "edgeq_conv2d_a8_w8__c",
            "reason": "only one",
            "macs": 100,
            "instructions": 300,
            "cycles": None,
        }
        for n in names
    ]
    layers[1]["kernel"], layers[1]["macs"] = "edgeq_softmax_a8__c", 0
    return {
        "board": "cortex-m4",
        "compiler": "zig 0.17.1",
        "instructions": 1000,
        "cycles": None,
        "cycles_from": None,
        "macs": 200,
        "text_bytes": 6910,
        "rodata_bytes": 4800,
        "weights_bytes": 4160,
        "arena_bytes": 16640,
        "state_bytes": 0,
        "scratch_bytes": 640,
        "stack_bytes": 500,
        "layers": layers,
        "device": None,
        **changes,
    }


def test_bench_table() -> None:
    text = render_bench(bench())
    assert_neat(text)
    rows = [line.split() for line in text.splitlines()]
    assert ["0", "first", "conv2d_a8_w8__c", "100", "300", "3.00", "30.0", "%"] in rows
    assert ["1", "second", "softmax_a8__c", "-", "300", "-", "30.0", "%"] in rows
    assert ["between", "the", "layers", "-", "100", "-", "10.0", "%"] in rows
    assert ["total", "200", "1,000", "5.00", "100.0", "%"] in rows
    assert "edgeq_conv2d_a8_w8__c, layers 0, 2" in text
    assert "between the layers" not in render_bench(bench(instructions=900))


def test_bench_with_cycles() -> None:
    layers = [{**layer, "cycles": 450} for layer in bench()["layers"]]
    text = render_bench(bench(cycles=1350, cycles_from="RTL of ibex-max", layers=layers))
    assert_neat(text)
    rows = [line.split() for line in text.splitlines()]
    assert ["0", "first", "conv2d_a8_w8__c", "100", "300", "3.00", "30.0", "%", "450", "4.50"] in rows
    assert ["between", "the", "layers", "-", "100", "-", "10.0", "%", "-", "-"] in rows
    assert ["total", "200", "1,000", "5.00", "100.0", "%", "1,350", "6.75"] in rows
    assert "cycles: RTL of ibex-max" in text
    assert "cycles" not in render_bench(bench())


def test_bench_on_a_board() -> None:
    device = {"board": "microbit", "port": "/dev/ttyACM0", "clock_hz": None, "ticks_hz": 16_000_000, "ticks": 4000}
    device |= {"step_ticks": [1000, 1000, 2000], "seconds": 0.00025, "stack_bytes": 660, "stack_limit": 2048}
    text = render_bench(bench(device={**device, "arena_used": 900}))
    assert_neat(text)
    assert "on the board microbit at /dev/ttyACM0" in text and "0.250 ms, 4,000 ticks of 16000000 Hz" in text
    assert ["2", "third", "2,000", "0.125", "50.0", "%"] in [line.split() for line in text.splitlines()]
    short = render_bench(bench(device={**device, "step_ticks": None, "stack_bytes": None, "arena_used": 900}))
    assert "not measured" in short and "0.125" not in short


def test_bench_without_counts() -> None:
    layers = [{**layer, "instructions": None} for layer in bench()["layers"]]
    text = render_bench(bench(instructions=None, stack_bytes=None, layers=layers))
    assert_neat(text)
    assert "not measured" in text


def verification(**changes: Any) -> dict[str, Any]:
    return {
        "on": ["host", "emulator"],
        "samples": 20,
        "bit_exact": True,
        "mismatches": 0,
        "first_mismatch": None,
        "reference": None,
        "accuracy": None,
        **changes,
    }


def test_verification_texts() -> None:
    assert render_verification(verification()).startswith("bit-exact: 20 samples on host and emulator")
    first = {"runner": "emulator", "sample": 3, "step": 2, "name": "mean", "op": "mean", "tensor": "mean:0"}
    wrong = render_verification(verification(bit_exact=False, mismatches=1, first_mismatch=first))
    assert wrong == (
        "NOT bit-exact: 1 value of 20 samples on host and emulator differ\n"
        "  first difference: emulator, sample 3, step 2: mean (mean)\n"
    )
    late = {**first, "step": None, "name": "after the last step", "op": None}
    assert "sample 3, after the last step\n" in render_verification(verification(bit_exact=False, first_mismatch=late))


def test_verification_against_the_original() -> None:
    layers = [{"name": "conv", "sqnr_db": 31.24}, {"name": "pool", "sqnr_db": None}]
    reference = {
        "runtime": "onnxruntime 1.31",
        "exact": None,
        "mismatches": None,
        "sqnr_db": 29.96,
        "top1_agreement": 0.985,
        "layers": layers,
    }
    text = render_verification(verification(reference=reference, accuracy={"host": 0.901, "original": 0.913}))
    for expected in (
        "onnxruntime 1.31",
        "30.0 dB",
        "98.50 %",
        "conv       31.2",
        "pool   no noise",
        "host      90.10 %",
    ):
        assert expected in text, expected
    exact = {**reference, "exact": False, "mismatches": 2, "sqnr_db": None, "layers": None}
    assert "2 values differ" in render_verification(verification(reference=exact))


def test_inspection_text() -> None:
    found = {
        "file": "m.onnx",
        "sha256": "cd" * 32,
        "format": "onnx",
        "quantized": None,
        "convertible": False,
        "inputs": [],
        "outputs": [],
        "layers": [],
        "parameters": 0,
        "macs": 0,
        "converted_ops": {},
        "problems": ["'gelu' (Gelu, opset 20): this operator is not supported " + "long " * 30],
        "notes": ["replace it"],
    }
    text = render_inspection(found)
    assert_neat(text)
    assert "Cannot be converted: 1 problem\n" in text and "can be converted" not in text


def test_errors_are_laid_out() -> None:
    error = UnsupportedError("2 things", where="m.onnx", hint="do this", problems=["a: x", "b: " + "y " * 80])
    lines = render_error(error).splitlines()
    assert lines[0] == "error: m.onnx: 2 things" and lines[1] == "  - a: x" and lines[-1] == "  hint: do this"
    assert_neat(render_error(error))
    assert render_error(ModelFileError("is empty")) == "error: is empty\n"
    assert render_error(CapacityError("does not fit\n  flash: much")) == "error: does not fit\n  flash: much\n"
