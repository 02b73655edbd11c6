"""The decoder of examples/decoder, token by token: agreement with its float original, and what a token costs.

`python -m benchmarks.decoder` measures anew, writes decoder.json beside it and the tables of docs/streaming.md and of
the example. Every figure is of firmware whose bits host and emulators have proved. A test compares a part with it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.mlperf_tiny import ROOT, rewrite
from edgeq.boards import load_board
from edgeq.emulate import RunResult, render_main, runner_for
from edgeq.emulate.harness import output_bytes, step_regions
from edgeq.errors import VerificationError
from edgeq.ir.serialize import load_graph
from edgeq.ops.execute import run_integer
from edgeq.originals import run_original
from edgeq.pipeline import Result, compile_model
from edgeq.toolchain import build_program

FILE = Path(__file__).with_suffix(".json")
EXAMPLE = ROOT / "examples" / "decoder"
PAGES = (ROOT / "docs" / "streaming.md", EXAMPLE / "README.md")
BOARDS = {"cortex-m4": "Cortex-M4", "riscv": "RV32IMC"}
POSITIONS = (0, 63, 127)
"""Of the tokens that are measured, the last with full rings."""
ALL_PLACES = ("host", "unicorn", "qemu")
Tokens = NDArray[np.int64]


def text() -> Tokens:
    """[windows, positions] that training has not seen."""
    with np.load(EXAMPLE / "decoder_test.npz") as archive:
        return np.asarray(archive["inputs"])


def convert(board: str, folder: Path, ring: str = "int8") -> Result:
    """The example's network for a board, one token per call."""
    calibration = EXAMPLE / "decoder_calibration.npz"
    model = EXAMPLE / "decoder.onnx"
    options: dict[str, Any] = {"stream": True, "optimize": "speed", "ring": ring}
    return compile_model(model, board, out=folder, calibrate=calibration, **options)


def said(result: Result, windows: Tokens) -> NDArray[np.int8]:
    """The reference's logits, call after call, each window after a reset; [windows, positions, logits]."""
    graph = load_graph(result.dir / "verify" / "graph.npz")
    found = [run_integer(graph, {"tokens": w.astype(np.int32)[:, None]})["logits"] for w in windows]
    return np.stack(found).reshape(*windows.shape, -1)


def agreement(result: Result, windows: Tokens) -> dict[str, float]:
    """At how many of all positions the likeliest next token is the float original's, and how often both are right."""
    _, (original,) = run_original(EXAMPLE / "decoder.onnx", [windows[:, None]])
    ours, theirs = said(result, windows).argmax(-1), original.reshape(*windows.shape, -1).argmax(-1)
    right = [float((guess[:, :-1] == windows[:, 1:]).mean()) for guess in (ours, theirs)]
    return {
        "positions": int(ours.size),
        "agreement": float((ours == theirs).mean()),
        "right": right[0],
        "float_right": right[1],
    }


def call_at(result: Result, board_name: str, tokens: Tokens) -> RunResult:
    """The call for the last of `tokens`, after calls for the others, which are not counted."""
    manifest, board = result.manifest, load_board(board_name)
    name = manifest["name"]
    main = render_main(manifest, "emulator")
    before = ", ".join(map(str, tokens[:-1])) or "0"
    counted = f"""
static const int32_t before[] = {{ {before} }};
static __attribute__((noinline)) edgeq_status counted(void) {{
  return {name}_run(&model);
}}

static uint32_t init(void) {{"""
    start = f"return (uint32_t){name}_init(&model, arena, sizeof arena, state, sizeof state);"
    calls = f"""const uint32_t status = (uint32_t){name}_init(&model, arena, sizeof arena, state, sizeof state);
  for (uint32_t i = 0; i < {len(tokens) - 1}u; i++) {{
    *(int32_t *){name}_input(&model, 0) = before[i];
    {name}_run(&model);
  }}
  return status;"""
    for old, new in (
        ("\nstatic uint32_t init(void) {", counted),
        (start, calls),
        (f".entry = (void (*)(void)){name}_run", ".entry = (void (*)(void))counted"),
        (f"return (uint32_t){name}_run(&model);", "return (uint32_t)counted();"),
    ):
        if main.count(old) != 1:
            raise VerificationError(f"the harness holds {old!r} {main.count(old)} times")
        main = main.replace(old, new)
    with tempfile.TemporaryDirectory() as work:
        program = build_program(
            [result.dir / source for source in manifest["sources"]],
            [result.dir / include for include in manifest["include_dirs"]],
            board,
            optimize=manifest["optimize"],
            defines={"EDGEQ_PROFILE": "1"},
            main=main,
            work_dir=Path(work),
        )
        last = tokens[-1:].astype("<i4").tobytes()
        size, regions = output_bytes(manifest), step_regions(manifest)
        found = runner_for(board, "unicorn").run(program, [last], output_bytes=size, step_regions=regions)
    if found.outputs != [said(result, tokens[None])[0, -1].tobytes()]:
        raise VerificationError("the emulated core does not give the reference's logits", where=board_name)
    return found


def cost(result: Result, board_name: str, window: Tokens, positions: tuple[int, ...] = POSITIONS) -> dict[str, Any]:
    """Instructions of the tokens at `positions`, bytes of code, constants, arena, state and stack."""
    calls = {position: call_at(result, board_name, window[: position + 1]) for position in positions}
    bench = result.bench()
    return {
        "instructions": {str(position): call.instructions for position, call in calls.items()},
        "text_bytes": bench.text_bytes,
        "rodata_bytes": bench.rodata_bytes,
        "arena_bytes": bench.arena_bytes,
        "state_bytes": bench.state_bytes,
        "stack_bytes": max(call.stack_bytes or 0 for call in calls.values()),
    }


def measure(board: str) -> dict[str, Any]:
    """All figures of a board. Raises VerificationError when a bit of any runner differs."""
    windows = text()
    with tempfile.TemporaryDirectory() as temporary:
        result = convert(board, Path(temporary) / "decoder")
        proof = result.verify(on=ALL_PLACES, inputs={"tokens": windows[:3].reshape(-1, 1)})
        if not proof.bit_exact:
            raise VerificationError(f"not bit-exact: {proof.first_mismatch}", where=board)
        figures = {"proved_calls": proof.samples, **agreement(result, windows), **cost(result, board, windows[0])}
        small = convert(board, Path(temporary) / "int4", ring="int4")
        if not small.verify(on=ALL_PLACES, inputs={"tokens": windows[:2].reshape(-1, 1)}).bit_exact:
            raise VerificationError("not bit-exact with rings in four bits", where=board)
        return {**figures, "int4": {**agreement(small, windows), **cost(small, board, windows[0], POSITIONS[-1:])}}


def recorded() -> dict[str, Any]:
    """The checked-in measurements, by board."""
    loaded: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return loaded


def tables(figures: dict[str, Any]) -> dict[str, str]:
    """The Markdown table of the pages."""
    lines = [
        "| | " + " | ".join(BOARDS[board] for board in figures) + " |",
        "|---|" + "---:|" * len(figures),
    ]

    def row(label: str, value: Any) -> None:
        lines.append(f"| {label} | " + " | ".join(value(figure) for figure in figures.values()) + " |")

    row(
        "next token as the float original's, of 1,024 positions",
        lambda f: f"{f['agreement']:.1%}",
    )
    row("next token right (the float original)", lambda f: f"{f['right']:.1%} ({f['float_right']:.1%})")
    for position in POSITIONS:
        which = {POSITIONS[0]: "the first token", POSITIONS[-1]: "a token with full rings"}
        label = which.get(position, f"token {position + 1}")
        row(f"instructions, {label}", lambda f, p=position: f"{f['instructions'][str(p)]:,}")
    full = str(POSITIONS[-1])
    row("flash, bytes: code + constants", lambda f: f"{f['text_bytes']:,} + {f['rodata_bytes']:,}")
    row(
        "RAM, bytes: arena + state (the rings) + stack",
        lambda f: f"{f['arena_bytes']:,} + {f['state_bytes']:,} + {f['stack_bytes']:,}",
    )
    row("`--ring int4`: next token as the float original's", lambda f: f"{f['int4']['agreement']:.1%}")
    row("`--ring int4`: instructions, full rings", lambda f: f"{f['int4']['instructions'][full]:,}")
    row("`--ring int4`: state, bytes", lambda f: f"{f['int4']['state_bytes']:,}")
    return {"decoder": "\n".join(lines) + "\n"}


def main() -> None:
    """Measures all and writes file and pages."""
    figures = {board: measure(board) for board in BOARDS}
    FILE.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    for page in PAGES:
        page.write_text(rewrite(page.read_text("utf-8"), tables(figures)), "utf-8")


if __name__ == "__main__":
    main()
